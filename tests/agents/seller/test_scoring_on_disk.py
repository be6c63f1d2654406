"""A seller with more records than it holds in memory scores them from its disk, and goes on there after a crash."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.agents.seller.scoring import RESERVE, Scoring
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.estimate import IN_MEMORY_BLOCKS, estimate
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.errors import CannotWrite

RECORDS = IN_MEMORY_BLOCKS * EXPANDED.ring_degree + 5
QUERIES = np.array([[400_000, -3, 77], [1, 2, -900_000]])

SELLER = """
import sys
from pathlib import Path
import numpy as np
from blindfair.agents.seller.scoring import RESERVE, Scoring
from blindfair.blind.parameters import EXPANDED
folder = Path(sys.argv[1])
scoring = Scoring(folder / "scoring", lambda step, text: print(step, text, flush=True))
rows = np.load(folder / "rows.npy")
draws = np.load(folder / "draws.npy")
(folder / "reply").write_bytes(scoring.scores(EXPANDED, (folder / "query").read_bytes(), (32, 32), rows, draws))
"""


def rows() -> NDArray[np.int16]:
    return np.random.default_rng(3).integers(-2047, 2048, (RECORDS, 3)).astype(np.int16)


def draws(queries: int = 2, records: int = RECORDS) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 16, (queries, records), dtype=np.uint8)


@pytest.fixture(scope="module")
def asked() -> tuple[bytes, QuerySecret]:
    encrypted, secret = encrypt_queries(EXPANDED, QUERIES)
    return encrypted.to_bytes(), secret


def scoring_of(folder: Path) -> tuple[Scoring, list[str]]:
    told: list[str] = []
    return Scoring(folder / "scoring", lambda step, text: told.append(f"{step} {text}")), told


@contextmanager
def free_disk(size: int) -> Iterator[None]:
    """As if so many bytes of the disk were free."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": size})())
        yield


def bytes_in(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in (folder / "scoring").glob(pattern))


def test_scores_from_the_disk_are_exact_and_leave_no_noise_behind(
    tmp_path: Path, asked: tuple[bytes, QuerySecret]
) -> None:
    query, secret = asked
    scoring, told = scoring_of(tmp_path)
    reply = scoring.scores(EXPANDED, query, (32, 32), rows(), draws())
    scores = decrypt_reply(EXPANDED, secret, reply, RECORDS, 2)
    np.testing.assert_array_equal(scores, QUERIES @ rows().T.astype(np.int64))
    assert told[0].startswith("takes about"), "what it takes is told before it starts"
    assert any("of 5 blocks" in line for line in told)
    assert scoring.scores(EXPANDED, query, (32, 32), rows(), draws()) == reply, (
        "until the reply is stored it is the same one"
    )
    scoring.forget(query)
    assert not list((tmp_path / "scoring").rglob("noise.key"))
    assert scoring.scores(EXPANDED, query, (32, 32), rows(), draws()) != reply


