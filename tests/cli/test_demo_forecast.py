"""The demo's forecast of its time is of whole trades, not of their blind evaluations alone."""

from dataclasses import fields, replace

import pytest
from test_screen import shown, terminal

from blindfair.blind.cost_model import OperationSeconds
from blindfair.blind.reference_costs import REFERENCE
from blindfair.cli.demo.estimate import DemoEstimate, estimate_demo
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.trade_costs import Busy, other_seconds, recomputed_records
from blindfair.pricing.learners import LEARNERS


def twice(seconds: OperationSeconds) -> OperationSeconds:
    return replace(seconds, **{each.name: 2 * getattr(seconds, each.name) for each in fields(seconds)})


def test_a_forecast_counts_messages_and_audits_of_every_trade() -> None:
    job = prepare(DemoOptions())
    learner = LEARNERS[job.options.model]().for_label(job.schema)
    told = estimate_demo(
        job.scenario, job.schema, learner, REFERENCE, seeds=2, shares=(0.3,), trades=5, selected=400, busy=Busy()
    )  # fmt: skip
    assert told.trade_seconds > 5 * told.evaluation_seconds + other_seconds(REFERENCE, 5, 1177, 400)
    assert told.seconds == told.trade_seconds + told.worth_seconds


def test_the_honest_trade_alone_recomputes_all_that_it_buys() -> None:
    assert recomputed_records(5, 400) == 5 * 59 + 341
    assert recomputed_records(1, 400) == 400
    assert recomputed_records(5, 40) == 5 * 40


@pytest.mark.parametrize("more", [{"trades": 6}, {"records": 20_000}, {"selected": 800}])
def test_more_of_anything_takes_longer(more: dict[str, int]) -> None:
    base = {"trades": 5, "records": 1000, "selected": 400}
    assert other_seconds(REFERENCE, **base | more) > other_seconds(REFERENCE, **base)


def test_a_machine_that_is_half_as_quick_takes_twice_as_long() -> None:
    slow = replace(REFERENCE, operations={name: twice(each) for name, each in REFERENCE.operations.items()})
    assert other_seconds(slow, 5, 1000, 400) == pytest.approx(2 * other_seconds(REFERENCE, 5, 1000, 400))


@pytest.mark.parametrize(("trades", "words"), [(5, "for 5 trades"), (1, "one trade, waiting for blocks not counted")])
def test_the_screen_tells_all_of_it_and_its_parts(trades: int, words: str) -> None:
    console = terminal(200, no_color=True)
    DemoScreen(console).estimate(DemoEstimate(1000, 2000, 2**25, 0.3, 20.0, 8.0), trades)
    text = " ".join(" ".join(shown(console)).split())
    assert f"takes about 28 s: 20 s {'' if trades > 1 else 'for '}{words}, and 8 s to see what buying was worth" in text
    assert "1,000 B up, 2,000 B down, 32 MiB of memory, 0.3 s" in text
