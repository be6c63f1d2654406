"""The schema of a listing's records: what the columns of a row are called and hold (PROTOCOL 2).

Not here: how a scoring model encodes the columns as numbers (package `influence`).
"""

from dataclasses import dataclass
from enum import Enum

from blindfair.protocol.arrays import DIMENSION_LIMIT, NUMBER_LIMIT, ArrayForm, decode_array_row
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidListing, MalformedRecord
from blindfair.protocol.fields import Fields
from blindfair.protocol.files import decode_file_row
from blindfair.protocol.records import RECORD_LIMITS, RecordEncoding, Row, decode_row, decode_text

COLUMN_LIMIT = RECORD_LIMITS.cells
NAME_LIMIT = 200


class ColumnKind(Enum):
    """The kind of a column's cells; each cell may also be missing (`None`)."""

    NUMBER = "number"
    """Integers and floats."""

    CATEGORY = "category"
    """One of few values: text, an integer, or true and false."""

    TEXT = "text"
    """Free text."""

    ARRAY = "array"
    """An array of numbers, all of one form: an image."""

    FILE = "file"
    """A file as it is, which no model reads."""


_CELL_TYPES: dict[ColumnKind, tuple[type, ...]] = {
    ColumnKind.NUMBER: (int, float),
    ColumnKind.CATEGORY: (str, int, bool),
    ColumnKind.TEXT: (str,),
    ColumnKind.ARRAY: (bytes,),
    ColumnKind.FILE: (bytes,),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Raises `InvalidListing` for arrays without a form, for others with one that is no scalar's, and for
    files that models may read."""

    name: str
    """1 to 200 characters, no other column's."""

    kind: ColumnKind
    """The kind of its cells."""

    scored: bool = True
    """Whether scoring models may read it. If not, buyers get it with the records that they buy, and learn nothing of it
    before."""

    form: ArrayForm | None = None
    """The npy type and shape of the cells: always of arrays, and of other cells, `()`, if they were listed as npy."""

    def __post_init__(self) -> None:
        if self.kind is ColumnKind.FILE and self.scored:
            raise InvalidListing("No model reads a column of files", expected="scored: false", found="true")
        is_array = self.form is not None and self.form.shape != ()
        if is_array != (self.kind is ColumnKind.ARRAY):
            raise InvalidListing(
                "The kind of a column does not fit its form",
                expected="arrays with a shape, other cells without",
                found=f"{self.kind.value}, shape {None if self.form is None else self.form.shape}",
            )

    def to_document(self) -> Document:
        """The column as a part of the manifest."""
        document: Document = {"name": self.name, "kind": self.kind.value, "scored": self.scored}
        if self.form is not None:
            document |= {"dtype": self.form.dtype, "shape": list(self.form.shape)}
        return document

    @classmethod
    def from_fields(cls, fields: Fields) -> "Column":
        """Raises `MalformedMessage`, and `InvalidListing` as above."""
        kind = ColumnKind(fields.choice("kind", [kind.value for kind in ColumnKind]))
        form = None
        if fields.has("dtype"):
            shape = tuple(fields.integers("shape", 1, NUMBER_LIMIT, DIMENSION_LIMIT))
            form = ArrayForm(fields.text("dtype", NAME_LIMIT), shape)
        column = cls(fields.text("name", NAME_LIMIT), kind, fields.flag("scored"), form)
        fields.done()
        return column


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a row in order, and which one a model is to predict.

    Raises `InvalidListing` for no columns, more than 4096, empty or repeated names, a label that is no column or that
    models may not read, and where models may read no column at all.
    """

    columns: tuple[Column, ...]
    """At least one; a listing of texts has one column of kind text."""

    label: str | None
    """The name of the label's column; None if there is no label."""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if not 1 <= len(names) <= COLUMN_LIMIT:
            raise InvalidListing(
                "A schema has a wrong number of columns", expected=f"1 ... {COLUMN_LIMIT}", found=len(names)
            )
        if not all(1 <= len(name) <= NAME_LIMIT for name in names):
            raise InvalidListing("A column name has a wrong length", expected=f"1 ... {NAME_LIMIT} characters")
        if len(set(names)) != len(names):
            raise InvalidListing("Two columns have the same name")
        if self.label is not None and self.label not in names:
            raise InvalidListing("The label is no column", expected="a column's name", found=repr(self.label))
        if self.label in self.unscored:
            raise InvalidListing("Models must read the label", expected="scored", found=repr(self.label))
        if len(self.unscored) == len(names):
            raise InvalidListing("Models may read no column", expected=">= 1 column that is scored", found=0)

    @property
    def unscored(self) -> tuple[str, ...]:
        """The names of the columns that no scoring model may read, in order."""
        return tuple(column.name for column in self.columns if not column.scored)

    @property
    def array_form(self) -> ArrayForm:
        """The form of the first column's arrays. Raises `MalformedRecord` where it has none."""
        first = self.columns[0]
        if first.form is None or first.kind is not ColumnKind.ARRAY:
            raise MalformedRecord("The schema does not begin with arrays", expected="array", found=first.kind.value)
        return first.form

    def to_document(self) -> Document:
        """The schema as a part of the manifest; without label there is no field `label`."""
        document: Document = {
            "columns": [column.to_document() for column in self.columns],
        }
        if self.label is not None:
            document["label"] = self.label
        return document

    @classmethod
    def from_fields(cls, fields: Fields) -> "Schema":
        """Raises `MalformedMessage`, and `InvalidListing` as above."""
        columns = tuple(map(Column.from_fields, fields.subs("columns", COLUMN_LIMIT)))
        label = fields.text("label", NAME_LIMIT) if fields.has("label") else None
        fields.done()
        return cls(columns, label)

    def decode(self, encoding: RecordEncoding, data: bytes) -> Row:
        """The row of a record's canonical bytes; a text is a row of one cell.

        Raises `MalformedRecord` for bytes that are not a record's or a row that does not fit the schema.
        """
        if encoding is RecordEncoding.ARRAY:
            row = decode_array_row(data, self.array_form)
        elif encoding is RecordEncoding.BYTES:
            row = decode_file_row(data)
        else:
            row = decode_row(data) if encoding is RecordEncoding.CBOR_ROW else (decode_text(data),)
        self.check_row(row)
        return row

    def check_row(self, row: Row) -> None:
        """Raises `MalformedRecord` unless the row has one cell a column, missing or of the column's kind."""
        if len(row) != len(self.columns):
            raise MalformedRecord("A row does not fit the schema", expected=len(self.columns), found=len(row))
        for column, cell in zip(self.columns, row, strict=True):
            if cell is not None and type(cell) not in _CELL_TYPES[column.kind]:
                raise MalformedRecord(
                    f"A cell of column {column.name!r} has the wrong type",
                    expected=column.kind.value,
                    found=type(cell).__name__,
                )
