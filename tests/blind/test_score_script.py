"""`scripts/score`: from a file of rows and a query to a reply, in as many goes as it takes."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.errors import BlindfairError, FileMissing, MalformedCiphertext, ShapeMismatch, UnknownParameters

SCRIPT = Path(__file__).parents[2] / "scripts" / "score.py"


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("score_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


score = loaded().main


def run(*arguments: object) -> int:
    code: int = score([str(argument) for argument in arguments])
    return code


def test_rows_of_a_file_are_scored_and_a_second_run_gives_the_same_reply(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.random.default_rng(1).integers(-2047, 2048, (9000, 2)).astype(np.int16)
    np.save(tmp_path / "rows.npy", rows)
    encrypted, secret = encrypt_queries(DEFAULT, np.array([[3, -4]]))
    (tmp_path / "query").write_bytes(encrypted.to_bytes())
    assert run("encode", tmp_path / "rows.npy", tmp_path / "matrix") == 0
    assert "9,000 rows of 2" in capsys.readouterr().err
    replies = []
    for name in ("first", "second"):
        assert run("reply", tmp_path / "matrix", tmp_path / "query", tmp_path / "folder", tmp_path / name) == 0
        replies.append((tmp_path / name).read_bytes())
        # Half of it is lost, and done again.
        (tmp_path / "folder" / "part-00-000001").unlink()
    assert "1 for each of 9,000 records" in capsys.readouterr().err
    assert replies[0] == replies[1]
    np.testing.assert_array_equal(decrypt_reply(DEFAULT, secret, replies[0], 9000, 1)[0], rows @ np.array([3, -4]))


def test_it_runs_as_a_program() -> None:
    found = subprocess.run([sys.executable, SCRIPT, "encode", "gone.npy", "matrix"], capture_output=True, text=True)
    assert found.returncode == FileMissing.exit_code
    assert found.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("encode", "gone.npy", "matrix"), FileMissing),
        (("encode", "floats.npy", "matrix"), ShapeMismatch),
        (("reply", "gone", "query", "folder", "reply"), FileMissing),
        (("reply", "matrix", "query", "folder", "reply"), MalformedCiphertext),
        (("encode", "ones.npy", "matrix", "--parameters", "none"), UnknownParameters),
    ],
)
def test_what_cannot_be_scored_is_a_named_error(
    arguments: tuple[str, ...], error: type[BlindfairError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    np.save("floats.npy", np.zeros((2, 2)))
    np.save("ones.npy", np.ones((2, 2), np.int16))
    Path("query").write_bytes(b"no query")
    if arguments[1] == "matrix":
        assert run("encode", "ones.npy", "matrix") == 0
        capsys.readouterr()
    assert run(*arguments) == error.exit_code
    assert capsys.readouterr().err.startswith("error: ")
    assert not Path("reply").exists()
