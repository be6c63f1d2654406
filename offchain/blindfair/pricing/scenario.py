"""The demo's data, divided and troubled in the open: who holds which records, and which of the offer are bad.

    table --make_scenario--> buyer's training 5 %, validation 10 %, test 30 %, offer 55 % of each class

Of a label that is a number or a count, the records above its median and the others are divided like two classes.

The buyer is small, the test set belongs to neither party, and only the offer is troubled: a share of its labels is
made wrong, of two classes flipped (`spoilt_labels`), then copies of some of its records are added (of wrong ones too)
and all is shuffled. `Truth` says which; neither party sees it. Not here: scores and choices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Integers
from blindfair.influence.features import as_numbers
from blindfair.influence.label import LabelKind, NumberTarget, choose_label_kind, read_classes
from blindfair.influence.table import Table
from blindfair.pricing.spoilt_labels import spoilt_labels
from blindfair.protocol.errors import InvalidOption, LabelUnusable, NoRecords
from blindfair.protocol.records import Cell, Row

TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE = 0.05, 0.10, 0.30
RECORDS_NEEDED = 200
"""Fewer give a validation set too small to judge an offer by."""

CLASS_NEEDED = 20
"""Records of the rarest class: each part then has at least one."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The demo's knowledge of each of the `n` offered records.

    `flipped` (`n` bool): its label is wrong. `original` (`n` int64): the number of the offered record that it is a
    copy of, its own number if it is not a copy.
    """

    flipped: NDArray[np.bool_]
    original: Integers

    @property
    def duplicate(self) -> NDArray[np.bool_]:
        """Which records are copies of another, `n` bool."""
        return np.asarray(self.original != np.arange(self.original.size), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Scenario:
    """The four parts, as rows in the table's column order, and the truth about the offer."""

    columns: tuple[str, ...]
    label: str
    label_kind: LabelKind
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    offer: tuple[Row, ...]
    test: tuple[Row, ...]
    truth: Truth


def make_scenario(
    table: Table,
    seed: int,
    *,
    flip_share: float = 0.3,
    duplicate_share: float = 0.1,
    label_kind: LabelKind | None = None,
) -> Scenario:
    """Divide and trouble a table. The same table, seed and shares give the same scenario on every machine.

    `flip_share` of the offered records get a wrong label; `duplicate_share` times their number of copies are added.
    The label is of `label_kind`, or of the kind that `choose_label_kind` finds. Raises InvalidOption for a share
    outside 0 ... 0.9, NoRecords for fewer than 200 records, LabelUnusable for a label that is not of its kind, and for
    fewer than 20 records of one class, or with a number above the median, or not above it.
    """
    for name, share in (("flipped labels", flip_share), ("duplicates", duplicate_share)):
        if not 0 <= share <= 0.9:
            raise InvalidOption(f"The share of {name} is out of range", expected="0 ... 0.9", found=share)
    kind = choose_label_kind(table.labels()) if label_kind is None else label_kind
    rng = np.random.default_rng(seed)
    train, validation, test, offer = _divide(table, kind, rng)
    place = table.columns.index(table.label)
    labels, flipped = spoilt_labels([row[place] for row in offer], kind, flip_share, rng)
    rows = [(*row[:place], label, *row[place + 1 :]) for row, label in zip(offer, labels, strict=True)]
    copied = rng.choice(len(offer), round(duplicate_share * len(offer)), replace=False)
    sources = np.concatenate([np.arange(len(offer)), copied])
    order = rng.permutation(sources.size)
    # Of equal records the one listed first is the original, whichever was there before the shuffle.
    first: dict[int, int] = {}
    original = np.array([first.setdefault(int(source), number) for number, source in enumerate(sources[order])])
    return Scenario(
        table.columns,
        table.label,
        kind,
        train,
        validation,
        tuple(rows[source] for source in sources[order]),
        test,
        Truth(flipped[sources[order]], original.astype(np.int64)),
    )


def _divide(table: Table, kind: LabelKind, rng: np.random.Generator) -> tuple[tuple[Row, ...], ...]:
    if len(table.rows) < RECORDS_NEEDED:
        raise NoRecords(
            "The table is too small to divide",
            expected=f"at least {RECORDS_NEEDED} records",
            found=len(table.rows),
            hint="buyer, seller and test set need a part each; use a larger table",
        )
    parts: list[list[int]] = [[], [], [], []]
    for members in _strata(table, kind):
        shares = (TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE)
        ends = np.cumsum([max(1, round(share * members.size)) for share in shares])
        for part, numbers in zip(parts, np.split(rng.permutation(members), ends), strict=True):
            part.extend(numbers.tolist())
    return tuple(tuple(table.rows[number] for number in rng.permutation(part)) for part in parts)


def _strata(table: Table, kind: LabelKind) -> list[Integers]:
    """The records of each class, or with the lower and the upper numbers: each part gets its share. Raises
    LabelUnusable."""
    labels = table.labels()
    if kind is LabelKind.CLASSES:
        read_classes(labels, table.label)
        by_class: dict[Cell, list[int]] = {}
        for number, label in enumerate(labels):
            by_class.setdefault(label, []).append(number)
        classes = sorted(by_class, key=repr)
        for value in classes:
            _check_enough(len(by_class[value]), f"Class {value!r} is too rare to divide", "some of it")
        return [np.array(by_class[value], dtype=np.int64) for value in classes]
    NumberTarget.infer(kind, labels, table.label)
    numbers = as_numbers(labels)
    middle = np.median(numbers)
    # Where many records have the median itself, one of the two may leave nothing on a side.
    above = max(numbers > middle, numbers >= middle, key=lambda upper: min(upper.sum(), (~upper).sum()))
    parts = [np.flatnonzero(side).astype(np.int64) for side in (~above, above)]
    _check_enough(
        min(part.size for part in parts), f"Too few records have another {table.label!r} than most", "some of them"
    )
    return parts


def _check_enough(records: int, what: str, some: str) -> None:
    if records < CLASS_NEEDED:
        raise LabelUnusable(
            what,
            expected=f"at least {CLASS_NEEDED} records",
            found=records,
            hint=f"buyer, seller and test set need {some} each; use a larger table or another label",
        )
