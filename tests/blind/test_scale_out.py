"""Scoring by Ray on two nodes: the bytes of one machine, whoever is killed, and nothing secret on the way."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import assert_scores, random_draws

from blindfair.blind.blob_store import Directory
from blindfair.blind.cluster import workers
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.matrix import encode_matrix
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import QuerySecret, encrypt_queries
from blindfair.blind.scale_out import Places, encode_by_workers, finish_by_workers
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.errors import (
    CannotWrite,
    EvaluationDiffers,
    FileMissing,
    MissingPackage,
    ShapeMismatch,
    WorkersLost,
)

PARAMETERS = DEFAULT
N = PARAMETERS.ring_degree
KEY = bytes(range(64, 96))
ROWS = np.random.default_rng(5).integers(-2047, 2048, (39 * N + 7, 16)).astype(np.int16)
QUERIES = np.random.default_rng(6).integers(-20, 21, (2, 16))
BITS = (32, 3)
DRAWS = random_draws(2, len(ROWS))
BLOCKS = 40
SECONDS = 120
"""After so long a test gives up to see somebody at work."""


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackage, match=r"pip install 'blindfair\[ray\]'"), workers("local"):
        pass


class Two:
    """Two nodes of Ray's with one core each, and what they are given to do."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.cluster: Any = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 * 2**20}
        )
        self.folder = folder
        self.second = self.node()
        encrypted, self.secret = encrypt_queries(PARAMETERS, QUERIES, BITS)
        self.query = encrypted.to_bytes()
        matrix = encode_matrix(PARAMETERS, ROWS, Directory(folder / "matrix"))
        local = Directory(folder / "local")
        local.write("noise.key", KEY)
        self.expected = finish(start_evaluation(matrix, self.query, local, bits=BITS, draws=DRAWS))

    def node(self) -> Any:
        return self.cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)

    def places(self, name: str, scheme: str = "file://") -> Places:
        Directory(self.folder / name).write("noise.key", KEY)
        folder = f"{scheme}{self.folder}"
        return Places(PARAMETERS.name, f"{folder}/matrix", f"{folder}/{name}", bits=BITS)

    def workers(self) -> contextlib.AbstractContextManager[None]:
        return workers(self.cluster.address)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    pytest.importorskip("ray", reason="the extra blindfair[ray] is not installed")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Two(tmp_path_factory.mktemp("two"))
    yield found
    found.cluster.shutdown()


