"""The seller's blocks on many machines, by Ray: the jobs of `stream.py`, with the same bytes as on one machine.

A worker gets addresses of blob stores (`fsspec_store.py`), which every machine must reach, and the number of a job.
What the job is about it reads from there: the request, the queries' coordinates, the noise key, the encoded rows. So
nothing secret is an argument of a task, in Ray's object store or in its logs. All of it is the seller's: the machines
must be its own, and whoever reads the evaluation's store can take the noise off the reply, whoever reads the matrix's
has the rows, and whoever reaches Ray's ports runs what it likes.

A block's bytes do not depend on who does it or how often. Where a worker dies, Ray gives its task, a few blocks of a
job, to another one, and blocks that are finished are not done again.
"""

import secrets
from dataclasses import dataclass, field
from functools import lru_cache

from blindfair.blind.blob_store import BlobStore
from blindfair.blind.cluster import by_workers
from blindfair.blind.evaluate import Progress
from blindfair.blind.flooding import Draws
from blindfair.blind.fsspec_store import store_at
from blindfair.blind.matrix import finish_matrix, open_matrix
from blindfair.blind.parameters import parameter_set
from blindfair.blind.rows_file import RowsFile
from blindfair.blind.seal import Words
from blindfair.blind.stream import Evaluation, Job, start_evaluation

_REQUEST = "request"

_TASK_BLOCKS = 4
"""Blocks that a worker is given at once: enough to share the reading of the coordinates, few enough that many machines
have something to do and that a worker's death costs little. A job of `stream.py` may have more."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the rows of a listing and scoring model are, and one evaluation of them."""

    parameters: str
    """Name of the parameter set of the encoded rows."""

    matrix: str = field(repr=False)
    """Address of the blob store of the encoded rows."""

    evaluation: str = field(repr=False)
    """Address of the blob store of the evaluation, for the seller alone: the noise key is there."""

    bits: tuple[int, ...] | None = None
    """The bits that the budget was charged, one number for each query; None skips the check."""

    def start(self, query_bytes: bytes, draws: Draws | None = None) -> Evaluation:
        """Begin the evaluation, or go on with it. Raises as `open_matrix` and `start_evaluation`."""
        matrix = open_matrix(parameter_set(self.parameters), store_at(self.matrix))
        store = _LatestWords(store_at(self.evaluation))
        evaluation = start_evaluation(matrix, query_bytes, store, bits=self.bits, draws=draws)
        if not store.has(_REQUEST):
            store.write(_REQUEST, query_bytes)
        return evaluation


def finish_by_workers(
    places: Places, query_bytes: bytes, progress: Progress | None = None, *, draws: Draws | None = None
) -> bytes:
    """The reply of `stream.finish`, byte for byte, by the workers of the cluster that `cluster.workers` connected to.

    `draws` go to the evaluation's store, where workers read those of their blocks. Raises as `Places.start`,
    CannotWrite and FileMissing as a worker does, WorkersLost where a job killed every worker that it was given to.
    """
    evaluation = places.start(query_bytes, draws)
    # Workers keep what they opened, and must not take one evaluation for another that was at the same address.
    about = secrets.token_hex(8)
    jobs = list(evaluation.jobs())
    total = evaluation.matrix.blocks * len(evaluation.passes)
    done = total - sum(len(job.blocks) for job in jobs)
    for number in range(len(evaluation.passes)):
        of_pass = [(places, about, task) for job in jobs if job.number == number for task in _tasks(job)]
        if of_pass:
            evaluation.load_queries(number)
        for blocks in by_workers(_score, of_pass):
            done += blocks
            if progress is not None:
                progress(done, total)
    return evaluation.reply()


def encode_by_workers(places: Places, rows: str, progress: Progress | None = None) -> None:
    """`matrix.encode_matrix` of the `.npy` file of `n x k` int16 rows at the address `rows`, by workers.

    Raises as `encode_matrix` and `RowsFile.open`, WorkersLost.
    """
    matrix = RowsFile.open(rows).matrix(parameter_set(places.parameters), store_at(places.matrix))
    tasks = [(places, rows, number) for number in range(matrix.blocks)]
    for done, _ in enumerate(by_workers(_encode, tasks), 1):
        if progress is not None:
            progress(done, matrix.blocks)
    finish_matrix(matrix)


def _tasks(job: Job) -> list[Job]:
    return [
        Job(job.number, job.blocks[start : start + _TASK_BLOCKS]) for start in range(0, len(job.blocks), _TASK_BLOCKS)
    ]


class _LatestWords:
    """A blob store that keeps the words of the last two files that were asked for: what every job of a pass needs."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._latest: dict[tuple[str, int], Words] = {}
        self.has, self.write, self.write_once, self.read = store.has, store.write, store.write_once, store.read

    def words(self, name: str, start: int) -> Words:
        kept = self._latest.pop((name, start), None)
        if kept is None and len(self._latest) == 2:
            del self._latest[next(iter(self._latest))]
        self._latest[name, start] = self._store.words(name, start) if kept is None else kept
        return self._latest[name, start]


def _score(places: Places, about: str, job: Job) -> int:
    """Finish a job at a worker, and return how many blocks it has."""
    evaluation = _opened(places, about)
    left = evaluation.left(job)
    if left.blocks:
        evaluation.run(left)
    return len(job.blocks)


def _encode(places: Places, rows: str, number: int) -> None:
    """Encode a block at a worker."""
    file = RowsFile.open(rows)
    file.encode(file.matrix(parameter_set(places.parameters), store_at(places.matrix)), number)


@lru_cache(maxsize=1)
def _opened(places: Places, about: str) -> Evaluation:
    # Read first: where the blob store is not the one that the evaluation was begun on, this fails, and no new key is
    # made.
    return places.start(store_at(places.evaluation).read(_REQUEST))
