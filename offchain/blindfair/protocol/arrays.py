"""Canonical bytes of arrays: npy 1.0, little-endian, C order, and one header for one form (PROTOCOL 1, 2).

    form --header--> the bytes before the numbers       array --encode_array--> header and numbers, a cell of a row
    row  --encode_array_row--> the array's bytes, then the row of the other cells as `cbor-row`

The header is compared and never interpreted: a listing says in its schema which form its arrays have.
Not here: rows without arrays (`records`), and what a model reads of an array (package `influence`).
"""

import contextlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.protocol.errors import InvalidListing, MalformedRecord
from blindfair.protocol.records import RECORD_LIMITS, Row, decode_row, encode_row

ARRAY_DTYPES = ("|u1", "<u2", "<f4", "<f8")
"""The types of an array's numbers, as npy writes them: bytes, 16-bit integers, single and double precision."""

NUMBER_LIMIT = 2**16
"""Numbers of an array, at most."""

DIMENSION_LIMIT = 3

_MAGIC = b"\x93NUMPY\x01\x00"
_ALIGNED = 64
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([|<a-z0-9]{2,3})', .{22}, 'shape': \(([0-9, ]{1,40})\)", re.DOTALL
)
_SCALAR = re.compile(r"\|b1|\|[iu]1|<[iu][248]|<f[248]|<U[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class ArrayForm:
    """The npy type and the shape of each cell of a column; the shape `()` is a scalar's, which is a plain cell.

    Raises InvalidListing for another type than `ARRAY_DTYPES`, which scalars may have too, beside truth values,
    integers, half precision and texts, and for another shape than `()` or 1 to 3 dimensions of 1 to 2^16 numbers.
    """

    dtype: str
    """For example `|u1` or `<f4`."""

    shape: tuple[int, ...]
    """For example 28, 28."""

    def __post_init__(self) -> None:
        known = _SCALAR.fullmatch(self.dtype) is not None if not self.shape else self.dtype in ARRAY_DTYPES
        if not known:
            raise InvalidListing(
                "A column has a type of numbers that is not listed",
                expected=" or ".join(ARRAY_DTYPES),
                found=self.dtype[:40],
            )
        # Each side is looked at first: the product of a few large ones is a number without end.
        is_bounded = all(1 <= length <= NUMBER_LIMIT for length in self.shape)
        if len(self.shape) > DIMENSION_LIMIT or not is_bounded or math.prod(self.shape) > NUMBER_LIMIT:
            raise InvalidListing(
                "A column has arrays of a shape that is not listed",
                expected=f"at most {DIMENSION_LIMIT} dimensions and {NUMBER_LIMIT:,} numbers",
                found=str(self.shape)[:80],
            )

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape))} numbers of type {self.dtype}"

    @property
    def count(self) -> int:
        """Numbers of an array."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of an array with its header."""
        return len(self.header) + self.count * np.dtype(self.dtype).itemsize

    @property
    def header(self) -> bytes:
        """The bytes before the numbers: as few as npy 1.0 allows, a multiple of 64."""
        written = f"{{'descr': '{self.dtype}', 'fortran_order': False, 'shape': {self.shape}, }}"
        before = len(_MAGIC) + 2
        length = -(-(before + len(written) + 1) // _ALIGNED) * _ALIGNED - before
        return _MAGIC + length.to_bytes(2, "little") + written.ljust(length - 1).encode("ascii") + b"\n"

    def numbers(self, cell: bytes) -> NDArray[np.generic]:
        """The array of a cell, a view of it that cannot be written. Raises MalformedRecord for one of another form."""
        header = self.header
        if not cell.startswith(header) or len(cell) != self.size:
            raise MalformedRecord("A cell is no array of its column's form", expected=str(self), found="another")
        return np.frombuffer(cell, self.dtype, self.count, len(header)).reshape(self.shape)


def form_of(cell: bytes) -> ArrayForm:
    """The form that the canonical header of an array names. Raises MalformedRecord for another header."""
    found = _HEADER.match(cell)
    if found is not None:
        descr, lengths = (part.decode("ascii") for part in found.groups())
        with contextlib.suppress(InvalidListing):
            form = ArrayForm(descr, tuple(int(length) for length in lengths.split(",") if length.strip()))
            if cell.startswith(form.header):
                return form
    raise MalformedRecord("A cell is no array", expected="npy 1.0 in canonical form", found="another header")


def encode_array(array: NDArray[np.generic]) -> bytes:
    """The canonical bytes of an array, a cell of a row, in whatever order and byte order it is in memory.

    Raises InvalidListing for a form that is not listed, MalformedRecord for numbers that are not finite.
    """
    little = array.dtype.newbyteorder("<")
    form = ArrayForm(little.str, array.shape)
    if not array.shape:
        raise MalformedRecord("A single number is no array", expected="1 dimension or more", found=0)
    _check_finite(array)
    return form.header + np.ascontiguousarray(array, little).tobytes()


def encode_array_rows(rows: Iterable[Row]) -> tuple[bytes, ...]:
    """The rows of a listing whose first cell is an array, with zero bytes after each up to the longest (PROTOCOL 2).

    Raises MalformedRecord for a first cell that is no array, and as `encode_row` for the other cells.
    """
    records = [_encode_array_row(row) for row in rows]
    longest = max(map(len, records), default=0)
    return tuple(record.ljust(longest, b"\0") for record in records)


def decode_array_row(data: bytes, form: ArrayForm) -> Row:
    """The row of a record whose first cell is an array of this form, up to zero bytes after it.

    Raises MalformedRecord for another array, numbers that are not finite, and as `decode_row` for the other cells.
    """
    if len(data) > RECORD_LIMITS.size:
        raise MalformedRecord("A record is too long", expected=f"at most {RECORD_LIMITS.size} bytes", found=len(data))
    cell = data[: form.size]
    _check_finite(form.numbers(cell))
    return (cell, *decode_row(data[form.size :]))


def _encode_array_row(row: Row) -> bytes:
    if not row or not isinstance(row[0], bytes) or not row[0].startswith(_MAGIC):
        raise MalformedRecord("A row does not begin with an array", expected="npy 1.0", found="another cell")
    return row[0] + encode_row(row[1:])


def _check_finite(array: NDArray[np.generic]) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise MalformedRecord("An array holds a number that is not finite", expected="finite numbers", found="another")
