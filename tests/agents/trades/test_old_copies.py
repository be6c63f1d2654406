"""An old copy of a directory signs nothing that a newer one contradicts: it sees that it is old, and stops."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from trade import PRICE, SELECTED, SELLER_POLICY, Stages, World, calls_of, listing_spec, make_buyer, make_parties

from blindfair.agents.agent import Agent
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.copy_steps import RESTORED
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import SIGNED, WRITTEN
from blindfair.protocol.errors import OldCopy
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER

pytestmark = pytest.mark.deep


def put_back(old: Path, place: Path) -> None:
    """Somebody restores an old copy in place of the directory."""
    shutil.rmtree(place)
    shutil.copytree(old, place)


def restored(place: Path, transactions: int | None, *, elsewhere: bool = False) -> None:
    """As `blindfair restore` leaves a directory."""
    journal = Journal(place / "journal.sqlite")
    journal.note(RESTORED.of("1"), json.dumps({"made_at": 1, "transactions": transactions, "elsewhere": elsewhere}))
    journal.close()


def signed(agent: Agent) -> list[str]:
    """All messages and transactions that a directory has signed."""
    journal = agent.journal
    return [*(name for name, _ in journal.done(WRITTEN)), *(name for name, _ in journal.done(SIGNED))]


@contextmanager
def nothing_signed(world: World, agent: Agent) -> Iterator[None]:
    before, calls = signed(agent), calls_of(world, agent.address)
    yield
    assert signed(agent) == before
    assert calls_of(world, agent.address) == calls


def test_an_old_copy_of_a_seller_sees_an_order_on_chain_that_it_does_not_know(at: Callable[[str], World]) -> None:
    """As `cp -a` makes one: nothing says that it was restored."""
    world = at("opened")
    old = shutil.copytree(world.directory / "seller", world.directory / "old")
    parties = make_parties(world)
    parties.run(parties.paid)
    parties.close()
    put_back(old, world.directory / "seller")
    again = make_parties(world)
    with nothing_signed(world, again.seller), pytest.raises(OldCopy) as raised:
        again.seller.step()
    assert "order 0x" in str(raised.value.found)
    assert "restore the newest backup" in raised.value.hint
    # What was found stays found, without the node.
    with pytest.raises(OldCopy):
        again.seller.step()
    again.close()


def test_an_old_copy_of_a_seller_ends_the_order_that_it_knows_and_then_stops(at: Callable[[str], World]) -> None:
    world = at("accepted")
    old = shutil.copytree(world.directory / "seller", world.directory / "old")
    parties = make_parties(world)
    second = make_buyer(world, parties.seller, "second")
    # The first order stays locked: its accept is not final for the seller meanwhile.
    world.run(second, parties.seller, until=lambda: second.has_paid)
    (first, *_), exchange = parties.seller.offers.values(), world.exchange
    second.close()
    parties.close()
    put_back(old, world.directory / "seller")
    again = make_parties(world)
    assert list(again.seller.offers.values()) == [first]
    written = [name for name in signed(again.seller) if ":" in name and name.split(":")[0] in {"reply", "openings"}]
    stopped: OldCopy | None = None
    for _ in range(40):
        try:
            if not again.seller.step():
                world.chain.mine(1)
                waiting = again.seller.waiting
                if waiting and waiting.until and exchange.order(first.struct_hash()).state is OrderState.REVEALED:
                    world.chain.advance(waiting.until - world.chain.now())  # type: ignore[arg-type]
        except OldCopy as error:
            stopped = error
            break
    assert stopped is not None
    assert exchange.order(first.struct_hash()).state is OrderState.RELEASED
    after = [name for name in signed(again.seller) if ":" in name and name.split(":")[0] in {"reply", "openings"}]
    assert after == written
    again.close()


@pytest.mark.parametrize("is_restored", [True, False])
def test_a_restored_seller_refuses_no_message_about_a_step_that_it_may_have_made(
    at: Callable[[str], World], stages: Stages, is_restored: bool
) -> None:
    """A refusal would be a signed lie. Where nothing was restored, such a message is a stranger's, and refused."""
    world = at("selected")
    place = world.directory / "seller"
    put_back(stages.copy("requested", world.directory / "earlier").directory / "seller", place)
    # The request was read and answered by the newer copy.
    parties = make_parties(world)
    parties.close()
    if is_restored:
        restored(place, None)
    again = make_parties(world)
    again.seller.step()
    refusals = [name for name in signed(again.seller) if name.startswith("refusal")]
    assert (refusals == []) == is_restored
    assert any("it may be old" in event.text for event in world.told) == is_restored
    again.close()


