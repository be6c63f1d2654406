"""The main job from end to end: divide a table, trade it five times on an embedded chain, say what came of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blindfair.cli.demo.cases import CASES, TradeResult, make_parties, run_case
from blindfair.cli.demo.estimate import estimate_demo
from blindfair.cli.demo.home import demo_home
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.screen import Screen
from blindfair.cli.demo.summary import HonestTrade, review, to_document
from blindfair.cli.demo.tables import buyers_schema, codes_of, load_table, name_of
from blindfair.cli.demo.world import World
from blindfair.influence.table import Table
from blindfair.influence.threads import one_thread
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.utility import SEEDS, SHARE, Utility, measure_utility
from blindfair.protocol import errors
from blindfair.protocol.documents import Document

CURVE = (0.1, 0.2, 0.45, 0.6)
"""Shares bought for the picture, besides `SHARE`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All results of a demo that came to its end; `files` are the report's, by name, if one was asked for."""

    trades: Mapping[str, TradeResult]
    honest: HonestTrade
    utility: Utility
    files: Mapping[str, bytes]
    document: Document


def run_demo(options: DemoOptions, directory: Path, screen: Screen, *, report: bool) -> Finished:
    """Run the demo in `directory`, or on from where it was when its process ended.

    Raises InputError for a table or options that cannot be used, StateError for a directory that cannot, and what ended
    the honest trade, if an error did.
    """
    table = load_table(options)
    scenario = make_scenario(table, options.seed, flip_share=options.flipped, duplicate_share=options.duplicates)
    schema = buyers_schema(scenario, options)
    shares = (SHARE, *CURVE) if report else (SHARE,)
    seconds: dict[str, float] = {}
    trades: dict[str, TradeResult] = {}
    files: dict[str, bytes] = {}
    with demo_home(directory, options, table), one_thread():
        screen.scenario(name_of(options), scenario, schema.describe())
        screen.estimate(estimate_demo(scenario, schema, seeds=len(SEEDS), shares=shares))
        world = World(directory, screen.event)
        try:
            for case in CASES:
                with _timed(seconds, case), screen.case(case):
                    trades[case] = _trade(world, case, table, scenario, options)
            with _timed(seconds, "utility"):
                utility = _measure(table, options, screen, shares)
            parties = make_parties(world, "honest", table, scenario, options)
            try:
                honest = review(parties, scenario)
                if report:
                    # Imported here: drawing takes a second to load, and most runs draw nothing.
                    from blindfair.cli.demo.report import make_report

                    files = make_report(scenario.columns, schema, trades, honest, utility, parties)
            finally:
                parties.close()
        finally:
            world.close()
    return Finished(trades, honest, utility, files, to_document(trades, honest, utility, seconds, options.seed))


def _trade(world: World, case: str, table: Table, scenario: Scenario, options: DemoOptions) -> TradeResult:
    parties = make_parties(world, case, table, scenario, options)
    try:
        result = run_case(world, case, parties)
    finally:
        parties.close()
    if case == "honest" and result.error is not None:
        # Both are honest here, so this is about the table and the options: the others would end the same way.
        raise getattr(errors, result.error)(result.reason)
    return result


def _measure(table: Table, options: DemoOptions, screen: Screen, shares: tuple[float, ...]) -> Utility:
    with screen.seeds(len(SEEDS)) as advance:
        return measure_utility(
            table,
            shares=shares,
            flip_share=options.flipped,
            duplicate_share=options.duplicates,
            categorical=codes_of(options),
            on_seed=advance,
        )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 3)
