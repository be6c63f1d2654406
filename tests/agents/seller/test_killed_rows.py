"""Rows of texts take long: a seller that is killed over them goes on after the last whole batch, to the same bits
(PROTOCOL 4.2)."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import killed_rows
import numpy as np
import pytest
from killed_rows import BATCH, DIGEST, request_of, small_batches, store_of
from texts import OFFERED, text_goods
from tiny_bases import build, write

from blindfair.influence.quantise import QuantisedRows
from blindfair.influence.text import BaseModel
from blindfair.protocol.errors import UnusableModel
from blindfair.protocol.messages import Request

DONE = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def base(folder: Path) -> BaseModel:
    return BaseModel.load(folder)


@pytest.fixture(scope="module")
def asked(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Request:
    return request_of(base, tmp_path_factory.mktemp("parties"))


@pytest.fixture(scope="module")
def left(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("left") / "rows"
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    run = subprocess.run(
        [sys.executable, killed_rows.__file__, str(directory), str(folder), str(DONE)],
        env=os.environ | paths, check=False,
    )  # fmt: skip
    assert run.returncode == -signal.SIGKILL
    return directory


@pytest.fixture
def killed(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a process that was killed after two batches."""
    small_batches(monkeypatch)
    return Path(shutil.copytree(left, tmp_path / "rows"))


class Asked(list[bytes]):
    """Records that count how often one of them is read."""

    read = 0

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        part = super().__getitem__(place)
        self.read += len(part)
        return part


def go_on(directory: Path, base: BaseModel, asked: Request) -> tuple[QuantisedRows, int]:
    """The rows in the end, and of how many records they were computed."""
    records, store = Asked(text_goods(base).records), store_of(directory, base)
    store.compute(DIGEST, asked, records)
    return store.load(DIGEST), records.read


def is_same(found: QuantisedRows, expected: QuantisedRows) -> bool:
    return (
        np.array_equal(found.entries, expected.entries)
        and np.array_equal(found.exponents, expected.exponents)
        and found.clipped == expected.clipped
    )


def test_whole_batches_are_not_computed_again(killed: Path, base: BaseModel, asked: Request, tmp_path: Path) -> None:
    rows, read = go_on(killed, base, asked)
    expected, all_read = go_on(tmp_path / "other", base, asked)
    assert is_same(rows, expected)
    assert (read, all_read) == (OFFERED - DONE * BATCH, OFFERED)
    assert [path.name for path in killed.iterdir()] == [f"{DIGEST.hex()}.npy"]


@pytest.mark.parametrize("place", [0, 60, -40, -1])
def test_a_damaged_batch_is_computed_again(
    place: int, killed: Path, base: BaseModel, asked: Request, tmp_path: Path
) -> None:
    first = sorted((killed / f".{DIGEST.hex()}.parts").iterdir())[0]
    data = bytearray(first.read_bytes())
    data[place] ^= 1
    first.write_bytes(data)
    rows, read = go_on(killed, base, asked)
    assert is_same(rows, go_on(tmp_path / "other", base, asked)[0])
    assert read == OFFERED - (DONE - 1) * BATCH


def test_a_text_that_does_not_fit_leaves_nothing_however_much_was_done(
    killed: Path, base: BaseModel, asked: Request
) -> None:
    records = Asked(text_goods(base).records)
    records[-1] = b"\xff"
    with pytest.raises(UnusableModel, match="does not fit the records of the listing"):
        store_of(killed, base).compute(DIGEST, asked, records)
    assert list(killed.iterdir()) == []


def test_a_seller_that_was_killed_when_all_were_there_keeps_no_batches(
    killed: Path, base: BaseModel, asked: Request, tmp_path: Path
) -> None:
    rows, _ = go_on(tmp_path / "other", base, asked)
    (whole,) = (tmp_path / "other").iterdir()
    shutil.copy(whole, killed)
    found, read = go_on(killed, base, asked)
    assert is_same(found, rows) and read == 0
    assert not [path for path in killed.iterdir() if path.is_dir()]


def test_others_cannot_read_what_is_not_finished(killed: Path) -> None:
    (parts,) = (path for path in killed.iterdir() if path.is_dir())
    assert parts.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in parts.iterdir()] == [0o600] * DONE
