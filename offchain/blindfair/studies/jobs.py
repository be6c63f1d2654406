"""All that a study has to do, as jobs with a key and an expected time; run in turn, each kept as soon as it is done.

Not here: what a job does (`cells`, `sums`, `bundles`, `attacks`) and the file (`ledger`).
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from blindfair.influence.threads import one_thread
from blindfair.protocol.documents import Document
from blindfair.studies import attacks, plan, sums
from blindfair.studies.attacks import run_attacks
from blindfair.studies.bundles import run_bundles
from blindfair.studies.cells import Cell, run_cell
from blindfair.studies.few_bits import run_few_bits
from blindfair.studies.ledger import Ledger
from blindfair.studies.peers import measures
from blindfair.studies.peers.datamodels import run_datamodels
from blindfair.studies.peers.purchases import run_purchases
from blindfair.studies.sums import run_sums
from blindfair.studies.worlds import Regime

_SECONDS = {"logistic": 0.9, "softmax": 2.2, "mlp": 4.5, "cnn": 7.0}
"""One cell of each family, on one core of a machine of 2024."""

_FEW_BITS_SECONDS = {"logistic": 0.8, "softmax": 2.0, "mlp": 5.0}

FEW_SEEDS = 4
"""Seeds of the sums and the bundles, which have many sets or bundles for each seed."""

PEER_SEEDS = 1
"""Each takes a quarter of an hour."""

_PEERS = (
    ("datamodels", run_datamodels, (Regime.CLEAN, Regime.WRONG_30)),
    ("purchases", run_purchases, (Regime.WRONG_10, Regime.WRONG_30)),
)
_PEER_SECONDS = {"softmax": 70.0, "mlp": 170.0}

_WIDTH = 40


@dataclass(frozen=True, slots=True)
class StudyJob:
    """One line of the file of results. `seconds` is what it is expected to take on one core."""

    key: str
    seconds: float
    run: Callable[[], Document]


def study_jobs(quick: bool) -> list[StudyJob]:
    """All jobs of the full study, or of the quick one; the networks last."""
    cells = plan.quick_plan() if quick else plan.full_plan()
    seeds, bundles = (2, ("trial",)) if quick else (plan.SEEDS, plan.TABLES)
    jobs = [_cell_job(cell) for cell in cells if cell.family == "logistic"]
    jobs += [
        StudyJob(f"attacks/{data}/{seed}", 0.6, partial(run_attacks, data, seed))
        for seed in range(seeds)
        for data in attacks.CASES
    ]
    few = range(min(seeds, FEW_SEEDS))
    jobs += [
        StudyJob(f"sums/{data}/{kind}/{seed}", 0.5 if kind == "logistic" else 8.0, partial(run_sums, data, kind, seed))
        for seed in few
        for data, kind in sums.CASES[: 2 if quick else None]
    ]
    jobs += [
        StudyJob(f"bundles/{data}/{seed}", 5.0, partial(run_bundles, data, seed)) for seed in few for data in bundles
    ]
    jobs += [_cell_job(cell) for cell in cells if cell.family != "logistic"]
    return jobs + few_bits_jobs(quick)


def few_bits_jobs(quick: bool) -> list[StudyJob]:
    """The jobs about scores of few bits alone, those of one seed before those of the next."""
    return [
        StudyJob(f"bits/{cell.key()}", _FEW_BITS_SECONDS[cell.family], partial(run_few_bits, cell))
        for cell in plan.few_bits_plan(quick)
    ]


def peer_jobs(quick: bool, program: Path) -> list[StudyJob]:
    """The comparison with the peers, whom `program` asks; cells of one seed before those of the next."""
    found = []
    for seed in range(1 if quick else PEER_SEEDS):
        for kind in ("softmax",) if quick else measures.KINDS:
            for what, run, regimes in _PEERS:
                found += [
                    StudyJob(
                        f"peers/{what}/mnist/{kind}/{regime.value}/{seed}",
                        _PEER_SECONDS[kind],
                        partial(run, "mnist", kind, regime, seed, program),
                    )
                    for regime in regimes
                ]
    return found


def _cell_job(cell: Cell) -> StudyJob:
    return StudyJob(f"cells/{cell.key()}", _SECONDS[cell.family], partial(run_cell, cell))


def run_jobs(jobs: Sequence[StudyJob], ledger: Ledger, screen: TextIO = sys.stderr) -> None:
    """Run what is not in the ledger yet, after saying how long it will take; a bar where there is a person."""
    left = [job for job in jobs if job.key not in ledger]
    expected = sum(job.seconds for job in left)
    print(
        f"{len(left)} of {len(jobs)} jobs to do, about {expected / 60:.0f} minutes on one core; "
        "what is done is kept, and skipped when this is started again",
        file=screen,
    )
    start, done = time.monotonic(), 0.0
    with one_thread():
        for number, job in enumerate(left, start=1):
            ledger.add(job.key, job.run())
            done += job.seconds
            if screen.isatty():
                pace = (time.monotonic() - start) / done
                filled = round(_WIDTH * done / expected)
                bar = "#" * filled + "." * (_WIDTH - filled)
                print(
                    f"\r[{bar}] {number}/{len(left)}, {(expected - done) * pace / 60:.0f} min left ",
                    end="",
                    file=screen,
                )
    if screen.isatty() and left:
        print(file=screen)
