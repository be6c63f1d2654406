"""A committed data set on disk: salted chunks, leaf hashes and where each record begins (PROTOCOL 2).

A folder of four files, for its owner alone:

    chunks   every chunk, one after the other: salt and payload
    leaves   32 bytes a chunk
    records  16 bytes a record: its first chunk and the place of its first byte in `chunks`, each as u64
    state    JSON: how much of the other three is good, and of what

What lies behind the state's sizes was not finished, and is written again (`committing`). Not here: how records become
bytes (`protocol.records`), and a listing in memory (`protocol.chunks`).
"""

import errno
import hashlib
import json
import os
import stat
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from shlex import quote
from typing import Generic, TypeVar, overload

from blindfair.protocol.chunk_runs import ChunkRuns
from blindfair.protocol.chunks import SALT_SIZE, ChunkedDataset
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import FileMissing, InsecureStore, JournalDamaged
from blindfair.protocol.merkle import DIGEST_SIZE, SegmentedTree, Tree, root_of
from blindfair.protocol.quantities import Digest, RecordIndex
from blindfair.protocol.space import Space, new_space

CHUNKS, LEAVES, RECORDS, STATE = "chunks", "leaves", "records", "state"
VERSION = 1
SUBTREE_BITS = 12
"""Leaves of a subtree, as a power of two: a path costs the hashing of 4,096 of them."""

RECORD_HEAD = 16
_HEADS = 2**16
"""Records whose heads are read together."""

_WINDOW = 2**17
"""Bytes after which a piece of chunks ends, so that it is encrypted while it is in the processor's cache."""

_HINT = "remove the folder, and list the same records again"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SourceState:
    """How far the files of a store are good, and what they are made of."""

    source: str
    """Names the source and its state: another one is not continued."""

    chunk_size: int
    records: int
    chunks: int
    data: int
    """Bytes of `chunks`."""

    finished: bool
    version: int = VERSION

    def to_bytes(self) -> bytes:
        """For the file `state`."""
        return json.dumps(asdict(self)).encode()


def read_state(folder: Path) -> SourceState | None:
    """Read how far a store is; None where none was begun. Raises JournalDamaged, InsecureStore."""
    path = folder / STATE
    if not path.exists():
        return None
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise InsecureStore(f"{folder} may be read by others", expected="0700", hint=f"chmod 700 {quote(str(folder))}")
    try:
        document = json_value(path.read_bytes())
        state = SourceState(**document)
    except (ValueError, TypeError) as error:
        raise JournalDamaged(f"{path} is damaged", found=str(error)[:100], hint=_HINT) from error
    if state.version != VERSION:
        raise JournalDamaged(f"{path} is of another version", expected=VERSION, found=state.version, hint=_HINT)
    return state


def open_store(folder: Path) -> "StoredDataset":
    """Open a finished store. Raises FileMissing where it is not finished, JournalDamaged where files are too short."""
    state = read_state(folder)
    if state is None or not state.finished:
        raise FileMissing(f"{folder} holds no finished data set", hint="list the records again: it goes on")
    wanted = {CHUNKS: state.data, LEAVES: DIGEST_SIZE * state.chunks, RECORDS: RECORD_HEAD * state.records}
    for name, size in wanted.items():
        path = folder / name
        found = path.stat().st_size if path.exists() else 0
        if found != size:
            raise JournalDamaged(f"{path} is damaged", expected=f"{size:,} bytes", found=f"{found:,}", hint=_HINT)
    files = StoreFiles(folder, state)
    return StoredDataset(
        chunk_size=state.chunk_size,
        chunks=_Items(state.chunks, files.chunk),
        first_chunks=files.first_chunks(),
        leaf_hashes=_Items(state.chunks, files.leaf),
        files=files,
    )


class _Items(Sequence[_Value], Generic[_Value]):
    """A sequence whose items are read when they are asked for."""

    def __init__(self, count: int, read: Callable[[int], _Value]) -> None:
        self._count = count
        self._read = read

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> _Value: ...
    @overload
    def __getitem__(self, index: slice) -> "_Items[_Value]": ...
    def __getitem__(self, index: int | slice) -> "_Value | _Items[_Value]":
        if isinstance(index, slice):
            part, read = range(*index.indices(self._count)), self._read
            return _Items(len(part), lambda each: read(part[each]))
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(index)
        return self._read(place)


