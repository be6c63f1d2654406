"""The main job from end to end: divide a table, trade it five times on a chain that obeys, say what came of it.

Not here: texts (`texts.demo`).
"""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict

from blindfair.cli.demo.cases import make_parties
from blindfair.cli.demo.estimate import estimate_demo
from blindfair.cli.demo.goods import goods_of
from blindfair.cli.demo.prepared import Prepared
from blindfair.cli.demo.public import DemoAccounts
from blindfair.cli.demo.results import show_results
from blindfair.cli.demo.running import Finished, opened_world, run_cases, timed
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.summary import review, to_document
from blindfair.cli.demo.trade_costs import Busy
from blindfair.cli.demo.verdicts import verdicts
from blindfair.cli.machine_costs import machine_costs
from blindfair.cli.readings import readings_document
from blindfair.influence.label import LabelKind
from blindfair.influence.threads import one_thread
from blindfair.pricing.learners import LEARNERS, Learner
from blindfair.pricing.utility import SHARE, Utility, check_divisions, measure_utility

CURVE = (0.1, 0.2, 0.45, 0.6)
"""Shares bought for the picture, besides `SHARE`."""


def run_demo(
    job: Prepared, directory: Path, screen: DemoScreen, *, report: bool, accounts: DemoAccounts | None = None
) -> Finished:
    """Run the demo in `directory`, held for it, or on from where it was when its process ended.

    Raises what ended the honest trade, if an error did, and InvalidOption for a node that is none for development
    without `accounts`, or for one that is with them.
    """
    shares = (SHARE, *CURVE) if report else (SHARE,)
    options = job.options
    learner = LEARNERS[options.model]().for_label(job.schema)
    seconds: dict[str, float] = {}
    files: dict[str, bytes] = {}
    busy = Busy()
    with one_thread():
        # The worth is measured last: what one of its divisions refuses must not cost five trades.
        check_divisions(job.table, **_division(job), learner=learner)
    with one_thread(), opened_world(directory, screen, options.rpc, accounts) as world:
        costs = machine_costs(screen.note)
        estimate = estimate_demo(
            job.scenario,
            job.schema,
            learner,
            costs,
            seeds=options.divisions,
            shares=shares,
            trades=len(world.cases),
            selected=options.affordable,
            busy=busy,
        )
        screen.estimate(estimate, len(world.cases))
        goods = goods_of(job)
        trades = run_cases(world, screen, goods, seconds)
        with timed(seconds, "utility"):
            utility = _measure(job, screen, shares, learner)
        parties = make_parties(world, "honest", goods)
        try:
            reviewed = review(parties, job.scenario, learner)
            if report:
                # Imported here: drawing takes a second to load, and most runs draw nothing.
                from blindfair.cli.demo.report import make_report

                files = make_report(job.table, job.schema, trades, reviewed.honest, utility, parties)
        finally:
            parties.close()
    document = to_document(trades, reviewed, utility, seconds, options.seed)
    return Finished(
        {
            **document,
            "but": [*verdicts(utility, reviewed, trades)],
            "columns": readings_document(job.table.readings, job.codes),
        },
        files,
        partial(show_results, trades=trades, reviewed=reviewed, utility=utility),
    )


class _Division(TypedDict):
    seeds: Sequence[int]
    flip_share: float
    duplicate_share: float
    categorical: Collection[str]
    label_kind: LabelKind


def _division(job: Prepared) -> _Division:
    """How the worth divides the table."""
    return {
        "seeds": range(job.options.divisions),
        "flip_share": job.options.flipped,
        "duplicate_share": job.options.duplicates,
        "categorical": job.codes,
        "label_kind": job.scenario.label_kind,
    }


def _measure(job: Prepared, screen: DemoScreen, shares: tuple[float, ...], learner: Learner) -> Utility:
    with screen.seeds(job.options.divisions) as advance:
        return measure_utility(
            job.table,
            **_division(job),
            shares=shares,
            learner=learner,
            on_seed=advance,
        )
