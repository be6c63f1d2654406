"""A purchase of which the listing opens too few records for nothing: the demo buys its sample first, and says so."""

import io

import pytest
from rich.console import Console

from blindfair.agents.policy import AUDIT_ROWS
from blindfair.cli.amounts import show_ether
from blindfair.cli.demo.cases import TradeResult, make_parties, run_case
from blindfair.cli.demo.options import LEAST_AUDIT_ROWS, PRICE_PER_RECORD, DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.report import make_receipt
from blindfair.cli.demo.results import _show_knowledge
from blindfair.cli.demo.summary import HonestTrade, review
from blindfair.cli.demo.world import ObedientWorld
from blindfair.cli.lines import Lines
from blindfair.pricing.learners import LEARNERS
from blindfair.protocol.quantities import Wei

Small = tuple[TradeResult, HonestTrade, dict[str, object], list[str]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The honest trade on 300 records with a budget for a hundred, what both sides keep of it, and what was told."""
    directory = tmp_path_factory.mktemp("small")
    table = directory / "small.csv"
    lines = [f"{number % 7},{number * 37 % 101},{(number % 7 > 3) ^ (number % 5 == 0):d}" for number in range(300)]
    table.write_text("a,b,y\n" + "\n".join(lines) + "\n")
    job = prepare(DemoOptions(records=table, label="y", flipped=0.4, budget=Wei(100 * PRICE_PER_RECORD)))
    told: list[str] = []
    world = ObedientWorld(directory / "home", lambda event: told.append(event.text))
    parties = make_parties(world, "honest", job)
    try:
        trade = run_case(world, "honest", parties)
        honest = review(parties, job.scenario, LEARNERS[job.options.model]())
        return trade, honest, make_receipt(trade, honest, parties), told
    finally:
        parties.close()
        world.close()


def test_the_whole_price_is_paid_in_two_orders(small: Small) -> None:
    trade, honest, receipt, _ = small
    records = len(honest.bought)
    # More than a fifth, which is opened for nothing, and no more than half.
    sampled = records // 2
    assert LEAST_AUDIT_ROWS <= sampled < AUDIT_ROWS
    assert (trade.final, trade.error) == ("Released", None)
    assert trade.price == records * PRICE_PER_RECORD == -trade.buyer_delta == trade.seller_delta
    assert trade.bond == trade.price // 10
    assert (honest.audit_rows, honest.sample_price) == (sampled, sampled * PRICE_PER_RECORD)
    assert receipt["order"] != receipt["sample_order"]
    assert receipt["price_wei"] == str(trade.price)
    disclosed = receipt["disclosed"]
    assert isinstance(disclosed, dict)
    assert (disclosed["records_opened_in_the_audit"], disclosed["records_delivered"]) == (0, records)


def test_the_steps_of_both_orders_are_counted(small: Small) -> None:
    trade, *_ = small
    both = {"deposit", "accept", "reveal", "release", "withdraw"}
    assert set(trade.gas) == {"commit", *both}
    assert set(trade.transactions) == {"commit", *(f"{step}:{part}" for step in both for part in ("sample", "rest"))}
    assert trade.gas["accept"] > 90_000
    assert {"agreement", "delivery", "openings"} < set(trade.sizes)


def test_people_are_told_that_the_sample_is_bought(small: Small) -> None:
    trade, honest, _, told = small
    paid = honest.sample_price
    assert paid is not None
    assert sum(f"drawn records first, for {show_ether(paid)} ether" in text for text in told) == 1
    shown = io.StringIO()
    _show_knowledge(Lines(Console(file=shown, width=300)), trade, honest)
    assert f"bought first as a sample for {show_ether(paid)} ether" in shown.getvalue()
    assert "and no record; after paying" in shown.getvalue()
