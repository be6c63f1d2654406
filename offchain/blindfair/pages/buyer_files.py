"""The files of a buyer's directory that its page offers: what was bought, and evidence. Never keys, journal or tables.

A file is found in a list that is made here, so no address leads out of these places.
"""

from dataclasses import dataclass
from pathlib import Path

BOUGHT = ("bought.csv", "bought.jsonl")
FOLDERS = ("bought", "evidence")
FILES_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file by the name that the page gives it."""

    name: str
    path: Path
    size: str

    @property
    def saved_as(self) -> str:
        """The name under which a browser saves it."""
        return self.name.replace("/", "-")


def find_files(directory: Path) -> dict[str, FoundFile]:
    """Return the files by name. Links are left out: they may lead anywhere."""
    paths = [directory / name for name in BOUGHT]
    for folder in FOLDERS:
        place = directory / folder
        if place.is_dir() and not place.is_symlink():
            paths += sorted(place.iterdir())
    found = (path for path in paths if path.is_file() and not path.is_symlink())
    files = [FoundFile(path.relative_to(directory).as_posix(), path, _size(path.stat().st_size)) for path in found]
    return {file.name: file for file in files[:FILES_SHOWN]}


def _size(count: int) -> str:
    for least, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= least:
            return f"{count / least:.3g} {name}"
    return f"{count} bytes"
