"""Bases for projections, found in records that the buyer names: principal directions, and two-sided ones for layers.

A basis from the buyer's own gradient rows keeps nearly all of a score in few entries, where a random one of that size
loses most of it (docs/explanation/valuation.md). The seller sees the basis, so it hints at those records: take public
or synthetic ones where that matters. Not here: applying a basis (`projection`), and what it loses (`pricing.loss`).
"""

import numpy as np
import torch

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.gradients import layer_factors
from blindfair.influence.projection import Projection, Sides
from blindfair.protocol.errors import NoRecords, UnusableModel

_NOTHING = 1e-6
"""Directions whose singular value is under this share of the largest are rounding errors."""


def principal_directions(rows: Floats, k: int) -> Projection:
    """The `k` directions in which rows `n x d` vary most about zero, `d x k`, orthonormal; fewer if rows span fewer.

    By the eigenvectors of the smaller of `rows rows^T` and `rows^T rows`: a thousand rows of 30,000 entries take
    seconds. Raises UnusableModel for `k` outside 1 ... `d` and for rows that are not finite or all zero, NoRecords for
    no rows.
    """
    if not 1 <= k <= rows.shape[1]:
        raise UnusableModel("A basis cannot be larger than the model", expected=f"1 ... {rows.shape[1]}", found=k)
    return Projection.matrix(_principal(rows, k))


def principal_sides(network: Architecture, theta: Floats, X: Floats, y: Classes, inner: int, outer: int) -> Projection:
    """LoGra with principal directions (Choe et al. 2024, arXiv 2405.13954, section 3.2): for each layer the `inner`
    main directions of its inputs and the `outer` main directions of its output gradients, on records of the buyer's.

    Of smaller layers all directions are taken. Raises ShapeMismatch, NoRecords, UnusableModel.
    """
    factors = layer_factors(
        network,
        torch.from_numpy(theta),
        torch.from_numpy(np.ascontiguousarray(X, dtype=np.float64)),
        torch.from_numpy(y.astype(np.int64)),
    )
    sides = []
    for layer in factors:
        patches, deltas = (side.flatten(0, 1).numpy() for side in (layer.patches, layer.deltas))
        sides.append(
            (_principal(patches, min(inner, patches.shape[1])), _principal(deltas, min(outer, deltas.shape[1])))
        )
    return Projection.two_sided(tuple(Sides(*pair) for pair in sides))


def random_sides(network: Architecture, inner: int, outer: int, seed: int) -> Projection:
    """The same with random orthonormal directions, which hint at no record. Raises UnusableModel."""
    rng = np.random.default_rng(seed)
    sides = []
    for layer in network.layers:
        outputs, inputs = layer.shape
        sides.append(
            Sides(_orthonormal(rng, inputs, min(inner, inputs)), _orthonormal(rng, outputs, min(outer, outputs)))
        )
    return Projection.two_sided(tuple(sides))


def _orthonormal(rng: np.random.Generator, d: int, k: int) -> Floats:
    return np.asarray(np.linalg.qr(rng.normal(size=(d, k)))[0], dtype=np.float64)


def _principal(rows: Floats, k: int) -> Floats:
    if not len(rows):
        raise NoRecords("There are no rows to find directions in", expected="at least 1", found=0)
    if not np.isfinite(rows).all():
        raise UnusableModel("The rows for a basis are not finite")
    n, d = rows.shape
    values, vectors = np.linalg.eigh(rows @ rows.T if n < d else rows.T @ rows)
    order = np.argsort(-values)[: min(k, n)]
    kept = order[np.sqrt(np.maximum(values[order], 0.0)) > _NOTHING * np.sqrt(max(values.max(), 0.0))]
    if not kept.size:
        raise UnusableModel("The rows for a basis are all zero")
    if n >= d:
        return np.asarray(vectors[:, kept], dtype=np.float64)
    return np.asarray(rows.T @ vectors[:, kept] / np.sqrt(values[kept]), dtype=np.float64)
