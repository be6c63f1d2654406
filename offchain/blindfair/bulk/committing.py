"""Commit to a stream of records: chunks, leaves and places go to disk while they come, in memory that does not grow.

A commit that was interrupted goes on where its last checkpoint was; what was written after it is written again, and is
the same. Not here: where records come from (`influence.streams`), and the files' forms (`store`).
"""

import contextlib
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from blindfair.bulk.files import write_whole
from blindfair.bulk.store import (
    CHUNKS,
    LEAVES,
    RECORD_HEAD,
    RECORDS,
    STATE,
    SourceState,
    StoredDataset,
    open_store,
    read_state,
)
from blindfair.protocol.chunks import LISTED_CHUNKS_LIMIT, SALT_SIZE, check_chunk_size
from blindfair.protocol.errors import CannotWrite, FileChanged, FileMissing, InvalidListing, JournalDamaged
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.quantities import Secret

CHECKPOINT_BYTES = 256 * 2**20
"""Bytes of chunks between two checkpoints: at most so much is done again after a kill."""

_BUFFER = 4 * 2**20

CommitProgress: TypeAlias = Callable[[int, int], None]
"""Told how many records and bytes are done, at every checkpoint."""


def commit_records(
    folder: Path,
    source: str,
    records_from: Callable[[int], Iterable[bytes]],
    chunk_size: int,
    secret: Secret,
    *,
    tell: CommitProgress = lambda records, size: None,
    checkpoint: int = CHECKPOINT_BYTES,
) -> StoredDataset:
    """Write the records of a source to `folder` as a data set, or go on with it, or open it if it is whole.

    `records_from(n)` gives the canonical bytes of all records from number `n` on; `source` names it and its state, so
    that a source that has changed is not gone on with. Raises InvalidListing without records or beyond
    `LISTED_CHUNKS_LIMIT`, FileChanged for another source than was begun with, FileMissing where the source cannot be
    read, JournalDamaged, InsecureStore, CannotWrite, and what else the source raises.
    """
    check_chunk_size(chunk_size)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = read_state(folder) or SourceState(source, chunk_size, records=0, chunks=0, data=0, finished=False)
        if (state.source, state.chunk_size) != (source, chunk_size):
            raise FileChanged(
                "The records have changed since the listing was begun",
                expected=f"{state.source[:80]}, chunks of {state.chunk_size}",
                found=f"{source[:80]}, chunks of {chunk_size}",
                hint=f"remove {folder}, and list again",
            )
        if not state.finished:
            with contextlib.ExitStack() as held:
                writer = _Writer(folder, state, secret, held, tell, checkpoint)
                for record in _read(records_from(state.records)):
                    writer.add(record)
                writer.finish()
    except OSError as error:
        raise CannotWrite(
            f"The data set in {folder} cannot be written",
            expected="a disk with space for the records and 5 % more",
            found=error.strerror,
            hint="free space; then the same command goes on where it was",
        ) from error
    return open_store(folder)


def _read(records: Iterable[bytes]) -> Iterator[bytes]:
    """The same records; what goes wrong with their disk is not taken for a trouble of the store's."""
    try:
        yield from records
    except OSError as error:
        raise FileMissing(
            "The records cannot be read",
            expected="a file that can be read to its end",
            found=error.strerror or type(error).__name__,
            hint="mend the disk or the file; then the same command goes on where it was",
        ) from error


class _Writer:
    """Appends records to the files of a store."""

    def __init__(
        self,
        folder: Path,
        state: SourceState,
        secret: Secret,
        held: contextlib.ExitStack,
        tell: CommitProgress,
        checkpoint: int,
    ) -> None:
        self._folder = folder
        self._state = state
        self._mac = hmac.new(secret, b"chunk", "sha256")
        self._tell = tell
        self._every = checkpoint
        self._records, self._chunks, self._size = state.records, state.chunks, state.data
        sizes = {CHUNKS: state.data, LEAVES: DIGEST_SIZE * state.chunks, RECORDS: RECORD_HEAD * state.records}
        self._data, self._leaves, self._heads = (
            held.enter_context(_appended(folder / name, size)) for name, size in sizes.items()
        )
        self._due = self._size + checkpoint

    def add(self, record: bytes) -> None:
        """Cut, salt and hash one record. Raises InvalidListing beyond the limit."""
        payload, sha256 = self._state.chunk_size - SALT_SIZE, hashlib.sha256
        self._heads.write(self._chunks.to_bytes(8, "big") + self._size.to_bytes(8, "big"))
        for start in range(0, max(len(record), 1), payload):
            mac = self._mac.copy()
            mac.update(self._chunks.to_bytes(8, "big"))
            chunk = mac.digest()[:SALT_SIZE] + record[start : start + payload]
            self._data.write(chunk)
            self._leaves.write(sha256(b"\x00" + chunk).digest())
            self._chunks += 1
            self._size += len(chunk)
        self._records += 1
        if self._chunks > LISTED_CHUNKS_LIMIT:
            raise InvalidListing(
                "A data set is too large",
                expected=f"{LISTED_CHUNKS_LIMIT:,} chunks",
                found=f"more, at record {self._records:,}",
                hint="take larger chunks, or list it in parts",
            )
        if self._size >= self._due:
            self._check_in(finished=False)
            self._due = self._size + self._every

    def finish(self) -> None:
        """Raises InvalidListing where there was no record."""
        if not self._records:
            raise InvalidListing("A data set has no records", expected="at least 1 record", found=0)
        self._check_in(finished=True)

    def _check_in(self, *, finished: bool) -> None:
        """Bring everything to the disk, then say so in the state."""
        for file in (self._data, self._leaves, self._heads):
            file.flush()
            os.fsync(file.fileno())
        state = replace(self._state, records=self._records, chunks=self._chunks, data=self._size, finished=finished)
        write_whole(self._folder / STATE, state.to_bytes())
        self._tell(self._records, self._size)


@contextlib.contextmanager
def _appended(path: Path, size: int) -> Iterator[BinaryIO]:
    """A file to be continued at `size`; what lies behind it was not finished, and is cut off."""
    path.touch(mode=0o600)
    if (found := path.stat().st_size) < size:
        raise JournalDamaged(
            f"{path} is damaged", expected=f"{size:,} bytes", found=f"{found:,}", hint="remove the folder, list again"
        )
    with path.open("r+b", buffering=_BUFFER) as file:
        file.truncate(size)
        file.seek(size)
        yield file
