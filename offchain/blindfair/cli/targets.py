"""Where results go: whether they can is found out before the work and leaves no trace; they are written whole or not
at all.
"""

import errno
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from blindfair.agents.store.directory import write_atomically, writing_atomically
from blindfair.protocol.errors import CannotWrite

_READABLE = 0o644

_MENDED = {
    errno.EACCES: "look at its permissions, or ",
    errno.EPERM: "look at its permissions, or ",
    errno.ENOSPC: "make space on its disk, or ",
    errno.EDQUOT: "make space on its disk, or ",
}
"""What to do about a directory that takes no file, besides naming another."""

_TABLES = (".csv", ".jsonl", ".parquet")
"""Endings of names that are meant for one file."""


def check_file_target(path: Path, option: str) -> None:
    """Check that a file can be put at `path`, over another regular file at most. Raises CannotWrite."""
    target = _absolute(path, option)
    if target.exists() and not target.is_file():
        raise CannotWrite(
            f"{option} names something that is not a regular file",
            expected="a file, new or to be replaced",
            found=path,
            hint="name a file, or - for standard output",
        )
    _check_folder(target.parent, option)


def check_folder_target(path: Path, option: str) -> None:
    """Check that `path` is a directory that takes files, or that one can be made there. Raises CannotWrite."""
    target = _absolute(path, option)
    while not target.exists() and target != target.parent:
        target = target.parent
    _check_folder(target, option)


def check_new_folder(path: Path, option: str) -> None:
    """Check that a folder can be made at `path`, or is there and empty: files of any name are put into it.

    Raises CannotWrite, also for a name that says that a file is wanted.
    """
    target = _absolute(path, option)
    if target.suffix.lower() in _TABLES or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise CannotWrite(
            f"{option} names no new folder, and the records are files",
            expected="a folder that does not exist yet",
            found=f"{path}, which is there already" if target.exists() else f"{path}, the name of a table",
            hint="name another folder: the table of the files is in it, as bought.csv",
        )
    check_folder_target(path, option)


def check_watch_folder(path: Path | None) -> str | None:
    """Return the whole path of the folder of `--watch-packages`. Raises CannotWrite where it takes no files."""
    if path is None:
        return None
    target = _absolute(path, "--watch-packages")
    _check_folder(target, "--watch-packages")
    return str(target)


def write_file(path: Path, data: bytes) -> None:
    """Write a result for all to read. Raises CannotWrite."""
    write_atomically(path.resolve(), data, _READABLE)


def write_private_file(path: Path, data: bytes) -> None:
    """Write a result for its owner alone, mode 0600. Raises CannotWrite."""
    write_atomically(path.resolve(), data)


def write_private_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """The same of pieces that are more than the memory holds. Raises CannotWrite, and what making a piece raises."""
    with writing_atomically(path.resolve()) as file:
        file.writelines(pieces)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files by name into a directory, making it if need be. Raises CannotWrite; then none of them is there.

    Files of earlier runs are replaced, others stay.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".blindfair-", dir=path) as aside:
            for name, data in files.items():
                write_file(Path(aside) / name, data)
            for name in files:
                (Path(aside) / name).replace(path / name)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written", found=error.strerror, hint="look at the disk's space and the permissions"
        ) from error


def write_beneath(folder: Path, name: str, data: bytes) -> None:
    """Write a file into a folder or a folder of it, for its owner alone; `name` was checked to lie there.

    Folders on its way are made, and links on it are not followed. Raises CannotWrite.
    """
    target = folder
    try:
        for part in (".", *Path(name).parent.parts):
            target = target / part
            if target.is_symlink() and target != folder:
                raise OSError(None, "a folder on the way is a link")
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"{folder} cannot be written", found=error.strerror, hint="look at the disk's space and the permissions"
        ) from error
    write_atomically(target / Path(name).name, data)


def _absolute(path: Path, option: str) -> Path:
    try:
        return path.resolve()
    except OSError as error:
        raise CannotWrite(
            f"{option} cannot be found from here",
            expected="a current directory that is still there",
            found=error.strerror,
            hint="change to another directory",
        ) from error


def _check_folder(folder: Path, option: str) -> None:
    if not folder.is_dir():
        raise CannotWrite(
            f"{option} needs a directory to write to",
            expected="a directory",
            found=f"{folder}, which is {'a file' if folder.exists() else 'not there'}",
            hint="make the directory, or name another",
        )
    # Asking for permission is not enough: read-only file systems and full disks say yes to it.
    try:
        descriptor, name = tempfile.mkstemp(prefix=".blindfair-", dir=folder)
        os.close(descriptor)
        Path(name).unlink()
    except OSError as error:
        raise CannotWrite(
            f"{option} cannot write to {folder}",
            expected="a directory that takes files",
            found=error.strerror,
            hint=f"{_MENDED.get(error.errno or 0, '')}name another directory",
        ) from error
