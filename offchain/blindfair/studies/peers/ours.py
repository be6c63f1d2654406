"""Our own answer to a question: rows as a seller computes them, on every kind of basis, times the influence
function's queries with the exact Gauss-Newton curvature of the projected model.

    score = (P g_row) . (P H P^T + damping)^-1 (P g_query)        H = mean of sum_c p_c g_c g_c^T

`g_c` is the row of a record with class `c` for its label, `p_c` what the model gives it: for cross entropy that sum is
the Gauss-Newton matrix (Martens 2020, section 9.2), the Hessian itself where there is one layer. It is the buyer's to
compute: a seller sees rows and a basis. Not here: the displacement, one query for all (`datamodels`, `purchases`).
"""

import time
from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.influence.bases import principal_directions, principal_sides, random_sides
from blindfair.influence.gradients import class_logits, projected_gradients, record_gradients
from blindfair.influence.projection import Projection
from blindfair.studies.peers.question import DAMPINGS, Answer, Answered, PeerQuestion
from blindfair.studies.worlds import Records

PRINCIPAL = 256
INNER, OUTER = 32, 8
"""Directions of a layer's inputs and output gradients."""

PLAIN = "ours, whole rows, no curvature"

Singles = NDArray[np.float32]

Basis = Callable[[PeerQuestion, Floats], Projection | None]
"""The projection of rows of the model with these weights; None for whole rows."""


def our_answer(question: PeerQuestion) -> Answer:
    """Every basis with every damping, and the principal one by all models of the question."""
    found = {PLAIN: _without_curvature(question)}
    for name, basis in BASES.items():
        found |= _of_basis(f"ours, {name}", question, basis, question.models[:1])
    count = len(question.models) - 1
    return found | _of_basis(f"ours, {_PRINCIPAL}, {count} models", question, BASES[_PRINCIPAL], question.models[1:])


def _without_curvature(question: PeerQuestion) -> Answered:
    """The query is the gradient itself: TracIn at one checkpoint (Pruthi et al. 2020)."""
    start = time.process_time()
    rows, asked = (_rows(question, question.models[0], part, None) for part in (question.rows, question.queries))
    scores = rows @ asked.T
    return Answered(scores, time.process_time() - start)


def _of_basis(name: str, question: PeerQuestion, basis: Basis, models: Floats) -> Answer:
    """The mean over models, for each damping; a method's seconds are those of everything that it needs."""
    totals = {damping: np.zeros((len(question.rows), len(question.queries))) for damping in DAMPINGS}
    seconds = dict.fromkeys(DAMPINGS, 0.0)
    for theta in models:
        start = time.process_time()
        projection = basis(question, theta)
        rows, asked = (_rows(question, theta, part, projection) for part in (question.rows, question.queries))
        curvature = _curvature(question, theta, projection)
        common = time.process_time() - start
        for damping, total in totals.items():
            start = time.process_time()
            damped = curvature + np.float32(damping) * np.eye(len(curvature), dtype=np.float32)
            factor = scipy.linalg.cho_factor(damped, overwrite_a=True, check_finite=False)
            total += rows @ scipy.linalg.cho_solve(factor, asked.T.astype(np.float32), check_finite=False)
            seconds[damping] += common + time.process_time() - start
    return {
        f"{name}, {damping:g}": Answered(total / len(models), seconds[damping]) for damping, total in totals.items()
    }


def _rows(question: PeerQuestion, theta: Floats, records: Records, projection: Projection | None) -> Floats:
    features = records.X[:, :-1]
    if projection is None:
        return record_gradients(question.network, theta, features, records.y)
    return projected_gradients(question.network, theta, features, records.y, projection)


def _curvature(question: PeerQuestion, theta: Floats, projection: Projection | None) -> Singles:
    """`k x k`, the mean over training records. Single precision halves the time of its largest step."""
    logits = class_logits(question.network, theta, question.train.X[:, :-1])
    chance = np.exp(logits - logits.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    width = question.network.parameters if projection is None else projection.k
    found: Singles = np.zeros((width, width), dtype=np.float32)
    for label in range(question.network.classes):
        turned = Records(question.train.X, np.full(len(question.train), label))
        rows = (np.sqrt(chance[:, [label]]) * _rows(question, theta, turned, projection)).astype(np.float32)
        found += rows.T @ rows
    return found / np.float32(len(question.train))


def _own(question: PeerQuestion) -> Records:
    """The rows in which a basis is found: the buyer's training records and those that it asks about."""
    return question.train.and_also(question.queries)


def _principal(question: PeerQuestion, theta: Floats) -> Projection:
    rows = _rows(question, theta, _own(question), None)
    return principal_directions(rows, min(PRINCIPAL, rows.shape[1]))


def _sides(question: PeerQuestion, theta: Floats) -> Projection:
    own = _own(question)
    return principal_sides(question.network, theta, own.X[:, :-1], own.y, INNER, OUTER)


_PRINCIPAL = "principal directions"
BASES: dict[str, Basis] = {
    "whole rows": lambda question, theta: None,
    _PRINCIPAL: _principal,
    "two-sided principal": _sides,
    "two-sided random": lambda question, theta: random_sides(question.network, INNER, OUTER, 0),
}
"""Projections by name; the last one reveals nothing about any record."""
