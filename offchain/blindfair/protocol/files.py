"""Canonical bytes of files with what is said of them (`bytes`, PROTOCOL 1, 2): images, audio, documents as they are.

    record = u64(length of the file) || file || the row of the other cells as `cbor-row`

Not here: filling up to whole chunks (`chunks.fill_record`), and which columns there are (`schema`).
"""

from collections.abc import Sequence

from blindfair.protocol.errors import MalformedRecord
from blindfair.protocol.hashing import u64
from blindfair.protocol.records import RECORD_LIMITS, Cell, Row, decode_row, encode_row

_HEAD = 8


def encode_file_row(file: bytes, cells: Sequence[Cell]) -> bytes:
    """A record of a file and its other cells. Raises `MalformedRecord` for too long a file, and as `encode_row`."""
    row = encode_row(cells)
    check_file_size(len(file), len(row))
    return u64(len(file)) + file + row


def check_file_size(file: int, row: int) -> int:
    """Bytes of the record of a file and its row, of so many bytes each. Raises `MalformedRecord` for too many."""
    size = _HEAD + file + row
    if size > RECORD_LIMITS.size:
        raise MalformedRecord("A file is too long", expected=f"< {RECORD_LIMITS.size:,} bytes", found=f"{file:,}")
    return size


def decode_file_row(data: bytes) -> Row:
    """The row of a record whose first cell is a file, up to zero bytes after it.

    Raises `MalformedRecord` for a file that the record does not hold, and as `decode_row` for the other cells.
    """
    if len(data) > RECORD_LIMITS.size:
        raise MalformedRecord("A record is too long", expected=f"at most {RECORD_LIMITS.size} bytes", found=len(data))
    length = int.from_bytes(data[:_HEAD], "big")
    if len(data) < _HEAD + length:
        raise MalformedRecord("A record does not hold its file", expected=f"{length} bytes", found=len(data))
    return (data[_HEAD : _HEAD + length], *decode_row(data[_HEAD + length :]))
