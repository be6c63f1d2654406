"""One column as features: a standardised number, or one feature for each of a few categories. Unseen values never fail.

Not here: which columns are used and how the features are put together (`encoding`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.robust import RARE, robust_statistics
from blindfair.protocol.documents import SAFE_INTEGER, Document, JsonValue
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields
from blindfair.protocol.records import Cell, PlainCell
from blindfair.protocol.schema import NAME_LIMIT

BOUND = 8.0
"""Standardised numbers are clipped to +-8: one absurd cell then does not use up the 12 bits of a gradient row."""

CATEGORY_LIMIT = 16
"""Categories of a column that get a feature of their own; the rest share one."""

_CATEGORY_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NumberFeature:
    """`(x - centre) / scale`, clipped to +-`BOUND`; a cell that is no number counts as missing and gives 0, the centre.

    With `flags_missing` a second feature is 1 where the cell was missing. All arithmetic is IEEE double precision one
    cell at a time, so seller and buyer get equal bits.
    """

    column: str
    centre: float
    scale: float
    flags_missing: bool

    @classmethod
    def infer(cls, column: str, cells: Sequence[Cell]) -> "NumberFeature | None":
        """Robust and rounded centre and scale of the numbers among the cells (`robust`).

        None where the numbers do not vary, or are fewer than `RARE`. Missing cells are flagged if there are `RARE`.
        """
        numbers = as_numbers(cells)
        statistics = robust_statistics(numbers[np.isfinite(numbers)].tolist())
        if statistics is None:
            return None
        return cls(column, *statistics, int(np.isnan(numbers).sum()) >= RARE)

    @property
    def names(self) -> list[str]:
        """A name for each feature, in order."""
        return [self.column, f"{self.column} missing"] if self.flags_missing else [self.column]

    def encode(self, cells: Sequence[Cell]) -> Floats:
        """`n` cells as `n` x 1 or 2 numbers. Never fails."""
        numbers = as_numbers(cells)
        missing = np.isnan(numbers)
        with np.errstate(over="ignore"):
            scaled = (np.where(missing, self.centre, numbers) - self.centre) / self.scale
        features = [np.clip(scaled, -BOUND, BOUND)]
        if self.flags_missing:
            features.append(missing.astype(np.float64))
        return np.column_stack(features)

    def to_document(self) -> Document:
        """The feature as a part of the schema's document."""
        return {
            "centre": self.centre,
            "column": self.column,
            "kind": "number",
            "missing": self.flags_missing,
            "scale": self.scale,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> "NumberFeature":
        """Raises MalformedMessage, also for a scale that is not above zero."""
        feature = cls(
            fields.text("column", NAME_LIMIT), fields.number("centre"), fields.number("scale"), fields.flag("missing")
        )
        fields.done()
        if not feature.scale > 0:
            raise MalformedMessage("a scale is not above zero", expected="> 0", found=feature.scale)
        return feature


@dataclass(frozen=True, slots=True)
class CategoryFeature:
    """One feature for each of `values`, 1 where the cell equals it, and a last one for every other value."""

    column: str
    values: tuple[PlainCell, ...]

    @classmethod
    def infer(cls, column: str, cells: Sequence[Cell]) -> "CategoryFeature | None":
        """The most frequent values, `CATEGORY_LIMIT` at most, each of `RARE` cells or more; none where all agree.

        A missing cell is a value like any other. Ties go to the smaller value: the order of records does not matter.
        """
        counts = Counter(_key(cell) for cell in cells)
        usable = [key for key, count in counts.items() if count >= RARE and _is_category(key[1])]
        if not usable or len(counts) < 2:
            return None
        ranked = sorted(usable, key=lambda key: (-counts[key], key))[:CATEGORY_LIMIT]
        return cls(column, tuple(value for _, value in sorted(ranked)))

    @property
    def names(self) -> list[str]:
        """A name for each feature, in order."""
        return [f"{self.column} = {_shown(value)}" for value in self.values] + [f"{self.column} = other"]

    def encode(self, cells: Sequence[Cell]) -> Floats:
        """`n` cells as `n` x `len(values) + 1` zeros and ones. Never fails."""
        places = {_key(value): place for place, value in enumerate(self.values)}
        found = [places.get(_key(cell), len(places)) for cell in cells]
        return np.eye(len(places) + 1)[found].reshape(len(cells), len(places) + 1)

    def to_document(self) -> Document:
        """The feature as a part of the schema's document."""
        values: list[JsonValue] = list(self.values)
        return {"column": self.column, "kind": "category", "values": values}

    @classmethod
    def from_fields(cls, fields: Fields) -> "CategoryFeature":
        """Raises MalformedMessage, also for values that are repeated, too long or no cells."""
        column = fields.text("column", NAME_LIMIT)
        values = category_values(fields.items("values", CATEGORY_LIMIT))
        fields.done()
        return cls(column, values)


def category_values(values: Sequence[JsonValue]) -> tuple[PlainCell, ...]:
    """The values of a document as cells. Raises MalformedMessage where one is no category or is there twice."""
    cells: list[PlainCell] = []
    for value in values:
        if isinstance(value, list | dict) or not _is_category(value):
            raise MalformedMessage(
                "a category is not a value of a cell",
                expected=f"text of at most {_CATEGORY_LENGTH} characters, a number, true, false or null",
                found=type(value).__name__,
            )
        cells.append(value)
    if len({_key(cell) for cell in cells}) != len(cells):
        raise MalformedMessage("a category is there twice")
    return tuple(cells)


def same_value(one: Cell, other: Cell) -> bool:
    """Whether two cells are the same category: 1 and 1.0 are, 1 and true are not."""
    return _key(one) == _key(other)


def kind_of(cell: Cell) -> str:
    """Return the kind of a cell: missing, truth, text, array or number."""
    return _key(cell)[0]


def is_number(cell: Cell) -> bool:
    """Whether a cell holds an amount; true and false do not."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def as_numbers(cells: Sequence[Cell]) -> Floats:
    """`n` cells as doubles: NaN for what is no number, infinite for what a double does not hold."""
    return np.array([_as_number(cell) for cell in cells], dtype=np.float64)


def _as_number(cell: Cell) -> float:
    if not isinstance(cell, int | float):
        return math.nan
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def _key(cell: Cell) -> tuple[str, Any]:
    # Keys sort: values are compared only with values of the same kind.
    if cell is None:
        return ("missing", None)
    if isinstance(cell, bool):
        return ("truth", cell)
    if isinstance(cell, bytes):
        return ("array", cell)
    return ("text", cell) if isinstance(cell, str) else ("number", cell)


def _is_category(value: Cell) -> bool:
    if isinstance(value, str):
        return len(value) <= _CATEGORY_LENGTH
    if isinstance(value, int | float):
        return abs(value) <= SAFE_INTEGER
    return value is None


def _shown(value: Cell) -> str:
    return "missing" if value is None else value if isinstance(value, str) and value.isprintable() else ascii(value)
