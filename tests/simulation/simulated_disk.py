"""One party's disk and process: it dies at any effect, writes half of a file, or has no space left.

An effect is a write of the journal or of a secret, a message handed over, a transaction handed over. A process that
dies leaves what it wrote: of the write that it died in all, nothing, or a part that the next life must not take for
whole.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from blindfair.agents.store.directory import SecretStore
from blindfair.agents.store.journal import Journal
from blindfair.protocol.errors import CannotWrite


class Killed(BaseException):
    """The process is gone."""


_FULL = "database or disk is full"


class _FullDisk:
    """What a journal's connection is on a disk without space."""

    def execute(self, *_: object) -> Any:
        raise sqlite3.OperationalError(_FULL)


@dataclass
class SimulatedDisk:
    """What befalls one party at its effects."""

    home: Path
    random: Random
    kills: float
    """How likely a process dies at an effect."""

    is_full: bool = False
    is_calm: bool = False
    """Whether nothing goes wrong any more."""

    deaths: list[str] = field(default_factory=list)
    effects: int = 0
    torn: Callable[[], None] | None = None
    """What is to be done to the files of a process that died, once they are closed."""

    def effect(self, what: str) -> str:
        """How the process fares at an effect: `"before"`, `"after"` or `"torn"` where it dies, else nothing."""
        self.effects += 1
        if self.is_calm or not self.kills or self.random.random() >= self.kills:
            return ""
        how = self.random.choice(("before", "after", "torn"))
        self.deaths.append(f"{how} {what}")
        return how

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """An effect that is either done or not."""
        how = self.effect(what)
        if how in ("before", "torn"):
            raise Killed(what)
        yield
        if how == "after":
            raise Killed(what)

    def write(self, journal: Journal, write: Callable[..., int], sql: str, values: tuple[object, ...]) -> int:
        """A write of the journal."""
        if self.is_full:
            kept, journal._db = journal._db, _FullDisk()  # type: ignore[assignment]
            try:
                return write(journal, sql, *values)
            finally:
                journal._db = kept
        how = self.effect(f"write of {values[0] if 'INSERT' in sql else values[1]}")
        if how == "before":
            raise Killed(sql)
        before = _size(journal._path.with_name(journal._path.name + "-wal"))
        rows = write(journal, sql, *values)
        if how == "torn":
            self._tear(journal._path, before)
        if how:
            raise Killed(sql)
        return rows

    def _tear(self, path: Path, before: int) -> None:
        """Keep the files as they are now, with the last write cut somewhere: put in place once they are closed."""
        log = path.with_name(path.name + "-wal")
        copies = {each: each.with_name(each.name + ".torn") for each in (path, log) if each.exists()}
        for each, copy in copies.items():
            shutil.copyfile(each, copy)
        size, cut = _size(log), self.random.random()

        def put_back() -> None:
            path.with_name(path.name + "-shm").unlink(missing_ok=True)
            for each, copy in copies.items():
                copy.replace(each)
                each.chmod(0o600)
            # A log that was begun anew overwrites older frames: there the write is as good as never begun.
            if size > before:
                with log.open("r+b") as file:
                    file.truncate(before + int((size - before) * cut))

        self.torn = put_back

    def put_secret(self, store: SecretStore, put: Callable[..., None], name: str, value: bytes) -> None:
        """A write of a secret."""
        if self.is_full:
            raise CannotWrite(f"{name} cannot be written", expected="space", found=_FULL)
        how = self.effect(f"secret {name.partition('.')[0]}")
        if how == "torn":
            half = value[: self.random.randrange(len(value) + 1)]
            (store._directory / f".{name}.0").write_bytes(half)
        if how in ("before", "torn"):
            raise Killed(name)
        put(store, name, value)
        if how:
            raise Killed(name)

    def settle(self) -> None:
        """Leave the files as a process that died left them; after they were closed."""
        if self.torn is not None:
            self.torn()
            self.torn = None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def disks(of: dict[Path, SimulatedDisk]) -> Iterator[None]:
    """Inside, journals and secrets below these folders are on these disks."""
    write, put = Journal._write, SecretStore.put

    def written(journal: Journal, sql: str, *values: object) -> int:
        disk = of.get(journal._path.parent)
        return write(journal, sql, *values) if disk is None else disk.write(journal, write, sql, values)

    def kept(store: SecretStore, name: str, value: bytes) -> None:
        disk = of.get(store._directory.parent)
        if disk is None:
            put(store, name, value)
        else:
            disk.put_secret(store, put, name, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_write", written)
        patch.setattr(SecretStore, "put", kept)
        yield
