"""A purchase of which the listing opens too few records free of charge: the demo buys its sample first, and says so."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from blindfair.agents.policy import AUDIT_ROWS
from blindfair.agents.settlement.ending import Ending
from blindfair.api.amounts import show_ether
from blindfair.cli.demo.cases import TradeResult, make_parties, run_case
from blindfair.cli.demo.goods import goods_of, listing_spec_of
from blindfair.cli.demo.honest import HonestTrade
from blindfair.cli.demo.options import MIN_AUDIT_ROWS, PRICE_PER_RECORD, DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.report import make_receipt
from blindfair.cli.demo.results import show_knowledge
from blindfair.cli.demo.summary import review
from blindfair.cli.demo.world import ObedientWorld
from blindfair.cli.lines import Lines
from blindfair.pricing.learners import LEARNERS
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.quantities import Wei

Small = tuple[TradeResult, HonestTrade, dict[str, object], list[str]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The honest trade on 300 records with a budget for a hundred, what both sides keep of it, and what was told."""
    directory = tmp_path_factory.mktemp("small")
    table = directory / "small.csv"
    lines = [
        f"{number % 7},{number * 37 % 101},{number * 53 % 97},{(number % 7 > 3) ^ (number % 5 == 0):d}"
        for number in range(300)
    ]
    table.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    job = prepare(DemoOptions(records=table, label="y", flipped=0.4, budget=Wei(100 * PRICE_PER_RECORD)))
    told: list[str] = []
    world = ObedientWorld(directory / "home", lambda event: told.append(event.text))
    parties = make_parties(world, "honest", goods_of(job))
    try:
        trade = run_case(world, "honest", parties)
        honest = review(parties, job.scenario, LEARNERS[job.options.model]()).honest
        return trade, honest, make_receipt(trade, honest, parties), told
    finally:
        parties.close()
        world.close()


@pytest.mark.deep
def test_the_whole_price_is_paid_in_three_orders(small: Small) -> None:
    trade, honest, receipt, _ = small
    records = len(honest.bought)
    # No more than half of a purchase is bought as the sample.
    sampled = records // 2
    assert MIN_AUDIT_ROWS <= sampled < AUDIT_ROWS
    assert (trade.final, trade.error) == (Ending.RELEASED, None)
    assert trade.price == records * PRICE_PER_RECORD == -trade.buyer_delta == trade.seller_delta
    # Of what is left to pay once the fee is credited, the sample's part.
    left = records * PRICE_PER_RECORD - honest.fee
    assert honest.fee > 0
    assert (honest.audit_rows, honest.sample_price) == (sampled, -(-left * sampled // records))
    assert receipt["order"] != receipt["sample_order"]
    assert receipt["price_wei"] == str(trade.price)
    disclosed = receipt["disclosed"]
    assert isinstance(disclosed, dict)
    assert (disclosed["records_opened_in_the_audit"], disclosed["records_delivered"]) == (0, records)


def test_the_steps_of_all_orders_are_counted(small: Small) -> None:
    trade, *_ = small
    each = {"deposit", "accept", "reveal", "release", "withdraw"}
    assert set(trade.gas) == {"commit", *each}
    parts = ("evaluation", "sample", "rest")
    steps = {f"{step}:{part}" for step in each for part in parts}
    # A bond that comes back before it is withdrawn serves the next order.
    assert steps - {"withdraw:evaluation"} <= set(trade.transactions) - {"commit"} <= steps
    assert trade.gas["accept"] > 90_000
    assert {"agreement", "delivery", "openings"} < set(trade.sizes)


def test_people_are_told_that_the_sample_is_bought(small: Small) -> None:
    trade, honest, _, told = small
    paid = honest.sample_price
    assert paid is not None
    assert sum(f"drawn records first, for {show_ether(paid)} ether" in text for text in told) == 1
    assert sum("the listing opens no record free" in text for text in told) == 1
    shown = io.StringIO()
    show_knowledge(Lines(Console(file=shown, width=300)), trade, honest)
    text = " ".join(shown.getvalue().split())
    assert f"bought first as a sample for {show_ether(paid)} ether: that is the money at risk" in text
    assert "and no record; after paying" in shown.getvalue()


def test_records_that_hold_too_little_are_not_scored_one_by_one(tmp_path: Path) -> None:
    """Ten bits a record: four of them are more than the 30 % that all evaluations together may tell."""
    table = tmp_path / "narrow.csv"
    lines = [f"{number % 7},{number * 37 % 101},{number % 2}" for number in range(300)]
    table.write_text("a,b,y\n" + "\n".join(lines) + "\n")
    with pytest.raises(InvalidListing, match="too little to be scored one by one"):
        listing_spec_of(prepare(DemoOptions(records=table, label="y")))
