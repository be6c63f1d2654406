"""How bytes get from one agent to the other. Agents know only `Transport`; what carries the bytes may lose nothing, may
repeat, and is trusted with nothing: every message is signed, and all but the public listing sealed."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from blindfair.agents.store import private_directory, write_atomically
from blindfair.protocol.errors import CannotWrite, InsecureStore, Undeliverable
from blindfair.protocol.quantities import Address

_HANDLE = re.compile(r"[0-9a-f]{64}")


class Transport(Protocol):
    """A mailbox. A message stays pending until `done`, so that a receiver that was killed sees it again."""

    def send(self, to: Address, message: bytes) -> None:
        """Put a message into the mailbox of `to`; the same bytes twice are the same as once. Raises Undeliverable."""
        ...

    def pending(self) -> Iterator[tuple[str, int]]:
        """Handle and size in bytes of every message not yet done."""
        ...

    def head(self, handle: str, size: int) -> bytes:
        """The first `size` bytes of a message, fewer where it ends before."""
        ...

    def receive(self, handle: str) -> bytes:
        """The message; its reader has looked at size and head before."""
        ...

    def done(self, handle: str) -> None:
        """The message has been dealt with."""
        ...


class FolderTransport:
    """Mailboxes as folders under `root`: one machine, or a folder that two machines share.

    A file is named by the hash of its bytes; what has another name, or is no plain file, is not looked at. Whoever else
    may write into the folder can take messages away, or fill the disk with others, and nothing more.
    """

    def __init__(self, root: Path, own: Address) -> None:
        self._root = private_directory(root)
        self._own = private_directory(root / own)

    def send(self, to: Address, message: bytes) -> None:
        """See `Transport`."""
        mailbox = self._root / to
        if mailbox.is_symlink():
            raise Undeliverable("A mailbox leads elsewhere", expected="a folder", found=f"{to} is a link")
        try:
            write_atomically(private_directory(mailbox) / hashlib.sha256(message).hexdigest(), message)
        except (CannotWrite, InsecureStore) as error:
            raise Undeliverable(
                f"The mailbox of {to} takes no message", found=error.what, hint="look at the folder's space and mode"
            ) from error

    def pending(self) -> Iterator[tuple[str, int]]:
        """See `Transport`."""
        for path in sorted(self._own.iterdir()):
            if not _HANDLE.fullmatch(path.name):
                continue
            try:
                found = path.lstat()
            except OSError:
                # Taken away meanwhile, or not for us to read: the same as never sent.
                continue
            if stat.S_ISREG(found.st_mode):
                yield path.name, found.st_size

    def head(self, handle: str, size: int) -> bytes:
        """See `Transport`."""
        return self._read(handle, size)

    def receive(self, handle: str) -> bytes:
        """See `Transport`. A message that cannot be read is empty, and no message."""
        return self._read(handle, -1)

    def _read(self, handle: str, size: int) -> bytes:
        try:
            descriptor = os.open(self._path(handle), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            return file.read(size)

    def done(self, handle: str) -> None:
        """See `Transport`."""
        self._path(handle).unlink(missing_ok=True)

    def _path(self, handle: str) -> Path:
        return self._own / Path(handle).name
