"""Rows encoded on disk: once, in blocks, each whole or not at all, whatever happens in between."""

import signal
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from on_disk import OTHER, Interrupting, N, asked, encoded, files, in_a_child, random_rows

from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.encode import encode_column
from blindfair.blind.layout import column_of
from blindfair.blind.matrix import EncodedMatrix, encode_matrix, matrix_bytes, open_matrix
from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS, ParameterSet
from blindfair.blind.seal import engine
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.errors import BlindfairError, CannotWrite, FileMissing, MalformedFile, ShapeMismatch

K = 2
SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)


def assert_holds(matrix: EncodedMatrix, rows: NDArray[np.int16]) -> None:
    """Every column of the last block and one of each other: what SEAL computes with is this polynomial."""
    seal = engine(matrix.parameters)
    identity = np.zeros((2, len(matrix.parameters.data_primes), N), dtype=np.uint64)
    identity[0], identity[1] = 1, 1
    one = seal.ciphertext(identity, seal.sum_level, transformed=True)
    assert (matrix.records, matrix.k) == rows.shape
    for block in range(matrix.blocks):
        part = np.zeros((N, rows.shape[1]), dtype=np.int16)
        part[: matrix.scores_in(block)] = rows[block * N : (block + 1) * N]
        for coordinate in range(rows.shape[1]) if block == matrix.blocks - 1 else (block % rows.shape[1],):
            found = column_of(matrix.columns(block), coordinate)
            if not part[:, coordinate].any():
                assert not found.any()
                continue
            product = type(one)()
            seal.evaluator.multiply_plain(one, encode_column(seal, part[:, coordinate].copy()), product)
            np.testing.assert_array_equal(found, seal.ciphertext_words(product)[0])


@SETS
@pytest.mark.parametrize("n", [1, N, N + 1, 2 * N + 77])
def test_blocks_are_the_columns_that_seal_would_multiply(parameters: ParameterSet, n: int, tmp_path: Path) -> None:
    rows = random_rows(n, K)
    rows[:N, 1] = 0
    rows[0, 0], rows[-1, 0] = -2047, 2047
    matrix = encoded(tmp_path, rows, parameters)
    assert_holds(matrix, rows)
    assert_holds(open_matrix(parameters, Directory(tmp_path)), rows)
    blocks = [path for path in tmp_path.iterdir() if path.name != "matrix.json"]
    assert sum(path.stat().st_size for path in blocks) == matrix_bytes(parameters, n, K)


def test_more_columns_than_are_transformed_at_once(tmp_path: Path) -> None:
    rows = random_rows(5, 19)
    assert_holds(encoded(tmp_path, rows), rows)


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    encoded(tmp_path / "matrix", random_rows(3, K))
    assert stat.S_IMODE((tmp_path / "matrix").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "matrix").iterdir()} == {0o600}


def test_a_second_time_nothing_is_done_but_what_changed(tmp_path: Path) -> None:
    rows = random_rows(3 * N + 5, K)
    encoded(tmp_path, rows)
    before = files(tmp_path)
    encoded(tmp_path, rows)
    assert files(tmp_path) == before
    rows[N + 3, 1] += 1 if rows[N + 3, 1] < 0 else -1
    assert_holds(encoded(tmp_path, rows), rows)
    after = files(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"block-000001", "matrix.json"}
    longer = np.concatenate((rows, random_rows(N, K, 1)))
    assert_holds(encoded(tmp_path, longer), longer)
    longest = files(tmp_path)
    assert {name for name in longest if longest[name] != after.get(name)} == {
        "block-000003",
        "block-000004",
        "matrix.json",
    }


def test_sets_with_the_same_sums_share_a_matrix_and_others_do_not(tmp_path: Path) -> None:
    rows = random_rows(N + 1, K)
    encoded(tmp_path, rows)
    before = files(tmp_path)
    assert_holds(encoded(tmp_path, rows, EXPANDED), rows)
    assert files(tmp_path) == before
    with pytest.raises(MalformedFile, match="other parameters"):
        open_matrix(OTHER, Directory(tmp_path))
    assert_holds(encoded(tmp_path, rows, OTHER), rows)


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize(
    "reshape",
    [lambda rows: (rows, OTHER), lambda rows: (rows.reshape(-1, 2 * K), DEFAULT)],
    ids=["parameters", "shape"],
)
def test_an_interrupted_change_leaves_no_block_of_before(reshape: object, writes: int, tmp_path: Path) -> None:
    """The same bytes of rows under other parameters, or as fewer and longer rows: when the process dies in between,
    what was encoded before must not be taken for what is asked for now."""
    rows = random_rows(2 * N, K)
    encoded(tmp_path, rows)
    again, parameters = reshape(rows)  # type: ignore[operator]
    with pytest.raises(KeyboardInterrupt):
        encode_matrix(parameters, again, Interrupting(tmp_path, writes))
    if writes == 0 and parameters == DEFAULT:
        assert_holds(open_matrix(parameters, Directory(tmp_path)), rows)
    else:
        with pytest.raises(BlindfairError):
            open_matrix(parameters, Directory(tmp_path))
    assert_holds(encoded(tmp_path, again, parameters), again)


@pytest.mark.parametrize("n", [N + 5, N])
def test_fewer_records_than_before(n: int, tmp_path: Path) -> None:
    rows = random_rows(3 * N, K)
    encoded(tmp_path, rows)
    assert_holds(encoded(tmp_path, rows[:n]), rows[:n])
    assert_holds(open_matrix(DEFAULT, Directory(tmp_path)), rows[:n])


