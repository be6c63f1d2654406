"""`scripts/score`: from a file of rows and a query to a reply, in as many goes as it takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.errors import FileMissing, MalformedCiphertext, ShapeMismatch

SCRIPT = Path(__file__).parents[2] / "scripts" / "score.py"


def score(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_rows_of_a_file_are_scored_and_a_second_run_gives_the_same_reply(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(-2047, 2048, (9000, 2)).astype(np.int16)
    np.save(tmp_path / "rows.npy", rows)
    encrypted, secret = encrypt_queries(DEFAULT, np.array([[3, -4]]))
    (tmp_path / "query").write_bytes(encrypted.to_bytes())
    found = score("encode", tmp_path / "rows.npy", tmp_path / "matrix")
    assert found.returncode == 0, found.stderr
    assert "9,000 rows of 2" in found.stderr
    replies = []
    for name in ("first", "second"):
        found = score("reply", tmp_path / "matrix", tmp_path / "query", tmp_path / "folder", tmp_path / name)
        assert found.returncode == 0, found.stderr
        replies.append((tmp_path / name).read_bytes())
        # Half of it is lost, and done again.
        (tmp_path / "folder" / "part-00-000001").unlink()
    assert replies[0] == replies[1]
    np.testing.assert_array_equal(decrypt_reply(DEFAULT, secret, replies[0], 9000, 1)[0], rows @ np.array([3, -4]))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("encode", "gone.npy", "matrix"), FileMissing),
        (("encode", "floats.npy", "matrix"), ShapeMismatch),
        (("reply", "gone", "query", "folder", "reply"), FileMissing),
        (("reply", "matrix", "query", "folder", "reply"), MalformedCiphertext),
    ],
)
def test_what_cannot_be_scored_is_a_named_error(
    arguments: tuple[str, ...], error: type[FileMissing], tmp_path: Path
) -> None:
    np.save(tmp_path / "floats.npy", np.zeros((2, 2)))
    np.save(tmp_path / "rows.npy", np.ones((2, 2), np.int16))
    (tmp_path / "query").write_bytes(b"no query")
    if arguments[1] == "matrix":
        assert score("encode", tmp_path / "rows.npy", tmp_path / "matrix").returncode == 0
    found = score(arguments[0], *(tmp_path / name for name in arguments[1:]))
    assert found.returncode == error.exit_code, found.stderr
    assert found.stderr.startswith("error: ") and "Traceback" not in found.stderr
    assert not (tmp_path / "reply").exists()
