"""Files in a person's folder, opened so that neither a name nor a link leads out of it.

    folder/name --Folder.state--> its size and time, once it was opened --Folder.pieces--> its bytes, if it is as it was

Not here: which files a table names (`files`, `file_stream`), and what a record of one is (`protocol.files`).
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from blindfair.protocol.errors import FileChanged, FileMissing, MalformedTable, TooLarge
from blindfair.protocol.records import RECORD_LIMITS

FILE_LIMIT = RECORD_LIMITS.size - 2**16
"""Bytes of a file that is a record: what is left is for the row of its table."""

_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when the listing was begun."""

    name: str
    size: int
    modified: int
    """Nanoseconds since 1970."""


class Folder:
    """A folder of which files are read by their names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = Path(os.path.realpath(path))

    def state(self, name: object) -> FileState:
        """The state of a file that can be opened. Raises FileMissing, MalformedTable for what is outside, TooLarge."""
        if not isinstance(name, str) or not is_inside(name):
            raise self._outside(name)
        with self._opened(name) as descriptor:
            found = os.fstat(descriptor)
        if found.st_size > FILE_LIMIT:
            raise TooLarge(
                f"{self.path / name} is too large to be a record",
                expected=f"at most {FILE_LIMIT:,} bytes",
                found=f"{found.st_size:,}",
                hint="divide it",
            )
        return FileState(name, found.st_size, found.st_mtime_ns)

    def pieces(self, state: FileState) -> Iterator[bytes]:
        """The bytes of a file, `state.size` of them. Raises FileMissing, MalformedTable, and FileChanged where size or
        time are others than those of `state`, also if they change while it is read."""
        with self._opened(state.name) as descriptor:
            self._check_same(state, descriptor)
            left = state.size
            try:
                while left and (piece := os.read(descriptor, min(left, _PIECE))):
                    left -= len(piece)
                    yield piece
            except OSError as error:
                raise self._missing(state.name, error) from error
            self._check_same(state, descriptor)
            if left:
                raise self._changed(state, state.size - left, state.modified)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        """A regular file. Links are resolved first, and none is followed afterwards: one that is put there meanwhile
        is refused."""
        try:
            real = Path(os.path.realpath(self.path / name, strict=True))
            if real == self._root or not real.is_relative_to(self._root):
                raise self._outside(name)
            descriptor = _open_inside(self._root, real.relative_to(self._root).parts)
        except (OSError, ValueError) as error:
            raise self._missing(name, error) from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileMissing(
                    f"{self.path / name} is not a regular file", expected="a file", found="something else"
                )
            yield descriptor
        finally:
            os.close(descriptor)

    def _check_same(self, state: FileState, descriptor: int) -> None:
        found = os.fstat(descriptor)
        if (found.st_size, found.st_mtime_ns) != (state.size, state.modified):
            raise self._changed(state, found.st_size, found.st_mtime_ns)

    def _changed(self, state: FileState, size: int, modified: int) -> FileChanged:
        return FileChanged(
            f"{self.path / state.name} has changed since the listing was begun",
            expected=f"{state.size:,} bytes, changed at {state.modified} ns",
            found=f"{size:,} bytes, at {modified} ns",
            hint="put it back as it was with its time (`cp -p`), or begin again in another directory",
        )

    def _outside(self, name: object) -> MalformedTable:
        return MalformedTable(
            "The table names a file outside of the folder",
            expected="paths of files in the folder, such as scans/one.dcm, and links that stay in it",
            found=repr(name)[:80],
            hint="move the files there",
        )

    def _missing(self, name: str, error: OSError | ValueError) -> FileMissing:
        return FileMissing(
            f"The file {name[:80]!r} in {self.path} cannot be read",
            expected="a file that is there and may be read",
            found=(error.strerror if isinstance(error, OSError) else None) or str(error)[:80],
            hint="put it back, or check the folder: `files=FOLDER` names it",
        )


def _open_inside(root: Path, parts: Sequence[str]) -> int:
    """Open a file by the folders on its way, none of them a link. Does not wait for the other end of a pipe."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = deeper
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def is_inside(name: str) -> bool:
    """Whether a name is that of a file in a folder, or in a folder of it, by its text alone."""
    path = PurePosixPath(name)
    parts = path.parts
    return bool(parts) and not path.is_absolute() and ".." not in parts and "\0" not in name and "\\" not in name


def no_table(path: Path, expected: str) -> FileMissing:
    """The error for what should be the file of a table and is none: nothing, a folder, or something else."""
    found = "a folder" if path.is_dir() else "something else" if path.exists() else "nothing"
    way = "check the path"
    if path.is_dir():
        way = "name a table in it; blindfair seller list takes the folder of the files that a table names as `files`"
    return FileMissing(f"{path} is not a file", expected=expected, found=found, hint=way)


def folder_exceeds(folder: Path, limit: int) -> bool:
    """Whether the files in a folder are more than `limit` bytes; it looks no further than it takes to know.

    What cannot be read counts nothing, and links are not followed.
    """
    size, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size += entry.stat(follow_symlinks=False).st_size
                        if size > limit:
                            return True
        except OSError:
            continue
    return False
