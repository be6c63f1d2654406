"""Trades by a neural network: projected rows, a basis that travels, and a seller that computes on other threads."""

from pathlib import Path

import pytest
import torch
from trade import (
    COLUMNS,
    LABEL,
    OWN,
    PER_RECORD,
    UNIFORM,
    Parties,
    World,
    assert_scores_of,
    make_parties,
    offered_records,
    table,
)

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.context import AgentContext, Event
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.influence.projection import Projection
from blindfair.pricing.learners import MlpLearner

pytestmark = pytest.mark.deep

ROWS = table()
LEARNER = MlpLearner(hidden=6, steps=60, entries=24)


def valuer() -> TabularValuer:
    return TabularValuer(ROWS[-OWN:-40], ROWS[-40:], (*COLUMNS, LABEL), LABEL, pricing=UNIFORM, seed=0, learner=LEARNER)


class BusySeller(Seller):
    """Computes on two threads what its buyer computes on one."""

    def step(self) -> bool:
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            return super().step()
        finally:
            torch.set_num_threads(before)


class TellingWorld(World):
    """Remembers what the agents tell."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.told: list[Event] = []

    def context(self) -> AgentContext:
        plain = super().context()
        return AgentContext(plain.exchange, plain.transport, plain.finality, self.told.append)


def traded(directory: Path) -> tuple[TellingWorld, Parties]:
    world = TellingWorld(directory)
    parties = make_parties(world, seller_type=BusySeller, valuer=valuer())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parties.run()
    finally:
        torch.set_num_threads(before)
    return world, parties


def test_a_trade_by_a_network_passes_its_audit_and_is_right_to_the_wei(tmp_path: Path) -> None:
    world, parties = traded(tmp_path / "world")
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == (Ending.RELEASED, None, Ending.RELEASED)
    bought = parties.buyer.bought()
    records = offered_records()
    assert len(bought) >= 20 and all(data == records[number] for number, data in bought)
    price = len(bought) * PER_RECORD
    assert parties.deltas() == (-price, price)
    assert parties.buyer.audited_rows == 10
    evaluated = parties.buyer.review()
    assert evaluated.request.model_name == "mlp"
    assert Projection.from_parts(evaluated.request.projection, evaluated.request.basis).k == 24
    # What the seller answered blind is what the buyer's own arithmetic gives, but for the noise.
    made = valuer().valuation(parties.seller.manifest)
    assert_scores_of(parties, made.rounding.apply(made.model.rows(ROWS[: len(records)], made.projection)))
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    # The loss is told before the request is sent.
    place = min(number for number, event in enumerate(world.told) if event.step == "question")
    assert "Spearman" in world.told[place].text and "Pearson" in world.told[place].text
    assert not any(event.who == "buyer" and "request" in event.text for event in world.told[:place])
    parties.close()
    world.close()
