"""The first chunk of every record, kept as runs of records with equally many chunks: a table of ten million rows is one
run.

Not here: the manifest's field that carries them (`manifest`).
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, repeat
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from blindfair.protocol.errors import InvalidListing

Numbers: TypeAlias = NDArray[np.int64]


class ChunkRuns(Sequence[int]):
    """The number of the first chunk of every record, read as a sequence; `chunk_count` is of all records together.

    Equal to any sequence of the same numbers.
    """

    __slots__ = ("_counts", "_firsts", "_records", "chunk_count")

    def __init__(self, runs: Iterable[tuple[int, int]]) -> None:
        """`runs` are pairs: how many records, and how many chunks each of them has.

        Raises `InvalidListing` for a number that is not positive.
        """
        self._records = [0]
        """The number of the first record of every run, and of all records."""
        self._firsts = [0]
        """The number of the first chunk of every run, and of all chunks."""
        self._counts: list[int] = []
        for records, chunks in runs:
            if records < 1 or chunks < 1:
                raise InvalidListing("A record has at least one chunk", expected=">= 1", found=f"{records} x {chunks}")
            if self._counts and self._counts[-1] == chunks:
                self._records[-1] += records
                self._firsts[-1] += records * chunks
                continue
            self._counts.append(chunks)
            self._records.append(self._records[-1] + records)
            self._firsts.append(self._firsts[-1] + records * chunks)
        self.chunk_count = self._firsts[-1]

    @classmethod
    def of_counts(cls, counts: Iterable[int]) -> "ChunkRuns":
        """The runs of records that have so many chunks each."""
        return cls((sum(1 for _ in group), count) for count, group in groupby(counts))

    @classmethod
    def of_firsts(cls, firsts: Sequence[int], chunk_count: int) -> "ChunkRuns":
        """The runs of records whose first chunks are these, of so many chunks in all."""
        if isinstance(firsts, ChunkRuns):
            return firsts
        ends = [*firsts[1:], chunk_count]
        return cls.of_counts(end - start for start, end in zip(firsts, ends, strict=True))

    def runs(self) -> Iterator[tuple[int, int]]:
        """How many records in a row have how many chunks each, neighbours differing in the latter."""
        for number, count in enumerate(self._counts):
            yield self._records[number + 1] - self._records[number], count

    def spans(self, records: Numbers) -> tuple[Numbers, Numbers]:
        """The first chunk and the number of chunks of each of these records, which must be of the listing."""
        starts = np.array(self._records, dtype=np.int64)
        firsts = np.array(self._firsts, dtype=np.int64)
        counts = np.array(self._counts, dtype=np.int64)
        run = np.searchsorted(starts, records, side="right") - 1
        return firsts[run] + (records - starts[run]) * counts[run], counts[run]

    def __len__(self) -> int:
        return self._records[-1]

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[int, ...]: ...
    def __getitem__(self, index: int | slice) -> int | tuple[int, ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        record = index + len(self) if index < 0 else index
        if not 0 <= record < len(self):
            raise IndexError(index)
        run = bisect_right(self._records, record) - 1
        return self._firsts[run] + (record - self._records[run]) * self._counts[run]

    def __iter__(self) -> Iterator[int]:
        first = 0
        for count in chain.from_iterable(repeat(chunks, records) for records, chunks in self.runs()):
            yield first
            first += count

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ChunkRuns):
            return (self._records, self._counts) == (other._records, other._counts)
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"ChunkRuns({len(self):,} records, {self.chunk_count:,} chunks)"
