"""The label of a record: one of a few classes, a number, or a count (PROTOCOL 2).

    labels --choose_label_kind--> kind --read_classes--> classes, coded 0, 1, ...
                                       --NumberTarget.infer--> centre and scale, coded as real numbers

Not here: the other columns (`features`), and what is lost on a wrong prediction (`linear_loss`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import Enum

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.features import BOUND, as_numbers, category_values, is_number
from blindfair.influence.refusal import unusable
from blindfair.influence.robust import DIGITS, RARE, robust_statistics
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import LabelMissing, LabelUnusable, MalformedMessage
from blindfair.protocol.fields import Fields
from blindfair.protocol.records import Cell, PlainCell

CLASSES_LIMIT = 64
"""Classes of a label at most."""

FEW_NUMBERS = 20
"""A label of more different numbers is read as a number, unless its owner says what it is."""

_SHOWN = 5


class LabelKind(Enum):
    """How a label is read."""

    CLASSES = "classes"
    """One of 2 ... `CLASSES_LIMIT` values."""

    NUMBER = "number"
    """An amount, learned by squared loss."""

    COUNT = "count"
    """A whole number from 0, learned by Poisson loss."""


@dataclass(frozen=True, slots=True)
class NumberTarget:
    """How a label that is a number is coded: `(y - centre) / scale` clipped to +-`BOUND`, a count with centre 0."""

    kind: LabelKind
    centre: float
    scale: float

    @classmethod
    def infer(cls, kind: LabelKind, cells: Sequence[Cell], label: str) -> "NumberTarget":
        """Robust and rounded centre and scale of a number; of a count 0 and a trimmed mean.

        That mean leaves out the `RARE - 1` largest counts, so that few records do not move it. Raises LabelUnusable
        where a cell is no number or no count, and where the labels hardly vary.
        """
        numbers = as_numbers(cells)
        if not all(map(is_number, cells)) or not np.isfinite(numbers).all():
            wrong = next(cell for cell, found in zip(cells, numbers, strict=True) if not _is_finite(cell, found))
            raise LabelUnusable(
                f"The label {label!r} is no number in every record",
                expected="finite numbers",
                found=ascii(wrong)[:40],
                hint="correct these records, or read the label as classes with `label_kind='classes'`",
            )
        if kind is LabelKind.COUNT:
            _check_counts(numbers, label)
            scale = _trimmed_mean(numbers)
            if scale is not None:
                return cls(kind, 0.0, scale)
        elif (statistics := robust_statistics(numbers.tolist())) is not None:
            return cls(kind, *statistics)
        raise LabelUnusable(
            f"The label {label!r} varies too little to be learned as a {kind.value}",
            expected=f"at least {RARE} records that differ from the others",
            found=f"{len(set(numbers.tolist()))} different values in {len(cells)} records",
            hint="take more records, or read the label as classes with `label_kind='classes'`",
        )

    def encode(self, cells: Sequence[Cell]) -> Floats:
        """`n` numbers as `n` real ones within +-`BOUND`. Cells must be numbers."""
        with np.errstate(over="ignore"):
            return np.clip((as_numbers(cells) - self.centre) / self.scale, -BOUND, BOUND)

    def takes(self, cell: Cell) -> bool:
        """Whether a cell is a label of this kind."""
        (number,) = as_numbers([cell])
        if not is_number(cell) or not math.isfinite(number):
            return False
        return self.kind is LabelKind.NUMBER or (number >= 0 and number == math.floor(number))

    @property
    def expected(self) -> str:
        """What labels of this kind are, for errors."""
        return "finite numbers" if self.kind is LabelKind.NUMBER else "whole numbers from 0"

    def to_document(self) -> Document:
        """The schema's `target`."""
        return {"centre": self.centre, "kind": self.kind.value, "scale": self.scale}

    @classmethod
    def from_fields(cls, fields: Fields) -> "NumberTarget":
        """Raises MalformedMessage, also for a scale that is not above zero and a count that is centred."""
        kind = LabelKind(fields.choice("kind", (LabelKind.NUMBER.value, LabelKind.COUNT.value)))
        target = cls(kind, fields.number("centre"), fields.number("scale"))
        fields.done()
        if not target.scale > 0:
            raise MalformedMessage("a scale is not above zero", expected="> 0", found=target.scale)
        if kind is LabelKind.COUNT and target.centre != 0:
            raise MalformedMessage("a count has a centre", expected=0, found=target.centre)
        return target


