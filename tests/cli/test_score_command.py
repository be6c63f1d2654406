"""`blindfair score`: from a file of rows and a query to a reply, in as many goes as it takes."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import Inside, outside

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    FileMissing,
    MalformedCiphertext,
    ShapeMismatch,
    UnknownParameters,
)


def test_rows_of_a_file_are_scored_and_a_second_run_gives_the_same_reply(tmp_path: Path, inside: Inside) -> None:
    rows = np.random.default_rng(1).integers(-2047, 2048, (9000, 2)).astype(np.int16)
    np.save(tmp_path / "rows.npy", rows)
    encrypted, secret = encrypt_queries(DEFAULT, np.array([[3, -4]]))
    (tmp_path / "query").write_bytes(encrypted.to_bytes())
    encoded = inside("score", "encode", tmp_path / "rows.npy", tmp_path / "matrix")
    assert encoded.code == 0, encoded.err
    assert "9,000 rows of 2" in encoded.out and "takes" in encoded.err
    replies = []
    for name in ("first", "second"):
        told = inside("score", "reply", tmp_path / "matrix", tmp_path / "query", tmp_path / "folder", tmp_path / name)
        assert told.code == 0, told.err
        assert "1 for each of 9,000 records" in told.out
        replies.append((tmp_path / name).read_bytes())
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        # Half of it is lost, and done again.
        (tmp_path / "folder" / "part-00-000001").unlink()
    assert replies[0] == replies[1]
    np.testing.assert_array_equal(decrypt_reply(DEFAULT, secret, replies[0], 9000, 1)[0], rows @ np.array([3, -4]))


def test_bits_are_stated_once_for_each_query(tmp_path: Path, inside: Inside) -> None:
    np.save(tmp_path / "rows.npy", np.ones((20, 2), np.int16))
    encrypted, _ = encrypt_queries(DEFAULT, np.array([[3, -4], [1, 2]]), bits=(3, 1))
    (tmp_path / "query").write_bytes(encrypted.to_bytes())
    inside("score", "encode", tmp_path / "rows.npy", tmp_path / "matrix", "-q")
    command = ["score", "reply", tmp_path / "matrix", tmp_path / "query"]
    told = inside(*command, tmp_path / "one", tmp_path / "reply", "--bits", 3, "--bits", 1, "-q", "--json", "-")
    assert (told.code, told.err) == (0, "")
    assert json.loads(told.out)["queries"] == 2
    refused = inside(*command, tmp_path / "other", tmp_path / "refused", "--bits", 1, "--bits", 1)
    assert refused.code != 0 and refused.err.startswith("error: ")
    assert not (tmp_path / "refused").exists()


def test_it_runs_as_a_program() -> None:
    found = outside("score", "encode", "gone.npy", "matrix")
    assert found.code == FileMissing.exit_code
    assert found.err.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("encode", "gone.npy", "matrix"), FileMissing),
        (("encode", "floats.npy", "matrix"), ShapeMismatch),
        (("encode", "ones.npy", "ones.npy"), CannotWrite),
        (("reply", "gone", "query", "folder", "reply"), FileMissing),
        (("reply", "matrix", "gone", "folder", "reply"), FileMissing),
        (("reply", "matrix", "query", "folder", "reply"), MalformedCiphertext),
        (("reply", "matrix", "query", "folder", "gone/reply"), CannotWrite),
        (("encode", "ones.npy", "matrix", "--parameters", "none"), UnknownParameters),
    ],
)
def test_what_cannot_be_scored_is_a_named_error(
    arguments: tuple[str, ...],
    error: type[BlindfairError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inside: Inside,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("floats.npy", np.zeros((2, 2)))
    np.save("ones.npy", np.ones((2, 2), np.int16))
    Path("query").write_bytes(b"no query")
    if arguments[1] == "matrix":
        assert inside("score", "encode", "ones.npy", "matrix").code == 0
    ended = inside("score", *arguments)
    assert ended.code == error.exit_code, ended.err

    assert f"error: {error.__name__}: " in ended.err
    assert not Path("reply").exists()
