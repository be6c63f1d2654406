"""Scoring rows on disk: the same scores as in memory, and the same bytes after any interruption; nothing done twice."""

import re
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from drawn import assert_scores, random_draws
from hostile_buyer import phase_of, secret_key_of, ternary_secret
from numpy.typing import NDArray
from on_disk import OTHER, Interrupting, N, asked, encoded, files, in_a_child, make_known, random_rows

from blindfair.blind import kernel, stream
from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.keys import QuerySecret
from blindfair.blind.matrix import EncodedMatrix
from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS, ParameterSet
from blindfair.blind.reply import EncryptedScores, reply_size
from blindfair.blind.stream import Evaluation, finish, start_evaluation
from blindfair.protocol.errors import EvaluationDiffers, FileMissing, MalformedCiphertext, MalformedFile, ShapeMismatch

K, RECORDS = 2, 5 * N + 3
QUERIES = np.array([[300, -400], [-1, 2]])
SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)


@pytest.fixture(scope="module")
def rows() -> NDArray[np.int16]:
    """Six blocks, two jobs of them; one block without a single entry."""
    found = random_rows(RECORDS, K)
    found[2 * N : 3 * N] = 0
    return found


@pytest.fixture(scope="module")
def matrix(rows: NDArray[np.int16], tmp_path_factory: pytest.TempPathFactory) -> EncodedMatrix:
    return encoded(tmp_path_factory.mktemp("matrix"), rows)


@pytest.fixture(scope="module")
def query() -> bytes:
    return asked(QUERIES, EXPANDED)[0]


@pytest.fixture
def begun(matrix: EncodedMatrix, query: bytes, tmp_path: Path) -> Evaluation:
    return start_evaluation(matrix, query, Directory(tmp_path))


def parts(folder: Path) -> dict[str, tuple[int, int]]:
    return {name: found for name, found in files(folder).items() if name.startswith("part-")}


@SETS
@pytest.mark.parametrize("m", [1, 3])
def test_scores_are_the_integer_product(parameters: ParameterSet, m: int, tmp_path: Path) -> None:
    rows = random_rows(2 * N + 1, K)
    rows[0], rows[-1] = 2047, -2047
    largest = parameters.largest_query_norm()
    queries = np.array([[largest - 1, 1], [0, 0], [-3, 5 - largest]])[:m]
    sent, secret = asked(queries, parameters)
    reply = finish(start_evaluation(encoded(tmp_path / "m", rows, parameters), sent, Directory(tmp_path / "e")))
    assert len(reply) == reply_size(parameters, len(rows), m)
    scores = decrypt_reply(parameters, secret, reply, len(rows), m)
    np.testing.assert_array_equal(scores, queries @ rows.T.astype(np.int64))


def test_fewer_bits_round_as_they_do_in_memory(tmp_path: Path) -> None:
    rows = random_rows(N + 9, K)
    queries = np.array([[DEFAULT.largest_query_norm(12) - 5, 5]])
    sent, secret = asked(queries, bits=[12])
    reply = finish(start_evaluation(encoded(tmp_path / "m", rows), sent, Directory(tmp_path / "e"), bits=[12]))
    error = abs(decrypt_reply(DEFAULT, secret, reply, len(rows), 1) - queries @ rows.T.astype(np.int64))
    assert 0.9 * DEFAULT.score_error(12) < error.max() <= DEFAULT.score_error(12)


@pytest.mark.parametrize("gone", [["part-00-000000"], ["part-00-000003", "part-00-000005"], [], None])
def test_parts_that_are_gone_are_made_again_to_the_byte_and_only_they(
    begun: Evaluation, gone: list[str] | None
) -> None:
    """None: all of them, and the opened queries too."""
    folder = begun.store.path  # type: ignore[attr-defined]
    reply = finish(begun)
    before = parts(folder)
    assert len(before) == 6
    for name in ["queries-00", *before] if gone is None else gone:
        (folder / name).unlink()
    again = start_evaluation(begun.matrix, asked_again(begun), Directory(folder))
    missing = list(before) if gone is None else gone
    assert sorted(f"part-00-{block:06d}" for job in again.jobs() for block in job.blocks) == sorted(missing)
    assert finish(again) == reply
    after = parts(folder)
    assert {name for name in after if after[name] == before[name]} == set(before) - set(missing)


