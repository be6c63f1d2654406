"""Messages on their way in, at the buyer's: kept as far as they have come, so that a cut costs nothing that was there.

FOLDER/SHA256     the bytes of a message so far
FOLDER/program    which program this is, to the service, beyond its life
"""

import contextlib
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from blindfair.agents.messaging.handles import is_handle
from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.protocol.errors import BlindfairError, StateError, TransferDamaged

FOLDER_BYTES = 2**30
"""Bytes of messages on their way in, all together: strangers may write many, and a service may list a thousand and give
all but the end of each. The largest message that there may be, of 900 MiB, has space in it."""

SMALL = 2**14
"""Bytes of a message that is fetched however full the folder is: what settles an order is no larger. It comes in one
piece, and is removed once it was read."""

_PROGRAM = "program"


class Downloads:
    """The folder of one transport. Every method raises StateError where the disk does not work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def program(self) -> str:
        """A name of this program that it keeps when it is started again."""
        path = self._path(_PROGRAM)
        with _disk(self._folder):
            if not path.exists():
                write_atomically(path, secrets.token_hex(16).encode())
            return path.read_text(encoding="ascii", errors="replace")[:64]

    def size(self, handle: str) -> int:
        """Bytes of a message that are here."""
        path = self._path(handle)
        return path.stat().st_size if path.exists() else 0

    def has_space(self, handle: str, size: int) -> bool:
        """Whether a message of `size` bytes may be here beside all others, or is here in full."""
        if size <= SMALL or self.size(handle) >= size:
            return True
        with _disk(self._folder):
            paths = [path for path in self._path(_PROGRAM).parent.iterdir() if is_handle(path.name)]
            return size + sum(path.stat().st_size for path in paths if path.name != handle) <= FOLDER_BYTES

    def add(self, handle: str, pieces: Iterable[bytes], size: int) -> None:
        """Append what comes, to `size` bytes at most. Raises TransferDamaged for more, and what `pieces` raises; what
        came before stays."""
        left = size - self.size(handle)
        with _disk(self._folder):
            file = self._path(handle).open("ab", buffering=0)
        with file:
            for piece in pieces:
                if len(piece) > left:
                    raise TransferDamaged("A message is longer than it was listed", expected=size, found="more")
                with _disk(self._folder):
                    file.write(piece)
                left -= len(piece)

    def beginning(self, handle: str, size: int) -> bytes:
        """The first `size` bytes of a message, as far as they are here."""
        path = self._path(handle)
        with _disk(self._folder):
            if not path.exists():
                return b""
            with path.open("rb") as file:
                return file.read(size)

    def whole(self, handle: str) -> bytes:
        """A message all of whose bytes are here. Raises TransferDamaged, and removes them, where they are another's."""
        with _disk(self._folder):
            data = self._path(handle).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != handle:
            self.remove(handle)
            raise TransferDamaged(
                "The service gave other bytes than those of the message",
                expected=handle,
                found=found,
                hint="it is fetched again after a pause",
            )
        return data

    def remove(self, handle: str) -> None:
        """Remove what is here of a message."""
        with _disk(self._folder):
            self._path(handle).unlink(missing_ok=True)

    def keep(self, handles: Iterable[str]) -> None:
        """Remove what is here of messages other than these."""
        kept = set(handles)
        with _disk(self._folder):
            for path in self._path(_PROGRAM).parent.iterdir():
                if is_handle(path.name) and path.name not in kept:
                    path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        with _disk(self._folder):
            return private_directory(self._folder) / name


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except StateError:
        raise
    except (OSError, BlindfairError) as error:
        raise StateError(
            f"The folder for messages on their way, {folder}, cannot be used",
            expected="a folder that this program can read and write",
            found=error.strerror if isinstance(error, OSError) else error.found,
            hint="look at the disk, its space and the permissions",
        ) from error
