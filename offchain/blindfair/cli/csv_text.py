"""Tables as CSV, the way this program writes them everywhere: UTF-8, line feeds, missing values as empty cells.

Cells are written as they are, also those that a spreadsheet would run as formulas: who bought a record gets its bytes.
`formulas` counts these, for a warning.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

_RECORD = "record"
"""The column of the records' numbers."""

_QUOTED = re.compile(r'[",\r\n]')
_SPREADSHEET_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Texts that a spreadsheet takes for a number, also where this program reads a code, as in -007."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which spreadsheets know a formula; blanks before them are passed over by some."""


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A header and rows as the bytes of a file."""
    return b"".join(csv_lines(header, rows))


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The same line by line."""
    return (_line(row).encode() for row in chain((header,), rows))


def _line(row: Sequence[object]) -> str:
    # Not by `csv`: before Python 3.11.9 and 3.12.3 it leaves a lone carriage return without quotes, and readers end the
    # record there.
    cells = ["" if cell is None else str(cell) for cell in row]
    if cells == [""]:
        return '""\n'
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


def formulas(header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Count the cells, with names of columns, that a spreadsheet may run as formulas. Numbers are not counted."""
    return sum(is_formula(cell) for row in chain((header,), rows) for cell in row if isinstance(cell, str))


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet may take a text for a formula.

    >>> is_formula("=1+1"), is_formula("-5.0"), is_formula("@name")
    (True, False, True)
    """
    return (
        cell.lstrip(" ").startswith(_FORMULA)
        and len(cell.strip()) > 1
        and not _SPREADSHEET_NUMBER.fullmatch(cell.strip())
    )


def number_name(columns: Sequence[str]) -> str:
    """A name for the column of the records' numbers that none of the listing's columns has."""
    name = _RECORD
    while name in columns:
        name += " number" if name == _RECORD else "'"
    return name
