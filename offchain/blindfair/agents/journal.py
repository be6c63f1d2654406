"""The write-ahead journal: what an agent is about to do is on disk before it does it (PROTOCOL 8).

An agent's work is a straight line of named steps. `once` runs a step, or returns what it gave the first time, so that
an agent that was killed is started again from the top and goes on where it was. Whatever a step draws at random and the
outside may see (a signed transaction, a message) is the *value* of a step of its own: sending it again is harmless.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from blindfair.agents.store import private_directory
from blindfair.protocol.errors import JournalDamaged, JournalVersion

VERSION = 1


class Journal:
    """One SQLite file. Every entry is flushed to the disk before the call returns."""

    def __init__(self, path: Path) -> None:
        private_directory(path.parent)
        path.touch(mode=0o600, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if found != VERSION and (found or tables):
                raise JournalVersion(
                    f"{path} was written by another version",
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
                raise JournalDamaged(
                    f"{path} is damaged", hint="restore it from a backup; do not begin its trades anew"
                )
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(
                f"{path} is not a journal",
                found=str(error),
                hint="restore it from a backup; do not begin its trades anew",
            ) from error

    def once(self, step: str, produce: Callable[[], bytes], *, intent: str = "") -> bytes:
        """The value of `step`: produced now, with the intent on disk first, or as it was produced before.

        If the process dies inside `produce`, it runs again: what it does must bear that.
        """
        done = self.get(step)
        if done is not None:
            return done
        self._db.execute("INSERT OR IGNORE INTO steps (name, intent) VALUES (?, ?)", (step, intent))
        value = produce()
        self._db.execute("UPDATE steps SET value = ? WHERE name = ?", (value, step))
        return value

    def note(self, step: str, intent: str = "") -> bool:
        """Write down once that something happened; says whether this was the first time."""
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO steps (name, intent, value) VALUES (?, ?, x'')", (step, intent)
        )
        return cursor.rowcount == 1

    def once_document(
        self, step: str, produce: Callable[[], dict[str, object]], *, intent: str = ""
    ) -> dict[str, object]:
        """`once` for a small JSON object."""
        value: dict[str, object] = json.loads(self.once(step, lambda: json.dumps(produce()).encode(), intent=intent))
        return value

    def get(self, step: str) -> bytes | None:
        """The value of a step that is done, else None."""
        row = self._db.execute("SELECT value FROM steps WHERE name = ?", (step,)).fetchone()
        return None if row is None or row[0] is None else bytes(row[0])

    def intent(self, step: str) -> str | None:
        """What was written down before the step, done or not."""
        row = self._db.execute("SELECT intent FROM steps WHERE name = ?", (step,)).fetchone()
        return None if row is None else str(row[0])

    def done(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Name (without the prefix) and value of all done steps that begin with `prefix`, in their order."""
        rows = self._db.execute(
            "SELECT name, value FROM steps WHERE substr(name, 1, ?) = ? AND value IS NOT NULL ORDER BY number",
            (len(prefix), prefix),
        ).fetchall()
        for name, value in rows:
            yield str(name)[len(prefix) :], bytes(value)

    @property
    def entries(self) -> int:
        """How many writes there were to the steps; grows with every bit of progress."""
        total, done = self._db.execute("SELECT count(*), count(value) FROM steps").fetchone()
        return int(total) + int(done)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
