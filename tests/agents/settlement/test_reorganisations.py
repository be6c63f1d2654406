"""Reorganisations as deep as finality allows, at every stage of a trade: what is lost is sent again, money comes out
right to the wei, and no key is shown against a lock that is gone (PROTOCOL 7)."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reorganised import DeepWorld, Unfolding, put_back, reorganise
from reorganised_stages import PAID, STAGES, Begin
from trade import Parties, Stages, calls_of, make_parties

from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.finality_tracker import FinalityTracker
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address

BEFORE = 40
"""Blocks between the contract and the trade, which are not replaced."""

DEPTHS = (1, 2, 7, 32)


@pytest.fixture
def begin(stages: Stages, tmp_path: Path) -> Begin:
    """A trade that is agreed, or new, where so many blocks on top are final as are replaced."""

    def begun(
        depth: int, *, stage: str = "agreed", parties: Callable[..., Parties] = make_parties, **changes: Any
    ) -> Unfolding:
        if stage != "new":
            stages.leave(stage, tmp_path)
        world = DeepWorld(tmp_path / stage)
        world.depth = depth
        world.chain.mine(BEFORE)
        return Unfolding(parties(world, **changes), depth)

    return begun


def _replaced(unfolding: Unfolding, *, kept: bool) -> None:
    """All blocks from that of the newest transaction on, once so many lie there that the next would make it final."""
    chain, exchange, depth = unfolding.world.chain, unfolding.world.exchange, unfolding.depth
    top = exchange.height()
    while exchange.height() < top + depth - 1:
        if not any(exchange.height() < top + depth - 1 and agent.step() for agent in unfolding.agents):
            chain.mine(1)
    lost = reorganise(chain, exchange.height() - top + 1)
    assert lost
    if kept:
        put_back(chain, lost)


def state(unfolding: Unfolding) -> OrderState:
    [offer] = unfolding.parties.seller.offers.values()
    return unfolding.world.exchange.order(offer.struct_hash()).state


ORDINARY = {
    ("bond", 2, False), ("reveal", 1, True), ("dispute", 1, False), ("fee-accept", 1, False), ("rest-bond", 2, False),
    ("accept-of-a-kept-key", 1, False), ("watchers-dispute", 1, False),
}  # fmt: skip
"""What every run of the tests takes; the rest takes minutes."""


@pytest.mark.parametrize(
    ("stage", "depth", "kept"),
    [
        pytest.param(
            *case,
            marks=() if case in ORDINARY else pytest.mark.deep,
            id=f"{case[0]}-{case[1]}-{'kept' if case[2] else 'lost'}",
        )
        for case in itertools.product(STAGES, DEPTHS, (False, True))
    ],
)
def test_what_a_reorganisation_takes_is_sent_again(stage: str, depth: int, kept: bool, begin: Begin) -> None:
    unfold, ending, deltas = STAGES[stage]
    unfolding = unfold(begin, depth)
    _replaced(unfolding, kept=kept)
    unfolding.settle()
    seller, buyer = unfolding.parties.both
    if not seller.is_closed:
        seller.step()
        assert seller.ending is ending
        assert unfolding.world.exchange.free_balance(seller.address, ETHER) == 0
    if not buyer.is_closed:
        assert buyer.outcome is not None
        assert buyer.outcome.final == ending
    if unfolding.watch is not None:
        (end,) = unfolding.watch.watcher.ended()
        assert end.ending == ending.value
        # Gas and nothing else, and for each call once.
        assert unfolding.watch.paid() > 0
        calls = calls_of(unfolding.world, unfolding.watch.address)
        assert len(calls) == len(set(calls))
    assert unfolding.parties.deltas() == deltas
    unfolding.check_signed()
    unfolding.close()


# --- deeper than what counts as final ------------------------------------------------------------------------------


@pytest.mark.parametrize("does_pay_again", [True, False])
def test_a_key_whose_accept_was_final_and_is_gone_is_told_of_and_shown_for_no_other(
    does_pay_again: bool, begin: Begin
) -> None:
    """What no program can mend: the key is public. An honest buyer pays again; the seller signs nothing new."""
    unfolding = STAGES["reveal"][0](begin, 1)
    seller = unfolding.parties.seller
    chain, exchange = unfolding.world.chain, unfolding.world.exchange
    accepted, _ = unfolding.shown[0][1:]
    assert accepted is not None
    signed = seller.transactions()
    reorganise(chain, exchange.height() - accepted + 1)
    assert state(unfolding) is OrderState.NONE
    if does_pay_again:
        unfolding.settle()
        assert unfolding.parties.deltas() == PAID
        assert all(seller.transactions()[name] == digest for name, digest in signed.items())
    else:
        unfolding.until(lambda: seller.ending is not None, seller)
        assert seller.ending is Ending.EXPIRED
        assert unfolding.parties.delta(seller) == 0
        assert signed.items() <= seller.transactions().items()
        assert {name.partition(":")[0] for name in seller.transactions() if name not in signed} <= {"withdraw"}
    warnings = [event.text for event in unfolding.world.told if event.step == "warning"]
    assert sum("whose key was shown" in text for text in warnings) == 1
    unfolding.close()


# --- since when ----------------------------------------------------------------------------------------------------


def test_what_another_branch_says_too_is_not_as_old_as_what_was_seen(tmp_path: Path) -> None:
    """Else a state that was just written would be believed, and a second reorganisation could take it back."""
    chain = EmbeddedChain(tmp_path / "chain.sqlite")
    tracker = FinalityTracker(DataExchange(chain.web3, Address("0x" + "11" * 20)), Finality(3))
    chain.mine(10)
    assert not tracker.holds("order", "RELEASED")
    reorganise(chain, 2, longer=4)
    # Four blocks lie on top of the number that was seen, and of no block that was.
    for _ in range(3):
        assert not tracker.holds("order", "RELEASED")
        chain.mine(1)
    assert tracker.holds("order", "RELEASED")
    chain.close()
