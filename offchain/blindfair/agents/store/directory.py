"""An agent's directory: secrets in files of mode 0600, and a lock so that two processes never work in it at once."""

import contextlib
import fcntl
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

from blindfair.chain.sqlite_files import check_path
from blindfair.protocol.errors import CannotWrite, InsecureStore, StoreInUse

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,120}")


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write `data`: never a half-written file. Raises CannotWrite, and leaves nothing behind then."""
    with writing_atomically(path, mode) as file:
        file.write(data)


@contextlib.contextmanager
def writing_atomically(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to be written under a temporary name, then flushed to the disk and renamed.

    Where that fails, or what is done meanwhile, nothing is left behind. Raises CannotWrite.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(
            f"{path.name} cannot be written",
            expected=f"a file that can be written in {path.parent}",
            found=error.strerror,
            hint="look at the disk's space and the permissions",
        ) from error
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def private_directory(path: Path) -> Path:
    """Make `path` a directory of mode 0700, or check that it is one.

    Raises InsecureStore where others may enter it, CannotWrite where it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The directory {path} cannot be made",
            expected="a new directory, or one that is there already",
            found=error.strerror,
            hint="name a directory on a disk that can be written",
        ) from error
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise InsecureStore(
            f"The directory {path} may be entered by others",
            expected="0700",
            found=oct(mode),
            hint=f"chmod 700 {shlex.quote(str(path))}",
        )
    return path


class SecretStore:
    """Secrets by name, one file of mode 0600 each, in a directory of their own (mode 0700)."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_directory(directory)

    def get(self, name: str) -> bytes | None:
        """The secret, or None. Raises InsecureStore if others may read its file."""
        path = self._path(name)
        if not path.exists():
            return None
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise InsecureStore(
                f"The secret {name!r} may be read by others",
                expected="0600",
                found=oct(mode),
                hint=f"chmod 600 {shlex.quote(str(path))}",
            )
        return path.read_bytes()

    def once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The secret; made, and on disk before it is returned, if there is none yet."""
        value = self.get(name)
        if value is None:
            value = make()
            self.put(name, value)
        return value

    def put(self, name: str, value: bytes) -> None:
        """Write the secret, in place of any earlier one, whole or not at all. Raises CannotWrite."""
        write_atomically(self._path(name), value)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name of a secret: {name!r}")
        return self._directory / name


class DirectoryLock:
    """Held while a process works in a directory; the operating system lets go of it when the process dies."""

    def __init__(self, directory: Path) -> None:
        """Raises StoreInUse, InsecureStore, and CannotWrite (also for a path that is too long for a journal)."""
        check_path(directory / "journal.sqlite")
        try:
            # Nothing is followed, waited for or written: what is called `lock` there may be anybody's.
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(private_directory(directory) / "lock", flags, 0o600)
        except OSError as error:
            raise CannotWrite(
                f"The lock in {directory} cannot be written",
                expected="a directory that can be written",
                found=error.strerror,
                hint="look at the disk's space and the permissions; nothing was changed",
            ) from error
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise StoreInUse(
                f"Another process works in {directory}",
                expected="one process in a directory",
                found="its lock is held",
                hint="wait for it to end, or end it; commands that only look, as those for the status, work meanwhile",
            ) from error

    def release(self) -> None:
        """Let others work in the directory."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
