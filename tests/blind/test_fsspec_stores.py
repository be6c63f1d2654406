"""Blob stores that fsspec reaches hold what a directory holds: the same matrix, the same reply, nothing half
written."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindfair.blind.blob_store import BlobStore, Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.fsspec_store import FsspecBlobStore, store_at
from blindfair.blind.matrix import encode_matrix, open_matrix
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.blind.rows_file import RowsFile
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.errors import (
    CannotWrite,
    EvaluationDiffers,
    FileMissing,
    InvalidOption,
    MalformedFile,
    MissingPackage,
    ShapeMismatch,
)

fsspec = pytest.importorskip("fsspec")
memory = pytest.importorskip("fsspec.implementations.memory")

PARAMETERS = DEFAULT
N = PARAMETERS.ring_degree
KEY = b"k" * 32


@pytest.fixture(params=["memory", "file", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "memory":
        yield FsspecBlobStore(f"memory://{tmp_path.name}/store")
        memory.MemoryFileSystem.store.clear()
    elif request.param == "file":
        yield FsspecBlobStore(f"file://{tmp_path}/store")
    else:
        yield Directory(tmp_path / "store")


def some_rows(n: int, k: int) -> Any:
    return np.random.default_rng(n).integers(-2047, 2048, (n, k)).astype(np.int16)


def test_a_store_gives_back_what_was_written_last(store: BlobStore) -> None:
    assert not store.has("a")
    store.write("a", b"first")
    store.write("a", b"12345678", np.arange(3, dtype="<u8").data)
    assert store.has("a")
    assert store.read("a", 2, 3) == b"345"
    assert store.read("a")[:8] == b"12345678"
    words = store.words("a", 8)
    assert words.tolist() == [0, 1, 2]
    assert not words.flags.writeable


def test_what_is_not_there_is_missing(store: BlobStore) -> None:
    for read in (store.read, lambda name: store.words(name, 0)):
        with pytest.raises(FileMissing, match="nothing"):
            read("nothing")


def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    store = FsspecBlobStore(f"file://{tmp_path}")
    store.write("a", b"earlier")
    with pytest.raises(CannotWrite, match="a cannot be written"):
        store.write("a", b"new", "no bytes")  # type: ignore[arg-type]
    assert store.read("a") == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_store_that_cannot_be_written_to_says_so_without_its_address(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"")
    with pytest.raises(CannotWrite) as caught:
        FsspecBlobStore(f"file://{tmp_path}/password/store").write("a", b"1")
    assert "password" not in str(caught.value)


def test_matrix_and_scores_on_any_store_are_those_of_a_directory(store: BlobStore, tmp_path: Path) -> None:
    rows = some_rows(N + 3, 3)
    queries = np.array([[4, -5, 6]])
    encrypted, secret = encrypt_queries(PARAMETERS, queries)
    here = Directory(tmp_path / "here")
    matrix, other = encode_matrix(PARAMETERS, rows, here), encode_matrix(PARAMETERS, rows, store)
    for block in range(matrix.blocks):
        np.testing.assert_array_equal(matrix.columns(block), other.columns(block))
    replies = []
    for place, found in (("local", matrix), ("remote", open_matrix(PARAMETERS, store))):
        folder: BlobStore = (
            Directory(tmp_path / place) if place == "local" else FsspecBlobStore(f"memory://{tmp_path.name}")
        )
        folder.write("noise.key", KEY)
        replies.append(finish(start_evaluation(found, encrypted.to_bytes(), folder)))
    assert replies[0] == replies[1]
    np.testing.assert_array_equal(
        decrypt_reply(PARAMETERS, secret, replies[1], len(rows), 1), queries @ rows.T.astype(np.int64)
    )


@pytest.mark.parametrize("content", [b"1234", b"12345678901", b""])
def test_words_that_are_cut_short_are_no_words(content: bytes, store: BlobStore) -> None:
    store.write("words", content)
    with pytest.raises((MalformedFile, FileMissing)):
        store.words("words", 8)


def test_a_folder_of_another_evaluation_is_refused(store: BlobStore, tmp_path: Path) -> None:
    matrix = encode_matrix(PARAMETERS, some_rows(5, 2), Directory(tmp_path / "matrix"))
    for expected in (False, True):
        query = encrypt_queries(PARAMETERS, np.array([[1, 2]]))[0].to_bytes()
        if expected:
            with pytest.raises(EvaluationDiffers):
                start_evaluation(matrix, query, store)
        else:
            start_evaluation(matrix, query, store)


def test_an_address_says_which_store_it_is(tmp_path: Path) -> None:
    assert isinstance(store_at(str(tmp_path)), Directory)
    place = store_at(f"file://{tmp_path}/a%20b")
    assert isinstance(place, Directory)
    assert place.path == tmp_path / "a b"
    assert isinstance(store_at("memory://x"), FsspecBlobStore)


def test_an_address_that_cannot_be_reached_is_refused_without_what_is_secret_in_it() -> None:
    with pytest.raises(InvalidOption, match=r"nowhere://\.\.\.") as caught:
        store_at("nowhere://user:secret@host/folder")
    assert "secret" not in str(caught.value)


def test_without_fsspec_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingPackage, match=r"pip install 'blindfair\[ray\]'"):
        store_at("memory://x")


def test_rows_of_a_file_are_read_block_by_block(store: BlobStore, tmp_path: Path) -> None:
    rows = some_rows(10, 3)
    np.save(tmp_path / "rows.npy", rows)
    for address in (f"{tmp_path}/rows.npy", f"file://{tmp_path}/rows.npy"):
        file = RowsFile.open(address)
        assert (file.records, file.k) == rows.shape
        np.testing.assert_array_equal(file.part(4, 5), rows[4:9])
    with pytest.raises(MalformedFile, match="ends early"):
        file.part(8, 3)
    encoded = file.matrix(PARAMETERS, store)
    file.encode(encoded, 0)
    expected = encode_matrix(PARAMETERS, rows, Directory(tmp_path / "matrix"))
    np.testing.assert_array_equal(encoded.columns(0), expected.columns(0))


def test_a_file_that_a_set_has_no_space_for_is_refused_before_it_is_read(store: BlobStore, tmp_path: Path) -> None:
    for shape in ((0, 3), (3, DEFAULT.largest_k + 1)):
        np.save(tmp_path / "rows.npy", np.zeros(shape, np.int16))
        with pytest.raises(ShapeMismatch, match="too few or too many"):
            RowsFile.open(f"{tmp_path}/rows.npy").matrix(PARAMETERS, store)


@pytest.mark.parametrize(
    "table", [np.zeros((2, 2)), np.zeros(4, np.int16), np.zeros((2, 3), ">i2"), np.zeros((2, 3), np.int16, "F")]
)
def test_a_file_of_other_numbers_is_refused(table: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", table)
    with pytest.raises(ShapeMismatch, match="n x k int16"):
        RowsFile.open(f"{tmp_path}/rows.npy")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, rows=some_rows(2, 2))
    for content in (b"", b"rows", buffer.getvalue()):
        (tmp_path / "rows.npy").write_bytes(content)
        with pytest.raises(MalformedFile, match=r"a \.npy file"):
            RowsFile.open(f"{tmp_path}/rows.npy")
