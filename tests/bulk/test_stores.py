"""A data set on disk is the one that a listing in memory is, goes on after a kill, and refuses what was changed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from blindfair.bulk.committing import commit_records
from blindfair.bulk.files import ReusedSpace
from blindfair.bulk.store import CHUNKS, LEAVES, RECORDS, STATE, open_store, read_state, stored_record
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import (
    CannotWrite,
    FileChanged,
    FileMissing,
    InsecureStore,
    InvalidListing,
    JournalDamaged,
)
from blindfair.protocol.merkle import verify_path
from blindfair.protocol.quantities import RecordIndex, Secret

SECRET = Secret(bytes(range(32)))
LENGTHS = (5, 2000, 1008, 1009, 0, 16, 3024)
RECORDS_MADE = [bytes([number % 251]) * LENGTHS[number % len(LENGTHS)] for number in range(60)]


def from_list(start: int) -> Iterator[bytes]:
    return iter(RECORDS_MADE[start:])


def test_what_is_on_disk_is_what_would_be_in_memory(tmp_path: Path) -> None:
    stored = commit_records(tmp_path / "d", "s", from_list, 1024, SECRET, checkpoint=7000)
    memory = ChunkedDataset.build(RECORDS_MADE, 1024, SECRET)
    assert (stored.root, stored.leaf_digest) == (memory.root, memory.leaf_digest)
    assert list(stored.chunks) == list(memory.chunks)
    assert stored.chunks[-1] == memory.chunks[-1]
    assert list(stored.chunks[3:9]) == list(memory.chunks[3:9])
    assert stored.first_chunks == memory.first_chunks
    assert tuple(stored.leaf_hashes) == memory.leaf_hashes
    assert list(stored.records) == RECORDS_MADE
    for number, record in enumerate(map(RecordIndex, range(60))):
        assert stored_record(stored, record) == stored_record(memory, record), number
    for index in range(len(memory.chunks)):
        path = stored.tree.path(index)
        verify_path(memory.leaf_hashes[index], index, len(memory.chunks), path, memory.root)
    with pytest.raises(IndexError):
        stored.chunks[len(memory.chunks)]
    for name in (CHUNKS, LEAVES, RECORDS, STATE):
        assert (tmp_path / "d" / name).stat().st_mode & 0o777 == 0o600
    # Once more: it is opened, and the source is not read.
    again = commit_records(tmp_path / "d", "s", lambda _: 1 // 0, 1024, SECRET)  # type: ignore[arg-type, return-value]
    assert again.root == memory.root


class Stopped(Exception):
    """The source breaks off."""


def test_an_interrupted_commit_goes_on_where_it_was(tmp_path: Path) -> None:
    def broken(start: int) -> Iterator[bytes]:
        yield from RECORDS_MADE[start:40]
        raise Stopped

    asked: list[int] = []

    def rest(start: int) -> Iterator[bytes]:
        asked.append(start)
        return from_list(start)

    with pytest.raises(Stopped):
        commit_records(tmp_path / "d", "s", broken, 1024, SECRET, checkpoint=9000)
    with pytest.raises(FileMissing):
        open_store(tmp_path / "d")
    stored = commit_records(tmp_path / "d", "s", rest, 1024, SECRET, checkpoint=9000)
    assert 0 < asked[0] <= 40
    assert stored.root == ChunkedDataset.build(RECORDS_MADE, 1024, SECRET).root


PROGRAM = """
import sys, time
from pathlib import Path
from blindfair.bulk.committing import commit_records
def records(start):
    for number in range(start, 3000):
        time.sleep(0 if start else 0.001)
        yield number.to_bytes(8, "big") * 500
