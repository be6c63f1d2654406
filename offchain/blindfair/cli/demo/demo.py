"""The main job from end to end: divide a table, trade it five times on an embedded chain, say what came of it."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

from rich.progress import Progress

from blindfair.agents.store import DirectoryLock, private_directory, write_atomically
from blindfair.cli.demo.cases import CASES, TradeResult, make_parties, run_case
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.report import write_report
from blindfair.cli.demo.screen import Screen
from blindfair.cli.demo.summary import HonestTrade, review, to_document
from blindfair.cli.demo.world import World
from blindfair.influence.table import Table, read_table
from blindfair.pricing.scenario import make_scenario
from blindfair.pricing.utility import SEEDS, SHARE, Utility, measure_utility
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption

TRIAL_LABEL = "cens"
KNOW_THE_OUTCOME = ("pidnum", "days", "cd496", "offtrt", "r")
"""Columns of ACTG175 that were filled in after the outcome, or number the patients."""

CURVE = (0.1, 0.2, 0.45, 0.6)
"""Shares bought for the picture, besides `SHARE`."""

OPTIONS_FILE = "options.json"


@dataclass(frozen=True, slots=True)
class Finished:
    """All results of a demo that came to its end."""

    trades: Mapping[str, TradeResult]
    honest: HonestTrade
    utility: Utility
    document: Document


def run_demo(options: DemoOptions, directory: Path, screen: Screen, report: Path | None) -> Finished:
    """Run the demo in `directory`, or on from where it was when its process ended.

    Raises InputError for a table or options that cannot be used, StoreInUse for a directory in which another demo runs.
    """
    table = load_table(options)
    scenario = make_scenario(table, options.seed, flip_share=options.flipped, duplicate_share=options.duplicates)
    with DirectoryLock(private_directory(directory)):
        _remember(options, directory)
        world = World(directory, screen.event)
        seconds: dict[str, float] = {}
        trades: dict[str, TradeResult] = {}
        try:
            for case in CASES:
                with _timed(seconds, case):
                    parties = make_parties(world, case, table, scenario, options)
                    try:
                        if case == "honest":
                            schema = parties.valuer.valuation(parties.seller.manifest).model.schema.describe()
                            screen.scenario(str(options.records or "ACTG175"), scenario, schema)
                        screen.case(case)
                        trades[case] = run_case(world, case, parties)
                        if case == "honest":
                            honest = review(parties, scenario)
                    finally:
                        parties.close()
            with _timed(seconds, "utility"):
                utility = measure(table, options, screen, curve=report is not None)
            if report is not None:
                parties = make_parties(world, "honest", table, scenario, options)
                try:
                    write_report(report, scenario.columns, trades, honest, utility, parties)
                finally:
                    parties.close()
        finally:
            world.close()
    document = to_document(trades, honest, utility, seconds, options.seed)
    return Finished(trades, honest, utility, document)


def load_table(options: DemoOptions) -> Table:
    """The person's table, or the clinical trial that comes with the package."""
    if options.records is not None and options.label is not None:
        return read_table(options.records, options.label)
    with as_file(files("blindfair.cli.demo") / "data" / "ACTG175.csv") as path:
        return read_table(path, TRIAL_LABEL, leave_out=KNOW_THE_OUTCOME)


def measure(table: Table, options: DemoOptions, screen: Screen, *, curve: bool) -> Utility:
    """The utility over the fixed seeds, with a progress bar; more shares where a picture is wanted."""
    with Progress(console=screen.console, transient=True, disable=not screen.console.is_terminal) as progress:
        task = progress.add_task("what the purchase is worth, ten seeds", total=len(SEEDS))
        return measure_utility(
            table,
            shares=(SHARE, *CURVE) if curve else (SHARE,),
            flip_share=options.flipped,
            duplicate_share=options.duplicates,
            on_seed=lambda: progress.advance(task),
        )


def _remember(options: DemoOptions, directory: Path) -> None:
    """A demo goes on only with the options it began with."""
    wanted = json.dumps(asdict(options), default=str, sort_keys=True)
    path = directory / OPTIONS_FILE
    if path.exists():
        found = path.read_text(encoding="utf-8")
        if found != wanted:
            raise InvalidOption(
                f"{directory} holds a demo that was begun with other options",
                expected=found,
                found=wanted,
                hint="use the same options to go on, or another directory",
            )
        return
    if any(entry.name != "lock" for entry in directory.iterdir()):
        raise InvalidOption(
            f"{directory} holds something that is not a demo",
            expected="an empty or new directory",
            found=str(directory),
        )
    write_atomically(path, wanted.encode())


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 3)
