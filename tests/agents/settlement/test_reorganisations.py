"""Reorganisations as deep as finality allows, at every stage of a trade: what is lost is sent again, money comes out
right to the wei, and no key is shown against a lock that is gone (PROTOCOL 7)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reorganised import DeepWorld, Unfolding, put_back, reorganise
from trade import BOND, PRICE, Stages, make_parties

from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER

BEFORE = 40
"""Blocks between the contract and the trade, which are not replaced."""

DEPTHS = [1, 2, pytest.param(7, marks=pytest.mark.deep), pytest.param(32, marks=pytest.mark.deep)]
Begin = Callable[..., Unfolding]


@pytest.fixture
def begin(stages: Stages, tmp_path: Path) -> Begin:
    """A trade that is agreed, or new, where so many blocks on top are final as are replaced."""

    def begun(depth: int, *, stage: str = "agreed", seller_type: Callable[..., object] | None = None) -> Unfolding:
        if stage != "new":
            stages.copy(stage, tmp_path).close()
        world = DeepWorld(tmp_path / stage)
        world.depth = depth
        world.chain.mine(BEFORE)
        changes = {} if seller_type is None else {"seller_type": seller_type}
        return Unfolding(make_parties(world, **changes), depth)  # type: ignore[arg-type]

    return begun


def _replaced(unfolding: Unfolding, *, kept: bool) -> None:
    """All blocks from that of the newest transaction on, once so many lie there that the next would make it final."""
    chain, exchange, depth = unfolding.world.chain, unfolding.world.exchange, unfolding.depth
    top = exchange.height()
    while exchange.height() < top + depth - 1:
        if not any(exchange.height() < top + depth - 1 and agent.step() for agent in unfolding.parties.both):
            chain.mine(1)
    lost = reorganise(chain, exchange.height() - top + 1)
    assert lost
    if kept:
        put_back(chain, lost)


def state(unfolding: Unfolding) -> OrderState:
    [offer] = unfolding.parties.seller.offers.values()
    return unfolding.world.exchange.order(offer.struct_hash()).state


def at_commit(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new")
    unfolding.parties.seller.step()
    assert "commit" in unfolding.parties.seller.receipts()
    return unfolding


def at_bond(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "deposit"), unfolding.parties.seller)
    return unfolding


def at_accept(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.parties.paid)
    return unfolding


def at_reveal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "reveal"))
    return unfolding


def at_release(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "release"))
    return unfolding


def at_claim(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.parties.paid)
    unfolding.until(unfolding.has(unfolding.parties.seller, "claim"), unfolding.parties.seller)
    return unfolding


def at_withdrawal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "withdraw"))
    return unfolding


def at_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, seller_type=CorruptingSeller)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "dispute"))
    return unfolding


def at_refund(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.parties.paid)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "refund"), unfolding.parties.buyer)
    return unfolding


PAID, RETURNED = (-PRICE, PRICE), (BOND, -BOND)
ENDS = {
    at_commit: (Ending.RELEASED, PAID),
    at_bond: (Ending.RELEASED, PAID),
    at_accept: (Ending.RELEASED, PAID),
    at_reveal: (Ending.RELEASED, PAID),
    at_release: (Ending.RELEASED, PAID),
    at_claim: (Ending.RELEASED, PAID),
    at_withdrawal: (Ending.RELEASED, PAID),
    at_dispute: (Ending.REFUNDED, RETURNED),
    at_refund: (Ending.REFUNDED, RETURNED),
}


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("stage", ENDS, ids=lambda stage: stage.__name__)
def test_what_a_reorganisation_takes_is_sent_again(
    stage: Callable[[Begin, int], Unfolding], depth: int, kept: bool, begin: Begin
) -> None:
    unfolding = stage(begin, depth)
    _replaced(unfolding, kept=kept)
    unfolding.settle()
    unfolding.parties.seller.step()
    ending, deltas = ENDS[stage]
    assert unfolding.parties.buyer.outcome is not None
    assert unfolding.parties.buyer.outcome.final == ending
    assert unfolding.parties.seller.ending is ending
    assert unfolding.parties.deltas() == deltas
    assert unfolding.world.exchange.free_balance(unfolding.parties.seller.address, ETHER) == 0
    unfolding.check_signed()
    unfolding.parties.close()
    unfolding.world.close()
