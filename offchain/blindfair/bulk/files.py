"""Files of an owner alone, written whole or not at all, or at a place."""

import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, data: bytes | Iterable[bytes], *, lasting: bool = True) -> None:
    """Write a file under a temporary name, bring it to the disk if it must be `lasting`, rename it.

    `data` may be pieces, which are not put together in memory. Raises OSError, and what making a piece raises.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_part(path: Path, start: int, size: int) -> bytes:
    """Bytes of a file, fewer where it ends. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, start)
    finally:
        os.close(descriptor)


def write_part(path: Path, start: int, data: bytes) -> None:
    """Write bytes at a place of a file, which is made if there is none; several processes may do so. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], start + written)
    finally:
        os.close(descriptor)
