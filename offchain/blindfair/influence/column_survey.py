"""What one column of a table holds, found batch by batch, and its cells by that: the same types as `columns` gives a
column that is read at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from blindfair.influence.columns import FLOAT, INFINITE, INTEGER, MISSING, is_number_text, not_finite
from blindfair.influence.written import cell_text
from blindfair.protocol.records import Cell

_LONGEST = max(map(len, MISSING))
_NUMBER, _TEXT_HEAD = 9, 5
"""Bytes in CBOR: of a number, and before the bytes of a text, both at most."""


class CellKind(Enum):
    """The type of a column's cells."""

    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    AS_WRITTEN = "as written"
    """Texts of which only an empty one is missing, as the column's owner said."""


@dataclass(slots=True)
class ColumnSurvey:
    """One column, as far as it was read."""

    name: str
    as_text: bool
    are_integers: bool = True
    are_exact: bool = True
    """Whether a double holds every number so far, if all are integers."""

    are_numbers: bool = True
    not_finite: tuple[str, int] | None = None
    """The first number that is not finite, with its line."""

    written: set[CellKind] = field(default_factory=set)
    """The types by which some cell would be written otherwise than the file has it."""

    longest: int = 0
    """Bytes of the longest cell in UTF-8."""

    longest_missing: int = 0
    """The same of the cells that stand for missing values."""

    @property
    def kind(self) -> CellKind:
        """The type of the cells, as far as the column was read."""
        if self.as_text:
            return CellKind.AS_WRITTEN
        if self.are_integers:
            return CellKind.INTEGER if self.are_exact else CellKind.TEXT
        return CellKind.FLOAT if self.are_numbers else CellKind.TEXT

    @property
    def is_written(self) -> bool:
        """Whether the listing keeps the cells as they were written beside those of this type."""
        return self.kind in self.written

    @property
    def most_bytes(self) -> int:
        """Bytes that a cell takes at most in a record, with what is kept of it as it was written."""
        text = self.longest + _TEXT_HEAD
        if self.kind in (CellKind.TEXT, CellKind.AS_WRITTEN):
            return text + (_TEXT_HEAD + self.longest_missing if self.is_written else 0)
        return _NUMBER + (text if self.is_written else 0)

    @property
    def more_bytes(self) -> int:
        """Bytes that a cell takes in a record besides those of its text, at most."""
        is_text = self.kind in (CellKind.TEXT, CellKind.AS_WRITTEN)
        return (_TEXT_HEAD if is_text else _NUMBER) + (_TEXT_HEAD if self.is_written else 0)

    def add(self, texts: Sequence[str], lines: Sequence[int]) -> int | None:
        """Look at more cells; return the place among them of the first that made the column one of texts."""
        self.longest = max(self.longest, *(len(text) if text.isascii() else len(text.encode()) for text in texts))
        if self.as_text:
            return None
        was = self.kind
        missing = [_is_missing(text) for text in texts]
        if words := [text for is_missing, text in zip(missing, texts, strict=True) if is_missing and text]:
            self.longest_missing = max(self.longest_missing, *(len(word.encode()) for word in words))
            self.written |= set(CellKind) - {CellKind.AS_WRITTEN}
        if not self.are_numbers:
            return None
        present = [place for place, is_missing in enumerate(missing) if not is_missing]
        stripped = [texts[place].strip() for place in present]
        self._narrow(stripped)
        if self.are_numbers:
            self._note(stripped, [texts[place] for place in present], [lines[place] for place in present])
        if was is CellKind.TEXT or self.kind is not CellKind.TEXT:
            return None
        return next(place for place, text in zip(present, stripped, strict=True) if not is_number_text(text))

    def _narrow(self, texts: Sequence[str]) -> None:
        if self.are_integers:
            self.are_integers = all(map(INTEGER.fullmatch, texts))
            self.are_exact = self.are_exact and (not self.are_integers or all(map(is_number_text, texts)))
        if not self.are_integers:
            self.are_numbers = self.are_numbers and all(
                FLOAT.fullmatch(text) or INFINITE.fullmatch(text) for text in texts
            )

    def _note(self, stripped: Sequence[str], texts: Sequence[str], lines: Sequence[int]) -> None:
        numbers = list(map(float, stripped))
        if self.not_finite is None and not all(map(math.isfinite, numbers)):
            place = next(place for place, number in enumerate(numbers) if not math.isfinite(number))
            self.not_finite = stripped[place], lines[place]
        if CellKind.FLOAT not in self.written and any(
            repr(number) != text for number, text in zip(numbers, texts, strict=True)
        ):
            self.written.add(CellKind.FLOAT)
        if (
            self.are_integers
            and self.are_exact
            and CellKind.INTEGER not in self.written
            and any(str(int(plain)) != text for plain, text in zip(stripped, texts, strict=True))
        ):
            self.written.add(CellKind.INTEGER)

    def check(self) -> None:
        """Raises MalformedTable where a column of numbers holds one that is not finite."""
        if self.kind is CellKind.FLOAT and self.not_finite is not None:
            raise not_finite(self.name, *self.not_finite)


def cells_of(texts: Sequence[str], kind: CellKind) -> list[Cell]:
    """The cells of texts that a survey has found to be of this kind.

    >>> cells_of(["5", " NA", "7.0"], CellKind.FLOAT), cells_of(["NA", ""], CellKind.AS_WRITTEN)
    ([5.0, None, 7.0], ['NA', None])
    """
    if kind is CellKind.AS_WRITTEN:
        return [text or None for text in texts]
    if kind is CellKind.TEXT:
        return [None if _is_missing(text) else text for text in texts]
    read = int if kind is CellKind.INTEGER else float
    return [None if _is_missing(text) else read(text) for text in texts]


def companion_cells(texts: Sequence[str], cells: Sequence[Cell]) -> list[Cell]:
    """The texts of cells that would be written otherwise, missing for the others."""
    return [None if cell_text(cell) == text else text for text, cell in zip(texts, cells, strict=True)]


def _is_missing(text: str) -> bool:
    # Most cells are longer than any word for a missing value, and case-folding long texts takes time.
    stripped = text.strip()
    return len(stripped) <= _LONGEST and stripped.casefold() in MISSING