def busy_workers(below: int) -> list[int]:
    """Processes that descend from that one and are at a job: no other's, whatever else runs on this machine."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if process.name.isdigit() and (process / "cmdline").read_bytes().startswith(b"ray::_score"):
                parents = [int(process.name)]
                while parents[-1] > 1:
                    stat = Path(f"/proc/{parents[-1]}/stat").read_text(encoding="utf-8")
                    parents.append(int(stat.rpartition(")")[2].split()[1]))
                if below in parents:
                    found.append(int(process.name))
    return found


@contextlib.contextmanager
def in_the_middle(folder: Path, below: int, act: Callable[[int], object]) -> Iterator[dict[str, int]]:
    """Do something to a worker below a process, once some blocks are finished and it is at others; say which were."""
    finished: dict[str, int] = {}

    def watch() -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            parts = inodes(folder)
            if parts and (at_work := busy_workers(below)):
                finished.update(parts)
                act(at_work[0])
                return
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield finished
    watcher.join()
    assert 0 < len(finished) < BLOCKS


def inodes(folder: Path) -> dict[str, int]:
    """Every finished part, and which file it is: one that is written again is another."""
    return {part.name: part.stat().st_ino for part in folder.glob("part-*")}


@pytest.mark.deep
def test_two_nodes_give_the_bytes_of_one_machine(two: Two) -> None:
    told: list[tuple[int, int]] = []
    with two.workers():
        tell = lambda done, of: told.append((done, of))  # noqa: E731
        reply = finish_by_workers(two.places("plain"), two.query, tell, draws=DRAWS)
    assert reply == two.expected
    assert told[-1] == (BLOCKS, BLOCKS)
    secret: QuerySecret = two.secret
    scores = decrypt_reply(PARAMETERS, secret, reply, len(ROWS), 2)
    some = np.r_[:N:97, -300:0]
    assert_scores(PARAMETERS, scores[:, some], (QUERIES @ ROWS.T.astype(np.int64))[:, some], BITS, DRAWS[..., some])


@pytest.mark.deep
def test_other_draws_are_another_evaluation_and_none_are_those_of_the_store(two: Two) -> None:
    places = two.places("drawn")
    with two.workers():
        assert finish_by_workers(places, two.query, draws=DRAWS) == two.expected
        with pytest.raises(EvaluationDiffers, match="another evaluation"):
            finish_by_workers(places, two.query, draws=DRAWS[..., ::-1])
        with pytest.raises(ShapeMismatch, match="not one for each score"):
            finish_by_workers(places, two.query, draws=DRAWS[..., 1:])
        (two.folder / "drawn" / "part-00-000007").unlink()
        assert finish_by_workers(places, two.query) == two.expected


@pytest.mark.deep
def test_blocks_encoded_by_workers_are_those_of_one_machine(two: Two) -> None:
    np.save(two.folder / "rows.npy", ROWS)
    places = Places(PARAMETERS.name, f"{two.folder}/encoded", f"{two.folder}/unused")
    with two.workers():
        encode_by_workers(places, f"{two.folder}/rows.npy")
    for file in (two.folder / "matrix").iterdir():
        assert (two.folder / "encoded" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.deep
def test_a_killed_worker_costs_only_its_blocks(two: Two) -> None:
    places, folder = two.places("killed"), two.folder / "killed"
    with two.workers(), in_the_middle(folder, os.getpid(), lambda at: os.kill(at, signal.SIGKILL)) as finished:
        assert finish_by_workers(places, two.query, draws=DRAWS) == two.expected
    after = inodes(folder)
    assert {name: after[name] for name in finished} == finished, "finished blocks were done again"


@pytest.mark.deep
def test_a_lost_machine_costs_only_its_blocks(two: Two) -> None:
    places, folder = two.places("lost"), two.folder / "lost"
    lost = two.second
    raylet = lost.all_processes["raylet"][0].process.pid

    def lose(_: int) -> None:
        two.cluster.remove_node(lost, allow_graceful=False)

    with two.workers(), in_the_middle(folder, raylet, lose) as finished:
        assert finish_by_workers(places, two.query, draws=DRAWS) == two.expected
    two.second = two.node()
    after = inodes(folder)
    assert {name: after[name] for name in finished} == finished, "finished blocks were done again"


@pytest.mark.deep
def test_what_one_machine_began_others_finish(two: Two) -> None:
    places = two.places("begun")
    evaluation = places.start(two.query, DRAWS)
    evaluation.load_queries(0)
    evaluation.run(next(evaluation.jobs()))
    before = inodes(two.folder / "begun")
    with two.workers():
        assert finish_by_workers(places, two.query) == two.expected
    after = inodes(two.folder / "begun")
    assert {name: after[name] for name in before} == before


@pytest.mark.deep
def test_a_store_that_workers_do_not_share_gets_no_second_noise_key(two: Two) -> None:
    """In memory, every process has a blob store of its own: a worker that made a key there would make other noise."""
    places = Places(PARAMETERS.name, f"{two.folder}/matrix", "memory://own", bits=BITS)
    with two.workers(), pytest.raises(FileMissing, match="request cannot be read"):
        finish_by_workers(places, two.query, draws=DRAWS)


@pytest.mark.deep
def test_an_error_at_a_worker_is_the_error_of_the_evaluation(two: Two) -> None:
    places = two.places("blocked")
    blocked = two.folder / "blocked" / "part-00-000003"
    blocked.mkdir()
    with two.workers():
        with pytest.raises(CannotWrite, match="part-00-000003"):
            finish_by_workers(places, two.query, draws=DRAWS)
        blocked.rmdir()
        assert finish_by_workers(places, two.query) == two.expected


@pytest.mark.deep
def test_workers_do_not_mix_up_evaluations_at_one_address(two: Two) -> None:
    places = two.places("twice")
    other, secret = encrypt_queries(PARAMETERS, QUERIES[:, ::-1].copy(), BITS)
    with two.workers():
        assert finish_by_workers(places, two.query, draws=DRAWS) == two.expected
        with pytest.raises(EvaluationDiffers, match="another evaluation"):
            finish_by_workers(places, other.to_bytes())
        for file in (two.folder / "twice").iterdir():
            file.unlink()
        reply = finish_by_workers(places, other.to_bytes())
    scores = decrypt_reply(PARAMETERS, secret, reply, len(ROWS), 2)
    assert_scores(PARAMETERS, scores, QUERIES[:, ::-1] @ ROWS.T.astype(np.int64), BITS, None)


@pytest.mark.deep
def test_neither_noise_key_nor_query_is_in_the_logs(two: Two) -> None:
    with two.workers():
        finish_by_workers(two.places("logged"), two.query, draws=DRAWS)
    logs = list((Path(two.cluster.head_node.get_session_dir_path()) / "logs").rglob("*"))
    text = b"".join(log.read_bytes() for log in logs if log.is_file())
    assert text
    for secret in (KEY, two.query[2000:2032], DRAWS[0, :32].tobytes()):
        assert secret not in text
        assert secret.hex().encode() not in text
        assert repr(secret)[2:-1].encode() not in text


@pytest.mark.deep
def test_a_cluster_that_is_not_there_is_an_error_of_ours() -> None:
    pytest.importorskip("ray")
    with pytest.raises(WorkersLost, match="does not answer"), workers("127.0.0.1:1"):
        pass
