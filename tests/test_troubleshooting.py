"""The page on troubleshooting names errors, exit codes and messages as the program has them."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from blindfair.cli.flags import with_flags
from blindfair.protocol import errors

ROOT = Path(__file__).parents[1]
(FOUND,) = (ROOT / "docs").rglob("troubleshooting.md")
PAGE = FOUND.read_text(encoding="utf-8")
HEADING = re.compile(r"### `(\w+)` \((\d+)\): (.+)")
"""``### `MalformedTable` (10): Line 3 has another number of cells``."""

ENTRIES = [line for line in PAGE.splitlines() if line.startswith("### ")]
FEWEST_LITERALS = 10
"""Characters of a message that the source holds as they are; a message of values alone would match any heading."""


@cache
def messages() -> dict[str, list[re.Pattern[str]]]:
    """What each error may say: the first argument of every call of its class, values of f-strings as any text."""
    found: dict[str, list[re.Pattern[str]]] = {}
    for path in (ROOT / "offchain" / "blindfair").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: statement.value
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := _name(node.func)) in (*errors.__all__, *ALIASES):
                text = node.args[0] if node.args else None
                if isinstance(text, ast.Name):
                    text = constants.get(text.id)
                if text is not None:
                    found.setdefault(ALIASES.get(name, name), []).extend(_patterns(text))
    return found


ALIASES = {"error": "InvalidOption"}
"""Parameters that stand for an error's class, with the class that the page names."""


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _patterns(text: ast.expr) -> Iterator[re.Pattern[str]]:
    if isinstance(text, ast.IfExp):
        yield from _patterns(text.body)
        yield from _patterns(text.orelse)
        return
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    literals = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if sum(map(len, literals)) >= FEWEST_LITERALS and len(literals) + sum(
        isinstance(part, ast.FormattedValue) for part in parts
    ) == len(parts):
        pieces = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
        yield _whole(pieces)
        # A heading may leave out what follows the message's last colon.
        for place, piece in enumerate(pieces):
            if piece is not None and ": " in piece:
                yield _whole([*pieces[:place], piece[: piece.rindex(": ")]])


def _whole(pieces: Sequence[str | None]) -> re.Pattern[str]:
    # The page has the messages as the commands show them, where the name of an option stands without its marks.
    shown = with_flags("".join("\0" if piece is None else piece for piece in pieces)).replace("`\0`", "\0")
    return re.compile(re.escape(shown).replace(re.escape("\0"), ".+"))


def test_the_page_has_entries_of_every_kind() -> None:
    assert len(ENTRIES) >= 40
    named = {found.group(1) for entry in ENTRIES if (found := HEADING.fullmatch(entry))}
    assert named >= {"MalformedTable", "KindsDiffer", "NodeFailure", "WrongPassword", "CannotWrite", "StoreInUse"}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_names_an_error_its_exit_code_and_a_message_that_it_has(entry: str) -> None:
    found = HEADING.fullmatch(entry)
    assert found, entry
    name, code, message = found.groups()
    assert getattr(errors, name).exit_code == int(code)
    assert any(pattern.fullmatch(message) for pattern in messages()[name]), f"no {name} says: {message}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_says_what_to_do(entry: str) -> None:
    body = PAGE.split(f"{entry}\n", 1)[1].split("\n#", 1)[0]
    assert len(body.split()) >= 5, entry