def choose_label_kind(labels: Sequence[Cell]) -> LabelKind:
    """Read more than `FEW_NUMBERS` different numbers as a number, and everything else as classes.

    >>> choose_label_kind([n / 7 for n in range(50)]).value, choose_label_kind([0, 1, 2]).value
    ('number', 'classes')
    """
    if all(map(is_number, labels)) and len(set(labels)) > FEW_NUMBERS:
        return LabelKind.NUMBER
    return LabelKind.CLASSES


def read_classes(labels: Sequence[Cell], label: str) -> tuple[PlainCell, ...]:
    """The classes of a label in order: numbers first, texts by code point.

    The classes become public: where there are more than two, each must be that of `RARE` records. Raises LabelUnusable.
    """
    counts = Counter(labels)
    found = sorted(counts, key=lambda cell: (isinstance(cell, str), cell if is_number(cell) else 0, str(cell)))
    are_numbers = len(found) > 2 and all(map(is_number, found))
    if not 2 <= len(found) <= CLASSES_LIMIT:
        raise LabelUnusable(
            f"The label {label!r} does not have 2 to {CLASSES_LIMIT} classes",
            expected=f"2 to {CLASSES_LIMIT} different values",
            found=f"{len(found)}: {', '.join(ascii(cell)[:40] for cell in found[:_SHOWN])}"
            + (", ..." if len(found) > _SHOWN else ""),
            hint="list it with `label_kind='number'`"
            if are_numbers
            else "name another column, or join its values to classes",
        )
    rare = [cell for cell in found if counts[cell] < RARE]
    if len(found) > 2 and rare:
        raise LabelUnusable(
            f"The label {label!r} has classes of very few records, which the public manifest would name",
            expected=f"at least {RARE} records of each class",
            found=", ".join(f"{ascii(cell)[:40]} in {counts[cell]}" for cell in rare[:_SHOWN]),
            hint="leave these records out, or join rare classes to one"
            + ("; if these are amounts, `label_kind='number'` or `label_kind='count'`" if are_numbers else ""),
        )
    with unusable("The classes of the label cannot be used"):
        return category_values([cell for cell in found if not isinstance(cell, bytes)])


def check_labelled(labels: Sequence[Cell], label: str) -> None:
    """Raises LabelMissing where a record has no label."""
    if None in labels:
        raise LabelMissing("A record has no label", expected=f"a value in column {label!r}")


def _is_finite(cell: Cell, number: float) -> bool:
    return is_number(cell) and math.isfinite(number)


def _check_counts(numbers: Floats, label: str) -> None:
    wrong = numbers[(numbers < 0) | (numbers != np.floor(numbers))]
    if wrong.size:
        raise LabelUnusable(
            f"The label {label!r} is no count in every record",
            expected="whole numbers from 0",
            found=f"{wrong[0]:g} and {wrong.size - 1} more",
            hint="list it with `label_kind='number'`",
        )


def _trimmed_mean(counts: Floats) -> float | None:
    """Rounded to `DIGITS`; none where fewer than `RARE` of the counts left are above 0, or all are equal."""
    kept = np.sort(counts)[: 1 - RARE]
    if np.count_nonzero(kept) < RARE or kept[0] == counts.max():
        return None
    context = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
    return float(context.create_decimal(Decimal(math.fsum(kept) / len(kept))))
