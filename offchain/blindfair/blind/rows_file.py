"""A `.npy` file of rounded rows on a blob store, read and encoded a block at a time. Not here: how (`matrix.py`)."""

import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.blob_store import BlobStore
from blindfair.blind.encode import check_rows
from blindfair.blind.fsspec_store import store_at
from blindfair.blind.matrix import EncodedMatrix, encode_block
from blindfair.blind.parameters import ParameterSet
from blindfair.protocol.errors import MalformedFile, ShapeMismatch

_HEAD = 4096
"""Bytes that hold numpy's header of a plain table, and more."""

_ENTRY = 2


@dataclass(frozen=True, slots=True)
class RowsFile:
    """`n x k` int16, little-endian, row after row."""

    records: int
    """`n`."""

    k: int
    """Entries of a row."""

    start: int
    """Bytes before the first row."""

    name: str
    store: BlobStore = field(repr=False)

    @classmethod
    def open(cls, address: str) -> "RowsFile":
        """The file at an address. Raises as `store_at`, FileMissing, MalformedFile for no `.npy`, ShapeMismatch."""
        folder, _, name = address.rpartition("/")
        store = store_at(folder or ".")
        file = io.BytesIO(store.read(name, 0, _HEAD))
        try:
            version = np.lib.format.read_magic(file)
            shape, is_column_wise, dtype = _HEADERS[version](file)
        except (ValueError, KeyError) as error:
            raise MalformedFile("rows cannot be read", expected="a .npy file", found="another") from error
        if len(shape) != 2 or is_column_wise or dtype != np.dtype("<i2"):
            found = f"{' x '.join(map(str, shape))} {dtype}"
            raise ShapeMismatch("rows are no table of small integers", expected="n x k int16, row by row", found=found)
        return cls(shape[0], shape[1], file.tell(), name, store)

    def part(self, first: int, count: int) -> NDArray[np.int16]:
        """`count` rows from row `first` on. Raises MalformedFile where the file ends before."""
        size = _ENTRY * self.k
        data = self.store.read(self.name, self.start + first * size, count * size)
        if len(data) != count * size:
            raise MalformedFile("a file of rows ends early", expected=count * size, found=len(data))
        return np.frombuffer(data, dtype="<i2").reshape(count, self.k)

    def matrix(self, parameters: ParameterSet, store: BlobStore) -> EncodedMatrix:
        """What its rows become on a blob store, block by block. Raises ShapeMismatch where the set has no space for
        them."""
        # Of the shape alone: nothing is read, and nothing takes memory.
        check_rows(parameters, np.broadcast_to(np.int16(0), (self.records, self.k)))
        return EncodedMatrix(parameters, self.records, self.k, store)

    def encode(self, matrix: EncodedMatrix, number: int) -> None:
        """Encode a block, unless the matrix has it. Raises as `part` and `encode_block`."""
        encode_block(matrix, number, self.part(number * matrix.parameters.ring_degree, matrix.scores_in(number)))


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
