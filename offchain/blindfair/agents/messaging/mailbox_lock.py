"""One program of an account at a time in a mail folder: two would take away, and refuse, each other's messages.

The lock is a file in the mail folder, and the operating system lets go of it when the program dies. A folder that two
machines share by copying has no common lock; nor have file systems without locks, where nobody is kept out.
"""

import fcntl
import os
import stat
from typing import Self

from blindfair.protocol.errors import StoreInUse
from blindfair.protocol.quantities import Address

_MODE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_SHOWN = 300


class MailboxLock:
    """The right of one program, named by `holder`, to read the mailbox of `owner`."""

    def __init__(self, owner: Address, holder: str) -> None:
        self._owner = owner
        self._holder = holder
        self._descriptor: int | None = None
        self._folder: tuple[int, int] | None = None

    def take(self, root: int) -> Self:
        """Take the lock in the mail folder `root`, a descriptor, unless it is held already.

        Raises StoreInUse where another program holds it.
        """
        entry = os.fstat(root)
        folder = entry.st_dev, entry.st_ino
        if self._folder != folder:
            # Another folder lies there by now: the old lock means nothing in it.
            self.release()
            self._lock(root)
            self._folder = folder
        return self

    def _lock(self, root: int) -> None:
        try:
            # Kept at once: whatever interrupts the rest, `release` closes it.
            self._descriptor = os.open(f".{self._owner}.lock", _MODE, 0o600, dir_fd=root)
        except OSError:
            # Whoever can spoil the lock can take the messages away, too.
            return
        try:
            if not _is_own(os.fstat(self._descriptor)):
                self.release()
                return
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, self._holder.encode(errors="replace"), 0)
        except BlockingIOError:
            first = os.pread(self._descriptor, _SHOWN, 0).decode(errors="replace")
            self.release()
            raise StoreInUse(
                "Another program of this account uses this mail folder",
                expected="one program of an account in a mail folder",
                # As text of others: the file may hold anything.
                found=ascii(first)[1:-1] or "a program that does not say its name",
                hint="end that program first, or begin this one with an account of its own",
            ) from None
        except OSError:
            # No locks, or no space to say who holds it: nobody is kept out.
            return

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._folder = None


def _is_own(entry: os.stat_result) -> bool:
    """Whether a lock file is one, made by this user. A link would have another file written over in its place."""
    return stat.S_ISREG(entry.st_mode) and entry.st_uid == os.geteuid() and entry.st_nlink == 1
