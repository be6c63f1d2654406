"""Files of a mailbox whose hash is not their name: messages that something still copies, or junk.

They are read again once they have changed and then stay the same for a look, and given up some hours after they were
first seen. Whoever changes such a file over and over makes a receiver wait longer before each new reading, and never
read more than `REREAD_LIMIT` bytes again in one look at the mailbox.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

GIVEN_UP_AFTER = 6 * 3600.0
"""Seconds since a file was first seen, of this machine's running clock, after which it is removed, changed or not."""

SETTLED_AFTER = 2.0
"""Seconds after which a file is read a second time although it looks the same: clocks of disks are that coarse."""

LONGEST_PAUSE = 600.0
"""Seconds between two readings of a file at most. The first pause is `SETTLED_AFTER`, and each is twice the last."""

REREAD_LIMIT = 2**28
"""Bytes of waiting files that are read again in one look at the mailbox; one file may be larger."""

Look = tuple[int, int, int, int]
"""What changes when a file is written to or replaced: its size in bytes; of a file of a disk, both times in
nanoseconds and the number of the file."""


@dataclass(slots=True)
class _File:
    """`read` is how the file was when it was read last, `seen` how it was at the last look, `since` when that began.

    `settled` says that it was read again after it had looked the same for a while. `first` is when it was first seen,
    `readings` how often it was read in full, `not_before` when it may be read again.
    """

    read: Look
    seen: Look
    since: float
    first: float
    settled: bool = False
    readings: int = 0
    not_before: float = 0.0


class PartialMessages:
    """The files that are waited for, by handle. In memory: after a restart each is read once more."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._looked_at: set[str] = set()
        self._reread = 0

    def wait_for(self, handle: str, look: Look, *, in_full: bool) -> None:
        """Note a file whose hash is not its name, as it was before it was read.

        `in_full` says that more was read than its first bytes: reading it again soon would cost time.
        """
        now = time.monotonic()
        file = self._files.setdefault(handle, _File(look, look, now, now))
        if file.seen != look:
            file.since = now
        file.settled = now - file.since > SETTLED_AFTER
        file.read = file.seen = look
        if in_full:
            # The second reading is at once: most copies end before it.
            pause = 0.0 if file.readings == 0 else SETTLED_AFTER * 2.0 ** (file.readings - 1)
            file.not_before = now + min(pause, LONGEST_PAUSE)
            file.readings = min(file.readings + 1, 64)

    def is_waited_for(self, handle: str, look: Look) -> bool:
        """Whether a file is not to be read now: it is as it was when it was read, it is changing, or it was read
        lately."""
        file = self._files.get(handle)
        if file is None:
            return False
        self._looked_at.add(handle)
        now = time.monotonic()
        if look != file.seen:
            file.seen, file.since, file.settled = look, now, False
            return True
        is_due = look != file.read or (not file.settled and now - file.since > SETTLED_AFTER)
        is_too_much = self._reread > 0 and self._reread + look[0] > REREAD_LIMIT
        if not is_due or now < file.not_before or is_too_much:
            return True
        self._reread += look[0]
        return False

    def is_given_up(self, handle: str) -> bool:
        """Whether a file has been waited for so long that nothing will come."""
        return time.monotonic() - self._files[handle].first > GIVEN_UP_AFTER

    def found_whole(self, handle: str) -> None:
        """Wait for a file no longer: all of it is there."""
        self._files.pop(handle, None)

    @contextmanager
    def look(self) -> Iterator[None]:
        """Around one look at the whole mailbox: files that were not there are forgotten.

        After a look that fails none is forgotten, and the next one begins anew all the same.
        """
        try:
            yield
            self._files = {name: file for name, file in self._files.items() if name in self._looked_at}
        finally:
            self._looked_at.clear()
            self._reread = 0

    def any(self) -> str | None:
        """The handle of a file that is waited for, if there is any."""
        return next(iter(self._files), None)


def look_of(entry: os.stat_result) -> Look:
    """What is compared of a file of a disk."""
    return entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns, entry.st_ino
