"""Files of a mailbox whose hash is not their name: messages that something still copies, or junk.

They are read again once they have changed and then stay the same for a look, and given up after some hours without a
change. So a stranger's file that never becomes a message is read twice, and costs one look at its size after that.
"""

import os
import time
from dataclasses import dataclass

GIVEN_UP_AFTER = 6 * 3600.0
"""Seconds without a change, of this machine's running clock, after which no copy is under way any more."""

SETTLED_AFTER = 2.0
"""Seconds after which a file is read a second time although it looks the same: clocks of disks are that coarse."""

Look = tuple[int, int, int, int]
"""What changes when a file is written to or replaced: size in bytes, both times in nanoseconds, number of the file."""


@dataclass(slots=True)
class _File:
    """`read` is how the file was when it was read last, `seen` how it was at the last look, `since` when that began.

    `settled` says that it was read again after it had looked the same for a while.
    """

    read: Look
    seen: Look
    since: float
    settled: bool


class PartialMessages:
    """The files that are waited for, by handle. In memory: after a restart each is read once more."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._looked_at: set[str] = set()

    def wait_for(self, handle: str, entry: os.stat_result) -> None:
        """Note a file whose hash is not its name, as it was before it was read."""
        look = _look(entry)
        known = self._files.get(handle)
        same = known if known is not None and known.seen == look else None
        since, settled = (time.monotonic(), False) if same is None else (same.since, same.settled)
        self._files[handle] = _File(look, look, since, settled)

    def is_waited_for(self, handle: str, entry: os.stat_result) -> bool:
        """Whether a file is not to be read now: it is as it was when it was read, or it is changing."""
        known = self._files.get(handle)
        if known is None:
            return False
        self._looked_at.add(handle)
        look = _look(entry)
        if look != known.seen:
            known.seen, known.since, known.settled = look, time.monotonic(), False
            return True
        if look == known.read and not known.settled and time.monotonic() - known.since > SETTLED_AFTER:
            known.settled = True
            return False
        return look == known.read

    def is_given_up(self, handle: str) -> bool:
        """Whether a file that is waited for has not changed for so long that nothing will come."""
        return time.monotonic() - self._files[handle].since > GIVEN_UP_AFTER

    def forget_others(self) -> None:
        """Forget the files that were not looked at since this was called last: they are gone."""
        self._files = {name: file for name, file in self._files.items() if name in self._looked_at}
        self._looked_at.clear()

    def any(self) -> str | None:
        """The handle of a file that is waited for, if there is any."""
        return next(iter(self._files), None)


def _look(entry: os.stat_result) -> Look:
    return entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns, entry.st_ino
