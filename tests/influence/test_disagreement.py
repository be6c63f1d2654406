"""The audit's tolerance: other threads and batches stay within the derived bound, and that within a unit."""

import numpy as np
import pytest
import torch
from nets import NAMES, NETWORKS, digits, somewhere
from torch.func import grad, vmap

from blindfair.influence.architecture import Architecture, Mlp
from blindfair.influence.arrays import Floats
from blindfair.influence.bases import principal_directions, principal_sides
from blindfair.influence.disagreement import network_disagreement, row_errors
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.gradients import projected_gradients, record_gradients
from blindfair.influence.models import LogisticRegression
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import choose_row_scale, quantise_rows
from blindfair.influence.table import Table
from blindfair.protocol.audit import ROUNDING_SHARE

N = 100


def projections(network: Architecture, theta: Floats) -> list[Projection]:
    X, y = digits()
    rows = record_gradients(network, theta, X[:N], y[:N])
    return [
        Projection.identity(network.parameters),
        principal_directions(rows, 40),
        Projection.signs(40, bytes(32)),
        principal_sides(network, theta, X[:N], y[:N], 8, 6),
    ]


def on_threads(threads: int, network: Architecture, theta: Floats, projection: Projection) -> Floats:
    X, y = digits()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return projected_gradients(network, theta, X[:N], y[:N], projection)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
def test_threads_batches_and_another_algorithm_stay_within_the_bound(network: Architecture) -> None:
    X, y = digits()
    theta = somewhere(network)

    def loss(at: torch.Tensor, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return network.losses(at, x[None], label[None])[0]

    elsewhere = vmap(grad(loss), in_dims=(None, 0, 0))(*map(torch.from_numpy, (theta, X[:N], y[:N]))).numpy()
    for projection in projections(network, theta):
        rows = on_threads(1, network, theta, projection)
        scale = choose_row_scale(rows)
        bound = network_disagreement(network, theta, X[:N], y[:N], projection, scale)
        assert 0 < bound < ROUNDING_SHARE / 1000
        others = [on_threads(2, network, theta, projection), projection.apply(elsewhere)]
        others += [projected_gradients(network, theta, X[:N], y[:N], projection, batch=batch) for batch in (1, 7, 64)]
        for other in others:
            assert np.abs(other - rows).max() * scale <= bound
            integers, again = quantise_rows(rows, scale)[0], quantise_rows(other, scale)[0]
            assert np.abs(integers.astype(int) - again.astype(int)).max() <= 1
            assert (integers != again).mean() <= ROUNDING_SHARE


@pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
def test_the_bound_covers_what_single_precision_would_do(network: Architecture) -> None:
    # The same analysis with a unit 2^29 times as large: were a term of it missing, single precision would show it.
    X, y = digits()
    theta = somewhere(network).astype(np.float32)
    exact_X = X[:40].astype(np.float32)
    single = [torch.from_numpy(part) for part in (theta, exact_X, y[:40])]

    def loss(at: torch.Tensor, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return network.losses(at, x[None], label[None])[0]

    rough = vmap(grad(loss), in_dims=(None, 0, 0))(*single).numpy()
    theta64, X64 = theta.astype(np.float64), exact_X.astype(np.float64)
    bounds, _ = row_errors(network, *map(torch.from_numpy, (theta64, X64, y[:40])))
    difference = np.abs(rough - record_gradients(network, theta64, X64, y[:40]))
    assert (difference <= 2**29 * bounds).all()
    # And it is no idle bound: some entries come near it.
    assert (difference / (2**29 * bounds + 1e-30)).max() > 0.003


def test_a_model_that_magnifies_every_rounding_is_seen() -> None:
    X, y = digits()
    network = Mlp(inputs=128, hidden=(5,), classes=10)
    twice = np.hstack([X[:N], X[:N]])
    theta = somewhere(network)
    hidden = theta[: 5 * 129].reshape(5, 129)
    # What is added for a pixel is taken away for its copy: of sums of 1e14 nothing is left but what was rounded.
    hidden[:, :64] += 1e14
    hidden[:, 64:128] -= 1e14
    identity = Projection.identity(network.parameters)
    rows = record_gradients(network, theta, twice, y[:N])
    assert network_disagreement(network, theta, twice, y[:N], identity, choose_row_scale(rows)) > ROUNDING_SHARE


@pytest.mark.parametrize("size", [0.0, 1.0, 100.0])
def test_logistic_regression_stays_within_its_bound(trial: Table, size: float) -> None:
    schema = FeatureSchema.infer(trial.rows[:300], trial.columns, "cens")
    model = LogisticRegression(schema, size * np.random.default_rng(1).normal(size=schema.width))
    X, y = schema.encode(trial.rows[:N])
    exact = (1 / (1 + np.exp(-(X @ model.weights).astype(np.longdouble))) - y)[:, None] * X
    for projection in (Projection.identity(schema.width), Projection.signs(9, bytes(32))):
        rows = model.gradients(X, y, projection)
        scale = choose_row_scale(rows)
        bound = model.disagreement(X, y, projection, scale)
        assert np.abs(rows - projection.apply(exact.astype(np.float64))).max() * scale <= bound < 1e-6
    huge = LogisticRegression(schema, np.full(schema.width, 1e15))
    assert huge.disagreement(X, y, Projection.identity(schema.width), 2047.0) > ROUNDING_SHARE