told = lambda records, size: print(records, flush=True)
print(commit_records(Path(sys.argv[1]), "s", records, 1024, bytes(32), tell=told, checkpoint=500_000).root.hex())
"""


def test_a_killed_commit_comes_to_the_same_root(tmp_path: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "d")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        time.sleep(0.05)
        os.kill(killed.pid, signal.SIGKILL)
    state = read_state(tmp_path / "d")
    assert state is not None
    assert 0 < state.records < 3000
    found = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()[-1]
    whole = ChunkedDataset.build([n.to_bytes(8, "big") * 500 for n in range(3000)], 1024, Secret(bytes(32)))
    assert found == whole.root.hex()


@pytest.mark.parametrize(("source", "chunk_size"), [("another", 1024), ("s", 4096)])
def test_another_source_is_not_gone_on_with(tmp_path: Path, source: str, chunk_size: int) -> None:
    commit_records(tmp_path / "d", "s", from_list, 1024, SECRET)
    with pytest.raises(FileChanged):
        commit_records(tmp_path / "d", source, from_list, chunk_size, SECRET)


def test_a_data_set_has_records_and_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidListing):
        commit_records(tmp_path / "none", "s", lambda _: (), 1024, SECRET)
    with pytest.raises(InvalidListing):
        commit_records(tmp_path / "odd", "s", from_list, 1000, SECRET)
    monkeypatch.setattr("blindfair.bulk.committing.LISTED_CHUNKS_LIMIT", 20)
    with pytest.raises(InvalidListing):
        commit_records(tmp_path / "many", "s", from_list, 1024, SECRET)


@pytest.mark.parametrize("name", [CHUNKS, LEAVES, RECORDS])
def test_a_file_that_was_cut_is_noticed(tmp_path: Path, name: str) -> None:
    commit_records(tmp_path / "d", "s", from_list, 1024, SECRET)
    with (tmp_path / "d" / name).open("r+b") as file:
        file.truncate(5)
    with pytest.raises(JournalDamaged):
        open_store(tmp_path / "d")


def test_a_file_that_is_cut_while_it_is_read_gives_no_bytes_of_another(tmp_path: Path) -> None:
    """Memory is used again: what was in it before would go to a buyer that did not pay for it."""
    stored, space = commit_records(tmp_path / "d", "s", from_list, 1024, SECRET), ReusedSpace()
    count = sum(1 for _ in stored.files.chunks_of(0, 60))
    pieces, lengths = stored.files.read_chunks([(0, 60)], 0, count, space)
    data = b"".join(map(bytes, pieces))
    assert (data, sum(lengths)) == (b"".join(stored.chunks), len(data))
    os.truncate(tmp_path / "d" / CHUNKS, len(data) - 1)
    with pytest.raises(OSError, match="shorter"):
        list(stored.files.read_chunks([(0, 60)], 0, count, space)[0])


@pytest.mark.parametrize("window", [1, 1025, 5000])
def test_chunks_are_read_in_pieces_of_whole_chunks(
    tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindfair.bulk.store._WINDOW", window)
    stored = commit_records(tmp_path / "d", "s", from_list, 1024, SECRET)
    runs, skip = [(1, 7), (9, 60)], 1
    chosen = [chunk for start, stop in runs for chunk in stored.files.chunks_of(start, stop)][skip:-1]
    pieces, lengths = stored.files.read_chunks(runs, skip, len(chosen), ReusedSpace())
    assert lengths == list(map(len, chosen))
    ends = set(accumulate(lengths, initial=0))
    found = b""
    for piece in pieces:
        found += piece
        assert len(found) in ends
    assert found == b"".join(chosen)


@pytest.mark.parametrize("state", [b"", b"{}", b'{"a": 1}', b"[]"])
def test_a_state_that_is_none_is_refused(tmp_path: Path, state: bytes) -> None:
    commit_records(tmp_path / "d", "s", from_list, 1024, SECRET)
    good = (tmp_path / "d" / STATE).read_bytes()
    (tmp_path / "d" / STATE).write_bytes(state)
    with pytest.raises(JournalDamaged):
        open_store(tmp_path / "d")
    (tmp_path / "d" / STATE).write_bytes(good.replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(JournalDamaged):
        open_store(tmp_path / "d")


def test_files_shorter_than_their_state_are_not_written_on(tmp_path: Path) -> None:
    def broken(start: int) -> Iterator[bytes]:
        yield from RECORDS_MADE[start:40]
        raise Stopped

    with pytest.raises(Stopped):
        commit_records(tmp_path / "d", "s", broken, 1024, SECRET, checkpoint=9000)
    (tmp_path / "d" / LEAVES).write_bytes(b"")
    with pytest.raises(JournalDamaged):
        commit_records(tmp_path / "d", "s", from_list, 1024, SECRET)


def test_a_folder_that_others_may_read_is_refused(tmp_path: Path) -> None:
    commit_records(tmp_path / "d", "s", from_list, 1024, SECRET)
    (tmp_path / "d").chmod(0o755)
    with pytest.raises(InsecureStore):
        open_store(tmp_path / "d")


def test_a_source_that_cannot_be_read_is_not_called_a_full_disk_and_is_gone_on_with(tmp_path: Path) -> None:
    def breaking(start: int) -> Iterator[bytes]:
        yield RECORDS_MADE[start]
        raise OSError(5, "Input/output error")

    with pytest.raises(FileMissing, match="cannot be read") as caught:
        commit_records(tmp_path / "d", "s", breaking, 1024, SECRET)
    assert caught.value.found == "Input/output error"
    assert (
        commit_records(tmp_path / "d", "s", from_list, 1024, SECRET).root
        == ChunkedDataset.build(RECORDS_MADE, 1024, SECRET).root
    )


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotWrite):
        commit_records(tmp_path / "file" / "d", "s", from_list, 1024, SECRET)
