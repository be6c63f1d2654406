"""The seller's rows on disk in the form that is multiplied: encoded once in blocks, used for any number of queries.

A million rows of 512 entries are 1 GB of small integers and 8 GB encoded; neither is ever in memory as a whole. What an
interrupted encoding has finished is not done again. For a few thousand rows `encode.py` does the same in memory.

    block-000000 ...       4,096 bytes: "BFM1", SHA-256 of the block's parameters and rows; then words, `layout.py`
    matrix.json            when all are finished: shape, parameters and SHA-256 of the blocks' digests

A file that a disk has cut short is found out; a bit that it has turned is not, and gives wrong scores.

Not here: the sums (`multiply.py`), where rows come from (package `influence`).
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.blob_store import BlobStore
from blindfair.blind.columns import lay_out_columns
from blindfair.blind.encode import check_block, check_rows
from blindfair.blind.evaluate import Progress
from blindfair.blind.layout import aligned, columns_shape
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Engine, Words, engine
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import MalformedFile, ShapeMismatch

_MAGIC = b"BFM1"
_HEAD_SIZE = 4096
"""A page, so that mapped words begin at one."""

_HEADER = "matrix.json"
_COLUMNS_AT_ONCE = 32
"""Columns that are turned together: as many entries as a line of the cache has."""


@dataclass(frozen=True, slots=True)
class EncodedMatrix:
    """`n` rows of `k` entries, encoded on a blob store. Never leaves the seller."""

    parameters: ParameterSet
    """The set that they were encoded for; every set with the same sums can use them."""

    records: int
    """`n`."""

    k: int
    """Entries of a row."""

    store: BlobStore = field(repr=False)

    @property
    def blocks(self) -> int:
        """How many blocks of `N` records there are."""
        return -(-self.records // self.parameters.ring_degree)

    def scores_in(self, block: int) -> int:
        """Records in a block: `N`, or fewer in the last."""
        degree = self.parameters.ring_degree
        return min(degree, self.records - block * degree)

    def digest(self, block: int) -> bytes:
        """SHA-256 of a block's parameters and rows."""
        head = self.store.read(block_name(block), 0, len(_MAGIC) + 32)
        if len(head) != len(_MAGIC) + 32 or not head.startswith(_MAGIC):
            raise MalformedFile(f"{block_name(block)} of an encoded matrix is damaged", hint="encode the rows again")
        return head[len(_MAGIC) :]

    def columns(self, block: int) -> Words:
        """A block's columns, as in `layout.py`. Raises MalformedFile for a file of another size."""
        words = self.store.words(block_name(block), _HEAD_SIZE)
        shape = columns_shape(self.parameters, self.k)
        if words.size != np.prod(shape):
            raise MalformedFile(
                f"{block_name(block)} of an encoded matrix is damaged",
                expected=f"{np.prod(shape)} words",
                found=words.size,
                hint="encode the rows again",
            )
        return words.reshape(shape)


def block_name(block: int) -> str:
    """A block's file."""
    return f"block-{block:06d}"