class StoreFiles:
    """The files of a finished store. They are read, and not mapped: what was read leaves the memory."""

    def __init__(self, folder: Path, state: SourceState) -> None:
        self.folder = folder
        self.state = state
        self._data, self._leaves, self._records = (
            os.open(folder / name, os.O_RDONLY) for name in (CHUNKS, LEAVES, RECORDS)
        )
        weakref.finalize(self, _close, (self._data, self._leaves, self._records))

    def heads(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The first chunks of records in a row, and where their bytes begin; past the last record, where all end."""
        data = os.pread(self._records, RECORD_HEAD * (stop - start), RECORD_HEAD * start)
        numbers = struct.unpack(f">{len(data) // 8}Q", data)
        found = list(zip(numbers[::2], numbers[1::2], strict=True))
        return [*found, (self.state.chunks, self.state.data)] if stop > self.state.records else found

    def head(self, record: int) -> tuple[int, int]:
        """The same of one record."""
        return self.heads(record, record + 1)[0]

    def first_chunks(self) -> ChunkRuns:
        """The first chunk of every record."""
        count = self.state.records + 1
        heads = (self.heads(start, min(start + _HEADS, count)) for start in range(0, count, _HEADS))
        firsts = (first for first, _ in chain.from_iterable(heads))
        return ChunkRuns.of_counts(after - before for before, after in pairwise(firsts))

    def record_of(self, chunk: int) -> int:
        """The record that a chunk is of, by halving."""
        low, high = 0, self.state.records
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.head(middle)[0] <= chunk else (low, middle)
        return low

    def chunk(self, number: int) -> bytes:
        """One chunk."""
        (first, start), (_, end) = self.heads(record := self.record_of(number), record + 2)
        place = start + (number - first) * self.state.chunk_size
        return os.pread(self._data, min(self.state.chunk_size, end - place), place)

    def chunks_of(self, start: int, stop: int) -> Iterator[bytes]:
        """All chunks of records in a row, in one reading."""
        size, heads = self.state.chunk_size, self.heads(start, stop + 1)
        begin, end = heads[0][1], heads[-1][1]
        data = os.pread(self._data, end - begin, begin)
        for (_, first), (_, after) in pairwise(heads):
            for place in range(first - begin, after - begin, size):
                yield data[place : min(place + size, after - begin)]

    def read_chunks(
        self, runs: Iterable[tuple[int, int]], skip: int, count: int, space: Space = new_space
    ) -> tuple[Iterator[memoryview], list[int]]:
        """Of all chunks of records in runs, `count` from number `skip` on, read piece by piece, and their lengths.

        A run is a record and the one after the last in a row. Chunks are left out of the first and of the last alone.
        A piece is some chunks, one after the other, and is overwritten by the next.
        """
        size = self.state.chunk_size
        spans = [
            (first, after) for start, stop in runs for (_, first), (_, after) in pairwise(self.heads(start, stop + 1))
        ]
        begin, after = spans[0]
        spans[0] = begin + skip * size, after
        more = sum(-(-(after - first) // size) for first, after in spans) - count
        if more:
            first, after = spans[-1]
            spans[-1] = first, first + (-(-(after - first) // size) - more) * size
        lengths = [size] * count
        if sum(after - first for first, after in spans) != count * size:
            lengths = [min(size, after - place) for first, after in spans for place in range(first, after, size)]
        pieces = (self._read(first, after, space) for first, after in _windows(_joined(spans), lengths))
        return pieces, lengths

    def _read(self, first: int, after: int, space: Space) -> memoryview:
        """Bytes of the chunks' file."""
        view, done = space(after - first), 0
        while done < len(view):
            if not (count := os.preadv(self._data, [view[done:]], first + done)):
                # What the memory held before is of another delivery.
                raise OSError(errno.EIO, "shorter than its state says", CHUNKS)
            done += count
        return view

    def leaves_of(self, start: int, stop: int) -> bytes:
        """The leaf hashes of records in a row."""
        (first, _), (after, _) = self.head(start), self.head(stop)
        return self.leaves(first, after)

    def record(self, record: int) -> bytes:
        """The canonical bytes of a record."""
        return b"".join(chunk[SALT_SIZE:] for chunk in self.chunks_of(record, record + 1))

    def leaf(self, number: int) -> Digest:
        """The leaf hash of a chunk."""
        return Digest(self.leaves(number, number + 1))

    def leaves(self, start: int, stop: int) -> bytes:
        """The leaf hashes of chunks in a row, one after the other."""
        return os.pread(self._leaves, DIGEST_SIZE * (stop - start), DIGEST_SIZE * start)

    def leaf_digest(self) -> Digest:
        """`H(L_0 || ... || L_last)` (PROTOCOL 2)."""
        whole = hashlib.sha256()
        for start in range(0, self.state.chunks, 2**16):
            whole.update(self.leaves(start, min(start + 2**16, self.state.chunks)))
        return Digest(whole.digest())

    def tree(self) -> SegmentedTree:
        """The listing tree, of which the roots of subtrees are kept: a 4,096th of it."""
        width, count = 2**SUBTREE_BITS, self.state.chunks

        def subtree(number: int) -> bytes:
            return self.leaves(number * width, min((number + 1) * width, count))

        roots = b"".join(root_of(subtree(number)) for number in range(-(-count // width)))
        return SegmentedTree(roots, count, SUBTREE_BITS, subtree)


@dataclass(frozen=True)
class StoredDataset(ChunkedDataset):
    """A data set whose chunks and leaves are on disk, read when they are asked for."""

    files: StoreFiles

    @cached_property
    def tree(self) -> Tree:
        """The listing tree, for paths to `listing_root`."""
        return self.files.tree()

    @property
    def leaf_digest(self) -> Digest:
        """`H(L_0 || ... || L_last)`, with one part of the list in memory at a time."""
        return self.files.leaf_digest()

    @property
    def records(self) -> Sequence[bytes]:
        """The canonical bytes of every record."""
        return self.of_records(self.files.record)

    def of_records(self, read: Callable[[int], _Value]) -> Sequence[_Value]:
        """Something of every record, read when it is asked for."""
        return _Items(self.files.state.records, read)


def stored_record(dataset: ChunkedDataset, record: RecordIndex) -> list[bytes]:
    """The chunks of a record, in one reading where they are on disk."""
    if isinstance(dataset, StoredDataset):
        return list(dataset.files.chunks_of(record, record + 1))
    return [dataset.chunks[j] for j in dataset.chunks_of(record)]


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans of which none begins where the one before ends."""
    begin = end = -1
    for place, after in spans:
        if place != end:
            if end >= 0:
                yield begin, end
            begin = place
        end = after
    if end >= 0:
        yield begin, end


def _windows(spans: Iterable[tuple[int, int]], lengths: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Spans cut between two chunks, of these lengths, where they are long."""
    chunks = iter(lengths)
    for begin, end in spans:
        stop = begin
        while stop < end:
            stop += next(chunks)
            if stop - begin >= _WINDOW or stop == end:
                yield begin, stop
                begin = stop


def _close(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
