"""Whether records that are more than the memory holds are all different: each leaves 16 bytes on the disk."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from blindfair.protocol.errors import CannotWrite

SIZE = 16
"""Bytes of a digest that are kept: among 2^24 records two different ones share them once in 2^81 tries."""

_PARTS = 32
"""Parts of the digests, by their first five bits, that are sorted one after the other."""

_PIECE = 2**18
"""Digests that are read together."""


class Digests:
    """The digests of records in their order, in a file without a name."""

    def __init__(self, folder: Path) -> None:
        """`folder` is on a disk with space for them. Raises CannotWrite."""
        try:
            # Without a buffer: what a full disk has not taken is not tried once more when the file is closed.
            self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
        except OSError as error:
            raise _not_written(folder, error) from error
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, digests: Iterable[bytes]) -> None:
        """Add digests of 16 bytes. Raises CannotWrite."""
        data = memoryview(b"".join(digests))
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise _not_written(self._folder, error) from error

    def copies(self, most: int) -> list[tuple[int, int]]:
        """Up to `most` records that are the same as another one, ascending, each with the first that is."""
        found: list[tuple[int, int]] = []
        for part in range(_PARTS):
            numbers, halves = self._part(part)
            order = np.lexsort((numbers, halves[:, 1], halves[:, 0]))
            halves, numbers = halves[order], numbers[order]
            (places,) = np.nonzero((halves[1:] == halves[:-1]).all(axis=1))
            for place in places[:most]:
                start = place
                while start and np.array_equal(halves[start - 1], halves[place]):
                    start -= 1
                found.append((int(numbers[place + 1]), int(numbers[start])))
        return sorted(found)[:most]

    def _part(self, part: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        numbers: list[NDArray[np.int64]] = []
        halves: list[NDArray[np.uint64]] = []
        for start, piece in self._pieces():
            (places,) = np.nonzero(piece[:, 0] >> 59 == part)
            numbers.append(places + start)
            halves.append(piece[places])
        return np.concatenate(numbers), np.concatenate(halves)

    def _pieces(self) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        start = 0
        while data := os.pread(self._file.fileno(), SIZE * _PIECE, SIZE * start):
            piece = np.frombuffer(data, dtype=">u8").astype(np.uint64).reshape(-1, 2)
            yield start, piece
            start += len(piece)


def _not_written(folder: Path, error: OSError) -> CannotWrite:
    return CannotWrite(
        f"The digests of the records cannot be written in {folder}",
        expected="16 bytes for each record",
        found=error.strerror,
        hint="free space, then repeat the command",
    )
