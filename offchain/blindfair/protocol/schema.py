"""The schema of a listing's records: what the columns of a row are called and hold (PROTOCOL 2).

Not here: how a scoring model encodes the columns as numbers (package `influence`).
"""

from dataclasses import dataclass
from enum import Enum

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidListing, MalformedRecord
from blindfair.protocol.fields import Fields
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


_CELL_TYPES: dict[ColumnKind, tuple[type, ...]] = {
    ColumnKind.NUMBER: (int, float),
    ColumnKind.CATEGORY: (str, int, bool),
    ColumnKind.TEXT: (str,),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    """1 to 200 characters, no other column's."""

    kind: ColumnKind
    """The kind of its cells."""

    scored: bool = True
    """Whether scoring models may read it. If not, buyers get it with the records that they buy, and learn nothing of it
    before."""


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

    def to_document(self) -> Document:
        """The schema as a part of the manifest; without label there is no field `label`."""
        document: Document = {
            "columns": [
                {"name": column.name, "kind": column.kind.value, "scored": column.scored} for column in self.columns
            ],
        }
        if self.label is not None:
            document["label"] = self.label
        return document

    @classmethod
    def from_fields(cls, fields: Fields) -> "Schema":
        """Raises `MalformedMessage`, and `InvalidListing` as above."""
        columns = []
        for column in fields.subs("columns", COLUMN_LIMIT):
            kind = column.choice("kind", [kind.value for kind in ColumnKind])
            columns.append(Column(column.text("name", NAME_LIMIT), ColumnKind(kind), column.flag("scored")))
            column.done()
        label = fields.text("label", NAME_LIMIT) if fields.has("label") else None
        fields.done()
        return cls(tuple(columns), label)

    def decode(self, encoding: RecordEncoding, data: bytes) -> Row:
        """The row of a record's canonical bytes; a text is a row of one cell.

        Raises `MalformedRecord` for bytes that are not a record's or a row that does not fit the schema.
        """
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
