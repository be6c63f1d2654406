"""From the texts of a CSV column to typed cells: integers, floats or texts, one type for a whole column.

Not here: the file (`table`), and how cells become features (`encoding`).
"""

import math
import re
from collections.abc import Sequence

from blindfair.protocol.documents import SAFE_INTEGER
from blindfair.protocol.errors import MalformedTable
from blindfair.protocol.records import Cell

MISSING = frozenset({"", "na", "nan", "null", "?"})
"""What stands for a missing value, in any case and with blanks around it."""

# A leading zero makes a text: "007" is a code, and as a number it would not be written back as it was.
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)


def typed_column(name: str, texts: Sequence[str]) -> list[Cell]:
    """The cells of a column, all of one type but for missing values, which become `None`.

    Integers if all are integers that a double holds exactly; floats if all are decimal numbers; else texts, unchanged.
    Longer integers are numbers of things, not amounts, and stay texts. Raises MalformedTable where a column of numbers
    holds one that is not finite.
    """
    stripped = [text.strip() for text in texts]
    present = [text for text in stripped if text.casefold() not in MISSING]
    if all(_INTEGER.fullmatch(text) for text in present):
        # The length is looked at first: reading a number of a million digits takes minutes.
        if all(len(text) <= 17 and abs(int(text)) <= SAFE_INTEGER for text in present):
            return [None if text.casefold() in MISSING else int(text) for text in stripped]
    elif all(_FLOAT.fullmatch(text) or _INFINITE.fullmatch(text) for text in present):
        return [None if text.casefold() in MISSING else _finite(name, text) for text in stripped]
    return [None if text.strip().casefold() in MISSING else text for text in texts]


def _finite(name: str, text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedTable(
            f"Column {name!r} holds a number that is not finite",
            expected="finite numbers",
            found=text[:40],
            hint="write missing values as empty cells",
        )
    return value
