"""Canonical bytes of records: rows of a table as deterministic CBOR (`cbor-row`), and texts as UTF-8 (`text`).

Not here: rows that begin with an array (`arrays`) or a file (`files`), which columns a row has (`schema`), and the
cutting into chunks (`chunks`).

Integers and floats are different cells: `1` is one byte 01 and `1.0` is f93c00, and each decodes to what it was.
Whoever makes a record decides once which of the two a column holds; equality of records is equality of bytes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import cbor2

from blindfair.protocol.errors import MalformedRecord

PlainCell: TypeAlias = int | float | str | bool | None
"""A value of a row. Integers reach from -2^64 to 2^64 - 1, floats are finite, `None` is a missing value."""

Cell: TypeAlias = PlainCell | bytes
"""The same, or an array in npy 1.0 (`arrays`), or a file (`files`), each in an encoding of its own."""

Row: TypeAlias = tuple[Cell, ...]

INTEGER_LOW = -(2**64)
INTEGER_HIGH = 2**64 - 1


class RecordEncoding(Enum):
    """How a listing's records become bytes (PROTOCOL 1)."""

    CBOR_ROW = "cbor-row"
    TEXT = "text"
    ARRAY = "array"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """Upper limits on a record, so that a hostile one cannot fill the memory."""

    cells: int
    """Cells of a row."""

    size: int
    """Bytes of a record."""


RECORD_LIMITS = RecordLimits(cells=4096, size=2**26)
"""The default limits of a record: 4096 cells, 64 MiB."""


def encode_row(cells: Sequence[Cell]) -> bytes:
    """A row as a CBOR array of its cells in the schema's column order (RFC 8949 section 4.2.1).

    Integers, floats and lengths take their shortest form. Raises `MalformedRecord` for a cell of another type (library
    scalars included: convert first), an integer outside 64 bits, a float that is not finite, text that is not Unicode.
    """
    for number, cell in enumerate(cells):
        _check_cell(number, cell)
    try:
        return cbor2.dumps(list(cells), canonical=True)
    except UnicodeEncodeError as error:
        raise MalformedRecord("A cell holds text that is not Unicode", found=error.reason) from error


def encode_rows(rows: Iterable[Sequence[Cell]]) -> tuple[bytes, ...]:
    """The rows of a listing, with zero bytes after each up to the length of the longest (PROTOCOL 2).

    A delivery is seen before it is paid for, and a record's own length tells of its cells. Raises as `encode_row`.

    >>> encode_rows([(7,), ("ab",)])
    (b'\\x81\\x07\\x00\\x00', b'\\x81bab')
    """
    records = [encode_row(row) for row in rows]
    longest = max(map(len, records), default=0)
    return tuple(record.ljust(longest, b"\0") for record in records)


def decode_row(data: bytes, limits: RecordLimits = RECORD_LIMITS) -> Row:
    """The cells of a row whose canonical bytes are `data`, up to zero bytes after them.

    Raises `MalformedRecord` for anything else: other types, nesting, tags, byte strings, indefinite lengths, other
    bytes left over, a longer form than the shortest, or more than `limits`.
    """
    _check_size(data, limits)
    try:
        # Depth 1 is the row itself. A tag counts as a level too, so that none is ever interpreted: some of them run
        # parsers of their own.
        cells = cbor2.loads(data, max_depth=1, allow_indefinite=False)
    except cbor2.CBORDecodeError as error:
        raise MalformedRecord("A record is not a row in CBOR", found=str(error)) from error
    if not isinstance(cells, list):
        raise MalformedRecord("A record is not a row", expected="an array", found=type(cells).__name__)
    if len(cells) > limits.cells:
        raise MalformedRecord("A row has too many cells", expected=f"at most {limits.cells}", found=len(cells))
    if encode_row(cells).ljust(len(data), b"\0") != data:
        raise MalformedRecord("A row is not in its canonical form", expected="RFC 8949 section 4.2.1")
    return tuple(cells)


def encode_text(text: str) -> bytes:
    """A text as it is, in UTF-8. Raises `MalformedRecord` for lone surrogates, and for a zero character at the end."""
    if text.endswith("\0"):
        raise MalformedRecord("A text ends in a zero character", expected="another character at its end")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedRecord("A text is not Unicode", found=error.reason) from error


def decode_text(data: bytes, limits: RecordLimits = RECORD_LIMITS) -> str:
    """The text whose UTF-8 is `data`, up to zero bytes after it (PROTOCOL 2).

    Raises `MalformedRecord` for other bytes or more than `limits.size`.
    """
    _check_size(data, limits)
    try:
        return data.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRecord("A text is not UTF-8", found=f"byte {error.start}: {error.reason}") from error


def _check_size(data: bytes, limits: RecordLimits) -> None:
    if len(data) > limits.size:
        raise MalformedRecord("A record is too long", expected=f"at most {limits.size} bytes", found=len(data))


def _check_cell(number: int, cell: object) -> None:
    # Exact types: a subclass may encode to something else than it compares equal to.
    kind = type(cell)
    if cell is None or kind is str or kind is bool:
        return
    if isinstance(cell, int) and kind is int:
        if not INTEGER_LOW <= cell <= INTEGER_HIGH:
            raise MalformedRecord(f"Cell {number} is beyond 64 bits", expected=f"{INTEGER_LOW} ... {INTEGER_HIGH}")
        return
    if isinstance(cell, float) and kind is float:
        if not math.isfinite(cell):
            raise MalformedRecord(f"Cell {number} is not finite", expected="a finite number", found=cell)
        return
    raise MalformedRecord(
        f"Cell {number} has a type that rows do not hold",
        expected="an integer, a float, text, true, false or nothing",
        found=kind.__name__,
    )
