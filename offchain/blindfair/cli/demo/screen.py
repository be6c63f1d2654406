"""How the demo goes, for a person who watches. Not here: what came of it (`results`)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from blindfair.api.amounts import show_ether
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import Prepared
from blindfair.cli.demo.texts.prepared import PreparedTexts
from blindfair.cli.flags import with_flags
from blindfair.cli.lines import Lines
from blindfair.cli.readings import show_readings

if TYPE_CHECKING:
    # Slow to load, and a person should see something before.
    from blindfair.agents.context import Event
    from blindfair.cli.demo.estimate import DemoEstimate

HEADLINES = {
    "honest": "an honest trade",
    "corrupted_chunk": "a seller that corrupts one chunk",
    "no_reveal": "a seller that never reveals the key",
    "inflated_scores": "a seller that inflates the scores of worthless records",
    "silent_buyer": "a buyer that goes silent after good delivery",
}

SCHEMA_LINES = 40
"""Lines of a schema on screen; the report has all of them."""


class DemoScreen:
    """Tells on one console, usually standard error. Bars and clocks move on a terminal only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = Lines(console)

    def scenario(self, job: Prepared) -> None:
        """Who holds what, and how columns become features."""
        scenario = job.scenario
        flipped = int(scenario.truth.flipped.sum())
        added = ", those included that the demo had added" if job.options.duplicates else ""
        self._lines.headline("Blindfair demo", job.name)
        self._lines.item(
            "buyer", f"{len(scenario.train):,} training and {len(scenario.validation):,} validation records"
        )
        self._lines.item(
            "seller",
            f"{len(scenario.offer):,} records; in {flipped:,} of them the demo has {_trouble(job)}. Copies that the "
            f"seller removed before listing, because a listing holds none: {job.copies:,}{added}",
        )
        self._lines.item("nobody", f"{len(scenario.test):,} test records")
        self._budget(job.options, len(scenario.offer))
        show_readings(self._lines, job.table.readings, categorical=job.codes)
        self._lines.item("schema", "from the seller's records, rounded; public, and the base of each scoring model:")
        described = job.schema.describe().splitlines()
        for line in described[:SCHEMA_LINES]:
            self._lines.item("", with_flags(line), style="dim")
        if len(described) > SCHEMA_LINES:
            self._lines.item("", f"and {len(described) - SCHEMA_LINES} more columns", style="dim")

    def _budget(self, options: DemoOptions, offered: int) -> None:
        """Print what the budget pays for, and warn where it leaves scores nothing to choose."""
        paid = min(options.affordable, offered)
        share = f"{paid / offered:.0%}".replace("%", " %")
        text = f"{show_ether(options.budget)} ether, for {paid:,} of the {offered:,} records ({share})"
        if paid == offered:
            self._lines.item(
                "budget",
                f"{text}: it pays for all of them, so buying by score says little; name less by --budget",
                style="yellow",
            )
        else:
            self._lines.item("budget", f"{text}; --budget names another")

    def texts(self, job: PreparedTexts) -> None:
        """Who holds which texts."""
        self._lines.headline("Blindfair demo", f"{job.title}, and {job.model_name}, that both parties hold")
        train, validation = job.divided(job.options.seed)
        of = "all of one source" if job.label is None else f"their {job.label} known"
        self._lines.item("buyer", f"{len(train[0]):,} training and {len(validation[0]):,} validation texts, {of}")
        sources = ", ".join(f"{count} {source}" for source, count in job.counted(range(len(job.offer))).items())
        removed = (
            f". Copies that the seller removed before listing, because a listing holds none: {job.copies:,}"
            if job.copies
            else ""
        )
        self._lines.item("seller", f"{len(job.offer):,} texts: {sources}{removed}")
        of = "of the buyer's source" if job.label is None else "of years that neither party has"
        self._lines.item("nobody", f"{len(job.test):,} test texts, {of}")
        told = "which source a text is of" if job.label is None else "which labels are wrong"
        self._lines.item("sources", f"{told}, the demo alone knows: it is not listed, and neither party uses it")

    def real_chain(self) -> None:
        """Say that clock and money are real on this chain, and what follows."""
        self._lines.item(
            "chain",
            "clock and money are real there: the honest trade alone, in real time. Price, bond and gas are paid by the "
            "accounts that were named; the other four trades need a node for development",
            style="yellow",
        )

    def estimate(self, estimate: "DemoEstimate", trades: int) -> None:
        """Show time and bytes that the demo will take."""
        self._lines.item(
            "takes",
            f"about {estimate.seconds:,.0f} s: {estimate.trade_seconds:,.0f} s for "
            f"{'one trade, waiting for blocks not counted' if trades == 1 else f'{trades} trades'}, and "
            f"{estimate.worth_seconds:,.0f} s to see what buying was worth, on this machine as busy as it is now",
        )
        self._lines.item(
            "",
            f"a blind evaluation, one in each trade: {estimate.upload_bytes:,} B up, {estimate.download_bytes:,} B "
            f"down, {estimate.memory_bytes / 2**20:,.0f} MiB of memory, {estimate.evaluation_seconds:.1f} s",
        )

    @contextmanager
    def case(self, case: str) -> Iterator[None]:
        """A headline, and on a terminal a clock while the trade goes on."""
        self._lines.blank()
        self._lines.headline(case, HEADLINES[case])
        with self._bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as bar:
            bar.add_task("trading", total=None)
            yield

    @contextmanager
    def seeds(self, count: int) -> Iterator[Callable[[], None]]:
        """A bar on a terminal while the purchase is repeated over seeds; gives what advances it by one."""
        with self._bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()) as bar:
            task = bar.add_task(f"what a purchase is worth, {count} times", total=count)
            yield lambda: bar.advance(task)

    def event(self, event: "Event") -> None:
        """One thing that an agent did, with what it cost at the right end."""
        counted = f"{event.gas:,} gas" if event.gas is not None else f"{event.size:,} B" if event.size else ""
        self._lines.item(event.who, with_flags(event.text), right=counted)

    def note(self, text: str) -> None:
        """Show where something was put."""
        self._lines.item("", text)

    def _bar(self, *columns: ProgressColumn) -> Progress:
        return Progress(
            *columns,
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal or self._console.quiet,
        )


def _trouble(job: Prepared) -> str:
    """What the demo has done to a wrong label."""
    if job.schema.target is not None:
        return "put the label of another record"
    return "flipped the label" if len(job.schema.classes) == 2 else "put another class"