def test_a_restored_party_sees_transactions_of_its_account_that_it_did_not_sign(at: Callable[[str], World]) -> None:
    world = at("opened")
    parties = make_parties(world)
    place, address = world.directory / "seller", parties.seller.address
    old = shutil.copytree(place, world.directory / "old")
    sent = world.exchange.sent(address)
    # The newer copy deposits the bond for an offer that nobody has accepted yet: no order is on chain.
    parties.buyer.step()
    world.run(parties.seller, until=lambda: world.exchange.free_balance(address, ETHER) > 0)
    parties.buyer.close()
    parties.seller.close()
    assert world.exchange.sent(address) > sent
    for elsewhere in (False, True):
        put_back(old, place)
        restored(place, sent, elsewhere=elsewhere)
        seller = Seller(place, world.context(), listing_spec(), SELLER_POLICY)
        if elsewhere:
            seller.step()
        else:
            with nothing_signed(world, seller), pytest.raises(OldCopy, match="others since the backup") as raised:
                seller.step()
            assert "used_elsewhere" in raised.value.hint
        seller.close()


def test_an_old_copy_of_a_buyer_makes_no_second_selection(at: Callable[[str], World]) -> None:
    world = at("replied")
    old = shutil.copytree(world.directory / "buyer", world.directory / "old")
    parties = make_parties(world)
    parties.run(parties.paid)
    parties.close()
    put_back(old, world.directory / "buyer")
    again = make_parties(world)
    with nothing_signed(world, again.buyer), pytest.raises(OldCopy, match="no order from this evaluation yet"):
        # It asks again what it asked, and gets the stored answer.
        for _ in range(4):
            again.buyer.step()
            again.seller.step()
    again.close()


@pytest.mark.deep
def test_an_old_copy_of_a_buyer_ends_the_order_that_it_knows(at: Callable[[str], World]) -> None:
    """Only one delivery fits what it knows, so that it contradicts nobody, and its money is at stake."""
    world = at("delivered")
    old = shutil.copytree(world.directory / "buyer", world.directory / "old")
    parties = make_parties(world)
    parties.run(parties.paid)
    parties.close()
    put_back(old, world.directory / "buyer")
    restored(world.directory / "buyer", world.exchange.sent(parties.buyer.address) - 1)
    again = make_parties(world)
    # Its accept is on chain and not in the journal: this account did it, by a newer copy.
    with pytest.raises(OldCopy):
        again.buyer.step()
    again.close()
    put_back(old, world.directory / "buyer")
    restored(world.directory / "buyer", None)
    again = make_parties(world)
    again.run()
    assert again.buyer.outcome is not None
    assert (again.buyer.outcome.final, len(again.buyer.bought())) == ("Released", len(SELECTED))
    assert again.deltas() == (-PRICE, PRICE)
    again.close()


def test_a_restored_buyer_sees_an_answer_to_what_it_has_not_asked(at: Callable[[str], World], stages: Stages) -> None:
    world = at("replied")
    place = world.directory / "buyer"
    put_back(stages.copy("listed", world.directory / "earlier").directory / "buyer", place)
    restored(place, None)
    parties = make_parties(world)
    with nothing_signed(world, parties.buyer), pytest.raises(OldCopy, match="a reply of the seller about"):
        parties.buyer.step()
    parties.close()
