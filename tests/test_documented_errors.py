"""The page that promises all exit codes has every error of the program with its code."""

import re
from pathlib import Path

import pytest

from blindfair.protocol import errors

(TROUBLESHOOTING,) = (Path(__file__).parents[1] / "docs").rglob("troubleshooting.md")
PROMISE = re.compile(r"All exit codes: \[[^]]+\]\(([^)#]+)")
CODES = re.compile(r"^(?:\| |- \*\*)(\d+)(?: - (\d+)|((?:, \d+)*))(?: \||\*\*)(.*)$", re.MULTILINE)
"""``| 14 - 18 | `LabelMissing`, ... |``, ``| 37, 39 | ... |`` or ``- **10** `InputError`: ...``."""


def documented() -> dict[str, set[int]]:
    """The codes beside which the page names each error."""
    link = PROMISE.search(TROUBLESHOOTING.read_text(encoding="utf-8"))
    assert link, "the page on troubleshooting does not say where all exit codes are"
    page = (TROUBLESHOOTING.parent / link.group(1)).read_text(encoding="utf-8")
    found: dict[str, set[int]] = {}
    for low, high, more, text in CODES.findall(page):
        codes = {*range(int(low), int(high or low) + 1), *map(int, re.findall(r"\d+", more))}
        for name in re.findall(r"`([A-Z]\w+)`", text):
            found.setdefault(name, set()).update(codes)
    return found


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "BlindfairError"])
def test_the_page_of_all_exit_codes_has_every_error(name: str) -> None:
    """`BlindfairError` itself is never raised."""
    assert getattr(errors, name).exit_code in documented().get(name, set())
