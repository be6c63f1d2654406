"""How bytes get from one agent to the other. Agents know only `Transport`; what carries the bytes may lose nothing, may
repeat, and is trusted with nothing: every message is signed, and all but the public listing sealed."""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from blindfair.agents.messaging.handles import is_handle
from blindfair.agents.messaging.mailbox_lock import MailboxLock
from blindfair.agents.messaging.partial_messages import PartialMessages, look_of
from blindfair.agents.messaging.queue_places import QueuePlace, places_to_bytes, queue_name, read_place
from blindfair.agents.messaging.shared_mail import (
    SHARED_FILE,
    check_mail_modes,
    check_private,
    is_shared,
    is_shared_mail,
    not_yours,
    share_mailbox,
)
from blindfair.agents.store.directory import private_directory
from blindfair.agents.store.regular_files import opened_regular
from blindfair.protocol.errors import BlindfairError, StateError, Undeliverable
from blindfair.protocol.quantities import Address, Digest, Signature
from blindfair.protocol.sealed_message import SEALED_MESSAGE_LIMIT

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC

_OTHERS = 0o077
"""Permissions that nobody but the owner of a mailbox may have."""

_NOT_A_MESSAGE = (
    errno.ENOENT, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV, errno.EISDIR, errno.EINVAL,
)  # fmt: skip
"""Why an entry cannot be opened that is gone by now, or that was never a message. All other errors are the disk's or
the system's: the message may be read later."""

_SPOILT = (errno.ELOOP, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST)
"""Why one mailbox takes no message, whatever the state of the mail folder and its disk."""


_AGAIN = "it is tried again by seller serve, and by other commands when they are repeated"
_LOOK = f"look at the disk, its space and the permissions; {_AGAIN}"


Signer = Callable[[Digest, Digest], Signature]
"""Signs `Message(kind, body)` as the account does, in the contract's domain (PROTOCOL 4)."""


class Transport(Protocol):
    """A mailbox. A message stays pending until `done`, so that a receiver that was killed sees it again.

    Every method but `aside` raises StateError while the mail as a whole does not work: try again later.
    """

    def send(self, to: Address, message: bytes) -> None:
        """Put a message into the mailbox of `to`; the same bytes twice are the same as once.

        Raises Undeliverable where that one mailbox is spoilt.
        """
        ...

    def take_back(self, to: Address, handle: str) -> None:
        """Remove a message of one's own from the mailbox of `to`, if it is still there and can be reached."""
        ...

    def pending(self) -> Iterator[tuple[str, int]]:
        """Handle and size in bytes of every message not yet done, the first that came first, as far as that is
        known."""
        ...

    def head(self, handle: str, size: int) -> bytes:
        """The first `size` bytes of a message, fewer where it ends before; empty if it is gone by now."""
        ...

    def receive(self, handle: str) -> bytes:
        """The whole message; empty if it is gone by now, or not all of it is there yet."""
        ...

    def done(self, handle: str) -> None:
        """The message has been dealt with."""
        ...

    def aside(self) -> str | None:
        """The name of an entry that is not a message and stays where it is; None if none was seen."""
        ...

    def incomplete(self) -> str | None:
        """The handle of a message of which a part is missing; None if none was seen."""
        ...

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        """Let senders see where they stand in this account's queue, if that works. Raises nothing."""
        ...

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        """Where this account stands in a receiver's queue, None where nothing is told. Raises nothing; for people."""
        ...

    def hold(self, holder: str) -> None:
        """Keep other programs of this account out of the mailbox from its next use on, until `release`.

        While another holds it, every use raises StoreInUse, which names that program's `holder`.
        """
        ...

    def release(self) -> None:
        """Let other programs of this account use the mailbox."""
        ...


