"""The seller's rows of every request that it answered, on its disk: computed once, since what is opened must be what
was committed (PROTOCOL 4.2).

They go there batch by batch, and are mapped, not read, where they are scored, committed and opened: a seller's memory
does not bound how many records it can have. A file is three arrays as `numpy.save` writes them, one after another,
and a digest of all that:

    entries (n x k int16), exponents (n uint8), share of clipped entries (float64), SHA-256

of `n` records, or of `n` groups of them where the request asks for groups (PROTOCOL 4.5).

Rows of texts take long. Each batch of them is such a file too, in a directory of the request's, until all are there: a
process that is killed over them goes on after the last whole batch.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels, Decode, are_slow, row_batches
from blindfair.agents.store.directory import private_directory, writing_atomically
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.errors import CommitmentError, JournalDamaged, ScoringError, UnusableModel
from blindfair.protocol.merkle import MerkleTree
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest, RecordIndex, Secret
from blindfair.protocol.records import decode_row
from blindfair.protocol.rows import row_leaves
from blindfair.protocol.units import Units

Done = Callable[[int, int], None]

_DIGEST_SIZE = 32

_AT_ONCE = 4096
"""Rows that are hashed at once."""


class RowStore:
    """Rows by request digest, one file of mode 0600 each, in a directory of their own (mode 0700)."""

    def __init__(
        self, directory: Path, secret: Secret, decode: Decode = decode_row, bases: BaseModels = NO_BASE_MODELS
    ) -> None:
        self._directory = directory
        self._secret = secret
        self._decode = decode
        self._bases = bases

    def compute(self, digest: Digest, request: Request, records: Sequence[bytes], progress: Done | None = None) -> None:
        """Compute and keep the rows of all records, unless they are there. Raises UnusableModel, CannotWrite.

        `progress` is called with how many rows of how many are done, where they come in several batches.

        Why a record does not fit a model is not said: the answer would tell the buyer something of that record, which
        no budget counts.
        """
        path = self._path(digest)
        # Hidden: a backup leaves it out, and it may vanish meanwhile.
        parts = path.with_name(f".{path.stem}.parts")
        if path.exists():
            shutil.rmtree(parts, ignore_errors=True)
            return
        # Of a process that died over them. They may be large, and nobody asks for them again.
        for unfinished in path.parent.glob(f".{path.name}.*"):
            unfinished.unlink()
        kept = _Parts(parts, request.dimension) if are_slow(request) else None
        shape = Units.named(request.disclosure, len(records)).count, request.dimension
        try:
            _save(path, shape, row_batches(request, records, self._decode, self._bases, kept), progress)
            shutil.rmtree(parts, ignore_errors=True)
        except (ScoringError, CommitmentError):
            shutil.rmtree(parts, ignore_errors=True)
            raise UnusableModel(
                "The scoring model does not fit the records of the listing",
                hint="columns, label and classes must be the listing's; the evaluation counts nevertheless",
            ) from None

    def load(self, digest: Digest) -> QuantisedRows:
        """The rows of a request that were computed, mapped read-only. Raises JournalDamaged if they are not whole."""
        path = self._path(digest)
        try:
            return _load(path)
        except (OSError, ValueError, EOFError) as error:
            raise JournalDamaged(
                f"The rows of a request cannot be read from {path}",
                found=type(error).__name__,
                hint="restore the file from a backup: the rows are committed and cannot be made anew",
            ) from error

    def tree(self, digest: Digest, rows: QuantisedRows) -> MerkleTree:
        """The row tree of a request."""
        n, k = rows.entries.shape
        leaves = []
        for start in range(0, n, _AT_ONCE):
            part = rows.entries[start : start + _AT_ONCE].astype(">i2").tobytes()
            leaves += row_leaves(self._secret, digest, RecordIndex(start), part, k)
        return MerkleTree(leaves)

    def _path(self, digest: Digest) -> Path:
        return private_directory(self._directory) / f"{digest.hex()}.npy"


class _Parts:
    """The batches of one request's rows of `k` entries, each in a file by its records. Implements `KeptRows`."""

    def __init__(self, directory: Path, k: int) -> None:
        self._directory = directory
        self._k = k

    def get(self, records: range) -> QuantisedRows | None:
        """See `KeptRows`: what is damaged is computed again."""
        try:
            found = _load(self._path(records))
        except (OSError, ValueError, EOFError):
            return None
        return found if found.entries.shape == (len(records), self._k) else None

    def put(self, records: range, rows: QuantisedRows) -> None:
        """See `KeptRows`."""
        private_directory(self._directory)
        _save(self._path(records), rows.entries.shape, [rows])

    def _path(self, records: range) -> Path:
        return self._directory / f"{records.start}-{records.stop}.npy"


def _save(path: Path, shape: tuple[int, ...], batches: Iterable[QuantisedRows], progress: Done | None = None) -> None:
    # Written, not mapped: where the disk is full a write is an error, and a mapping the end of the process.
    with writing_atomically(path) as whole:
        file = _Hashed(whole)
        np.lib.format.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": shape})
        exponents, clipped, done = [], 0, 0
        for batch in batches:
            file.write(np.ascontiguousarray(batch.entries, dtype="<i2").data)
            exponents.append(batch.exponents)
            clipped += round(batch.clipped * batch.entries.size)
            done += len(batch.entries)
            if progress is not None and len(batch.entries) < shape[0]:
                progress(done, shape[0])
        np.save(file, np.concatenate(exponents))
        np.save(file, np.float64(clipped / (shape[0] * shape[1])))
        whole.write(file.digest())


def _load(path: Path) -> QuantisedRows:
    with path.open("rb") as file:
        size = path.stat().st_size - _DIGEST_SIZE
        if _digest(file, size) != file.read():
            raise ValueError("another digest")
    entries = np.load(path, mmap_mode="r", allow_pickle=False)
    with path.open("rb") as file:
        file.seek(entries.offset + entries.nbytes)
        exponents, clipped = np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)
    return QuantisedRows(entries, exponents, float(clipped))


class _Hashed:
    """A file that is written from its beginning to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        """As a file does."""
        self._hash.update(data)
        return self._file.write(data)

    def digest(self) -> bytes:
        """SHA-256 of what was written."""
        return self._hash.digest()


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the next `size` bytes of a file, or of fewer where it ends."""
    found = hashlib.sha256()
    while size > 0 and (part := file.read(min(size, 2**20))):
        found.update(part)
        size -= len(part)
    return found.digest()
