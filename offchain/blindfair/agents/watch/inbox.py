"""Where a watcher finds new packages: files that were named, and a folder that is read again at each turn."""

import time
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.watch.package import SUFFIX
from blindfair.agents.watch.reveal_package import REVEAL_SUFFIX
from blindfair.agents.watch.watcher import Watcher
from blindfair.protocol.errors import BlindfairError, CannotWrite, FileMissing, NotServed, StateError

TURN_SECONDS = 10.0
"""Seconds after which the rest of a folder waits for the next turn: orders have deadlines, packages have none."""

TOLD = 256
"""Refused files that are told and listed."""


@dataclass(frozen=True, slots=True)
class RefusedPackage:
    """A file that is not watched, and why."""

    path: Path
    error: BlindfairError


class PackageInbox:
    """Packages on their way to a watcher. A refused file is told once, and tried again when it has changed.

    What the disk refuses, here or there, is no fault of a package: it is tried again at each turn.
    """

    def __init__(self, files: tuple[Path, ...], folder: Path | None) -> None:
        """Raises FileMissing where `folder` is none."""
        if folder is not None and not folder.is_dir():
            raise FileMissing(f"There is no folder {folder}", hint="make it, and copy the buyer's packages into it")
        self._files = files
        self._folder = folder
        self._last: Path | None = None
        self._put_off: set[Path] = set()
        self._open = 0
        self._seen: dict[Path, tuple[int, int, int] | None] = {}
        self.refused: dict[Path, RefusedPackage] = {}
        """The refused files by their paths."""

    @property
    def may_bring_more(self) -> bool:
        """Whether new packages may still come."""
        return self._folder is not None

    def forget(self) -> None:
        """Look at every file again at the next turn, refused ones too."""
        self._seen.clear()

    def collect(self, watcher: Watcher) -> None:
        """Bring in what is new, some of it at the next turn if it is much. A bad file holds up no other.

        Raises StateError where the watcher's own directory does not take a package.
        """
        found: list[Path] = []
        if self._folder is not None:
            found = sorted(path for suffix in (SUFFIX, REVEAL_SUFFIX) for path in self._folder.glob(f"*{suffix}"))
        # From where the last turn ended, and round: files that change all the time hold up no other either.
        start = bisect_right(found, self._last) if self._last is not None else 0
        ends = time.monotonic() + TURN_SECONDS
        if (open_orders := len(watcher.open_orders)) < self._open:
            # There is space for another order of an account that had too many.
            for path in self._put_off:
                self._seen.pop(path, None)
            self._put_off.clear()
        self._open = open_orders
        for path in self._files:
            self._look(watcher, path, is_named=True)
        for path in (*found[start:], *found[:start]):
            if self._look(watcher, path, is_named=False):
                self._last = path
                if time.monotonic() > ends:
                    break
        for path in (self._seen.keys() | self.refused.keys()) - {*self._files, *found}:
            self._seen.pop(path, None)
            self.refused.pop(path, None)
            self._put_off.discard(path)

    def _look(self, watcher: Watcher, path: Path, *, is_named: bool) -> bool:
        """Take a file that is new or has changed; whether it was one."""
        mark = _mark(path)
        if path in self._seen and self._seen[path] == mark:
            return False
        try:
            watcher.take(path, is_named=is_named)
        except StateError:
            raise
        except BlindfairError as error:
            self._refuse(watcher, path, error)
            if isinstance(error, CannotWrite | FileMissing):
                return True
            if isinstance(error, NotServed):
                self._put_off.add(path)
        else:
            self.refused.pop(path, None)
        self._seen[path] = mark
        return True

    def _refuse(self, watcher: Watcher, path: Path, error: BlindfairError) -> None:
        before = self.refused.get(path)
        if before is None and len(self.refused) >= TOLD:
            # They are refused all the same; a stranger may write as many as the disk takes.
            return
        self.refused[path] = RefusedPackage(path, error)
        if before is None or str(before.error) != str(error):
            watcher.tell("refused", f"does not watch {path.name}: {error.name}: {error}")


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written anew; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
