"""How the command ends when it does not end well: what, expected, found and a hint, an exit code, and no traceback.

0    done
2    wrong usage
3    `blindfair doctor` found something that is not ok
10 - 119  a named error (`protocol/errors/`), but 100
100  a bug of this program
130  interrupted, 143 terminated
"""

import errno
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

import typer

from blindfair.cli.flags import with_flags
from blindfair.cli.verbosity import is_verbose, json_log
from blindfair.protocol.errors import BlindfairError, CannotWrite

USAGE, NOT_OK, BUG, INTERRUPTED, TERMINATED = 2, 3, 100, 130, 143

_DISK = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM,
    errno.ELOOP, errno.ENOTDIR, errno.ESTALE,
)  # fmt: skip
"""What a disk or its owner refuses, wherever it happens: nothing that a bug of this program does."""

# Every wrong use of the command line, in the class tree that typer brings along.
_WRONG_USAGE = typer.BadParameter.__mro__[1]


def run_to_its_end(command: Callable[[], object]) -> None:
    """Run the command; raise SystemExit with the right code, after one message on standard error, if it fails."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        if command() == INTERRUPTED:
            # How newer versions of typer tell it; older ones abort.
            raise KeyboardInterrupt
    except BlindfairError as error:
        _say(
            error.name,
            with_flags(error.what),
            expected=_told(error.expected),
            found=_told(error.found),
            hint=with_flags(error.hint),
        )
        _leave(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _say("Interrupted", "No result was written", hint=_goes_on(sys.argv))
        _leave(INTERRUPTED)
    except OSError as error:
        if error.errno not in _DISK:
            _leave_by_a_bug(error)
        file = "A file" if error.filename is None else error.filename
        _say(
            CannotWrite.__name__,
            f"{file} cannot be read or written",
            expected="a disk with space, and files that this account may use",
            found=error.strerror,
            hint="mend that and repeat the command; what was written down before is kept",
        )
        _leave(CannotWrite.exit_code)
    except Exception as error:
        if isinstance(error, _WRONG_USAGE) and hasattr(error, "format_message"):
            _say(
                "Usage",
                error.format_message(),
                hint=_help_of(error),
            )
            _leave(USAGE)
        _leave_by_a_bug(error)


def _help_of(error: Exception) -> str:
    """The command that shows the help of what was typed wrongly."""
    names, context = [], getattr(error, "ctx", None)
    while context is not None and context.parent is not None:
        names.append(context.info_name)
        context = context.parent
    return " ".join(("blindfair", *reversed(names), "--help"))


def _leave_by_a_bug(error: Exception) -> NoReturn:
    _say(
        type(error).__name__,
        f"This is a bug of blindfair: {error}",
        hint="run it again with -v and report what it prints, with the command",
    )
    _leave(BUG)


def _terminate(_: int, __: FrameType | None) -> None:
    # As an exception, so that whatever was made for this run only is cleared away.
    raise SystemExit(TERMINATED)


def _goes_on(arguments: Sequence[str]) -> str:
    options = {argument.partition("=")[0] for argument in arguments}
    command = next((argument for argument in arguments[1:] if not argument.startswith("-")), "")
    if command == "demo" and "--directory" not in options:
        return "nothing was kept; with --directory DIR it can be interrupted, and the same command goes on"
    return "the same command goes on where it was"


def _leave(code: int) -> NoReturn:
    if is_verbose():
        traceback.print_exc()
    raise SystemExit(code) from None


def _told(value: object) -> object:
    return value if value is None else with_flags(str(value))


def _say(name: str, what: str, **details: object) -> None:
    """An error as a person or a program reads it; parts that do not apply are left out."""
    log = json_log()
    if log is not None:
        given = {label: str(value) for label, value in details.items() if value is not None and value != ""}
        log.error("error", error=name, text=what, **given)
        return
    print(f"error: {name}: {_printable(what)}", file=sys.stderr)
    for label, value in details.items():
        if value is not None and value != "":
            print(f"  {label:<9} {_printable(str(value))}", file=sys.stderr)


def _printable(text: str) -> str:
    """File names and cells come from others, and a terminal obeys what is not printable."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