def asked_again(evaluation: Evaluation) -> bytes:
    return evaluation.query.to_bytes()


def test_jobs_give_the_same_bytes_in_any_order_and_any_number_of_times(
    matrix: EncodedMatrix,
    query: bytes,
    begun: Evaluation,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "JOB_BYTES", 4 * 2**17 * K)
    reply = finish(begun)
    other = tmp_path_factory.mktemp("other")
    shutil.copy(begun.store.path / "noise.key", other)  # type: ignore[attr-defined]
    again = start_evaluation(matrix, query, Directory(other))
    jobs = list(again.jobs())
    assert [len(job.blocks) for job in jobs] == [4, 2]
    again.load_queries(0)
    for job in (*jobs[::-1], jobs[0]):
        for block in job.blocks:
            again.run(stream.Job(job.number, (block,)))
    assert not list(again.jobs())
    assert again.reply() == reply


def test_threads_and_the_kernel_change_no_byte(
    matrix: EncodedMatrix, query: bytes, begun: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block may be done by one machine that has the kernel and again by another that has not."""
    reply = finish(begun, threads=2)
    folder = begun.store.path  # type: ignore[attr-defined]
    kernel.library.cache_clear()
    monkeypatch.setattr(kernel, "_NAME", "_kernel_that_was_not_compiled")
    try:
        for name in ("part-00-000002", "part-00-000004", "queries-00"):
            (folder / name).unlink()
        assert finish(start_evaluation(matrix, query, Directory(folder))) == reply
    finally:
        monkeypatch.undo()
        kernel.library.cache_clear()


def test_progress_counts_from_where_it_was(begun: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "JOB_BYTES", 4 * 2**17 * K)
    jobs = list(begun.jobs())
    begun.load_queries(0)
    begun.run(jobs[0])
    seen: list[tuple[int, int]] = []
    finish(begun, lambda done, of: seen.append((done, of)))
    assert seen == [(6, 6)]


def test_a_reply_before_its_parts(begun: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "JOB_BYTES", 4 * 2**17 * K)
    begun.load_queries(0)
    begun.run(next(begun.jobs()))
    with pytest.raises(FileMissing, match="part-00-000004"):
        begun.reply()


def test_several_passes_give_the_scores_of_one(
    matrix: EncodedMatrix, rows: NDArray[np.int16], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three queries, two at a time: as where their coordinates do not fit in memory together."""
    monkeypatch.setattr(stream, "PASS_BYTES", 2 * 8 * 2 * 2 * N * K)
    queries = np.arange(6, dtype=np.int64).reshape(3, 2) - 4
    sent, secret = asked(queries, EXPANDED)
    evaluation = start_evaluation(matrix, sent, Directory(tmp_path))
    assert [len(each) for each in evaluation.passes] == [2, 1]
    seen: list[tuple[int, int]] = []
    scores = decrypt_reply(EXPANDED, secret, finish(evaluation, lambda *done: seen.append(done)), RECORDS, 3)
    np.testing.assert_array_equal(scores, queries @ rows.T.astype(np.int64))
    assert seen[-1] == (12, 12)


# --- interruptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 4, 8, 10])
def test_interrupted_before_any_file(matrix: EncodedMatrix, query: bytes, writes: int, tmp_path: Path) -> None:
    """Noise key, description, zeros, queries and the six parts, in this order: whatever was there stays as it was."""
    failed = False
    try:
        finish(start_evaluation(matrix, query, Interrupting(tmp_path, writes)))
    except KeyboardInterrupt:
        failed = True
    before = files(tmp_path)
    assert failed == (writes < 10)
    assert len(before) == writes
    reply = finish(start_evaluation(matrix, query, Directory(tmp_path)))
    assert all(files(tmp_path)[name] == found for name, found in before.items())
    (tmp_path / "part-00-000000").unlink()
    assert finish(start_evaluation(matrix, query, Directory(tmp_path))) == reply


@pytest.mark.parametrize("writes", [2, 4, 5, 6])
def test_a_process_killed_while_it_scores(writes: int, rows: NDArray[np.int16], query: bytes, tmp_path: Path) -> None:
    """SIGKILL with all bytes of a file out and no name yet: of the description of the evaluation, the coordinates, the
    first part, the second."""
    few = rows[: N + 3]
    np.save(tmp_path / "rows.npy", few)
    (tmp_path / "query").write_bytes(query)
    files_of_matrix = 2 + 1
    died = in_a_child(
        "evaluate",
        "die",
        str(files_of_matrix + writes),
        DEFAULT.name,
        str(tmp_path),
        str(tmp_path / "rows.npy"),
        str(tmp_path / "query"),
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    folder = tmp_path / "evaluation"
    done = {name: found for name, found in files(folder).items() if not name.startswith(".")}
    assert len(done) == writes - 1
    key = (folder / "noise.key").read_bytes()
    reply = finish(start_evaluation(encoded(tmp_path / "matrix", few), query, Directory(folder)))
    assert all(files(folder)[name] == found for name, found in done.items())
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    (undisturbed / "noise.key").write_bytes(key)
    assert finish(start_evaluation(encoded(tmp_path / "matrix", few), query, Directory(undisturbed))) == reply


def test_a_disk_that_is_full_while_it_scores(rows: NDArray[np.int16], tmp_path: Path) -> None:
    query, _ = asked(np.ones((4, K), dtype=np.int64), EXPANDED)
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "query").write_bytes(query)
    arguments = (DEFAULT.name, str(tmp_path), str(tmp_path / "rows.npy"), str(tmp_path / "query"))
    # Less than a part of four queries, more than SEAL's objects, which pass through files in memory.
    full = in_a_child("evaluate", "300000", str(7 + 6), *arguments)
    assert full.returncode == 1
    assert b"CannotWrite: part-00-000002 cannot be written" in full.stderr, full.stderr
    folder = tmp_path / "evaluation"
    before = files(folder)
    assert sorted(before) == ["evaluation.json", "noise.key", "part-00-000000", "part-00-000001", "queries-00", "zeros"]
    reply = finish(start_evaluation(encoded(tmp_path / "matrix", rows), query, Directory(folder)))
    assert all(files(folder)[name] == found for name, found in before.items())
    assert len(reply) == reply_size(EXPANDED, RECORDS, 4)


# --- folders that are not this evaluation's ------------------------------------------------------------------------


def test_a_folder_serves_one_query_on_these_rows_only(matrix: EncodedMatrix, query: bytes, tmp_path: Path) -> None:
    folder = Directory(tmp_path / "e")
    finish(start_evaluation(matrix, query, folder))
    before = files(tmp_path / "e")
    other_rows = random_rows(RECORDS, K, 1)
    others: tuple[Callable[[], Evaluation], ...] = (
        lambda: start_evaluation(matrix, asked(QUERIES, EXPANDED)[0], folder),
        lambda: start_evaluation(matrix, asked(QUERIES)[0], folder),
        lambda: start_evaluation(matrix, asked(QUERIES, EXPANDED, (31, 32))[0], folder),
        lambda: start_evaluation(matrix, query, folder, draws=random_draws(2, RECORDS)),
        lambda: start_evaluation(encoded(tmp_path / "m1", other_rows), query, folder),
        lambda: start_evaluation(encoded(tmp_path / "m2", other_rows[:-1]), query, folder),
    )
    for other in others:
        with pytest.raises(EvaluationDiffers, match="another evaluation"):
            other()
    assert files(tmp_path / "e") == before


def test_what_is_no_query_for_these_rows_leaves_no_folder(
    matrix: EncodedMatrix, query: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Directory(tmp_path / "e")
    make_known(monkeypatch)
    for sent, bits, error in (
        (query[:-1], (32, 32), MalformedCiphertext),
        (query, (32,), ShapeMismatch),
        (query, (32, 3), ShapeMismatch),
        (asked(np.ones((1, 3), dtype=np.int64))[0], (32,), ShapeMismatch),
        (asked(np.ones((1, K), dtype=np.int64), OTHER)[0], (32,), MalformedCiphertext),
    ):
        with pytest.raises(error):
            start_evaluation(matrix, sent, folder, bits=bits)
    with pytest.raises(ShapeMismatch, match="not one for each score"):
        start_evaluation(matrix, query, folder, draws=random_draws(2, RECORDS - 1))
    assert not (tmp_path / "e").exists()


# --- draws that a listing committed to -----------------------------------------------------------------------------


BITS = (3, 1)
FEW = N + 3
DRAWS = random_draws(2, FEW)


@pytest.fixture(scope="module")
def few(rows: NDArray[np.int16], tmp_path_factory: pytest.TempPathFactory) -> EncodedMatrix:
    """Two blocks."""
    return encoded(tmp_path_factory.mktemp("few"), rows[:FEW])


@pytest.fixture(scope="module")
def asked_of_few_bits() -> tuple[bytes, QuerySecret]:
    return asked(QUERIES, EXPANDED, BITS)


def test_draws_need_not_be_given_again(
    few: EncodedMatrix, rows: NDArray[np.int16], asked_of_few_bits: tuple[bytes, QuerySecret], tmp_path: Path
) -> None:
    """Part of it is done, the process ends, and another goes on without them."""
    sent, secret = asked_of_few_bits
    begun = start_evaluation(few, sent, Directory(tmp_path), bits=BITS, draws=DRAWS)
    begun.load_queries(0)
    begun.run(stream.Job(0, (0,)))
    reply = finish(start_evaluation(few, sent, Directory(tmp_path)))
    scores = decrypt_reply(EXPANDED, secret, reply, FEW, 2)
    assert_scores(EXPANDED, scores, QUERIES @ rows[:FEW].T.astype(np.int64), BITS, DRAWS)
    (tmp_path / "part-00-000000").unlink()
    assert finish(start_evaluation(few, sent, Directory(tmp_path), draws=DRAWS)) == reply


@pytest.mark.parametrize("writes", range(1, 6))
def test_interrupted_before_any_file_where_draws_are_given(
    few: EncodedMatrix,
    rows: NDArray[np.int16],
    asked_of_few_bits: tuple[bytes, QuerySecret],
    writes: int,
    tmp_path: Path,
) -> None:
    """Draws, noise key, description, zeros, queries and the parts, in this order. The seller gives the draws again."""
    sent, secret = asked_of_few_bits
    with pytest.raises(KeyboardInterrupt):
        finish(start_evaluation(few, sent, Interrupting(tmp_path, writes), draws=DRAWS))
    before = files(tmp_path)
    assert "draws" in before
    assert len(before) == writes
    reply = finish(start_evaluation(few, sent, Directory(tmp_path), draws=DRAWS))
    assert all(files(tmp_path)[name] == found for name, found in before.items())
    scores = decrypt_reply(EXPANDED, secret, reply, FEW, 2)
    assert_scores(EXPANDED, scores, QUERIES @ rows[:FEW].T.astype(np.int64), BITS, DRAWS)


@pytest.mark.parametrize("left", [["draws"], ["draws", "noise.key"], ["draws", "noise.key", "evaluation.json"]])
def test_a_folder_never_lends_its_draws_to_another_request(
    few: EncodedMatrix, asked_of_few_bits: tuple[bytes, QuerySecret], left: list[str], tmp_path: Path
) -> None:
    """A process died with so many files written. The same ciphertext in another request has other draws, and noise that
    lay over two sums would show their difference."""
    sent, _ = asked_of_few_bits
    with pytest.raises(KeyboardInterrupt):
        finish(start_evaluation(few, sent, Interrupting(tmp_path, len(left)), draws=DRAWS))
    before = files(tmp_path)
    assert sorted(before) == sorted(left)
    with pytest.raises(EvaluationDiffers, match="another evaluation"):
        start_evaluation(few, sent, Directory(tmp_path), draws=(DRAWS + np.uint8(1)) % np.uint8(16))
    if "evaluation.json" not in left:
        with pytest.raises(EvaluationDiffers, match="another evaluation"):
            start_evaluation(few, sent, Directory(tmp_path))
    assert files(tmp_path) == before
    start_evaluation(few, sent, Directory(tmp_path), draws=DRAWS)


def test_damaged_draws_are_those_of_another_evaluation(
    few: EncodedMatrix, asked_of_few_bits: tuple[bytes, QuerySecret], tmp_path: Path
) -> None:
    sent, _ = asked_of_few_bits
    start_evaluation(few, sent, Directory(tmp_path), draws=DRAWS)
    whole = (tmp_path / "draws").read_bytes()
    for damaged in (whole[:-8], whole + bytes(8), b"", flipped(whole)):
        (tmp_path / "draws").write_bytes(damaged)
        for draws in (None, DRAWS):
            with pytest.raises(EvaluationDiffers):
                start_evaluation(few, sent, Directory(tmp_path), draws=draws)
    (tmp_path / "draws").unlink()
    for draws in (None, DRAWS):
        with pytest.raises(EvaluationDiffers):
            start_evaluation(few, sent, Directory(tmp_path), draws=draws)


def test_draws_are_the_sellers_alone(
    few: EncodedMatrix, asked_of_few_bits: tuple[bytes, QuerySecret], tmp_path: Path
) -> None:
    reply = finish(start_evaluation(few, asked_of_few_bits[0], Directory(tmp_path), draws=DRAWS))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert DRAWS[0, :64].tobytes() not in reply


def flipped(data: bytes) -> bytes:
    return data[:-7] + bytes([data[-7] ^ 1]) + data[-6:]


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("part-00-000001", lambda data: b""),
        ("part-00-000001", lambda data: data[:31]),
        ("part-00-000001", lambda data: data[:-1]),
        ("part-00-000001", lambda data: data + b"\0"),
        ("part-00-000001", flipped),
        ("part-00-000001", lambda data: bytes(len(data))),
        ("noise.key", lambda data: data[:16]),
        ("noise.key", lambda data: b""),
        ("evaluation.json", flipped),
        ("evaluation.json", lambda data: b""),
    ],
)
def test_a_damaged_file_is_named(begun: Evaluation, name: str, spoil: Callable[[bytes], bytes]) -> None:
    folder = begun.store.path  # type: ignore[attr-defined]
    finish(begun)
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    with pytest.raises((MalformedFile, EvaluationDiffers)) as caught:
        finish(start_evaluation(begun.matrix, asked_again(begun), Directory(folder)))
    assert name in str(caught.value) or isinstance(caught.value, EvaluationDiffers)
    assert whole.hex()[:32] not in str(caught.value), "no noise key in an error"


