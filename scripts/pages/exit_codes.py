"""The reference page of exit codes, from the tree of errors and the ends that are no named error."""

import inspect

from wrapped import bullet

from blindfair.cli import ending
from blindfair.protocol import errors
from blindfair.protocol.errors import BlindfairError

HEAD = """\
# Exit codes

This page is for people who call `blindfair` from scripts, and lists every code that it can end with.
`scripts/docs reference` writes it from the errors in `offchain/blindfair/protocol/errors/`.
Codes are stable: scripts may rely on them.
An error prints what went wrong, what was expected, what was found, and a hint.
[Troubleshooting](../how-to/troubleshooting.md) says what to type next.

## Without a named error

"""

OTHERS = {
    0: "Done.",
    ending.USAGE: "The command line is wrong: an unknown option, or one that is missing.",
    ending.NOT_OK: "`blindfair doctor` found something that is not ok.",
    ending.BUG: "This is a bug of the program: run it again with `-v` and report what it prints.",
    ending.INTERRUPTED: "It was interrupted by Ctrl-C: the same command goes on where it was.",
    ending.TERMINATED: "It was terminated by SIGTERM: the same command goes on where it was.",
}


def named_errors(family: type[BlindfairError]) -> list[type[BlindfairError]]:
    """The family's head and every error below it, by exit code."""
    found = [family]
    for below in family.__subclasses__():
        found += named_errors(below)
    public = [error for error in found if getattr(errors, error.__name__, None) is error]
    return sorted(set(public), key=lambda error: error.exit_code)


def exit_codes_page() -> str:
    """The whole page, in Markdown: one list a family of errors."""
    text = HEAD + "".join(bullet(f"**{code}**", meaning) for code, meaning in OTHERS.items())
    for family in sorted(BlindfairError.__subclasses__(), key=lambda error: error.exit_code):
        if getattr(errors, family.__name__, None) is not family:
            continue
        text += f"\n## {family.__name__}\n\n"
        text += "".join(
            bullet(f"**{error.exit_code}** `{error.__name__}`", first_line(error)) for error in named_errors(family)
        )
    return text


def first_line(error: type[BlindfairError]) -> str:
    """The first line of the error's docstring. Raises LookupError for none."""
    doc = inspect.getdoc(error) if "__doc__" in vars(error) and error.__doc__ else None
    if doc is None:
        raise LookupError(f"{error.__name__} has no docstring")
    return doc.split("\n\n")[0].replace("\n", " ")
