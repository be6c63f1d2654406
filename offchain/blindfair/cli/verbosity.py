"""How much a command tells: `-q` prints results and errors alone, `-v` tells more. Both stand anywhere on the line.

    quiet     the result; errors; troubles that are retried; questions with the figures that they are about
    normal    besides, each step with what it costs, and what is waited for
    verbose   besides, each request to the node with its time, and a traceback with an error

`--log-format json` makes each line of that a JSON object (`json_log`).

Not here: colours, which `NO_COLOR` switches off (https://no-color.org), and what a command writes with `--json`.
"""

import logging
import sys
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

import typer
from typer.main import get_command

from blindfair.cli.json_log import JsonHandler, json_logger


class Verbosity(Enum):
    """How much is told on standard error."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


_LOG = logging.getLogger("blindfair")
_chosen = Verbosity.NORMAL
_json_log: Any = None


class LogFormat(Enum):
    """The form of what is told on standard error."""

    TEXT = "text"
    JSON = "json"


def choose_format(log_format: LogFormat) -> None:
    """Tell in this form from here on, for the whole process. Raises MissingPackage."""
    global _json_log
    _json_log = json_logger() if log_format is LogFormat.JSON else None
    choose(_chosen)


def json_log() -> Any:
    """The logger of `--log-format json`; None where people read."""
    return _json_log


def choose(verbosity: Verbosity) -> None:
    """Tell so much from here on, for the whole process."""
    global _chosen
    _chosen = verbosity
    is_all = verbosity is Verbosity.VERBOSE
    if _json_log is not None:
        _LOG.handlers = [JsonHandler(_json_log, logging.DEBUG if is_all else logging.WARNING)]
    else:
        _LOG.handlers = [_StandardError() if is_all else _Troubles()]
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


def _format_chosen(log_format: LogFormat | None) -> None:
    if log_format is not None:
        choose_format(log_format)


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
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            "--log-format",
            help="Format of progress on standard error: text (the default) or json (one object per line).",
            callback=_format_chosen,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Never run: typer makes the options of its parameters."""


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
