"""How far two honest machines may lie apart in a gradient row: the audit's tolerance, derived (PROTOCOL 5.4).

The same sums in another order, with other threads or batches, are another result. With `u = 2^-53` the unit roundoff, a
sum of `m` products lies within `g(m) = m u / (1 - m u)` times the sum of their absolute values of the exact one, in any
order (Higham 2002, section 3.1). A bound `e` goes along with every number of the computation:

    z = W [a, 1]            e_z = |W| e_a + g |W| (|a| + e_a)          m = inputs + 2
    a = tanh z              e_a = e_z + 4 u                            tanh is 1-Lipschitz, computed within 2 ulp
    p = softmax z           e_p = p (exp(2 max e_z + (2 max|z| + classes + 8) u) - 1)
    delta = p - y           e_d = e_p + u
    b = W^T delta           e_b = |W|^T e_d + g |W|^T (|delta| + e_d)  m = outputs, times 9 for a convolution, + 2
    delta = b (1 - a^2)     e_d = e_b + (|b| + e_b) (2 e_a + 4 u)
    row = sum delta [a,1]   e   = sum e_d |a| + (|delta| + e_d) e_a + g |delta| |a|           m = places + 2
    row M                   e   = e |M| + g (sum |delta| |a|) |M|                             m = d + 2

Times the row scale, two machines lie apart by at most `D = 2 max e row_scale` and twice the rounding of that product.
While `D < 1`, integers rounded from both differ by one at most: **the tolerance is 1**. They differ at all only where a
tie lies between the two, which happens to a share of about `D` of the entries: the audit allows for `ROUNDING_SHARE`.
For networks of 650 to 25,450 parameters `D` was 1e-9 to 2e-6; seen was 1e-11. Not here: the audit (`protocol.audit`).
"""

from collections.abc import Sequence

import numpy as np
import torch

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.gradients import layer_factors
from blindfair.influence.layers import Layer
from blindfair.influence.projection import Projection
from blindfair.protocol.rows import ROW_LIMIT

_U = 2.0**-53
_BATCH = 64
_PATCH = 9


def network_disagreement(
    network: Architecture, theta: Floats, X: Floats, y: Classes, projection: Projection, row_scale: float
) -> float:
    """`D` in units of a rounded row: the largest over the records given, `n x features`. Raises ShapeMismatch."""
    point, worst = torch.from_numpy(theta), 0.0
    for start in range(0, len(X), _BATCH):
        part = slice(start, start + _BATCH)
        features = torch.from_numpy(np.ascontiguousarray(X[part]))
        errors, sizes = row_errors(network, point, features, torch.from_numpy(y[part]))
        worst = max(worst, float(projected_errors(errors, sizes, projection).max()))
    return in_units(worst, row_scale)


def projected_errors(errors: Floats, sizes: Floats, projection: Projection) -> Floats:
    """Bounds `n x k` for projected rows, from those of rows and from the sums of their terms' sizes, `n x d` each."""
    if projection.is_identity:
        return errors
    return projection.absolute(errors.shape[1]).apply(errors + growth(errors.shape[1] + 2) * sizes)


def in_units(error: float, row_scale: float) -> float:
    """`D` from the largest `e`."""
    return 2 * (error * row_scale + ROW_LIMIT * _U)


def growth(terms: int) -> float:
    """`g(m)`."""
    return terms * _U / (1 - terms * _U)


def row_errors(network: Architecture, theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> tuple[Floats, Floats]:
    """Bounds `e` of unprojected rows, and the sums of the sizes of their terms, `n x d` each. Raises ShapeMismatch."""
    layers = network.layers
    factors = layer_factors(network, theta, X, y)
    weights = network.split(theta.abs())
    signals, errors, slopes = [X], [torch.zeros_like(X)], []
    for layer, absolute, true in zip(layers, weights, network.split(theta), strict=True):
        response = layer.respond(true, signals[-1])
        error = layer.respond(_without_bias(absolute), errors[-1])
        error += growth(layer.inputs + 2) * layer.respond(absolute, signals[-1].abs() + errors[-1])
        signals.append(torch.tanh(response))
        errors.append(error + 4 * _U)
        slopes.append(1 - signals[-1] ** 2)
    exponent = 2 * error.amax(1) + (2 * response.abs().amax(1) + network.classes + 8) * _U
    back = torch.softmax(response, 1) * torch.expm1(exponent)[:, None] + _U
    bounds, sizes = [], []
    for number in reversed(range(len(layers))):
        layer, absolute = layers[number], weights[number]
        delta, patches = factors[number].deltas.abs(), factors[number].patches.abs()
        unsure = layer.patches(errors[number])
        unsure[..., -1] = 0.0
        doubt = layer.at_places(back)
        size = _outer(delta, patches)
        bounds.append(_outer(doubt, patches) + _outer(delta + doubt, unsure) + growth(layer.places + 2) * size)
        sizes.append(size)
        if number:
            flat = _responses(delta)
            passed = _transposed(layer, absolute, signals[number], flat)
            doubted = _transposed(layer, absolute, signals[number], back)
            doubted = doubted + growth(_PATCH * layer.outputs + 2) * (passed + doubted)
            back = doubted * slopes[number - 1].abs() + (passed + doubted) * (2 * errors[number] + 4 * _U)
    return _joined(bounds), _joined(sizes)


def _without_bias(weights: torch.Tensor) -> torch.Tensor:
    return torch.cat([weights[:, :-1], torch.zeros_like(weights[:, -1:])], dim=1)


def _responses(at_places: torch.Tensor) -> torch.Tensor:
    """Back from `n x places x outputs` to the form of `z`."""
    return at_places.transpose(1, 2).flatten(1)


def _transposed(layer: Layer, weights: torch.Tensor, signals: torch.Tensor, responses: torch.Tensor) -> torch.Tensor:
    """`W^T` times something of the form of `z`."""
    with torch.enable_grad():
        leaf = torch.zeros_like(signals).requires_grad_()
        (found,) = torch.autograd.grad(layer.respond(weights, leaf), leaf, responses)
    return found


def _outer(deltas: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
    return torch.einsum("npo,npi->noi", deltas, patches).flatten(1)


def _joined(backwards: Sequence[torch.Tensor]) -> Floats:
    return torch.cat(list(reversed(backwards)), dim=1).numpy()
