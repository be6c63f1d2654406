"""The seller's side, for rows on disk: the reply of `evaluate.py`, in bounded memory and after any interruption.

An evaluation is a folder and a set of jobs, one for a few blocks each, which may run in any order, in any process and
more than once: a job's bytes are always the same. What the folder holds:

    evaluation.json          what is asked of what, so that a folder never serves another evaluation
    noise.key                32 bytes, the seller's secret; mode 0600
    draws                    of the noise of the scores, where a listing committed to them; as secret as the key
    zeros, queries-00 ...    encryptions of zero and coordinates, laid out for the kernel, for each pass over the rows
    part-00-000000 ...       finished: a block's ciphertexts for the queries of a pass, after their SHA-256

Once the reply is stored the folder can go. Not here: who may ask, and keeping the reply.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from blindfair.blind.blob_store import BlobStore
from blindfair.blind.evaluate import Progress, check_draws, read_query
from blindfair.blind.expand import lay_out_query
from blindfair.blind.flood import flood, lay_out_zeros
from blindfair.blind.flooding import KEY_SIZE, Draws, NoiseKey, score_draws
from blindfair.blind.layout import aligned, columns_shape, queries_shape
from blindfair.blind.matrix import EncodedMatrix
from blindfair.blind.multiply import multiply
from blindfair.blind.packing import pack
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import reply_head
from blindfair.blind.seal import Words, engine
from blindfair.protocol.errors import EvaluationDiffers, MalformedFile

PASS_BYTES = 2 * 2**30
"""Memory for the coordinates of the queries that share a pass over the rows."""

JOB_BYTES = 2**30
"""Memory for the columns of a job's blocks, which share the coordinates while these are in the cache."""

_DIGEST_SIZE = 32
_ABOUT, _KEY, _DRAWS, _ZEROS = "evaluation.json", "noise.key", "draws", "zeros"


@dataclass(frozen=True, slots=True)
class Job:
    """Some blocks on the queries of one pass."""

    number: int
    """Number of the pass."""

    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation under way: a matrix, a checked request and the folder of what is finished."""

    matrix: EncodedMatrix
    query: EncryptedQueries
    store: BlobStore = field(repr=False)
    noise: NoiseKey = field(repr=False)

    committed: bool
    """Whether the blob store holds the draws of the scores' noise, to which a listing committed."""

    @property
    def passes(self) -> list[range]:
        """The queries of each pass over the rows."""
        together = queries_per_pass(self.query.parameters, self.query.k)
        return [
            range(first, min(first + together, self.query.queries)) for first in range(0, self.query.queries, together)
        ]

    def jobs(self) -> Iterator[Job]:
        """The jobs that are not finished yet, in order."""
        for number in range(len(self.passes)):
            blocks = [block for block in range(self.matrix.blocks) if not self.store.has(_part_name(number, block))]
            together = blocks_per_job(self.query.parameters, self.query.k)
            for start in range(0, len(blocks), together):
                yield Job(number, tuple(blocks[start : start + together]))

    def left(self, job: Job) -> Job:
        """The blocks of a job that are not finished."""
        return Job(
            job.number, tuple(block for block in job.blocks if not self.store.has(_part_name(job.number, block)))
        )

    def load_queries(self, number: int) -> None:
        """Expand the queries of a pass to the blob store, unless they are there."""
        name = _queries_name(number)
        seal, chosen = engine(self.query.parameters), self.passes[number]
        if not self.store.has(_ZEROS):
            self.store.write(_ZEROS, lay_out_zeros(seal, self.query).data)
        if self.store.has(name):
            return
        laid_out = aligned(queries_shape(self.query.parameters, len(chosen), self.query.k))
        for place, query in enumerate(chosen):
            lay_out_query(seal, self.query, query, laid_out, place)
        self.store.write(name, laid_out.data)

    def run(self, job: Job, threads: int = 1) -> None:
        """Do a job: write a part for each of its blocks."""
        parameters, chosen = self.query.parameters, self.passes[job.number]
        zeros = self._laid_out(_ZEROS, 1, parameters.mask_columns)
        queries = self._laid_out(_queries_name(job.number), len(chosen), self.query.k)
        columns = [self.matrix.columns(block) for block in job.blocks]
        totals = multiply(engine(parameters), columns, queries, threads)
        hidden = partial(self._hidden, chosen, zeros)
        # The disk takes longer over a part than flooding one does: the next ones are flooded meanwhile.
        with ThreadPoolExecutor(threads) as flooding, ThreadPoolExecutor(1) as writing:
            written = [
                writing.submit(self.store.write, _part_name(job.number, block), *part)
                for block, part in zip(job.blocks, flooding.map(hidden, job.blocks, totals), strict=True)
            ]
            for each in written:
                each.result()

    def reply(self) -> bytes:
        """The reply, once there are no jobs left: byte for byte the same whoever did them.

        Raises MalformedFile for a part that the disk has damaged, FileMissing for one that is not finished.
        """
        parameters = self.query.parameters
        reply = [reply_head(parameters, self.query.queries, self.matrix.records)]
        for number, chosen in enumerate(self.passes):
            parts = [self._part(_part_name(number, block)) for block in range(self.matrix.blocks)]
            for place in range(len(chosen)):
                for part in parts:
                    size = len(part) // len(chosen)
                    reply.append(part[place * size : (place + 1) * size])
        return b"".join(reply)

    def _hidden(self, chosen: range, zeros: Words, block: int, totals: Words) -> list[bytes]:
        """What a block's part holds; its sums, `m x 2 x primes x N`, are used up."""
        parameters = self.query.parameters
        seal = engine(parameters)
        parts = []
        for query, words in zip(chosen, totals, strict=True):
            stream, width = self.noise.stream(block, query), parameters.noise_width(self.query.bits[query])
            scores, draws = self.matrix.scores_in(block), self._draws(block, query)
            drawn = score_draws(parameters, self.query.bits[query], stream, scores, draws)
            hidden = flood(seal, words, zeros, stream, width, drawn)
            parts += [pack((parameters.reply_modulus,), polynomial) for polynomial in hidden]
        return [hashlib.sha256(b"".join(parts)).digest(), *parts]

    def _draws(self, block: int, query: int) -> Draws | None:
        if not self.committed:
            return None
        # Of `m x n` bytes, the block's of one query alone.
        start = query * self.matrix.records + block * self.query.parameters.ring_degree
        return np.frombuffer(self.store.read(_DRAWS, start, self.matrix.scores_in(block)), dtype=np.uint8)

    def _part(self, name: str) -> bytes:
        stored = self.store.read(name)
        digest, part = stored[:_DIGEST_SIZE], stored[_DIGEST_SIZE:]
        if hashlib.sha256(part).digest() != digest:
            raise MalformedFile(f"{name} of an evaluation is damaged", hint="remove the file; only it is done again")
        return part

    def _laid_out(self, name: str, m: int, k: int) -> Words:
        shape = queries_shape(self.query.parameters, m, k)
        words = self.store.words(name, 0)
        if words.size != np.prod(shape):
            raise MalformedFile(
                f"{name} of an evaluation is damaged",
                expected=f"{np.prod(shape)} words",
                found=words.size,
                hint="remove the file; only it is done again",
            )
        return words.reshape(shape)


