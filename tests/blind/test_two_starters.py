"""Two processes that evaluate one request in one folder: whichever comes first with a file, there is one noise and one
reply. Two noises over one score would disclose twice as much of it (PROTOCOL 4.4)."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from on_disk import N, asked, encoded, random_rows

from blindfair.blind.blob_store import Directory
from blindfair.blind.matrix import EncodedMatrix
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.errors import EvaluationDiffers

FILES = 6
"""Noise key, description, zeros, coordinates and two parts, in this order."""


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> EncodedMatrix:
    return encoded(tmp_path_factory.mktemp("matrix"), random_rows(N + 3, 2))


@pytest.fixture(scope="module")
def query() -> bytes:
    return asked(np.array([[300, -400]]), EXPANDED)[0]


def meets(monkeypatch: pytest.MonkeyPatch, number: int, other: Callable[[], None]) -> None:
    """Let another process do its work just when this one has written the bytes of its n-th file, which has no name
    yet."""
    real, left = os.fsync, [number]

    def fsync(descriptor: int) -> None:
        real(descriptor)
        left[0] -= stat.S_ISREG(os.fstat(descriptor).st_mode)
        if left[0] == 0:
            left[0] -= 1
            other()

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("number", range(1, FILES + 1))
def test_two_starters_come_to_one_reply(
    matrix: EncodedMatrix, query: bytes, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies, keys = [], []

    def evaluate() -> None:
        replies.append(finish(start_evaluation(matrix, query, Directory(tmp_path))))
        keys.append((tmp_path / "noise.key").read_bytes())

    meets(monkeypatch, number, evaluate)
    evaluate()
    assert len(replies) == 2
    assert replies[0] == replies[1]
    assert keys[0] == keys[1]
    assert len(list(tmp_path.iterdir())) == FILES


@pytest.mark.parametrize("number", [1, 2])
def test_of_two_different_starters_one_is_refused(
    matrix: EncodedMatrix, query: bytes, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same query on other rows, in the same folder at the same moment: one noise never lies over both sums."""
    other = encoded(tmp_path / "other", random_rows(N + 3, 2, 1))
    folder = Directory(tmp_path / "evaluation")
    replies = []
    meets(monkeypatch, number, lambda: replies.append(finish(start_evaluation(other, query, folder))))
    with pytest.raises(EvaluationDiffers):
        finish(start_evaluation(matrix, query, folder))
    assert replies == [finish(start_evaluation(other, query, folder))]


def test_a_file_that_is_written_once_is_the_first_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meets(monkeypatch, 1, lambda: found.append(Directory(tmp_path).write_once("file", b"first")))
    found: list[bytes] = []
    assert Directory(tmp_path).write_once("file", b"second") == b"first"
    assert found == [b"first"]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]