@pytest.mark.parametrize("size", [0, 7, 8, -8, -1])
def test_damaged_coordinates_are_named(begun: Evaluation, size: int) -> None:
    folder = begun.store.path  # type: ignore[attr-defined]
    begun.load_queries(0)
    path = folder / "queries-00"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises((MalformedFile, FileMissing), match="queries-00"):
        finish(begun)
    path.unlink()
    assert finish(begun)


# --- noise ---------------------------------------------------------------------------------------------------------


def test_the_noise_key_is_the_sellers_alone(begun: Evaluation) -> None:
    folder = begun.store.path  # type: ignore[attr-defined]
    reply = finish(begun)
    key = (folder / "noise.key").read_bytes()
    assert len(key) == 32
    assert len(set(key)) > 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert key not in reply
    assert re.search("[0-9a-f]{8}", repr(begun.noise)) is None


def test_noise_differs_between_blocks_queries_evaluations_and_rows(tmp_path: Path) -> None:
    """The same score everywhere, zero: what differs is noise alone. The key that is kept is the same in the last two,
    as where somebody copied it: other rows get other noise nevertheless."""
    zero = np.zeros((2, 1), dtype=np.int64)
    sent, secret = asked(zero, EXPANDED)
    rows = np.ones((2 * N, 1), dtype=np.int16)
    ours, theirs = encoded(tmp_path / "m", rows), encoded(tmp_path / "other", rows * np.int16(2))
    replies = [finish(start_evaluation(ours, sent, Directory(tmp_path / name))) for name in ("one", "two")]
    (tmp_path / "three").mkdir()
    shutil.copy(tmp_path / "one" / "noise.key", tmp_path / "three")
    replies.append(finish(start_evaluation(theirs, sent, Directory(tmp_path / "three"))))
    pairs = [pair for reply in replies for pair in EncryptedScores.from_bytes(EXPANDED, reply, 2 * N, 2).ciphertexts]
    key, modulus = ternary_secret(EXPANDED, secret_key_of(secret)), EXPANDED.reply_modulus
    assert len(pairs) == 12
    pairs = [*pairs[:4], pairs[4], pairs[8]]
    phases = [phase_of(pair, key, modulus) for pair in pairs]
    for one in range(6):
        for other in range(one):
            assert (phases[one] == phases[other]).mean() < 0.001
            assert (pairs[one][1] == pairs[other][1]).mean() < 0.001


@pytest.fixture(autouse=True)
def _kernel_as_before() -> Iterator[None]:
    yield
    kernel.library.cache_clear()
