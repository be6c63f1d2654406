"""The demo's data, divided and troubled in the open: who holds which records, and which of the offer are bad.

    table --make_scenario--> buyer's training 5 %, validation 10 %, test 30 %, offer 55 % of each class

The buyer is small, the test set belongs to neither party, and only the offer is troubled: a share of its labels is
flipped, then copies of some of its records are added (of flipped ones too) and all is shuffled. `Truth` says which;
neither party sees it. Not here: scores and choices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Integers
from blindfair.influence.table import Table
from blindfair.protocol.errors import InvalidOption, LabelUnusable, NoRecords
from blindfair.protocol.records import Cell, Row

TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE = 0.05, 0.10, 0.30
RECORDS_NEEDED = 200
"""Fewer give a validation set too small to judge an offer by."""

CLASS_NEEDED = 20
"""Records of the rarer class: each part then has at least one."""


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
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    offer: tuple[Row, ...]
    test: tuple[Row, ...]
    truth: Truth


def make_scenario(table: Table, seed: int, *, flip_share: float = 0.3, duplicate_share: float = 0.1) -> Scenario:
    """Divide and trouble a table. The same table, seed and shares give the same scenario on every machine.

    `flip_share` of the offered records get the other label; `duplicate_share` times their number of copies are added.
    Raises InvalidOption for a share outside 0 ... 0.9, NoRecords for fewer than 200 records, LabelUnusable for a label
    that has not two classes, or fewer than 20 records of one.
    """
    for name, share in (("flipped labels", flip_share), ("duplicates", duplicate_share)):
        if not 0 <= share <= 0.9:
            raise InvalidOption(f"The share of {name} is out of range", expected="0 ... 0.9", found=share)
    rng = np.random.default_rng(seed)
    train, validation, test, offer = _divide(table, rng)
    place = table.columns.index(table.label)
    classes = sorted({row[place] for row in table.rows}, key=repr)
    flipped = np.zeros(len(offer), dtype=np.bool_)
    flipped[rng.choice(len(offer), round(flip_share * len(offer)), replace=False)] = True
    rows = [_relabelled(row, place, classes) if flip else row for row, flip in zip(offer, flipped, strict=True)]
    copied = rng.choice(len(offer), round(duplicate_share * len(offer)), replace=False)
    sources = np.concatenate([np.arange(len(offer)), copied])
    order = rng.permutation(sources.size)
    # Of equal records the one listed first is the original, whichever was there before the shuffle.
    first: dict[int, int] = {}
    original = np.array([first.setdefault(int(source), number) for number, source in enumerate(sources[order])])
    return Scenario(
        table.columns,
        table.label,
        train,
        validation,
        tuple(rows[source] for source in sources[order]),
        test,
        Truth(flipped[sources[order]], original.astype(np.int64)),
    )


def _divide(table: Table, rng: np.random.Generator) -> tuple[tuple[Row, ...], ...]:
    if len(table.rows) < RECORDS_NEEDED:
        raise NoRecords(
            "The table is too small to divide",
            expected=f"at least {RECORDS_NEEDED} records",
            found=len(table.rows),
            hint="buyer, seller and test set need a part each; use a larger table",
        )
    labels = table.labels()
    if len(set(labels)) != 2:
        raise LabelUnusable(
            f"The demo divides two classes, and column {table.label!r} has others",
            expected="2 different values",
            found=len(set(labels)),
            hint="name another column; seller list and buyer evaluate take more classes, and numbers",
        )
    parts: list[list[int]] = [[], [], [], []]
    for value in sorted(set(labels), key=repr):
        members = np.array([number for number, label in enumerate(labels) if label == value])
        if members.size < CLASS_NEEDED:
            raise LabelUnusable(
                f"Class {value!r} is too rare to divide",
                expected=f"at least {CLASS_NEEDED} records",
                found=members.size,
                hint="buyer, seller and test set need some of it each; use a larger table or another label",
            )
        shares = (TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE)
        ends = np.cumsum([max(1, round(share * members.size)) for share in shares])
        for part, numbers in zip(parts, np.split(rng.permutation(members), ends), strict=True):
            part.extend(numbers.tolist())
    return tuple(tuple(table.rows[number] for number in rng.permutation(part)) for part in parts)


def _relabelled(row: Row, place: int, classes: list[Cell]) -> Row:
    other = classes[1] if row[place] == classes[0] else classes[0]
    return (*row[:place], other, *row[place + 1 :])
