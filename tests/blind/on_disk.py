"""Rows, requests and folders for the tests of scoring on disk, and processes that die on the way."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import blindfair.blind.parameters as parameter_sets
from blindfair.blind.blob_store import Directory
from blindfair.blind.keys import QuerySecret
from blindfair.blind.matrix import EncodedMatrix, encode_matrix
from blindfair.blind.parameters import DEFAULT, ParameterSet, parameter_set
from blindfair.blind.query import encrypt_queries
from blindfair.blind.stream import finish, start_evaluation

N = DEFAULT.ring_degree

OTHER = replace(
    DEFAULT,
    name="other-primes",
    data_primes=(DEFAULT.data_primes[0], DEFAULT.special_prime),
    special_prime=DEFAULT.data_primes[1],
)
"""A set that keeps every margin and has sums of its own; known by name where a test says so."""


def random_rows(n: int, k: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-2047, 2048, (n, k)).astype(np.int16)


def asked(
    queries: NDArray[np.int64], parameters: ParameterSet = DEFAULT, bits: Sequence[int] | None = None
) -> tuple[bytes, QuerySecret]:
    encrypted, secret = encrypt_queries(parameters, queries, bits)
    return encrypted.to_bytes(), secret


def encoded(folder: Path, rows: NDArray[np.int16], parameters: ParameterSet = DEFAULT) -> EncodedMatrix:
    return encode_matrix(parameters, rows, Directory(folder))


def make_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests name `OTHER`."""
    monkeypatch.setattr(parameter_sets, "PARAMETER_SETS", {**parameter_sets.PARAMETER_SETS, OTHER.name: OTHER})


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Name -> inode and time of change: what tells that a file was written again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


class Interrupting(Directory):
    """A blob store whose process stops before it writes its n-th file."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path)
        self._left = writes

    def write(self, name: str, *parts: bytes | memoryview) -> None:
        self._count()
        super().write(name, *parts)

    def write_once(self, name: str, data: bytes) -> bytes:
        if not self.has(name):
            self._count()
        return super().write_once(name, data)

    def _count(self) -> None:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1


def in_a_child(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run `main` below in a process of its own."""
    return subprocess.run([sys.executable, __file__, *arguments], capture_output=True, check=False)


def _fail_after(writes: int, then: Callable[[], None]) -> None:
    """Let the process fail when it has written the bytes of its n-th file, before the file has its name."""
    real, left = os.fsync, [writes]

    def fsync(descriptor: int) -> None:
        real(descriptor)
        # A folder is flushed, too, when a file in it has its name.
        left[0] -= stat.S_ISREG(os.fstat(descriptor).st_mode)
        if left[0] == 0 and stat.S_ISREG(os.fstat(descriptor).st_mode):
            then()

    os.fsync = fsync  # type: ignore[assignment]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _leave_space_for(size: int) -> None:
    """From the next file on no more than so many bytes of each fit."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def main(what: str, failure: str, writes: str, name: str, folder: str, source: str, query: str) -> None:
    """Encode rows or evaluate a query, and fail at the n-th file: `die`, or the bytes that each next one may have."""
    _fail_after(int(writes), _die if failure == "die" else lambda: _leave_space_for(int(failure)))
    rows = np.load(source, mmap_mode="r", allow_pickle=False)
    if what == "encode":
        encode_matrix(parameter_set(name), rows, Directory(Path(folder)))
    else:
        matrix = encode_matrix(parameter_set(name), rows, Directory(Path(folder) / "matrix"))
        finish(start_evaluation(matrix, Path(query).read_bytes(), Directory(Path(folder) / "evaluation")))


if __name__ == "__main__":
    main(*sys.argv[1:])