@pytest.mark.parametrize(
    "spoil",
    [
        *(lambda whole, size=size: whole[:size] for size in (0, 1, 4095, 4096, 4100, 4104, -8, -1)),
        lambda whole: whole + bytes(8),
        lambda whole: whole + b"1",
        lambda whole: whole * 2,
    ],
)
def test_a_block_of_another_size_is_found_out_and_made_again(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    rows = random_rows(N + 2, K)
    matrix = encoded(tmp_path, rows)
    path = tmp_path / "block-000001"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises((MalformedFile, FileMissing)) as caught:
        matrix.columns(1)
    assert "block-000001" in str(caught.value)
    kept = files(tmp_path)["block-000000"]
    assert_holds(encoded(tmp_path, rows), rows)
    assert files(tmp_path)["block-000000"] == kept


def test_a_block_of_another_head_is_made_again(tmp_path: Path) -> None:
    rows = random_rows(3, K)
    encoded(tmp_path, rows)
    path = tmp_path / "block-000000"
    data = bytearray(path.read_bytes())
    for place in (0, 4, 35):
        data[place] ^= 1
        path.write_bytes(data)
        assert_holds(encoded(tmp_path, rows), rows)


@pytest.mark.parametrize("header", [b"", b"{}", b"[]", b"null", b'{"k": 2, "records": "many"}', b"\xff\xfe", b"{" * 99])
def test_a_damaged_header(header: bytes, tmp_path: Path) -> None:
    rows = random_rows(3, K)
    encoded(tmp_path, rows)
    (tmp_path / "matrix.json").write_bytes(header)
    with pytest.raises(MalformedFile):
        open_matrix(DEFAULT, Directory(tmp_path))
    assert_holds(encoded(tmp_path, rows), rows)


def test_a_matrix_that_is_not_there_or_not_finished(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        open_matrix(DEFAULT, Directory(tmp_path / "nowhere"))
    rows = random_rows(2 * N, K)
    with pytest.raises(KeyboardInterrupt):
        encode_matrix(DEFAULT, rows, Interrupting(tmp_path, 1))
    with pytest.raises(FileMissing):
        open_matrix(DEFAULT, Directory(tmp_path))
    encoded(tmp_path, rows)
    (tmp_path / "block-000001").unlink()
    with pytest.raises(ShapeMismatch, match="not finished"):
        open_matrix(DEFAULT, Directory(tmp_path))
    with pytest.raises(FileMissing):
        encoded(tmp_path, rows).columns(2)


@pytest.mark.parametrize("entry", [2048, -2048, -32768])
def test_an_entry_out_of_bounds_in_a_late_block(entry: int, tmp_path: Path) -> None:
    rows = random_rows(3 * N, K)
    rows[-1, -1] = entry
    with pytest.raises(ShapeMismatch, match="out of bounds"):
        encoded(tmp_path, rows)
    assert sorted(files(tmp_path)) == ["block-000000", "block-000001"]
    with pytest.raises(FileMissing):
        open_matrix(DEFAULT, Directory(tmp_path))


@pytest.mark.parametrize(
    "rows",
    [np.ones((2, 2), dtype=np.int32), np.ones(3, dtype=np.int16), np.ones((0, 2), dtype=np.int16), np.ones((2, 2))],
    ids=lambda rows: f"{rows.shape} {rows.dtype}",
)
def test_rows_of_a_wrong_shape_write_nothing(rows: NDArray[np.int16], tmp_path: Path) -> None:
    with pytest.raises(ShapeMismatch):
        encoded(tmp_path / "matrix", rows)
    assert not (tmp_path / "matrix").exists()


def test_rows_of_any_layout_in_memory_or_on_disk(tmp_path: Path) -> None:
    rows = random_rows(N + 9, K)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r", allow_pickle=False)
    for number, each in enumerate((mapped, np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2])):
        assert_holds(encoded(tmp_path / str(number), each), rows)


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_process_killed_while_it_writes(writes: int, tmp_path: Path) -> None:
    """SIGKILL when all bytes of a block are out and it has no name yet: blocks before it stay, it is done again."""
    rows = random_rows(2 * N + 4, K)
    np.save(tmp_path / "rows.npy", rows)
    died = in_a_child("encode", "die", str(writes), DEFAULT.name, str(tmp_path / "m"), str(tmp_path / "rows.npy"), "")
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    done = {name: found for name, found in files(tmp_path / "m").items() if not name.startswith(".")}
    assert sorted(done) == [f"block-{number:06d}" for number in range(writes - 1)]
    assert_holds(encoded(tmp_path / "m", rows), rows)
    assert all(files(tmp_path / "m")[name] == found for name, found in done.items())


def test_a_disk_that_is_full_in_the_middle(tmp_path: Path) -> None:
    """The second block is not written, not even half, and the first serves when there is space again."""
    rows = random_rows(2 * N + 4, K)
    np.save(tmp_path / "rows.npy", rows)
    full = in_a_child("encode", "4096", "1", DEFAULT.name, str(tmp_path / "m"), str(tmp_path / "rows.npy"), "")
    assert full.returncode == 1
    assert b"CannotWrite: block-000001 cannot be written" in full.stderr
    assert list(files(tmp_path / "m")) == ["block-000000"]
    before = files(tmp_path / "m")
    matrix = encoded(tmp_path / "m", rows)
    assert_holds(matrix, rows)
    assert files(tmp_path / "m")["block-000000"] == before["block-000000"]
    query, secret = asked(np.array([[3, -5]]))
    reply = finish(start_evaluation(matrix, query, Directory(tmp_path / "e")))
    scores = decrypt_reply(DEFAULT, secret, reply, len(rows), 1)
    np.testing.assert_array_equal(scores, [[3, -5]] @ rows.T.astype(np.int64))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotWrite):
        encoded(tmp_path / "file" / "matrix", random_rows(3, K))
