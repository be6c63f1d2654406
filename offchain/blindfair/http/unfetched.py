"""Messages that nobody fetches: accounts are free, and what a seller answers them would fill its disk in the end.

A seller that is asked again sends its stored answer again, so nothing is lost that somebody still waits for.
"""

import contextlib
import heapq
import os
import re
import stat
from pathlib import Path

from blindfair.agents.messaging.handles import is_handle
from blindfair.protocol.quantities import Address

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ACCOUNT = re.compile(r"0x[0-9a-f]{40}")


def alive_file(root: Path, seller: Address) -> Path:
    """The file beside the mailboxes by which a seller's service says that it is alive, and that it was."""
    return root / f".alive-{seller}"


def remove_unfetched(root: Path, seller: Address, most_bytes: int, most_seconds: float, now: float) -> int:
    """Remove messages to others that lie in a mail folder for too long, and then, where all of them together are too
    large, the oldest of the account that has the most of them, until they are not. Returns how many.

    Mailboxes of other users of this machine, the seller's own, and those of other services that share the folder are
    left alone. Raises OSError.
    """
    removed, held = 0, {}
    for name in os.listdir(root):  # noqa: PTH208 - as in the mailboxes
        if name == seller or not _ACCOUNT.fullmatch(name) or alive_file(root, Address(name)).exists():
            continue
        with contextlib.suppress(OSError):
            # Oldest first; what is too old is gone.
            messages = sorted(_messages(root / name))
            old = [handle for written, _, handle in messages if now - written > most_seconds]
            removed += _remove(root / name, old)
            held[name] = messages[len(old) :]
    sizes = {name: sum(size for _, size, _ in messages) for name, messages in held.items()}
    total = sum(sizes.values())
    largest = [(-size, name) for name, size in sizes.items()]
    heapq.heapify(largest)
    while total > most_bytes and largest:
        _, name = heapq.heappop(largest)
        if not held[name]:
            continue
        _, size, handle = held[name].pop(0)
        total, sizes[name] = total - size, sizes[name] - size
        with contextlib.suppress(OSError):
            removed += _remove(root / name, [handle])
        heapq.heappush(largest, (-sizes[name], name))
    return removed


def _messages(mailbox: Path) -> list[tuple[float, int, str]]:
    """Time, size and handle of each message. Raises OSError."""
    found: list[tuple[float, int, str]] = []
    descriptor = os.open(mailbox, _FOLDER)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return found
        for handle in filter(is_handle, os.listdir(descriptor)):  # noqa: PTH208 - by descriptor
            with contextlib.suppress(FileNotFoundError):
                entry = os.stat(handle, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(entry.st_mode):
                    found.append((entry.st_mtime, entry.st_size, handle))
    finally:
        os.close(descriptor)
    return found


def _remove(mailbox: Path, handles: list[str]) -> int:
    """Remove messages; how many were there. Raises OSError."""
    removed = 0
    descriptor = os.open(mailbox, _FOLDER)
    try:
        for handle in handles:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(handle, dir_fd=descriptor)
                removed += 1
    finally:
        os.close(descriptor)
    return removed
