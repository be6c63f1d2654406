"""Turn the texts of a CSV column into typed cells: integers, floats or texts, one type for a whole column.

Not here: the file (`csv_file`), how a column was read (`reading`), and how cells become features (`encoding`).
"""

import difflib
import math
import re
import unicodedata
from collections.abc import Collection, Sequence

from blindfair.influence.spelling import option, shown
from blindfair.protocol.documents import SAFE_INTEGER
from blindfair.protocol.errors import InvalidOption, MalformedTable
from blindfair.protocol.records import Cell

MISSING = frozenset({"", "na", "nan", "null", "?"})
"""Words for a missing value, in upper or lower case and with blanks around them."""

# A leading zero makes a text: "007" is a code, not an amount.
INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)


def typed_column(name: str, texts: Sequence[str], lines: Sequence[int], *, as_text: bool = False) -> list[Cell]:
    """The cells of a column, all of one type but for missing values, which become `None`.

    Integers if all are integers that a double holds exactly; floats if all are decimal numbers; else texts, unchanged.
    Longer integers are numbers of things, not amounts, and stay texts. With `as_text` all cells are texts, and only an
    empty one is missing. `lines` are those of the file, for errors. Raises MalformedTable where a column of numbers
    holds one that is not finite.
    """
    if as_text:
        return [text or None for text in texts]
    stripped = [text.strip() for text in texts]
    present = [text for text in stripped if text.casefold() not in MISSING]
    if all(INTEGER.fullmatch(text) for text in present):
        if all(map(is_number_text, present)):
            return [None if text.casefold() in MISSING else int(text) for text in stripped]
    elif all(FLOAT.fullmatch(text) or INFINITE.fullmatch(text) for text in present):
        return [
            None if text.casefold() in MISSING else _finite(name, text, line)
            for text, line in zip(stripped, lines, strict=True)
        ]
    return [None if is_missing(text) else text for text in texts]


def check_excluded(columns: Sequence[str], exclude: Collection[str]) -> None:
    """Raises InvalidOption for a column to leave out that is not there, with a column that is spelt like it."""
    unknown = sorted(set(exclude) - set(columns))
    if not unknown:
        return
    named = [name for name in columns if name]
    raise InvalidOption(
        f"There is no column {shown(unknown[0])} to leave out",
        expected="one of the columns " + ", ".join(named[:12]) + (", ..." if len(named) > 12 else ""),
        found=", ".join(map(shown, unknown[:5])),
        hint=spelling_hint("exclude", unknown[0], named)
        or "check the spelling of `exclude`; the first line of the file has the names",
    )


def spelling_hint(keyword: str, name: str, columns: Sequence[str]) -> str:
    """The hint that names the column that is spelt most like a name, in any case; empty where none is like it.

    >>> spelling_hint("label", "Censs", ["age", "cens"])
    "check the spelling of `label`; is it 'cens'?"
    """
    folded = {_folded(column): column for column in columns}
    alike = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=0.75)
    if not alike:
        return ""
    found = folded[alike[0]]
    # Characters of several alphabets look the same.
    same = name.isascii() and found.isascii()
    return f"check the spelling of `{keyword}`; is it {shown(found) if same else ascii(found)}?"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def is_missing(text: str) -> bool:
    """Whether a text stands for a missing value."""
    return text.strip().casefold() in MISSING


def is_number_text(text: str) -> bool:
    """Whether a text without blanks around it is a number by itself: decimal, finite, exact if it is an integer."""
    if INTEGER.fullmatch(text):
        # The length is looked at first: reading a number of a million digits takes minutes.
        return len(text) <= 17 and abs(int(text)) <= SAFE_INTEGER
    return bool(FLOAT.fullmatch(text)) and math.isfinite(float(text))


def reads_as(text: str, cell: Cell) -> bool:
    """Whether a text reads as a cell that holds a number or is missing.

    >>> reads_as("250.00", 250.0), reads_as("NA", None), reads_as("007", 7)
    (True, True, False)
    """
    stripped = text.strip()
    if cell is None:
        return is_missing(text)
    if type(cell) is int:
        return bool(INTEGER.fullmatch(stripped)) and len(stripped) <= 17 and int(stripped) == cell
    return type(cell) is float and bool(FLOAT.fullmatch(stripped)) and float(stripped) == cell


def _finite(name: str, text: str, line: int) -> float:
    value = float(text)
    if math.isfinite(value):
        return value
    raise not_finite(name, text, line)


def not_finite(name: str, text: str, line: int) -> MalformedTable:
    """The error for a number in a column of numbers that is not finite, or larger than a double."""
    if INFINITE.fullmatch(text):
        return MalformedTable(
            f"Column {name!r} holds a number that is not finite",
            expected="finite numbers",
            found=f"{text[:40]} in line {line}",
            hint="write missing values as empty cells",
        )
    return MalformedTable(
        f"Column {name!r} holds a number that is larger than a double",
        expected="numbers of less than 1.8e308 in size, or codes that are read as text",
        found=f"{text[:40]} in line {line}",
        hint=f"if these are codes, read them as text: {option('text', [name])}",
    )