def queries_per_pass(parameters: ParameterSet, k: int) -> int:
    """Queries whose coordinates fit in `PASS_BYTES` together."""
    return max(1, PASS_BYTES // (8 * int(np.prod(queries_shape(parameters, 1, k)))))


def blocks_per_job(parameters: ParameterSet, k: int) -> int:
    """Blocks whose columns fit in `JOB_BYTES` together."""
    return max(1, JOB_BYTES // (8 * int(np.prod(columns_shape(parameters, k)))))


def start_evaluation(
    matrix: EncodedMatrix,
    query_bytes: bytes,
    store: BlobStore,
    *,
    bits: Sequence[int] | None = None,
    draws: Draws | None = None,
) -> Evaluation:
    """Begin an evaluation in a folder, or go on with it. `bits` and `draws` as `evaluate` takes them; draws are written
    to the folder, and need not be given again.

    Raises as `evaluate`, EvaluationDiffers for another's folder or other draws, MalformedFile for a damaged one,
    CannotWrite.
    """
    query = read_query(matrix.parameters, matrix.k, query_bytes, bits)
    check_draws(query, matrix.records, draws)
    digest = _kept(store, draws)
    about = hashlib.sha256()
    for block in range(matrix.blocks):
        about.update(matrix.digest(block))
    description = {
        "draws": digest,
        "format": 3,
        "queries_per_pass": queries_per_pass(query.parameters, query.k),
        "query": hashlib.sha256(query_bytes).hexdigest(),
        "records": matrix.records,
        "rows": about.hexdigest(),
    }
    header = json.dumps(description, sort_keys=True).encode()
    # The key first: a folder with a description has one. Whoever comes second takes the first one's.
    secret = store.write_once(_KEY, os.urandom(KEY_SIZE))
    if store.write_once(_ABOUT, header) != header:
        # What it holds is of no use to anybody else: it tells of the rows.
        raise _another()
    if len(secret) != KEY_SIZE:
        raise MalformedFile(f"{_KEY} of an evaluation is damaged", hint="remove the folder and evaluate again")
    # Noise that depends on all that it hides: the same noise never lies over different sums.
    key = hmac.digest(secret, header, "sha256")
    return Evaluation(matrix, query, store, NoiseKey(key), digest is not None)


def _kept(store: BlobStore, draws: Draws | None) -> str | None:
    """Write draws to a folder that holds none, and return the SHA-256 of those that it holds, or None.

    Draws come before the description, which names them: a folder without one lends its draws to nobody. Raises
    `EvaluationDiffers` where the folder holds other draws, or was begun without any.
    """
    begun = store.has(_ABOUT)
    if draws is None:
        if store.has(_DRAWS) and not begun:
            raise _another()
        return hashlib.sha256(store.read(_DRAWS)).hexdigest() if store.has(_DRAWS) else None
    data = np.ascontiguousarray(draws, dtype=np.uint8).tobytes()
    if begun and not store.has(_DRAWS):
        raise _another()
    if store.write_once(_DRAWS, data) != data:
        raise _another()
    return hashlib.sha256(data).hexdigest()


def _another() -> EvaluationDiffers:
    return EvaluationDiffers("this folder holds another evaluation", hint="use another folder, or remove it")


def finish(evaluation: Evaluation, progress: Progress | None = None, threads: int = 1) -> bytes:
    """Do every job that is left, here, and return the reply. `progress` counts the blocks of all passes."""
    total = evaluation.matrix.blocks * len(evaluation.passes)
    jobs = list(evaluation.jobs())
    done = total - sum(len(job.blocks) for job in jobs)
    for job in jobs:
        evaluation.load_queries(job.number)
        evaluation.run(job, threads)
        done += len(job.blocks)
        if progress is not None:
            progress(done, total)
    return evaluation.reply()


def _queries_name(number: int) -> str:
    return f"queries-{number:02d}"


def _part_name(number: int, block: int) -> str:
    return f"part-{number:02d}-{block:06d}"
