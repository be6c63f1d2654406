"""The main job from end to end: divide a table, trade it five times on a chain that obeys, say what came of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blindfair.cli.demo.cases import TradeResult, make_parties, run_case
from blindfair.cli.demo.estimate import estimate_demo
from blindfair.cli.demo.prepared import Prepared
from blindfair.cli.demo.public import DemoAccounts, PublicWorld
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.summary import HonestTrade, review, to_document
from blindfair.cli.demo.world import DemoWorld, ObedientWorld
from blindfair.cli.machine_costs import machine_costs
from blindfair.cli.readings import readings_document
from blindfair.influence.threads import one_thread
from blindfair.pricing.learners import LEARNERS, Learner
from blindfair.pricing.utility import SHARE, Utility, measure_utility
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


def run_demo(
    job: Prepared, directory: Path, screen: DemoScreen, *, report: bool, accounts: DemoAccounts | None = None
) -> Finished:
    """Run the demo in `directory`, held for it, or on from where it was when its process ended.

    Raises what ended the honest trade, if an error did, and InvalidOption for a node that is none for development
    without `accounts`, or for one that is with them.
    """
    shares = (SHARE, *CURVE) if report else (SHARE,)
    divisions = job.options.divisions
    learner = LEARNERS[job.options.model]()
    seconds: dict[str, float] = {}
    trades: dict[str, TradeResult] = {}
    files: dict[str, bytes] = {}
    with one_thread():
        world = _open_world(directory, screen, job.options.rpc, accounts)
        try:
            costs = machine_costs(screen.note)
            estimate = estimate_demo(job.scenario, job.schema, learner, costs, seeds=divisions, shares=shares)
            screen.estimate(estimate, len(world.cases))
            for case in world.cases:
                with _timed(seconds, case), screen.case(case):
                    trades[case] = _trade(world, case, job)
            with _timed(seconds, "utility"):
                utility = _measure(job, screen, shares, learner)
            parties = make_parties(world, "honest", job)
            try:
                honest = review(parties, job.scenario, learner)
                if report:
                    # Imported here: drawing takes a second to load, and most runs draw nothing.
                    from blindfair.cli.demo.report import make_report

                    files = make_report(job.table, job.schema, trades, honest, utility, parties)
            finally:
                parties.close()
        finally:
            world.close()
    document = to_document(trades, honest, utility, seconds, job.options.seed)
    return Finished(trades, honest, utility, files, {**document, "columns": readings_document(job.table.readings)})


def _open_world(directory: Path, screen: DemoScreen, rpc: str | None, accounts: DemoAccounts | None) -> DemoWorld:
    if rpc is None or accounts is None:
        return ObedientWorld(directory, screen.event, rpc)
    world = PublicWorld(directory, screen.event, rpc, accounts)
    screen.real_chain()
    return world


def _trade(world: DemoWorld, case: str, job: Prepared) -> TradeResult:
    parties = make_parties(world, case, job)
    try:
        result = run_case(world, case, parties)
        outcome = parties.buyer.outcome
    finally:
        parties.close()
    if case == "honest" and outcome is not None and outcome.error is not None:
        # Both are honest here, so this is about the table and the options: the others would end the same way.
        details = outcome.details or {"what": outcome.reason}
        raise getattr(errors, outcome.error)(**details)
    return result


def _measure(job: Prepared, screen: DemoScreen, shares: tuple[float, ...], learner: Learner) -> Utility:
    with screen.seeds(job.options.divisions) as advance:
        return measure_utility(
            job.table,
            seeds=range(job.options.divisions),
            shares=shares,
            flip_share=job.options.flipped,
            duplicate_share=job.options.duplicates,
            categorical=job.codes,
            learner=learner,
            on_seed=advance,
        )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 3)
