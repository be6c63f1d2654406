"""Files of an owner alone, written whole or not at all, or at a place."""

import os
from collections.abc import Iterable
from pathlib import Path

from blindfair.protocol.space import Space


def write_whole(path: Path, data: bytes | memoryview | Iterable[bytes], *, lasting: bool = True) -> None:
    """Write a file under a temporary name, bring it to the disk if it must be `lasting`, rename it.

    `data` may be pieces, which are not put together in memory. Raises OSError, and what making a piece raises.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes | memoryview) else data)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class ReusedSpace:
    """Memory for one result at a time: the next overwrites it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def __call__(self, size: int) -> memoryview:
        """So many bytes, of any content. Raises ValueError for a negative size."""
        if size < 0:
            raise ValueError("a negative size")
        if len(self._held) < size:
            self._held = bytearray(size)
        return memoryview(self._held)[:size]


def read_whole(path: Path, space: Space) -> memoryview:
    """All bytes of a file. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        view, done = space(os.fstat(file.fileno()).st_size), 0
        while done < len(view) and (count := file.readinto(view[done:])):
            done += count
    return view[:done]


def read_part(path: Path, start: int, size: int) -> bytes:
    """Bytes of a file, fewer where it ends. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, start)
    finally:
        os.close(descriptor)


def write_part(path: Path, start: int, data: bytes | memoryview) -> None:
    """Write bytes at a place of a file, which is made if there is none; several processes may do so. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        view, written = memoryview(data), 0
        while written < len(view):
            written += os.pwrite(descriptor, view[written:], start + written)
    finally:
        os.close(descriptor)
