"""A consistent copy of an agent's directory while its agent works there.

An agent writes a secret before the journal entry that needs it, and both before anybody sees what came of them. So the
copy holds the journal as it is at one moment, and every secret that this journal names: no key of a later moment, with
which a restored agent would encrypt something else again.

Not here: how a copy is packed and encrypted (`api.backup`).
"""

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from blindfair.agents.store.directory import private_directory
from blindfair.agents.store.journal import read_journal
from blindfair.chain.sqlite_files import opening_error
from blindfair.protocol.errors import CannotWrite, FileMissing, StoreInUse

JOURNAL = "journal.sqlite"
STAGING = ".backup"
"""The folder in the directory where a copy is put together; what a killed backup left is removed by the next."""

_LEFT_OUT = {"lock", JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm"}
_REMADE = "matrix-"
"""How folders with encoded rows begin, which are made again from `rows/` and may be larger than everything else."""

_LISTS = ("segments.jsonl", "checked.jsonl", "opened.jsonl")
"""Files to which is added what is done of the files beside them (`bulk.delivery`). They are copied, and first: what
they name is in the files that are linked after them."""

_WAIT_SECONDS = 30.0
_DEEPEST = 16
"""Folders in folders; a link to a folder above would have no end."""

_SMALL = 2**20
"""Bytes of a file that is copied while the agent waits, where it cannot be linked."""

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextlib.contextmanager
def snapshot(directory: Path) -> Iterator[Path]:
    """A folder with the copy, gone after the block. The agent waits for a moment, while files are linked.

    Raises FileMissing where nothing was begun, StoreInUse where another backup runs, CannotWrite, and what
    `read_journal` raises.
    """
    _check_begun(directory)
    with _alone(directory) as staging:
        try:
            _take(directory, staging)
        except OSError as error:
            raise CannotWrite(
                f"The copy of {directory} cannot be made",
                expected=f"space for another journal in {directory}",
                found=error.strerror,
                hint="look at the disk's space and the permissions; nothing was changed",
            ) from error
        yield staging


def _check_begun(directory: Path) -> None:
    journal = read_journal(directory / JOURNAL) if directory.is_dir() else None
    if journal is None:
        raise FileMissing(
            f"Nothing was begun in {directory}",
            expected="the directory of a seller, a buyer or a watcher",
            found="no journal",
            hint="check the path",
        )
    journal.close()


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    staging = directory / STAGING
    with (directory / f"{STAGING}.lock").open("w") as lock:
        os.fchmod(lock.fileno(), 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreInUse(
                f"Another backup of {directory} runs",
                expected="one backup at a time",
                found="its lock is held",
                hint="wait for it to end",
            ) from error
        shutil.rmtree(staging, ignore_errors=True)
        try:
            yield private_directory(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _take(directory: Path, staging: Path) -> None:
    path = directory / JOURNAL
    with contextlib.closing(_connect(path)) as reader:
        with contextlib.closing(_connect(path)) as writer:
            try:
                # From here on the agent cannot write an entry; whatever it makes public needs one first.
                writer.execute("BEGIN IMMEDIATE")
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM steps").fetchone()
            except sqlite3.Error as error:
                raise opening_error(path, error, "cannot be read", "look at the disk") from error
            later = _link(directory, staging)
            writer.execute("ROLLBACK")
        for source, target in later:
            _copy(source, target)
        copy = staging / JOURNAL
        copy.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as made:
            # The transaction that is open shows the moment above, whatever the agent writes by now.
            try:
                reader.backup(made)
                made.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.Error as error:
                raise opening_error(copy, error, "cannot be copied", "look at the disk") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)


def _link(source: Path, target: Path, depth: int = 0) -> list[tuple[Path, Path]]:
    """Link every file below a folder; what is to be copied later: large files of other disks.

    Files are replaced and not rewritten, so a link keeps what it held; others only get longer, or have a state beside
    them that is replaced. A link of another user, as in a shared mailbox, is left out, and what it leads to.
    """
    if depth > _DEEPEST:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), source)
    for name in _LISTS:
        with contextlib.suppress(FileNotFoundError):
            _copy(source / name, target / name)
    with os.scandir(source) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    later: list[tuple[Path, Path]] = []
    for entry in found:
        if entry.name.startswith((".", _REMADE)) or entry.name in _LEFT_OUT or entry.name in _LISTS:
            continue
        origin, path = Path(entry.path), target / entry.name
        if entry.is_symlink():
            if not _is_owners(source, entry):
                continue
            origin = Path(os.path.realpath(entry.path))
        # What lies there by now, and not what a link leads to that somebody puts in its place.
        try:
            there = origin.lstat()
        except FileNotFoundError:
            continue
        is_own = there.st_uid == os.geteuid()
        if stat.S_ISDIR(there.st_mode) and is_own:
            path.mkdir(mode=0o700)
            later += _link(origin, path, depth + 1)
        elif stat.S_ISREG(there.st_mode):
            # A stranger's message that may not be read was never one.
            with contextlib.suppress(*(() if is_own else (PermissionError,))):
                later += _keep(origin, path)
    return later


def _is_owners(folder: Path, link: os.DirEntry[str]) -> bool:
    """Whether a link was made by the user whose directory it is: none is believed where others may write."""
    may_be_others = folder.stat().st_mode & 0o022
    return not may_be_others and link.stat(follow_symlinks=False).st_uid == os.geteuid()


def _keep(source: Path, target: Path) -> list[tuple[Path, Path]]:
    # A message may be taken from a mailbox at any time.
    with contextlib.suppress(FileNotFoundError):
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if source.lstat().st_size > _SMALL:
                return [(source, target)]
            _copy(source, target)
        if target.is_symlink():
            # It took the place of a file meanwhile.
            target.unlink()
    return []


def _copy(source: Path, target: Path) -> None:
    """Copy a regular file, and none that a link leads to. Raises OSError."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return
        raise
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "wb") as copy:
                shutil.copyfileobj(file, copy)
