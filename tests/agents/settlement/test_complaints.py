"""What people complain of who trade data elsewhere: paid and not found, paid and nothing in hand, paid twice."""

import shutil
from collections.abc import Callable

import pytest
from moments import reopened
from sealed_messages import mailbox
from trade import BOND, FINAL_DEPTH, PRICE, SELECTED, World, calls_of, make_parties, offered_records

from blindfair.chain.exchange import OrderView
from blindfair.chain.sender import Sender
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Timestamp, Wei


@pytest.mark.parametrize("receipts", [True, False], ids=["receipts", "no receipts"])
def test_an_order_that_is_paid_and_not_found_is_waited_for(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, receipts: bool
) -> None:
    """Behind one address stand several nodes, and those that are asked do not know yet what another one took."""
    parties = make_parties(at("accepted"))
    with monkeypatch.context() as patch:
        patch.setattr(type(parties.world.exchange), "order", lambda *_: OrderView(OrderState.NONE, Timestamp(0)))
        if not receipts:
            patch.setattr(Sender, "receipt", lambda *_: None)
        for _ in range(FINAL_DEPTH + 2):
            parties.buyer.step()
            assert (parties.buyer.outcome, parties.buyer.waiting is not None) == (None, True)
            parties.world.chain.mine(1)
    parties = reopened(parties)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert len(calls_of(parties.world, parties.buyer.address)) == 1


def test_what_was_paid_for_is_in_the_buyers_own_hands(at: Callable[[str], World]) -> None:
    """Whoever keeps the messages may lose them all once the money is locked."""
    parties = make_parties(at("accepted"))
    for agent in parties.both:
        shutil.rmtree(mailbox(parties.world, agent))
    parties = reopened(parties)
    parties.run()
    records = offered_records()
    assert parties.buyer.bought() == tuple((number, records[number]) for number in SELECTED)
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_bond_that_is_paid_and_not_found_is_paid_once(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("agreed"))
    with monkeypatch.context() as patch:
        patch.setattr(type(parties.world.exchange), "free_balance", lambda *_: Wei(0))
        patch.setattr(Sender, "receipt", lambda *_: None)
        for _ in range(FINAL_DEPTH + 2):
            parties.seller.step()
            assert parties.seller.waiting is not None
            parties.world.chain.mine(1)
            parties = reopened(parties)
    assert parties.world.exchange.free_balance(parties.seller.address, ETHER) == BOND
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert len([step for step in parties.seller.transactions() if step.startswith("deposit:")]) == 1
