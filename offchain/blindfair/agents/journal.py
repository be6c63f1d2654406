"""The write-ahead journal: what an agent is about to do is on disk before it does it (PROTOCOL 8).

An agent's work is a straight line of named steps. `once` runs a step, or returns what it gave the first time, so that
an agent that was killed is started again from the top and goes on where it was. Whatever a step draws at random and the
outside may see (a signed transaction, a message) is the *value* of a step of its own: sending it again is harmless.
"""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from blindfair.agents.store import private_directory
from blindfair.protocol.errors import InsecureStore, JournalDamaged, JournalVersion, StateError

VERSION = 3

_HINT = "restore it from a backup; do not begin its trades anew"


class Journal:
    """One SQLite file of mode 0600. Every entry is flushed to the disk before the call returns."""

    def __init__(self, path: Path) -> None:
        """Open or begin a journal. Raises JournalVersion, JournalDamaged, InsecureStore."""
        private_directory(path.parent)
        # SQLite gives its -wal and -shm files the mode of this one.
        path.touch(mode=0o600, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise InsecureStore(
                f"The journal {path} may be read by others", expected="0600", found=oct(mode), hint=f"chmod 600 {path}"
            )
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise JournalDamaged(f"{path} is not a journal", found=str(error), hint=_HINT) from error
        except StateError:
            self._db.close()
            raise
        self.writes = 0
        """How many entries this object has written; it grows with every bit of progress."""

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if found != VERSION and (found or tables):
            raise JournalVersion(
                f"{self._path} was written by another version",
                expected=VERSION,
                found=found,
                hint="finish its trades with the version that began them, or start in another directory",
            )
        if not tables:
            self._db.executescript(
                f"""BEGIN;
                CREATE TABLE steps (
                    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, intent TEXT NOT NULL, value BLOB);
                PRAGMA user_version = {VERSION};
                COMMIT;"""
            )
        elif "steps" not in tables or self._db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise JournalDamaged(f"{self._path} is damaged", hint=_HINT)

    def once(self, step: str, produce: Callable[[], bytes], *, intent: str = "") -> bytes:
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

    def note(self, step: str, intent: str = "") -> bool:
        """Write down once that something happened; says whether this was the first time. Raises StateError."""
        return self._write("INSERT OR IGNORE INTO steps (name, intent, value) VALUES (?, ?, x'')", step, intent) == 1

    def get(self, step: str) -> bytes | None:
        """The value of a step that is done, else None."""
        row = self._db.execute("SELECT value FROM steps WHERE name = ?", (step,)).fetchone()
        return None if row is None or row[0] is None else bytes(row[0])

    def intent(self, step: str) -> str | None:
        """What was written down before the step, done or not."""
        row = self._db.execute("SELECT intent FROM steps WHERE name = ?", (step,)).fetchone()
        return None if row is None else str(row[0])

    def done(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Name (without the prefix) and intent of all done steps that begin with `prefix`, in their order."""
        # A range of names instead of a comparison of their beginnings: it is read off the index, without any value.
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        rows = self._db.execute(
            "SELECT name, intent FROM steps WHERE name >= ? AND name < ? AND value IS NOT NULL ORDER BY number",
            (prefix, after),
        ).fetchall()
        for name, intent in rows:
            yield str(name)[len(prefix) :], str(intent)

    def _write(self, sql: str, *values: object) -> int:
        try:
            rows = self._db.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise StateError(
                f"{self._path} cannot be written",
                found=str(error),
                hint="look at the disk's space; nothing that was not written down was done",
            ) from error
        self.writes += rows
        return rows

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
