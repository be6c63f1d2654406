"""How bytes get from one agent to the other. Agents know only `Transport`; what carries the bytes may lose nothing, may
repeat, and is trusted with nothing: every message is signed, and the delivery sealed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from blindfair.agents.store import private_directory, write_atomically
from blindfair.protocol.quantities import Address


class Transport(Protocol):
    """A mailbox. A message stays pending until `done`, so that a receiver that was killed sees it again."""

    def send(self, to: Address, message: bytes) -> None:
        """Put a message into the mailbox of `to`. Sending the same bytes twice is the same as once."""
        ...

    def pending(self) -> Iterator[tuple[str, int]]:
        """Handle and size in bytes of every message not yet done."""
        ...

    def receive(self, handle: str) -> bytes:
        """The message; its reader has looked at the size before."""
        ...

    def done(self, handle: str) -> None:
        """The message has been dealt with."""
        ...


class FolderTransport:
    """Mailboxes as folders under `root`: one machine, or a folder that two machines share.

    A file is named by the hash of its bytes.
    """

    def __init__(self, root: Path, own: Address) -> None:
        self._root = private_directory(root)
        self._own = private_directory(root / own)

    def send(self, to: Address, message: bytes) -> None:
        """See `Transport`. Raises CannotWrite."""
        write_atomically(private_directory(self._root / to) / hashlib.sha256(message).hexdigest(), message)

    def pending(self) -> Iterator[tuple[str, int]]:
        """See `Transport`."""
        for path in sorted(self._own.iterdir()):
            # A name with a dot is a message that is still being written.
            if path.is_file() and not path.name.startswith("."):
                yield path.name, path.stat().st_size

    def receive(self, handle: str) -> bytes:
        """See `Transport`."""
        return self._path(handle).read_bytes()

    def done(self, handle: str) -> None:
        """See `Transport`."""
        self._path(handle).unlink(missing_ok=True)

    def _path(self, handle: str) -> Path:
        return self._own / Path(handle).name
