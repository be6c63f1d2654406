"""What a person sees while an agent works, on standard error: each step with what it cost, and what is waited for."""

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from blindfair.agents.context import Event
from blindfair.agents.seller.progress import PROGRESS
from blindfair.agents.store.steps import step_text
from blindfair.cli.flags import with_flags
from blindfair.cli.json_log import JsonLines
from blindfair.cli.lines import Lines
from blindfair.cli.party.telemetry import Telemetry
from blindfair.cli.verbosity import is_quiet, json_log
from blindfair.protocol.errors import BlindfairError

PROGRESS_SECONDS = 10.0
"""Seconds between two lines of progress without a terminal: a log is to stay readable."""


class PartyScreen:
    """Tells each wait and trouble once until there is another. On a terminal a spinner shows what is waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        quiet, self._log = is_quiet(), json_log()
        console = Console(stderr=True, quiet=quiet)
        spins = console.is_terminal and not quiet and self._log is None
        self._clock = clock
        self._told_progress = -math.inf
        self.lines: Lines = Lines(console)
        self.notices: Lines = Lines(Console(stderr=True)) if quiet else self.lines
        """What is told in quiet, too: troubles, and figures that a question is about."""
        if self._log is not None:
            self.lines, self.notices = JsonLines(self._log, is_quiet=quiet), JsonLines(self._log)
        self.telemetry: Telemetry | None = None
        """What is counted of all that is told here, if anything is."""
        self.on_turn: Callable[[], None] = lambda: None
        """Called after each turn, also after one that ended in trouble; raises nothing."""
        self._status: Status | None = console.status("", spinner="dots") if spins else None
        self._last = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.still()

    def still(self) -> None:
        """No spinner from here on: a question or the result comes."""
        if self._status is not None:
            self._status.stop()

    def event(self, event: Event) -> None:
        """One thing that the agent did. Progress moves beside the spinner; where there is none it is a line now and
        then."""
        if event.step == PROGRESS:
            self._progress(event)
            if self.telemetry is not None:
                self.telemetry.progress()
            return
        if self.telemetry is not None:
            self.telemetry.event(event)
        if self._log is not None:
            self._tell_event(event)
            return
        counted = f"{event.gas:,} gas" if event.gas is not None else f"{event.size:,} B" if event.size else ""
        self.lines.item(event.who, with_flags(event.text), right=counted)
        self._last = ""

    def _tell_event(self, event: Event) -> None:
        """An event of the log, with what was counted as numbers."""
        counted = {"gas": event.gas, "bytes": event.size}
        given = {name: value for name, value in counted.items() if value is not None}
        if not is_quiet():
            self._log.info(step_text(event.step), who=event.who, text=with_flags(event.text), **given)
        self._last = ""

    def _progress(self, event: Event) -> None:
        if self._status is not None:
            self._status.update(Text(f"{event.who} {event.text}"))
            self._status.start()
        elif self._clock() - self._told_progress >= PROGRESS_SECONDS:
            self.lines.item(event.who, event.text, style="dim")
            self._told_progress = self._clock()

    def waiting(self, reason: str) -> None:
        """Show the reason of a wait."""
        reason = with_flags(reason)
        if self.telemetry is not None:
            self.telemetry.turn()
        self.on_turn()
        if self._status is not None:
            # As plain text: a reason may quote what others wrote, and a string would be read as markup.
            self._status.update(Text(f"waiting: {reason}"))
            self._status.start()
        self._once(self.lines, "waits", reason, printed=self._status is None)

    def trouble(self, error: BlindfairError) -> None:
        """Show an error that is retried."""
        if self.telemetry is not None:
            self.telemetry.trouble(error)
        self.on_turn()
        if self._log is not None:
            if str(error) != self._last:
                self._log.warning("trouble", error=error.name, text=with_flags(str(error)))
            self._last = str(error)
            return
        self._once(self.notices, "trouble", f"{error.name}: {with_flags(str(error))}", printed=True)

    def _once(self, lines: Lines, label: str, text: str, *, printed: bool) -> None:
        if text != self._last and printed:
            lines.item(label, "".join(c if c.isprintable() else "?" for c in text), style="dim")
        self._last = text
