"""The buyer's own records: one table, divided into training and validation, or one table for each."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from blindfair.influence.frames import Frame
from blindfair.influence.images.images import ImageSource, read_images
from blindfair.influence.label import LabelKind, choose_label_kind
from blindfair.influence.reading import ColumnReading
from blindfair.influence.table import Table, read_table
from blindfair.protocol.errors import InvalidOption, MalformedTable
from blindfair.protocol.records import Row
from blindfair.protocol.schema import Schema

Source = TypeVar("Source")
"""A file, or a data frame."""

OWN, TRAIN, VALIDATION = "own.csv", "train.csv", "validation.csv"
"""The copies in the buyer's directory."""

_TRAIN_SHARE = 1 / 3
"""The share of training records, as in the demo: validation records measure quality, and there should be more."""


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """Rows in the order of `columns`, without those that are left out; `readings` tell by the table's name how its
    columns were read."""

    columns: tuple[str, ...]
    label: str
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    left_out: tuple[str, ...] = ()
    readings: Mapping[str, tuple[ColumnReading, ...]] = field(default_factory=dict)

    def beside(self, listed: Schema) -> "OwnRecords":
        """Return the records with the listing's columns that no model reads, all cells missing where they lack one:
        cells as written, files, identifiers."""
        own = {unicodedata.normalize("NFC", name) for name in self.columns}
        added = tuple(name for name in listed.unscored if unicodedata.normalize("NFC", name) not in own)

        def widened(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple((*row, *(None for _ in added)) for row in rows)

        return replace(
            self, columns=(*self.columns, *added), train=widened(self.train), validation=widened(self.validation)
        )


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Options for reading the buyer's tables.

    Its model reads no column of `exclude`, whether the listing has it or not. The cells of `text` are read as they are
    written. With `images` the tables are images with labels."""

    label: str
    exclude: list[str]
    seed: int
    text: list[str] = field(default_factory=list)
    images: bool = False

    def read(self, tables: Mapping[str, Path | str | Frame | ImageSource]) -> OwnRecords:
        """Read one table named `OWN`, or two named `TRAIN` and `VALIDATION`.

        Raises what `read_table` or `read_images` raises, InvalidOption, MalformedTable for columns that differ.
        """
        read = {name: self._read(source) for name, source in tables.items()}
        if OWN in read:
            table = read[OWN]
            train, validation = _divided(table, self.seed)
        else:
            table = read[TRAIN]
            if read[VALIDATION].columns != table.columns:
                raise MalformedTable(
                    "Training and validation records have different columns",
                    expected=", ".join(table.columns[:12]),
                    found=", ".join(read[VALIDATION].columns[:12]),
                    hint="write the same columns in the same order into both",
                )
            train, validation = table.rows, read[VALIDATION].rows
        readings = {name: each.readings for name, each in read.items()}
        return OwnRecords(table.columns, self.label, train, validation, tuple(self.exclude), readings)

    def _read(self, source: Path | str | Frame | ImageSource) -> Table:
        if self.images or isinstance(source, tuple):
            return read_images(source, self.label).table()
        return read_table(source, self.label, exclude=self.exclude, text=self.text)


def chosen_tables(own: Source | None, train: Source | None, validation: Source | None) -> dict[str, Source]:
    """Return the given tables by their names. Raises InvalidOption unless it is `own` alone or both others."""
    if own is not None and train is None and validation is None:
        return {OWN: own}
    if own is None and train is not None and validation is not None:
        return {TRAIN: train, VALIDATION: validation}
    raise InvalidOption(
        "The buyer's own records are given in one of two ways",
        expected="`own`, or `train` and `validation`",
        found="a mixture, or nothing",
        hint="`own` is divided into the two by itself",
    )


def _divided(table: Table, seed: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Training and validation records, each class divided alike; the same for the same table and seed.

    Labels that are numbers have no classes: all records are divided at once.
    """
    rng = np.random.default_rng(seed)
    labels = table.labels()
    is_number = choose_label_kind(labels) is LabelKind.NUMBER
    train: set[int] = set()
    for value in [None] if is_number else sorted(set(labels), key=repr):
        members = [number for number, label in enumerate(labels) if is_number or label == value]
        train.update(rng.permutation(members)[: max(1, round(_TRAIN_SHARE * len(members)))].tolist())
    rows = list(enumerate(table.rows))
    return (
        tuple(row for number, row in rows if number in train),
        tuple(row for number, row in rows if number not in train),
    )
