"""Where an evaluation of many records keeps its files: a directory, each file written whole or not at all.

The interface is what `scale_out.py` needs of places elsewhere, too. Not here: what the files hold.
"""

import contextlib
import mmap
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from blindfair.blind.seal import Words
from blindfair.protocol.errors import CannotWrite, FileMissing, MalformedFile

_TEMPORARY = ".part"
_POPULATE = getattr(mmap, "MAP_POPULATE", 0)


class BlobStore(Protocol):
    """Named files of bytes."""

    def has(self, name: str) -> bool:
        """Whether there is one of that name, which then is complete."""
        ...

    def write(self, name: str, *parts: bytes | memoryview) -> None:
        """Write the parts one after another. Raises CannotWrite, and then there is no such file, or the earlier one."""
        ...

    def write_once(self, name: str, data: bytes) -> bytes:
        """Write a file unless there is one, and return what there is: the first writer's. Raises as `write`."""
        ...

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """A file's bytes, or some of them. Raises FileMissing."""
        ...

    def words(self, name: str, start: int) -> Words:
        """A file's 64-bit words from byte `start` on, read-only. Raises FileMissing, MalformedFile for no whole
        words."""
        ...


class Directory:
    """A blob store on this machine; made, for its owner alone, when the first file is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """See `BlobStore`."""
        return (self.path / name).is_file()

    def write(self, name: str, *parts: bytes | memoryview) -> None:
        """See `BlobStore`."""
        with self._complete(name, parts) as temporary:
            temporary.rename(self.path / name)

    def write_once(self, name: str, data: bytes) -> bytes:
        """See `BlobStore`."""
        with self._complete(name, (data,)) as temporary, contextlib.suppress(FileExistsError):
            os.link(temporary, self.path / name)
        return self.read(name)

    def sweep(self) -> None:
        """Remove what killed writers left. For whoever alone writes here."""
        for temporary in self.path.glob(f".*{_TEMPORARY}"):
            temporary.unlink(missing_ok=True)

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """See `BlobStore`."""
        try:
            with (self.path / name).open("rb") as file:
                file.seek(start)
                return file.read(-1 if size is None else size)
        except OSError as error:
            raise self._missing(name, error) from error

    def words(self, name: str, start: int) -> Words:
        """See `BlobStore`. Mapped, not copied: the memory is the system's cache of the file, and goes with the
        array."""
        try:
            with (self.path / name).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED | _POPULATE, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            raise self._missing(name, error) from error
        if len(mapped) < start or (len(mapped) - start) % 8:
            raise MalformedFile(f"{name} is cut short", found=f"{len(mapped)} bytes")
        with contextlib.suppress(AttributeError, OSError):
            mapped.madvise(mmap.MADV_SEQUENTIAL)
        return np.frombuffer(mapped, dtype="<u8", offset=start)

    @contextlib.contextmanager
    def _complete(self, name: str, parts: Iterable[bytes | memoryview]) -> Iterator[Path]:
        """A file with these parts, under a name that nobody else has, for as long as the context lasts."""
        temporary = self.path / f".{name}.{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    for part in parts:
                        file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)
            directory = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise CannotWrite(
                f"{name} cannot be written", found=error.strerror, hint="look at the disk's space and the permissions"
            ) from error

    @staticmethod
    def _missing(name: str, error: Exception) -> FileMissing:
        return FileMissing(f"{name} cannot be read", found=getattr(error, "strerror", None) or "an empty file")