def test_a_seller_killed_at_work_goes_on_with_the_finished_blocks(
    tmp_path: Path, asked: tuple[bytes, QuerySecret]
) -> None:
    query, secret = asked
    (tmp_path / "query").write_bytes(query)
    np.save(tmp_path / "rows.npy", rows())
    np.save(tmp_path / "draws.npy", draws())
    command = [sys.executable, "-c", SELLER, str(tmp_path)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    for line in first.stdout:
        if "3 of 5 blocks" in line:
            break
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    (matrix,) = (tmp_path / "scoring").glob("matrix-*")
    before = {block.name: block.stat().st_mtime_ns for block in sorted(matrix.glob("block-*"))}
    assert len(before) >= 3
    time.sleep(0.01)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = {block.name: block.stat().st_mtime_ns for block in matrix.glob("block-*")}
    assert all(after[name] == written for name, written in before.items()), "finished blocks are not encoded again"
    scores = decrypt_reply(EXPANDED, secret, (tmp_path / "reply").read_bytes(), RECORDS, 2)
    np.testing.assert_array_equal(scores, QUERIES @ rows().T.astype(np.int64))


def test_other_rows_make_space_and_too_little_space_is_told(tmp_path: Path, asked: tuple[bytes, QuerySecret]) -> None:
    scoring, _ = scoring_of(tmp_path)
    scoring.scores(EXPANDED, asked[0], (32, 32), rows(), draws())
    scoring.forget(asked[0])
    scoring.scores(EXPANDED, asked[0], (32, 32), -rows(), draws())
    assert len(list((tmp_path / "scoring").glob("matrix-*"))) == 1
    with free_disk(RESERVE), pytest.raises(CannotWrite, match="no space"):
        scoring.scores(EXPANDED, asked[0], (32, 32), np.repeat(rows(), 3, axis=0), draws(2, 3 * RECORDS))
    assert len(list((tmp_path / "scoring").glob("matrix-*"))) == 1, "what is there stays"


def test_the_reserve_stays_free_beside_evaluations_of_other_sizes(
    tmp_path: Path, asked: tuple[bytes, QuerySecret]
) -> None:
    """Rows of other requests make space; an evaluation that waits to be gone on with keeps its own, and a byte less
    than enough is too little."""
    scoring, _ = scoring_of(tmp_path)
    scoring.scores(EXPANDED, asked[0], (32, 32), rows(), draws())
    open_files = {path: path.stat().st_mtime_ns for path in (tmp_path / "scoring").glob("evaluation-*/*")}
    assert open_files
    one = encrypt_queries(EXPANDED, QUERIES[:1])[0].to_bytes()
    enough = RESERVE + estimate(EXPANDED, RECORDS, 3, 1).disk_bytes - bytes_in(tmp_path, "matrix-*/block-*")
    with free_disk(enough - 1), pytest.raises(CannotWrite, match="no space"):
        scoring.scores(EXPANDED, one, (32,), -rows(), draws(1))
    with free_disk(enough):
        scoring.scores(EXPANDED, one, (32,), -rows(), draws(1))
    assert {path: path.stat().st_mtime_ns for path in open_files} == open_files


def test_an_evaluation_that_was_interrupted_needs_no_space_for_what_is_finished(
    tmp_path: Path, asked: tuple[bytes, QuerySecret]
) -> None:
    scoring, _ = scoring_of(tmp_path)
    reply = scoring.scores(EXPANDED, asked[0], (32, 32), rows(), draws())
    (part, *_) = (tmp_path / "scoring").glob("evaluation-*/part-*")
    part.unlink()
    there = bytes_in(tmp_path, "matrix-*/block-*") + bytes_in(tmp_path, "evaluation-*/*")
    enough = RESERVE + estimate(EXPANDED, RECORDS, 3, 2).disk_bytes - there
    with free_disk(enough - 1), pytest.raises(CannotWrite, match="no space"):
        scoring.scores(EXPANDED, asked[0], (32, 32), rows(), draws())
    with free_disk(enough):
        assert scoring.scores(EXPANDED, asked[0], (32, 32), rows(), draws()) == reply


def test_a_second_starter_of_an_evaluation_comes_to_the_same_reply(
    tmp_path: Path, asked: tuple[bytes, QuerySecret]
) -> None:
    """Another process that believes to be the seller, in the middle of the work of the first."""
    replies: list[bytes] = []

    def tell(step: str, text: str) -> None:
        if not replies and step == "scoring" and text.startswith(meeting):
            replies.append(b"")
            replies[0] = scoring_of(tmp_path)[0].scores(EXPANDED, asked[0], (32, 32), rows(), draws())

    for place in ("encodes rows: 2 of 5", "scores: 5 of 5"):
        meeting = place
        first = Scoring(tmp_path / "scoring", tell)
        assert first.scores(EXPANDED, asked[0], (32, 32), rows(), draws()) == replies.pop()
        first.forget(asked[0])
