"""Where a watcher finds new packages: files that were named, and a folder that is read again at each turn."""

from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.watch.package import SUFFIX
from blindfair.agents.watch.reveal_package import REVEAL_SUFFIX
from blindfair.agents.watch.watcher import Watcher
from blindfair.protocol.errors import BlindfairError, CannotWrite, FileMissing, StateError


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
        """Bring in what is new. A bad file holds up no other.

        Raises StateError where the watcher's own directory does not take a package.
        """
        found: list[Path] = []
        if self._folder is not None:
            found = sorted(path for suffix in (SUFFIX, REVEAL_SUFFIX) for path in self._folder.glob(f"*{suffix}"))
        for path in (*self._files, *found):
            mark = _mark(path)
            if path in self._seen and self._seen[path] == mark:
                continue
            try:
                watcher.take(path)
            except StateError:
                raise
            except BlindfairError as error:
                before = self.refused.get(path)
                self.refused[path] = RefusedPackage(path, error)
                if before is None or str(before.error) != str(error):
                    watcher.tell("refused", f"does not watch {path.name}: {error.name}: {error}")
                if isinstance(error, CannotWrite | FileMissing):
                    continue
            else:
                self.refused.pop(path, None)
            self._seen[path] = mark


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written anew; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