def matrix_bytes(parameters: ParameterSet, n: int, k: int) -> int:
    """Bytes of an encoded matrix on disk."""
    blocks = -(-n // parameters.ring_degree)
    return blocks * (_HEAD_SIZE + 8 * int(np.prod(columns_shape(parameters, k))))


def encode_matrix(
    parameters: ParameterSet, rows: NDArray[np.int16], store: BlobStore, progress: Progress | None = None
) -> EncodedMatrix:
    """Encode `n x k` int16 rows within -2047 ... 2047 block by block; a memory-mapped array is read as it is needed.

    Blocks of these very rows that the blob store holds already are kept, others are replaced. Raises ShapeMismatch as
    `encode_rows`, CannotWrite where the disk is full: what is finished stays and serves the next attempt.
    """
    check_rows(parameters, rows)
    n, k = rows.shape
    matrix, degree = EncodedMatrix(parameters, n, k, store), parameters.ring_degree
    for number in range(matrix.blocks):
        encode_block(matrix, number, rows[number * degree : (number + 1) * degree])
        if progress is not None:
            progress(number + 1, matrix.blocks)
    finish_matrix(matrix)
    return matrix


def encode_block(matrix: EncodedMatrix, number: int, rows: NDArray[np.int16]) -> None:
    """Encode a block, unless the blob store holds it. Raises ShapeMismatch for an entry out of bounds, CannotWrite."""
    part, name = np.ascontiguousarray(rows), block_name(number)
    head = (_MAGIC + _digest(matrix.parameters, part)).ljust(_HEAD_SIZE, b"\0")
    block = aligned(columns_shape(matrix.parameters, matrix.k))
    if not _holds(matrix.store, name, head, block.nbytes):
        check_block(part)
        _encode(engine(matrix.parameters), part, block)
        matrix.store.write(name, head, block.data)


def finish_matrix(matrix: EncodedMatrix) -> None:
    """Write what makes a matrix one, when all its blocks are there. Raises CannotWrite."""
    header = _header(matrix)
    if not (matrix.store.has(_HEADER) and matrix.store.read(_HEADER) == header):
        matrix.store.write(_HEADER, header)


def open_matrix(parameters: ParameterSet, store: BlobStore) -> EncodedMatrix:
    """Open a matrix that `encode_matrix` finished.

    Raises FileMissing if it is not there, ShapeMismatch if blocks are missing, and MalformedFile if it has other
    parameters or its blocks are of other rows by now.
    """
    try:
        found = json_value(store.read(_HEADER))
        n, k = int(found["records"]), int(found["k"])
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedFile(f"{_HEADER} of an encoded matrix is damaged", hint="encode the rows again") from error
    matrix = EncodedMatrix(parameters, n, k, store)
    missing = [number for number in range(matrix.blocks) if not store.has(block_name(number))]
    if missing:
        raise ShapeMismatch(
            "an encoded matrix is not finished",
            expected=f"{matrix.blocks} blocks",
            found=matrix.blocks - len(missing),
            hint="encode the rows again; finished blocks are kept",
        )
    if store.read(_HEADER) != _header(matrix):
        raise MalformedFile(
            "an encoded matrix is of other parameters or other rows",
            expected=parameters.name,
            found=found,
            hint="encode the rows again",
        )
    return matrix


def _header(matrix: EncodedMatrix) -> bytes:
    about = hashlib.sha256()
    for number in range(matrix.blocks):
        about.update(matrix.digest(number))
    shape = {"format": 2, "k": matrix.k, "records": matrix.records, "rows": about.hexdigest()}
    return json.dumps(_parameters(matrix.parameters) | shape, sort_keys=True).encode()


def _digest(parameters: ParameterSet, rows: NDArray[np.int16]) -> bytes:
    """Digest of everything that a block's words depend on: two sets encode the same rows differently."""
    about = json.dumps(_parameters(parameters) | {"shape": rows.shape}, sort_keys=True).encode()
    return hashlib.sha256(hashlib.sha256(about).digest() + hashlib.sha256(rows.data).digest()).digest()


def _parameters(parameters: ParameterSet) -> dict[str, Any]:
    return {"primes": list(parameters.data_primes), "ring_degree": parameters.ring_degree}


def _holds(store: BlobStore, name: str, head: bytes, words: int) -> bool:
    """Whether there is a file of that head and that many bytes of words."""
    last = len(head) + words - 1
    return store.has(name) and store.read(name, 0, len(head)) == head and len(store.read(name, last, 2)) == 1


def _encode(seal: Engine, rows: NDArray[np.int16], block: Words) -> None:
    for start in range(0, rows.shape[1], _COLUMNS_AT_ONCE):
        lay_out_columns(seal, block, start, rows[:, start : start + _COLUMNS_AT_ONCE].T)
