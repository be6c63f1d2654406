"""The write-ahead journal: what an agent is about to do is on disk before it does it (PROTOCOL 8).

An agent's work is a straight line of named steps. `once` runs a step, or returns what it gave the first time, so that
an agent that was killed is started again from the top and goes on where it was. Whatever a step draws at random and the
outside may see (a signed transaction, a message) is the *value* of a step of its own: sending it again is harmless.
"""

import shlex
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from blindfair.agents.store.directory import private_directory
from blindfair.agents.store.steps import Name, Step, StepKind
from blindfair.chain.sqlite_files import check_path, is_of_the_disk, open_for_reading, opening_error, reason
from blindfair.protocol.errors import CannotWrite, InsecureStore, JournalDamaged, JournalVersion, StateError

VERSION = 3

_HINT = "restore it from a backup; do not begin its trades anew"


def read_journal(path: Path) -> "Journal | None":
    """Open a journal to read it, also on a disk that cannot be written; None where nothing was written yet.

    Raises JournalVersion, JournalDamaged, InsecureStore, CannotWrite.
    """
    if not path.exists():
        return None
    journal = Journal(path, read_only=True)
    if journal.is_begun:
        return journal
    journal.close()
    return None


class Journal:
    """One SQLite file of mode 0600. Every entry is flushed to the disk before the call returns."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or begin a journal.

        With `read_only` it must exist, and the disk need not be writable. Raises JournalVersion, JournalDamaged,
        InsecureStore, StoreInUse, and CannotWrite for a disk that does not take it or a path that is too long.
        """
        check_path(path)
        private_directory(path.parent)
        if not read_only:
            _touch(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise InsecureStore(
                f"The journal {path} may be read by others",
                expected="0600",
                found=oct(mode),
                hint=f"chmod 600 {shlex.quote(str(path))}",
            )
        self._path = path
        self._copy: Path | None = None
        self._is_closed = False
        try:
            if read_only:
                self._db, self._copy = open_for_reading(path)
            else:
                self._db = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise opening_error(path, error, "is not a journal", _HINT) from error
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            if not read_only:
                self._prepare()
            self.is_begun = self._check()
        except sqlite3.Error as error:
            self.close()
            raise opening_error(path, error, "is not a journal", _HINT) from error
        except StateError:
            self.close()
            raise
        self.writes = 0
        """How many entries this object has written; it grows with every bit of progress."""

    @property
    def folder(self) -> Path:
        """The directory that the journal is in."""
        return self._path.parent

    def _prepare(self) -> None:
        """Begin a journal in an empty file."""
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if not self._check():
            self._db.executescript(
                f"""BEGIN;
                CREATE TABLE steps (
                    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, intent TEXT NOT NULL, value BLOB);
                PRAGMA user_version = {VERSION};
                COMMIT;"""
            )

    def _check(self) -> bool:
        """Return whether a journal is there, and not an empty file. Raises JournalVersion, JournalDamaged."""
        found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if found != VERSION and (found or tables):
            raise JournalVersion(
                f"{self._path} was written by another version",
                expected=VERSION,
                found=found,
                hint="finish its trades with the version that began them, or start in another directory",
            )
        if tables and ("steps" not in tables or self._db.execute("PRAGMA quick_check").fetchone()[0] != "ok"):
            raise JournalDamaged(f"{self._path} is damaged", hint=_HINT)
        return bool(tables)

    def once(self, step: Step, produce: Callable[[], bytes], *, intent: str = "") -> bytes:
        """The value of `step`: produced now, with the intent on disk first, or as it was produced before.

        If the process dies inside `produce`, or `produce` raises, it runs again the next time: what it does must bear
        that. Raises StateError if the disk does not take the entry.
        """
        done = self.get(step)
        if done is not None:
            return done
        self._write("INSERT OR IGNORE INTO steps (name, intent) VALUES (?, ?)", step, intent)
        value = produce()
        self._write("UPDATE steps SET value = ? WHERE name = ? AND value IS NULL", value, step)
        return value

    def note(self, step: Step, intent: str = "") -> bool:
        """Write down once that something happened; says whether this was the first time. Raises StateError."""
        return self._write("INSERT OR IGNORE INTO steps (name, intent, value) VALUES (?, ?, x'')", step, intent) == 1

    def get(self, step: Step) -> bytes | None:
        """The value of a step that is done, else None."""
        rows = self._read("SELECT value FROM steps WHERE name = ?", step)
        return None if not rows or rows[0][0] is None else bytes(rows[0][0])

    def intent(self, step: Step) -> str | None:
        """What was written down before the step, done or not."""
        rows = self._read("SELECT intent FROM steps WHERE name = ?", step)
        return str(rows[0][0]) if rows else None

    def done(self, kind: StepKind[Name], beginning: str = "") -> Iterator[tuple[Name, str]]:
        """Name and intent of all done steps of a kind whose names have this beginning, in their order."""
        prefix = kind.prefix + beginning
        # A range of names instead of a comparison of their beginnings: it is read off the index, without any value.
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        rows = self._read(
            "SELECT name, intent FROM steps WHERE name >= ? AND name < ? AND value IS NOT NULL ORDER BY number",
            prefix,
            after,
        )
        for name, intent in rows:
            yield cast(Name, str(name)[len(kind.prefix) :]), str(intent)

    def count(self) -> int:
        """How many entries there are. Raises StateError."""
        return int(self._read("SELECT count(*) FROM steps")[0][0])

    def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Raises StateError where the disk does not give the entry, JournalDamaged where the file is spoilt."""
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            if self._is_closed:
                raise self._closed() from error
            if not is_of_the_disk(error):
                raise JournalDamaged(f"{self._path} is damaged", found=str(error), hint=_HINT) from error
            raise StateError(
                f"{self._path} cannot be read", found=reason(self._path, error), hint="look at the disk; then go on"
            ) from error

    def _write(self, sql: str, *values: object) -> int:
        try:
            rows = self._db.execute(sql, values).rowcount
        except sqlite3.Error as error:
            if self._is_closed:
                raise self._closed() from error
            raise StateError(
                f"{self._path} cannot be written",
                expected="a disk with space that can be written",
                found=reason(self._path, error),
                hint="look at the disk's space; nothing that was not written down was done",
            ) from error
        self.writes += rows
        return rows

    def _closed(self) -> StateError:
        return StateError(
            "This party was closed",
            found=self._path.parent,
            hint="use it inside the `with` block, or open its directory again",
        )

    def close(self) -> None:
        """Let go of the file."""
        self._is_closed = True
        self._db.close()
        if self._copy is not None:
            shutil.rmtree(self._copy, ignore_errors=True)


def _touch(path: Path) -> None:
    """Make the file with the mode that SQLite then gives to its -wal and -shm files. Raises CannotWrite."""
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> CannotWrite:
    return CannotWrite(
        f"{path} cannot be opened",
        expected="a disk that can be written",
        found=error.strerror,
        hint="free space or make the disk writable, then repeat the command; nothing was changed",
    )
