"""SQLite files on disks that are full, read-only or out of reach: their trouble is not taken for damage of the file.

Used by the embedded chain's log and by the agents' journals.
"""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote

from blindfair.protocol.errors import BlindfairError, CannotWrite, JournalDamaged, StoreInUse

LONGEST_PATH = 504
"""Bytes of the longest path that SQLite opens: its 512 (`MAX_PATHNAME`), less the end of the name of its journal."""

_DISK = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_PROTOCOL,
)
"""Results that tell of the disk, its permissions and locks, and nothing of what the file holds."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_PROBE = 64 * 1024
"""Bytes that are written to learn the disk's own reason: more than SQLite needs to open a file (32 KiB)."""


def check_path(path: Path) -> None:
    """Raises CannotWrite for a file whose path is longer than SQLite takes, before anything is made there."""
    length = len(os.fsencode(os.path.realpath(path)))
    if length > LONGEST_PATH:
        raise CannotWrite(
            f"The path of {path.name} is too long",
            expected=f"at most {LONGEST_PATH - len(os.fsencode(path.name)) - 1} bytes for its directory",
            found=f"{length - len(os.fsencode(path.name)) - 1} bytes",
            hint="name a directory with a shorter path",
        )


def opening_error(path: Path, error: sqlite3.Error, is_not: str, hint: str) -> BlindfairError:
    """Return why a file was not opened.

    CannotWrite for trouble of the disk, StoreInUse where another process holds it, and JournalDamaged, with `is_not`
    and `hint`, for the rest.
    """
    if is_of_the_disk(error):
        return CannotWrite(
            f"{path} cannot be opened",
            expected="a disk that can be written",
            found=reason(path, error),
            hint="free space or make the disk writable, then repeat the command; the file itself is untouched",
        )
    if _code(error) in _BUSY:
        return StoreInUse(
            f"{path} is in use",
            expected="one process at a time",
            found=str(error),
            hint="another process has this file open; wait for it or end it",
        )
    return JournalDamaged(f"{path} {is_not}", found=str(error), hint=hint)


def is_of_the_disk(error: sqlite3.Error) -> bool:
    """Whether an error tells of the disk, and not of what the file holds."""
    return _code(error) in _DISK


def reason(path: Path, error: sqlite3.Error) -> str:
    """Return what SQLite says, and what the disk itself says where that can be found out."""
    said = str(error)
    if not is_of_the_disk(error):
        return said
    found = _disk_says(path.parent) or getattr(error, "sqlite_errorname", "")
    return f"{said} ({found})" if found else said


def open_for_reading(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open an existing file that is only read, also on a disk that cannot be written.

    Return the connection and the directory of a copy, which the caller removes; None where the file itself is read.
    Raises sqlite3.Error, OSError.
    """
    db = sqlite3.connect(f"file:{quote(os.fspath(path))}?mode=rw", uri=True, isolation_level=None)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        db.close()
        if not is_of_the_disk(error):
            raise
    else:
        return db, None
    ahead = path.with_name(f"{path.name}-wal")
    if not ahead.exists() or not ahead.stat().st_size:
        # Nothing is missing in the file, and SQLite needs no file beside it.
        return sqlite3.connect(f"file:{quote(os.fspath(path))}?immutable=1", uri=True, isolation_level=None), None
    # The newest entries are in the second file, which SQLite reads only where it may write.
    copy = Path(tempfile.mkdtemp(prefix="blindfair-"))
    try:
        for file in (path, ahead):
            shutil.copyfile(file, copy / file.name)
        db = sqlite3.connect(copy / path.name, isolation_level=None)
        # Alone with the copy, SQLite needs no shared memory beside it.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        return db, copy
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _disk_says(directory: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror
    return None
