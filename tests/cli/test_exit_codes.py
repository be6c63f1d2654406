"""The exit codes that the pages promise are those of the program."""

import re
from pathlib import Path

from blindfair.cli import ending
from blindfair.protocol import errors

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands-overview.md"


def documented() -> dict[str, list[int]]:
    """Codes of every error that a row of the table names."""
    table = PAGE.read_text(encoding="utf-8").partition("## Exit codes that a trader meets")[2].partition("\n## ")[0]
    found: dict[str, list[int]] = {}
    for codes, meaning in re.findall(r"^\| ([\d, -]+) \| (.*) \|$", table, re.MULTILINE):
        for name in re.findall(r"`([A-Z]\w+)`", meaning):
            low, *rest = (int(code) for code in re.findall(r"\d+", codes))
            found[name] = [*range(low, rest[0] + 1)] if " - " in codes else [low, *rest]
    return found


def test_every_error_that_is_named_has_its_code() -> None:
    codes = documented()
    assert len(codes) >= 12
    for name, allowed in codes.items():
        assert getattr(errors, name).exit_code in allowed, name


def test_the_other_ends_have_theirs() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Exit codes that a trader meets")[2]
    for code in (ending.USAGE, ending.NOT_OK, ending.BUG, ending.INTERRUPTED, ending.TERMINATED):
        assert re.search(rf"^\| (?:\d+, )?{code}(?:, \d+)? \|", table, re.MULTILINE), code
