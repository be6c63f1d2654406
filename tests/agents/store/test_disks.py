"""A disk that is full, read-only or out of reach is told as that. The journal is called damaged only where it is."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from blindfair.agents.store.directory import DirectoryLock, write_atomically
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.steps import Step
from blindfair.chain.embedded_log import EmbeddedLog
from blindfair.chain.sqlite_files import LONGEST_PATH, opening_error
from blindfair.protocol.errors import CannotWrite, JournalDamaged, StateError, StoreInUse


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """What a quota or a full disk does, for this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def begun(directory: Path) -> Path:
    """A journal with one entry, closed."""
    path = directory / "journal.sqlite"
    journal = Journal(path)
    journal.once(Step("account"), lambda: b"kept")
    journal.close()
    return path


OPENERS: list[tuple[Callable[[Path], object], int]] = [
    (Journal, 0),
    (Journal, 2000),
    (Journal, 20_000),
    (EmbeddedLog, 0),
    (EmbeddedLog, 2000),
]


@pytest.mark.parametrize(("opened", "size"), OPENERS)
def test_a_file_that_cannot_be_begun_tells_the_disks_reason(
    tmp_path: Path, opened: Callable[[Path], object], size: int
) -> None:
    tmp_path.chmod(0o700)
    with no_file_grows_beyond(size), pytest.raises(CannotWrite) as caught:
        opened(tmp_path / "journal.sqlite")
    assert "File too large" in str(caught.value.found)
    assert caught.value.hint


def test_a_journal_that_a_full_disk_does_not_open_is_whole_and_is_read(tmp_path: Path) -> None:
    path = begun(tmp_path / "j")
    before = path.read_bytes()
    with no_file_grows_beyond(0):
        with pytest.raises(CannotWrite):
            Journal(path)
        journal = read_journal(path)
        assert journal is not None
        assert journal.get(Step("account")) == b"kept"
        journal.close()
    assert path.read_bytes() == before


def test_the_newest_entries_of_a_killed_process_are_read_on_a_full_disk(tmp_path: Path) -> None:
    running = tmp_path / "running" / "journal.sqlite"
    journal = Journal(running)
    journal.once(Step("account"), lambda: b"kept")
    left = tmp_path / "left"
    left.mkdir(mode=0o700)
    for name in ("journal.sqlite", "journal.sqlite-wal"):
        assert running.with_name(name).stat().st_size < 30_000
        shutil.copyfile(running.with_name(name), left / name)
        (left / name).chmod(0o600)
    journal.close()
    before = {file.name: file.read_bytes() for file in left.iterdir()}
    # Enough for the copy, and too little for the shared memory (32 KiB) that SQLite makes beside the file.
    with no_file_grows_beyond(30_000):
        again = read_journal(left / "journal.sqlite")
    assert again is not None
    assert again.get(Step("account")) == b"kept"
    copy = again._copy
    assert copy is not None
    again.close()
    assert not copy.exists()
    assert {name: (left / name).read_bytes() for name in before} == before


def test_where_nothing_was_written_nothing_is_read_and_nothing_made(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "journal.sqlite") is None
    tmp_path.chmod(0o700)
    empty = tmp_path / "journal.sqlite"
    empty.touch(mode=0o600)
    assert read_journal(empty) is None
    assert empty.read_bytes() == b""


def test_a_directory_without_permission_is_read_and_not_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    path = begun(tmp_path / "j")
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        journal = read_journal(path)
        assert journal is not None
        assert journal.get(Step("account")) == b"kept"
        journal.close()
        for opened in (lambda: Journal(path), lambda: DirectoryLock(path.parent)):
            with pytest.raises(CannotWrite):
                opened()
    finally:
        path.parent.chmod(0o700)


def long_directory(base: Path, length: int) -> Path:
    """A directory whose path has exactly so many bytes."""
    path = os.fspath(base)
    while len(path) < length:
        left = length - len(path) - 1
        path += "/" + "d" * (left if left <= 200 else min(200, left - 2))
    assert len(path) == length
    return Path(path)


def test_a_path_longer_than_sqlite_takes_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    longest = LONGEST_PATH - len("/journal.sqlite")
    begun(long_directory(tmp_path / "a", longest))
    for opened in (DirectoryLock, lambda path: Journal(path / "journal.sqlite")):
        with pytest.raises(CannotWrite) as caught:
            opened(long_directory(tmp_path / "b", longest + 1))
        assert (caught.value.found, "shorter" in caught.value.hint) == (f"{longest + 1} bytes", True)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, CannotWrite),
        (sqlite3.SQLITE_IOERR_WRITE, CannotWrite),
        (sqlite3.SQLITE_IOERR_SHMSIZE, CannotWrite),
        (sqlite3.SQLITE_READONLY, CannotWrite),
        (sqlite3.SQLITE_CANTOPEN, CannotWrite),
        (sqlite3.SQLITE_PERM, CannotWrite),
        (sqlite3.SQLITE_BUSY, StoreInUse),
        (sqlite3.SQLITE_LOCKED, StoreInUse),
        (sqlite3.SQLITE_CORRUPT, JournalDamaged),
        (sqlite3.SQLITE_NOTADB, JournalDamaged),
    ],
)
def test_each_result_of_sqlite_has_its_error(tmp_path: Path, code: int, expected: type[Exception]) -> None:
    error = sqlite3.OperationalError("as SQLite says")
    error.sqlite_errorcode = code
    assert type(opening_error(tmp_path / "x", error, "is not a journal", "restore it")) is expected


def test_a_journal_in_use_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = begun(tmp_path / "j")
    connect = sqlite3.connect
    other = connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **{**options, "timeout": 0}))
    with pytest.raises(StoreInUse):
        Journal(path)
    other.close()


def test_a_write_beyond_a_quota_is_an_error_with_a_name_and_loses_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "journal.sqlite")
    journal.once(Step("before"), lambda: b"kept")
    with no_file_grows_beyond(200_000), pytest.raises(StateError) as caught:
        journal.once(Step("large"), lambda: bytes(10**6))
    assert caught.value.found
    assert (journal.get(Step("before")), journal.get(Step("large"))) == (b"kept", None)
    journal.close()


def test_a_file_beyond_a_quota_is_not_left_half_written(tmp_path: Path) -> None:
    with no_file_grows_beyond(1000), pytest.raises(CannotWrite) as caught:
        write_atomically(tmp_path / "file", bytes(2000))
    assert caught.value.found == "File too large"
    assert list(tmp_path.iterdir()) == []
