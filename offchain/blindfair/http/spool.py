"""A mail folder as a service uses it: what of an account's mailbox is there, and whose messages the seller has waiting.

No entry is followed: names are checked, folders and files are opened without links. Not here: messages that are on
their way in (`uploads`).
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blindfair.agents.messaging.handles import is_handle
from blindfair.agents.messaging.queue_places import QueuePlace, read_place
from blindfair.agents.messaging.shared_mail import check_private
from blindfair.http.wire import PENDING_SHOWN
from blindfair.protocol.documents import parse
from blindfair.protocol.errors import BlindfairError, InsecureStore
from blindfair.protocol.fields import Fields
from blindfair.protocol.messages import Inquiry
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealed_message import HEAD_SIZE, is_sealed_message, named_sender

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def incoming_folder(root: Path, seller: Address) -> Path:
    """Return the folder for messages on their way to a seller; it is made where it is not there.

    Raises InsecureStore where a user of the same mail folder has put one of its own, or a link, in its place: the
    seller's files would be written through it.
    """
    folder = root / f".incoming-{seller}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    entry = folder.lstat()
    if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
        raise InsecureStore(
            f"{folder} is not this seller's",
            expected="a directory that this user made",
            found=f"user {entry.st_uid}, mode {entry.st_mode:o}",
            hint="remove it, or use another mail folder",
        )
    check_private(entry, folder)
    return folder


class Spool:
    """The mail folder `root` of `seller`."""

    def __init__(self, root: Path, seller: Address) -> None:
        self.root = root
        self.seller = seller
        # Which account sent what lies in the seller's mailbox: noted as it comes, and read where it came before.
        self._senders: dict[str, Address] = {}

    def knows(self, account: Address) -> bool:
        """Whether the seller has ever answered an account: it then has a mailbox."""
        return account == self.seller or (self.root / account).is_dir()

    @contextmanager
    def _mailbox(self, account: Address) -> Iterator[int | None]:
        """A descriptor of a mailbox, None where there is none."""
        try:
            descriptor = os.open(self.root / account, _FOLDER)
        except OSError:
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def pending(self, account: Address, most: int | None = PENDING_SHOWN) -> dict[str, int]:
        """Bytes of each message in a mailbox by its handle, at most so many of them."""
        found: dict[str, int] = {}
        with self._mailbox(account) as mailbox:
            if mailbox is None:
                return found
            for name in sorted(filter(is_handle, os.listdir(mailbox)))[:most]:  # noqa: PTH208 - by descriptor
                with contextlib.suppress(OSError):
                    entry = os.stat(name, dir_fd=mailbox, follow_symlinks=False)
                    if stat.S_ISREG(entry.st_mode):
                        found[name] = entry.st_size
        return found

    def queue_place(self, account: Address) -> QueuePlace | None:
        """Where an account stands in the seller's queue, None where it does not wait."""
        return read_place(self.root, self.seller, account)

    def open_message(self, account: Address, handle: str) -> tuple[int, int] | None:
        """A descriptor of a message, to be closed by the caller, and its size; None where there is none."""
        with self._mailbox(account) as mailbox:
            if mailbox is None or not is_handle(handle):
                return None
            try:
                descriptor = os.open(handle, _READ, dir_fd=mailbox)
            except OSError:
                return None
        entry = os.fstat(descriptor)
        if not stat.S_ISREG(entry.st_mode):
            os.close(descriptor)
            return None
        return descriptor, entry.st_size

    def remove(self, account: Address, handle: str) -> None:
        """Remove a message; nothing where there is none."""
        with self._mailbox(account) as mailbox:
            if mailbox is not None and is_handle(handle):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(handle, dir_fd=mailbox)

    # --- the seller's own mailbox ----------------------------------------------------------------------------------

    def has_arrived(self, handle: str) -> bool:
        """Whether a message lies in the seller's mailbox."""
        with self._mailbox(self.seller) as mailbox:
            if mailbox is None:
                return False
            try:
                return stat.S_ISREG(os.stat(handle, dir_fd=mailbox, follow_symlinks=False).st_mode)
            except OSError:
                return False

    def waiting(self, account: Address) -> tuple[int, int, int, int]:
        """Messages of an account that the seller has not read, those of all, and the bytes of both."""
        pending = self.pending(self.seller, None)
        self._senders = {handle: self._senders.get(handle) or self._sender_of(handle) for handle in pending}
        own = [size for handle, size in pending.items() if self._senders[handle] == account]
        return len(own), len(pending), sum(own), sum(pending.values())

    def _sender_of(self, handle: str) -> Address:
        """Whom a message names as its sender, which was checked as it came; nobody where it is none of ours."""
        nobody = Address("")
        found = self.open_message(self.seller, handle)
        if found is None:
            return nobody
        with os.fdopen(found[0], "rb") as file:
            data = file.read(Inquiry.LIMIT)
        if is_sealed_message(data):
            return named_sender(data[:HEAD_SIZE]) or nobody
        try:
            # An inquiry: its document follows two lengths. Its signature was checked as it came.
            size = int.from_bytes(data[4:8], "big")
            return Fields(parse(data[8 : 8 + size], Inquiry.LIMIT)).address("sender")
        except BlindfairError:
            return nobody

    def put(self, path: Path, account: Address, handle: str) -> None:
        """Move a whole, checked file into the seller's mailbox. Raises OSError."""
        folder = self.root / self.seller
        folder.mkdir(mode=0o700, exist_ok=True)
        with self._mailbox(self.seller) as mailbox:
            if mailbox is None:
                raise NotADirectoryError(f"{folder} is not a mailbox")
            os.rename(path, handle, dst_dir_fd=mailbox)
            os.fsync(mailbox)
        self._senders[handle] = account
