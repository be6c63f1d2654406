"""Measures of fidelity: correlations and the mean error of scores, and one real evaluation under encryption.

Not here: what is scored (`worlds`).
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.matrix import encode_matrix
from blindfair.blind.parameters import DEFAULT, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.stream import finish, start_evaluation
from blindfair.influence.arrays import Floats, IntegerRows, Integers
from blindfair.pricing.ranks import rank_correlation


@dataclass(frozen=True, slots=True)
class ScoreAgreement:
    """How far scores agree with true ones. `error` is the mean absolute one over the true ones' standard deviation."""

    pearson: float
    spearman: float
    error: float


def agreement(scores: Floats, truth: Floats) -> ScoreAgreement:
    """Compare `n` scores with `n` true ones in the same unit."""
    ranks = rank_correlation(scores, truth)
    return ScoreAgreement(
        float(np.corrcoef(scores, truth)[0, 1]),
        float("nan") if ranks is None else ranks,
        float(np.abs(scores - truth).mean() / truth.std()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Encrypted:
    """Decrypted scores of one query, and seconds of the processor: a query's own, and a record's in a full block."""

    scores: Integers
    query_seconds: float
    encode_seconds: float
    score_seconds: float
    read_seconds: float


def scored_blind(
    rows: IntegerRows, query: Integers, *, bits: int = 32, full: bool = True, parameters: ParameterSet = DEFAULT
) -> Encrypted:
    """Encrypt a query `k`, score rows `n x k`, and decrypt. With `full` the rows are repeated to fill whole blocks."""
    degree = parameters.ring_degree
    count = -(-len(rows) // degree) * degree if full else len(rows)
    repeated = rows[np.arange(count) % len(rows)]
    began = time.process_time()
    encrypted, secret = encrypt_queries(parameters, query[np.newaxis], [bits])
    sent = encrypted.to_bytes()
    asked = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        matrix = encode_matrix(parameters, repeated, Directory(Path(folder) / "matrix"))
        encoded = time.process_time() - began
        began = time.process_time()
        reply = finish(start_evaluation(matrix, sent, Directory(Path(folder) / "evaluation"), bits=[bits]))
        scored = time.process_time() - began
    began = time.process_time()
    scores = decrypt_reply(parameters, secret, reply, count, 1)[0]
    read = time.process_time() - began
    return Encrypted(scores[: len(rows)], asked, encoded / count, scored / count, read / count)
