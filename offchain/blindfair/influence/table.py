"""A person's file or data frame as a table of typed records with a label.

Not here: the file (`table_file`), data frames (`frames`), typing of cells (`columns`), how each column was read
(`reading`), features (`encoding`), and the canonical bytes of records (`protocol.records`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blindfair.influence.columns import check_excluded, spelling_hint, typed_column
from blindfair.influence.csv_file import CsvTexts
from blindfair.influence.frames import Frame, frame_texts
from blindfair.influence.reading import ColumnReading, column_reading, read_kind
from blindfair.influence.spelling import option
from blindfair.influence.table_file import read_table_file
from blindfair.influence.written import cell_text, companion_name, written_cells
from blindfair.protocol.errors import (
    InvalidOption,
    LabelMissing,
    LabelUnusable,
    MalformedTable,
    TooLarge,
)
from blindfair.protocol.records import Cell, Row
from blindfair.protocol.schema import COLUMN_LIMIT, Column, ColumnKind, Schema


@dataclass(frozen=True, slots=True)
class Companion:
    """The texts of a column whose numbers would be written otherwise: `cells` are `n_records` texts or missing."""

    column: str
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The name of the column that holds them in a listing. Raises MalformedTable where it would be too long."""
        return companion_name(self.column)


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one width. `rows` is `n_records` x `len(columns)`; the label's cell is one of each row's.

    `companions` and `readings` tell how the file was written and read, and are no part of what is equal.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    label: str
    companions: tuple[Companion, ...] = field(default=(), compare=False)
    readings: tuple[ColumnReading, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        return f"Table({len(self.rows):,} records of {len(self.columns)} columns, label {self.label!r})"

    @property
    def listed_columns(self) -> tuple[str, ...]:
        """The columns of a listing of this table: its own, then the companions."""
        return (*self.columns, *(companion.name for companion in self.companions))

    def listed_rows(self) -> tuple[Row, ...]:
        """The rows of a listing of this table, `n_records` x `len(listed_columns)`."""
        if not self.companions:
            return self.rows
        texts = zip(*(companion.cells for companion in self.companions), strict=True)
        return tuple((*row, *more) for row, more in zip(self.rows, texts, strict=True))

    def alike_but_texts(self) -> int:
        """How many listed records differ from an earlier one only in how a number is written. Equal ones count once."""
        return len(set(self.listed_rows())) - len(set(self.rows))

    def texts(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """Some of the rows as the file has them, `n` x `len(columns)`; labels may have been changed since.

        Rows that differ in their texts alone look alike here, and get those of the first.
        """
        label = self.columns.index(self.label)
        places = [self.columns.index(companion.column) for companion in self.companions]
        numbers: dict[Row, int] = {}
        for number, row in enumerate(self.rows):
            numbers.setdefault((*row[:label], *row[label + 1 :]), number)
        found = []
        for row in rows:
            cells = list(map(cell_text, row))
            found_at = numbers.get((*row[:label], *row[label + 1 :]))
            for place, companion in zip(places, self.companions, strict=True):
                if found_at is None or (place == label and self.rows[found_at][label] != row[label]):
                    continue
                if (text := companion.cells[found_at]) is not None:
                    cells[place] = str(text)
            found.append(tuple(cells))
        return found

    def labels(self) -> list[Cell]:
        """The label of each record, in order."""
        place = self.columns.index(self.label)
        return [row[place] for row in self.rows]

    def identifiers(self) -> tuple[str, ...]:
        """The columns that look like names or numbers of records: texts or integers, all different.

        Empty cells may repeat, as long as half of the cells are filled. Of equal rows the first alone counts.
        """
        return tuple(
            name
            for name, cells in zip(self.columns, zip(*dict.fromkeys(self.rows), strict=True), strict=True)
            if name != self.label and identifies(cells)
        )

    def schema(self, unscored: Collection[str] = ()) -> Schema:
        """The columns as a manifest names them (PROTOCOL 2): numbers where all cells are, else categories.

        No model may read those of `unscored`. Raises InvalidListing for the label or all columns.
        """
        found = [
            Column(name, read_kind(cells), name not in unscored)
            for name, cells in zip(self.columns, zip(*self.rows, strict=True), strict=True)
        ]
        return Schema(tuple(found), self.label)

    def listed_schema(self, unscored: Collection[str] = ()) -> Schema:
        """The schema of `listed_rows`: the columns, and the companions, which no model may read.

        Raises what `schema` raises, and TooLarge where the companions make too many columns.
        """
        if len(self.listed_columns) > COLUMN_LIMIT:
            raise TooLarge(
                "The listing has too many columns, with those that hold cells as they were written",
                expected=f"at most {COLUMN_LIMIT}",
                found=f"{len(self.columns)} columns, {len(self.companions)} of them with cells kept as written",
                hint="leave columns out: `exclude=COLUMN`",
            )
        texts = [Column(companion.name, ColumnKind.TEXT, scored=False) for companion in self.companions]
        return Schema((*self.schema(unscored).columns, *texts), self.label)

    def scored_rows(self, unscored: Collection[str]) -> list[Row]:
        """The rows without the columns of `unscored`."""
        places = [place for place, name in enumerate(self.columns) if name not in unscored]
        return [tuple(row[place] for place in places) for row in self.rows]


def identifies(cells: Sequence[Cell]) -> bool:
    """Whether a column looks like names or numbers of records: texts or integers, all different, half of it filled."""
    filled = [cell for cell in cells if cell is not None]
    kinds = {type(cell) for cell in filled}
    return 2 * len(filled) >= len(cells) and kinds in ({int}, {str}) and len(set(filled)) == len(filled) > 1


def read_table(
    source: Path | str | Frame, label: str, *, exclude: Collection[str] = (), text: Collection[str] = ()
) -> Table:
    """Read a table whose column `label` has two values or more, without the columns `exclude`.

    `source` is a file (CSV, JSON Lines, Parquet or Feather, also compressed by gzip or zstd), a pandas data frame or a
    pyarrow table. All are read as a CSV file of the table would be.

    A first column without a name is a row number, as R and pandas write it, and is left out too. Missing values are
    empty cells, `NA`, `NaN`, `null` and `?`. Columns of `text` hold codes: their cells stay as they are written, and
    only an empty one is missing.

    Raises what `read_table_file` and `frame_texts` raise, MalformedTable, LabelMissing, LabelUnusable, InvalidOption (a
    column to leave out or to read as text that is not there).
    """
    file = read_table_file(Path(source)) if isinstance(source, Path | str) else frame_texts(source)
    kept = kept_columns(file.columns, label, exclude, text)
    typed: list[list[Cell]] = []
    companions: list[Companion] = []
    readings: list[ColumnReading] = []
    for place in kept:
        name = file.columns[place]
        texts = [row[place] for row in file.rows]
        cells = typed_column(name, texts, file.lines, as_text=name in text)
        typed.append(cells)
        if (written := written_cells(texts, cells)) is not None:
            companions.append(Companion(name, written))
        readings.append(column_reading(name, texts, cells, file.lines, is_label=name == label, is_named=name in text))
    names = tuple(file.columns[place] for place in kept)
    check_companions(names, companions)
    table = Table(names, tuple(zip(*typed, strict=True)), label, tuple(companions), tuple(readings))
    _check_label(table, file)
    return table


def check_companions(names: Sequence[str], companions: Sequence[Companion]) -> None:
    """Raises MalformedTable where a column has the name of a companion."""
    both = [companion.name for companion in companions if companion.name in names]
    if both:
        raise MalformedTable(
            "A column has the name under which cells are kept as they were written",
            expected="another name",
            found=", ".join(map(repr, both[:5])),
            hint="rename the column in the first line of the file",
        )


def kept_columns(columns: Sequence[str], label: str, exclude: Collection[str], text: Collection[str]) -> list[int]:
    """The places of the columns that are listed. Raises InvalidOption, LabelMissing, MalformedTable."""
    check_excluded(columns, exclude)
    if label in exclude:
        raise InvalidOption(
            "The label cannot be left out",
            expected=f"columns of the table other than {label!r}",
            found=label,
            hint="name other columns in `exclude`, or another `label`",
        )
    named = [name for name in columns if name]
    if label not in named:
        raise LabelMissing(
            "The label column is not in the table",
            expected=repr(label),
            found=", ".join(named[:12]) + (", ..." if len(named) > 12 else ""),
            hint=spelling_hint("label", label, named) or "name one of the columns; they must be separated by commas",
        )
    unread = sorted(set(text) - (set(named) - set(exclude)))
    if unread:
        raise InvalidOption(
            "`text` names a column that is not read",
            expected=", ".join(named[:12]) + (", ..." if len(named) > 12 else ""),
            found=", ".join(unread),
            hint="the first line of the file has the names; a column of `exclude` is not read",
        )
    kept = [place for place, name in enumerate(columns) if name and name not in exclude]
    if len(kept) < 2:
        raise MalformedTable(
            "The table has no column besides the label",
            expected="at least one",
            found=0,
            hint="is the file separated by commas?",
        )
    return kept


def _check_label(table: Table, file: CsvTexts) -> None:
    labels = table.labels()
    if None in labels:
        record = labels.index(None)
        raise label_missing(table.label, file.rows[record][file.columns.index(table.label)], file.lines[record])
    check_labels_differ(labels, table.label)


def label_missing(label: str, text: str, line: int) -> LabelMissing:
    """The error for a record without a label, of which the file has this text."""
    text = text.strip()
    return LabelMissing(
        "A record has no label",
        expected=f"a value in column {label!r} of every record",
        found=f"{text[:40]!a} in line {line}" if text else f"none in line {line}",
        hint=f"{text} is read as a missing value. If it is a class: "
        f"{option('text', [label])}; if it is not, remove these records"
        if text
        else "remove the records without a label",
    )


def check_labels_differ(labels: Collection[Cell], label: str) -> None:
    """Raises LabelUnusable where all labels are the same."""
    if len(set(labels)) < 2:
        raise LabelUnusable(
            f"Column {label!r} has the same value in every record",
            expected="2 different values or more",
            found=f"1: {ascii(next(iter(labels)))[:40]}",
            hint="name another column, or add records with other labels",
        )
