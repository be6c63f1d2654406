"""What the code quotes of the protocol is there: `PROTOCOL 6.3` is a numbered item of docs/reference/protocol.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
QUOTE = re.compile(r"PROTOCOL ((?:\d+(?:\.\d+)?(?:(?:, | and | - |-)(?=\d))?)+)")
SOURCES = [
    path
    for folder, suffix in (
        ("offchain", ".py"),
        ("contracts", ".sol"),
        ("tests", ".py"),
        ("scripts", ""),
        ("docs", ".md"),
    )
    for path in sorted((ROOT / folder).rglob(f"*{suffix}"))
    if path.is_file() and "__pycache__" not in path.parts and path != Path(__file__)
]


def sections(text: str) -> set[str]:
    """`6` for the heading `## 6. ...`, `6.3` for item `3.` of a list below it."""
    found: set[str] = set()
    section = ""
    for line in text.splitlines():
        if heading := re.match(r"## (\d+)\. ", line):
            section = heading.group(1)
            found.add(section)
        elif (item := re.match(r"(\d+)\. ", line)) and section:
            found.add(f"{section}.{item.group(1)}")
    return found


def quotes(text: str) -> set[str]:
    """Every number in `PROTOCOL 4.1, 5.2 - 5.4`, also where the quote goes on in the next line of a comment."""
    joined = re.sub(r"\n\s*(?:#|//+|\*)?\s*", " ", text)
    return {number for quote in QUOTE.finditer(joined) for number in re.findall(r"\d+(?:\.\d+)?", quote.group(1))}


SECTIONS = sections((ROOT / "docs" / "reference" / "protocol.md").read_text(encoding="utf-8"))


def test_the_protocol_has_the_sections_that_we_think() -> None:
    assert {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} <= SECTIONS
    assert {"4.1", "4.6", "5.1", "5.7", "6.1", "6.6"} <= SECTIONS
    assert not {"10", "4.9", "5.8", "6.9", "7.1"} & SECTIONS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(PROTOCOL 6.3)", {"6.3"}),
        ("see PROTOCOL 4.1, 5.2 - 5.4.", {"4.1", "5.2", "5.4"}),
        ("PROTOCOL 2, 3", {"2", "3"}),
        ("PROTOCOL 3, 6 and 7 are", {"3", "6", "7"}),
        ("# as PROTOCOL\n    # 6.9 says", {"6.9"}),
        ("PROTOCOL 6.3, 65 bytes", {"6.3", "65"}),
        ("the protocol 6.3", set()),
    ],
)
def test_quotes_are_found(text: str, found: set[str]) -> None:
    assert quotes(text) == found


def test_every_quote_is_in_the_protocol() -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(missing)
        for path in SOURCES
        if (missing := quotes(path.read_text(encoding="utf-8", errors="replace")) - SECTIONS)
    }
    assert wrong == {}


def test_the_package_quotes_the_protocol() -> None:
    package = ROOT / "offchain" / "blindfair" / "protocol"
    quoted = {number for path in package.rglob("*.py") for number in quotes(path.read_text(encoding="utf-8"))}
    assert len(quoted) > 20
