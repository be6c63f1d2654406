"""How much a command tells: `-q` prints results and errors alone, `-v` tells more. Both stand anywhere on the line.

    quiet     the result; errors; troubles that are retried; questions with the figures that they are about
    normal    besides, each step with what it costs, and what is waited for
    verbose   besides, each request to the node with its time, and a traceback with an error

Not here: colours, which `NO_COLOR` switches off (https://no-color.org), and what a command writes with `--json`.
"""

import logging
import sys
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

import typer
from typer.main import get_command


class Verbosity(Enum):
    """How much is told on standard error."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


_LOG = logging.getLogger("blindfair")
_chosen = Verbosity.NORMAL


def choose(verbosity: Verbosity) -> None:
    """Tell so much from here on, for the whole process."""
    global _chosen
    _chosen = verbosity
    _LOG.handlers = [_StandardError() if verbosity is Verbosity.VERBOSE else _Troubles()]
    _LOG.setLevel(logging.DEBUG if verbosity is Verbosity.VERBOSE else logging.WARNING)
    _LOG.propagate = False


def is_quiet() -> bool:
    """Whether progress stays untold."""
    return _chosen is Verbosity.QUIET


def is_verbose() -> bool:
    """Whether an error comes with its traceback."""
    return _chosen is Verbosity.VERBOSE


def with_verbosity_options(app: typer.Typer) -> Callable[..., object]:
    """Return the command of an app that has the options `-v` and `-q`, as has every command below it."""
    command, options = get_command(app), get_command(_options).params
    unvisited: list[Any] = [command]
    while unvisited:
        each = unvisited.pop()
        each.params = [*each.params, *options]
        unvisited += getattr(each, "commands", {}).values()
    return command


def _chooser(verbosity: Verbosity) -> Callable[[bool], None]:
    def chosen(given: bool) -> None:
        if given:
            choose(verbosity)

    return chosen


_options = typer.Typer(add_completion=False)


@_options.command()
def _with_both(
    verbose: Annotated[
        bool,
        typer.Option(
            "-v",
            "--verbose",
            help="Show each request to the node, and a traceback with an error.",
            callback=_chooser(Verbosity.VERBOSE),
            expose_value=False,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "-q",
            "--quiet",
            help="Print results and errors only.",
            callback=_chooser(Verbosity.QUIET),
            expose_value=False,
        ),
    ] = False,
) -> None:
    """Never run: typer makes the two options of its parameters."""


class _StandardError(logging.Handler):
    """Writes to standard error as it is at that moment: a spinner puts another one in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


class _Troubles(logging.Handler):
    """What the layers below tell, a line each: why a command waits, or what is wrong under the name `label`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        label = getattr(record, "label", "waits")
        print(f"  {label:<7} {record.getMessage()}", file=sys.stderr)