class FolderTransport:
    """Mailboxes as folders under `root`: one machine, or a folder that two machines share.

    A file is named by the hash of its bytes; what has another name, or is not a regular file, is left alone. Whoever
    else may write into the folder can take messages away, or fill the disk with others, and nothing more: no entry is
    followed, waited for, or read beyond its size.
    """

    def __init__(self, root: Path, own: Address) -> None:
        """Raises nothing: an agent with an open order must start although its mail does not work."""
        self._root = root
        self._own = own
        self._made = False
        self._sizes: dict[str, int] = {}
        self._aside: str | None = None
        self._group: int | None = None
        self._partial = PartialMessages()
        self._lock: MailboxLock | None = None
        with contextlib.suppress(StateError), self._own_mailbox():
            pass

    # --- folders ---------------------------------------------------------------------------------------------------

    def _make_root(self) -> None:
        # Once: where a disk was unmounted since, messages must not go into a new folder in its place.
        if self._made:
            return
        try:
            if not self._root.is_dir():
                private_directory(self._root)
        except StateError:
            raise
        except OSError as error:
            raise _trouble(f"The mail folder {self._root} cannot be opened", error.strerror) from error
        except BlindfairError as error:
            raise _trouble(f"The mail folder {self._root} cannot be made", error.found) from error
        self._made = True

    @contextmanager
    def _mailbox(self, owner: Address) -> Iterator[int]:
        """A descriptor of a mailbox that is a folder, made if it is missing. Raises OSError, and StateError for the
        mail folder itself."""
        self._make_root()
        try:
            # With the point, it is also found out here whether the folder may be entered.
            root = os.open(f"{self._root}/.", _FOLDER)
        except OSError as error:
            hint = f"{not_yours(self._root)}; {_AGAIN}" if error.errno in (errno.EACCES, errno.EPERM) else _LOOK
            raise _trouble(f"The mail folder {self._root} cannot be opened", error.strerror, hint) from error
        try:
            entry = os.fstat(root)
            check_mail_modes(entry, self._root)
            self._group = entry.st_gid if is_shared_mail(entry) else None
            if self._lock is not None and owner == self._own:
                self._lock.take(root)
            try:
                mailbox = os.open(owner, _FOLDER | os.O_NOFOLLOW, dir_fd=root)
            except FileNotFoundError:
                self._make_mailbox(root, owner)
                mailbox = os.open(owner, _FOLDER | os.O_NOFOLLOW, dir_fd=root)
            if self._group is not None:
                share_mailbox(mailbox, self._group)
        finally:
            os.close(root)
        try:
            yield mailbox
        finally:
            os.close(mailbox)

    def _make_mailbox(self, root: int, owner: Address) -> None:
        try:
            os.mkdir(owner, 0o700, dir_fd=root)
        except FileExistsError:
            # The other side was quicker.
            return
        except OSError as error:
            raise _trouble(f"The mail folder {self._root} takes no mailbox", error.strerror) from error

    @contextmanager
    def _own_mailbox(self) -> Iterator[int]:
        """Raises StateError."""
        try:
            with self._mailbox(self._own) as mailbox:
                entry = os.fstat(mailbox)
                if self._group is None or not is_shared(entry):
                    check_private(entry, self._root / self._own)
                # Whether it may be entered: an empty list of names says nothing about it.
                os.stat(".", dir_fd=mailbox)
                yield mailbox
        except OSError as error:
            raise _trouble(f"The mailbox {self._root / self._own} cannot be used", error.strerror) from error

    def hold(self, holder: str) -> None:
        """Keep other programs of this account out, as `Transport` says."""
        self._lock = MailboxLock(self._own, holder)

    def release(self) -> None:
        """Let other programs of this account in, as `Transport` says."""
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    # --- out -------------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: bytes) -> None:
        """Put a message into the mailbox of `to`, as `Transport` says."""
        try:
            with self._mailbox(to) as mailbox:
                if self._group is None or not is_shared(os.fstat(mailbox)):
                    _check_receiver(mailbox, to)
                mode = 0o600 if self._group is None else SHARED_FILE
                _write(mailbox, hashlib.sha256(message).hexdigest(), message, mode)
        except OSError as error:
            if error.errno in _SPOILT:
                raise Undeliverable(
                    f"The mailbox of {to} takes no message",
                    expected="a folder, and no link",
                    found=error.strerror,
                    hint="its owner can remove what lies there under this name",
                ) from error
            raise _trouble(f"The mail folder {self._root} takes no message", error.strerror) from error

    def take_back(self, to: Address, handle: str) -> None:
        """Remove a message of one's own, as `Transport` says."""
        try:
            with self._mailbox(to) as mailbox:
                os.unlink(Path(handle).name, dir_fd=mailbox)
        except OSError as error:
            if error.errno != errno.ENOENT and error.errno not in _SPOILT:
                raise _trouble(f"The mail folder {self._root} cannot be used", error.strerror) from error

    # --- in --------------------------------------------------------------------------------------------------------

    def pending(self) -> Iterator[tuple[str, int]]:
        """Handle and size of every message not yet done, as `Transport` says."""
        found: dict[str, int] = {}
        came: dict[str, int] = {}
        with self._partial.look(), self._own_mailbox() as mailbox:
            for name in sorted(os.listdir(mailbox)):  # noqa: PTH208 - in this very folder, wherever its path leads by now
                if name.startswith("."):
                    # Being written just now.
                    continue
                try:
                    entry = os.stat(name, dir_fd=mailbox, follow_symlinks=False)
                except FileNotFoundError:
                    # Taken away meanwhile: the same as never sent.
                    continue
                if not is_handle(name) or not stat.S_ISREG(entry.st_mode):
                    self._aside = name
                elif not self._partial.is_waited_for(name, look_of(entry)):
                    found[name], came[name] = entry.st_size, entry.st_mtime_ns
                elif self._partial.is_given_up(name):
                    with contextlib.suppress(OSError):
                        os.unlink(name, dir_fd=mailbox)
        self._sizes = found
        yield from sorted(found.items(), key=lambda one: came[one[0]])

    def head(self, handle: str, size: int) -> bytes:
        """The first bytes of a message, as `Transport` says."""
        return self._read(handle, size)

    def receive(self, handle: str) -> bytes:
        """The whole message, as `Transport` says.

        A copy under way, as by scp, has another hash than its name until it is whole.
        """
        return self._read(handle, self._sizes.get(handle, SEALED_MESSAGE_LIMIT), whole=True)

    def incomplete(self) -> str | None:
        """The handle of a message of which a part is missing, as `Transport` says."""
        return self._partial.any()

    def _read(self, handle: str, size: int, *, whole: bool = False) -> bytes:
        """The first bytes of a file, none where it is waited for; `whole` says that all of it is read."""
        with self._own_mailbox() as mailbox:
            try:
                # It was a file when it was listed, and may have been replaced since.
                with opened_regular(Path(handle).name, flags=os.O_NOFOLLOW, dir_fd=mailbox) as file:
                    # With the entry as it was before: what changed meanwhile is read again.
                    entry, data = os.fstat(file.fileno()), file.read(size)
            except OSError as error:
                if error.errno not in _NOT_A_MESSAGE:
                    raise
                self._aside = handle if error.errno != errno.ENOENT else self._aside
                return b""
        if _is_partial(handle, data, whole):
            self._partial.wait_for(handle, look_of(entry), in_full=whole)
            return b""
        if whole:
            self._partial.found_whole(handle)
        return data

    def done(self, handle: str) -> None:
        """Remove a message that has been dealt with, as `Transport` says."""
        with self._own_mailbox() as mailbox:
            try:
                os.unlink(Path(handle).name, dir_fd=mailbox)
            except FileNotFoundError:
                return
            except OSError:
                # A folder in its place is not a message any more, and `pending` does not show it.
                if not stat.S_ISDIR(os.stat(Path(handle).name, dir_fd=mailbox, follow_symlinks=False).st_mode):
                    raise

    def aside(self) -> str | None:
        """The name of an entry that is not a message, as `Transport` says."""
        return self._aside

    # --- the queue -------------------------------------------------------------------------------------------------

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        """Let senders see where they stand, as `Transport` says: in a file beside the mailboxes."""
        with contextlib.suppress(StateError, OSError), self._own_mailbox():
            root = os.open(f"{self._root}/.", _FOLDER)
            try:
                mode = 0o600 if self._group is None else SHARED_FILE
                _write(root, queue_name(self._own), places_to_bytes(places), mode)
            finally:
                os.close(root)

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        """Where this account stands, as `Transport` says."""
        return read_place(self._root, receiver, self._own)


def _is_partial(handle: str, data: bytes, whole: bool) -> bool:
    """Whether something still copies a message: no message begins with a zero, and a whole one's hash is its name."""
    return not data or data[0] == 0 or (whole and hashlib.sha256(data).hexdigest() != handle)


def _check_receiver(descriptor: int, to: Address) -> None:
    """Raises Undeliverable for a mailbox that others may enter."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & _OTHERS:
        raise Undeliverable(
            f"The mailbox of {to} may be entered by others", expected="0700", found=oct(mode),
            hint="its owner can run chmod 700 on it",
        )  # fmt: skip


def _write(mailbox: int, name: str, data: bytes, mode: int) -> None:
    """Write a file whole or not at all. Raises OSError, and leaves nothing behind then."""
    # A name that nobody can guess: a FIFO in its place would stop this program.
    temporary = f".{secrets.token_hex(16)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=mailbox)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Whatever the umask of this process is: the receiver must be able to read it.
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=mailbox, dst_dir_fd=mailbox)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=mailbox)
        raise
    os.fsync(mailbox)


def _trouble(what: str, found: object, hint: str = _LOOK) -> StateError:
    return StateError(
        what,
        expected="a folder that this program can read and write",
        found=found,
        hint=hint,
    )
