"""The embedded chain's memory: an append-only SQLite file of everything that was ever asked of the chain.

Not a store of blocks or state: those are computed anew from the entries, which is why each entry names the block it was
written upon. A log that no longer leads to the same blocks is refused, never repaired.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blindfair.chain.sqlite_files import check_path, opening_error, reason
from blindfair.protocol.errors import JournalDamaged, JournalVersion, StateError
from blindfair.protocol.hashing import sha256

VERSION = 1

_HINT = "restore the file from a backup, or begin with a new directory; its transactions are on no other chain"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing asked of the chain: `kind` with its `payload`, when the latest block was `parent` (32 bytes)."""

    kind: str
    payload: bytes
    parent: bytes


class EmbeddedLog:
    """One SQLite file, mode 0600, held by one process at a time. An entry is on the disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        """Open the log or begin a new one.

        Raises JournalVersion, JournalDamaged, StoreInUse if another process has it open, StateError if the file cannot
        be opened at all, and CannotWrite for a disk that does not take it or a path that is too long.
        """
        check_path(path)
        self._path = path
        self._is_closed = False
        try:
            # SQLite gives its -wal file the mode of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            raise StateError(
                f"{path} cannot be opened", found=error.strerror, hint="name a file in a directory of your own"
            ) from error
        # The chain above has a lock of its own: callers may come from several threads, one at a time.
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            self._entries = self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise opening_error(path, error, "is not a log of a chain", _HINT) from error
        except Exception:
            self._db.close()
            raise
        self._last = self._checked()

    def _open(self) -> list[tuple[int, str, bytes, bytes, bytes]]:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("BEGIN EXCLUSIVE")
        found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        tables = {str(row[0]) for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if found != VERSION and (found or tables):
            raise JournalVersion(
                f"{self._path} was written by another version",
                expected=VERSION,
                found=found,
                hint="finish its trades with the version that began them, or begin with a new directory",
            )
        if found == VERSION and "entries" not in tables:
            raise JournalDamaged(f"{self._path} has lost its entries", hint=_HINT)
        if not tables:
            self._db.execute(
                "CREATE TABLE entries (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload BLOB NOT NULL,"
                " parent BLOB NOT NULL, seal BLOB NOT NULL)"
            )
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("COMMIT")
        return self._db.execute("SELECT number, kind, payload, parent, seal FROM entries ORDER BY number").fetchall()

    def _checked(self) -> bytes:
        """The seal of the last entry, every entry having been compared with its own."""
        seal = b""
        for expected, (number, kind, payload, parent, found) in enumerate(self._entries):
            # SQLite takes any type in any column.
            sound = isinstance(kind, str) and isinstance(payload, bytes) and isinstance(parent, bytes)
            seal = _seal(seal, Entry(kind, payload, parent)) if sound else b""
            if not sound or number != expected or found != seal:
                self._db.close()
                raise JournalDamaged(f"{self._path} was altered", expected=f"entry {expected} as written", hint=_HINT)
        return seal

    def entries(self) -> Iterator[Entry]:
        """The entries that the log held when it was opened, in order."""
        for _, kind, payload, parent, _ in self._entries:
            yield Entry(kind, payload, parent)

    def append(self, entry: Entry) -> None:
        """Write one entry and flush it to the disk. Raises StateError if the disk does not take it."""
        seal = _seal(self._last, entry)
        try:
            self._db.execute(
                "INSERT INTO entries (number, kind, payload, parent, seal)"
                " SELECT coalesce(max(number) + 1, 0), ?, ?, ?, ? FROM entries",
                (entry.kind, entry.payload, entry.parent, seal),
            )
        except sqlite3.Error as error:
            if self._is_closed:
                raise StateError(
                    "This chain was closed",
                    found=self._path,
                    hint="use it inside the `with` block, or open its directory again",
                ) from error
            raise StateError(
                f"{self._path} cannot be written", found=reason(self._path, error), hint="look at the disk's space"
            ) from error
        self._last = seal

    def damaged(self, what: str) -> JournalDamaged:
        """The error for an entry that does not fit the chain computed so far."""
        return JournalDamaged(f"{self._path}: {what}", hint=_HINT)

    def close(self) -> None:
        """Let go of the file."""
        self._is_closed = True
        self._db.close()


def _seal(previous: bytes, entry: Entry) -> bytes:
    return sha256(previous + entry.kind.encode() + b"\x00" + entry.parent + entry.payload)
