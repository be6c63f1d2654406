"""A person's texts as records: a text each, perhaps a label, perhaps columns that come with it and that no model reads.

    file (CSV, JSON Lines, Parquet, Feather) with a column of texts  --read_corpus-->  Corpus
    folder of .txt files                                             --read_corpus-->  Corpus of texts alone

Not here: the folder (`text_folder`), copies (`copies`), and what a listing says of its texts (`text_preprocessing`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blindfair.influence.columns import check_excluded, spelling_hint, typed_column
from blindfair.influence.corpus.copies import is_visible
from blindfair.influence.corpus.text_folder import read_folder
from blindfair.influence.csv_file import CsvTexts
from blindfair.influence.frames import Frame, frame_texts
from blindfair.influence.reading import ColumnReading, column_reading, read_kind
from blindfair.influence.table_file import read_table_file
from blindfair.influence.written import written_cells
from blindfair.protocol.chunks import fill_record
from blindfair.protocol.errors import InvalidOption, LabelMissing, MalformedTable
from blindfair.protocol.records import Cell, RecordEncoding, Row, encode_row, encode_text
from blindfair.protocol.schema import Column, ColumnKind, Schema

TEXT_COLUMN = "text"
"""The only column of a folder's texts."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts with what belongs to each. `rows` is `n_records` x `len(columns)`; `text` and `label` name two of them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    text: str
    label: str | None = None
    readings: tuple[ColumnReading, ...] = field(default=(), compare=False)
    """How the columns besides the texts were read."""

    def __repr__(self) -> str:
        label = "no label" if self.label is None else f"label {self.label!r}"
        return f"Corpus({len(self.rows):,} texts of column {self.text!r}, {label})"

    def alike_but_texts(self) -> int:
        """None: numbers are no part of what models read."""
        return 0

    @property
    def encoding(self) -> RecordEncoding:
        """`text` where a record is its text and nothing else, `cbor-row` otherwise."""
        return RecordEncoding.TEXT if self.columns == (self.text,) else RecordEncoding.CBOR_ROW

    def texts(self) -> list[str]:
        """The text of each record, in order."""
        place = self.columns.index(self.text)
        return [str(row[place]) for row in self.rows]

    def labels(self) -> list[Cell] | None:
        """The label of each record, in order; None where there is none."""
        if self.label is None:
            return None
        place = self.columns.index(self.label)
        return [row[place] for row in self.rows]

    def schema(self) -> Schema:
        """The columns as a manifest names them (PROTOCOL 2). Models read the text and the label alone."""
        read = {self.text, self.label}
        return Schema(
            tuple(
                Column(name, ColumnKind.TEXT if name == self.text else read_kind(cells), scored=name in read)
                for name, cells in zip(self.columns, zip(*self.rows, strict=True), strict=True)
            ),
            self.label,
        )

    def encoded(self, chunk_size: int) -> tuple[bytes, ...]:
        """The canonical bytes of each record, filled up to whole chunks (PROTOCOL 2).

        A delivery is seen before it is paid for; so its lengths tell no more than the manifest does. Raises
        MalformedRecord.
        """
        if self.encoding is RecordEncoding.TEXT:
            records = [encode_text(text) for text in self.texts()]
        else:
            records = [encode_row(row) for row in self.rows]
        return tuple(fill_record(record, chunk_size) for record in records)


def read_corpus(
    source: Path | str | Frame, *, text: str = TEXT_COLUMN, label: str | None = None, exclude: Collection[str] = ()
) -> Corpus:
    """Read texts from a file, a pandas data frame, a pyarrow table, or a folder of `.txt` files.

    `text` names the column of the texts, `label` that of what a model is to predict, if there is one. Columns of
    `exclude` are not read. Raises what `read_table_file`, `frame_texts` and `read_folder` raise, MalformedTable for a
    record without text, LabelMissing, InvalidOption for columns that are not there.
    """
    if isinstance(source, Path | str):
        if Path(source).is_dir():
            return _of_folder(Path(source), text, label, exclude)
        file = read_table_file(Path(source))
    else:
        file = frame_texts(source)
    _check_names(file.columns, text, label, exclude)
    kept = [place for place, name in enumerate(file.columns) if name and name not in exclude]
    cells = [_cells(file, place, text, label) for place in kept]
    names = tuple(file.columns[place] for place in kept)
    readings = tuple(
        column_reading(
            name, [row[place] for row in file.rows], column, file.lines, is_label=name == label, is_named=False
        )
        for name, place, column in zip(names, kept, cells, strict=True)
        if name != text
    )
    return Corpus(names, tuple(zip(*cells, strict=True)), text, label, readings)


def _of_folder(folder: Path, text: str, label: str | None, exclude: Collection[str]) -> Corpus:
    _check_names((TEXT_COLUMN,), text, label, exclude)
    return Corpus((TEXT_COLUMN,), tuple((each,) for each in read_folder(folder)), TEXT_COLUMN)


def _cells(file: CsvTexts, place: int, text: str, label: str | None) -> list[Cell]:
    name = file.columns[place]
    written = [row[place] for row in file.rows]
    if name == text:
        for line, each in zip(file.lines, written, strict=True):
            check_text(each, f"line {line}")
        return list(written)
    cells = typed_column(name, written, file.lines)
    if name != label and written_cells(written, cells) is not None:
        # No model reads it, so it need not be numbers: who buys `007` gets `007`.
        return typed_column(name, written, file.lines, as_text=True)
    if name == label and None in cells:
        raise LabelMissing(
            "A record has no label",
            expected=f"a value in column {label!r} of every record",
            found=f"none in line {file.lines[cells.index(None)]}",
            hint="remove the records without a label",
        )
    return cells


def check_text(text: str, where: str) -> None:
    """Raises MalformedTable for a text in which nothing is to be seen, and for one that ends in a zero character."""
    if not is_visible(text):
        raise MalformedTable(
            "A record has no text", expected="text in every record", found=f"none in {where}", hint="remove the record"
        )
    if text.endswith("\0"):
        raise MalformedTable(
            "A text ends in a zero character",
            expected="text",
            found=f"a zero character in {where}",
            hint="is this a text file? remove the zeros at its end",
        )


def _check_names(columns: Sequence[str], text: str, label: str | None, exclude: Collection[str]) -> None:
    named = [name for name in columns if name]
    shown = ", ".join(named[:12]) + (", ..." if len(named) > 12 else "")
    if text not in named:
        raise InvalidOption(
            "There is no such column of texts", expected=shown, found=repr(text), hint="name the column of the texts"
        )
    if label is not None and (label not in named or label == text):
        raise LabelMissing(
            "The label column is not in the table",
            expected=repr(label),
            found=shown,
            hint=spelling_hint("label", label, [name for name in named if name != text])
            or "name a column besides the texts, or none",
        )
    check_excluded(named, exclude)
    if needed := [name for name in named if name in exclude and name in (text, label)]:
        raise InvalidOption(
            "The texts and the label cannot be left out",
            expected=f"columns other than {text!r}" + ("" if label is None else f" and {label!r}"),
            found=", ".join(needed),
            hint="name other columns in `exclude`",
        )
