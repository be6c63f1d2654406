"""Losses, logits and gradients of single records for a network, in double precision, a batch of records at a time.

A row is the gradient of one record's loss by all of `theta`, sign +. It is never computed by one pass for each record:
the sum of the losses, derived by the responses `z` of every layer, gives each record's own `delta`, and the row is
`delta [a, 1]^T`, layer after layer. That equals `vmap(grad)` of the loss, which a test shows, and takes a fraction of
its time. Not here: what a projection is (`projection`) and rounding (`quantise`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import BATCH_NUMBERS
from blindfair.protocol.errors import ShapeMismatch


@dataclass(frozen=True, slots=True)
class Factors:
    """The gradient of a batch's losses by one layer's weights, before it is multiplied out.

    `deltas` is `n x places x outputs`, `patches` `n x places x (inputs + 1)`; a record's gradient is the sum over
    places of `delta patch^T`, `outputs x (inputs + 1)`.
    """

    deltas: torch.Tensor
    patches: torch.Tensor


def layer_factors(network: Architecture, theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> list[Factors]:
    """The factors of every layer for one batch. Raises ShapeMismatch."""
    network.check(X)
    signals, responses, patches = X, [], []
    last = len(network.layers) - 1
    with torch.enable_grad():
        for number, (layer, weights) in enumerate(zip(network.layers, network.split(theta), strict=True)):
            patches.append(layer.patches(signals.detach()))
            response = layer.respond(weights, signals)
            if not response.requires_grad:
                response.requires_grad_()
            responses.append(response)
            signals = response if number == last else torch.tanh(response)
        loss = torch.nn.functional.cross_entropy(signals, y, reduction="sum")
        slopes = torch.autograd.grad(loss, responses)
    return [
        Factors(layer.at_places(slope), patch)
        for layer, slope, patch in zip(network.layers, slopes, patches, strict=True)
    ]


def batch_records(network: Architecture) -> int:
    """Records of a batch unless told otherwise: so many that their rows, and the layers' factors, fit."""
    numbers = max(network.parameters, *(layer.places * sum(layer.shape) for layer in network.layers))
    return max(1, BATCH_NUMBERS // numbers)


def record_gradients(
    network: Architecture, theta: Floats, X: Floats, y: Classes, *, batch: int | None = None
) -> Floats:
    """The gradient of each record's own loss, in nats, at `theta`: `n x d`, `batch` records at a time.

    `X` is `n x features`, `y` class codes from 0. Raises ShapeMismatch where sizes disagree or a code is no class.
    """
    return _by_batch(network, theta, X, y, network.parameters, _multiplied, batch)


def projected_gradients(
    network: Architecture, theta: Floats, X: Floats, y: Classes, projection: Projection, *, batch: int | None = None
) -> Floats:
    """The same, projected: `n x k`, without all of `n x d` in memory.

    Two-sided projections are applied to the factors, so that not even a batch of whole rows is formed. Raises
    ShapeMismatch, also where projection and network do not fit, UnusableModel.
    """
    projection.check(network.parameters)
    if projection.sides:
        sides = [(torch.from_numpy(pair.outer), torch.from_numpy(pair.inner)) for pair in projection.sides]
        if [(len(outer), len(inner)) for outer, inner in sides] != [layer.shape for layer in network.layers]:
            raise ShapeMismatch("The sides of the projection are not those of the layers", found=len(sides))

        last = None if projection.entries is None else torch.from_numpy(projection.entries)

        def rows(factors: list[Factors]) -> torch.Tensor:
            pairs = zip(factors, sides, strict=True)
            parts = _multiplied([Factors(one.deltas @ outer, one.patches @ inner) for one, (outer, inner) in pairs])
            return parts if last is None else parts @ last

        return _by_batch(network, theta, X, y, projection.k, rows, batch)
    matrix = projection.dense(network.parameters)
    if matrix is None:
        return record_gradients(network, theta, X, y, batch=batch)
    basis = torch.from_numpy(matrix)
    return _by_batch(network, theta, X, y, projection.k, lambda factors: _multiplied(factors) @ basis, batch)


def check_examples(network: Architecture, X: Floats, y: Classes) -> None:
    """Raises ShapeMismatch unless `X` is `n x features` and `y` holds `n` codes of the network's classes."""
    network.check(X)
    if y.shape != X.shape[:1]:
        raise ShapeMismatch("Records and their classes differ in number", expected=X.shape[:1], found=y.shape)
    if y.size and not 0 <= y.min() <= y.max() < network.classes:
        raise ShapeMismatch(
            "A class code is not one of the network's", expected=f"0 ... {network.classes - 1}", found=int(y.max())
        )


def _multiplied(factors: list[Factors]) -> torch.Tensor:
    return torch.cat([torch.einsum("npo,npi->noi", one.deltas, one.patches).flatten(1) for one in factors], dim=1)


def _by_batch(
    network: Architecture,
    theta: Floats,
    X: Floats,
    y: Classes,
    width: int,
    rows: Callable[[list[Factors]], torch.Tensor],
    batch: int | None,
) -> Floats:
    point = torch.from_numpy(np.asarray(theta, dtype=np.float64))
    result = np.empty((len(X), width))
    for part, features, codes in _batches(network, X, y, batch):
        result[part] = rows(layer_factors(network, point, features, codes)).numpy()
    return result


def record_losses(network: Architecture, theta: Floats, X: Floats, y: Classes) -> Floats:
    """Each record's cross entropy at `theta`, `n` nats. Raises ShapeMismatch."""
    point = torch.from_numpy(np.asarray(theta, dtype=np.float64))
    parts = [network.losses(point, features, codes).numpy() for _, features, codes in _batches(network, X, y, None)]
    return np.concatenate([np.empty(0), *parts])


def class_logits(network: Architecture, theta: Floats, X: Floats) -> Floats:
    """`n x classes` logits at `theta`: the largest is the predicted class. Raises ShapeMismatch."""
    point = torch.from_numpy(np.asarray(theta, dtype=np.float64))
    codes = np.zeros(len(X), dtype=np.int64)
    parts = [network.logits(point, features).numpy() for _, features, _ in _batches(network, X, codes, None)]
    return np.concatenate([np.empty((0, network.classes)), *parts])


def _batches(
    network: Architecture, X: Floats, y: Classes, batch: int | None
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    check_examples(network, X, y)
    size = batch_records(network) if batch is None else batch
    features = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float64))
    codes = torch.from_numpy(y.astype(np.int64))
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        yield part, features[part], codes[part]
