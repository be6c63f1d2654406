"""Fits of networks: they learn, settle, repeat to the bit, and say when they have not come to an end."""

import numpy as np
import pytest
import torch
from nets import NAMES, NETWORKS, digits

from blindfair.influence.architecture import Architecture, Mlp, SoftmaxRegression
from blindfair.influence.arrays import Floats
from blindfair.influence.fitting import convergence, fit_network
from blindfair.influence.gradients import class_logits, record_gradients
from blindfair.influence.logistic import fit_logistic
from blindfair.protocol import errors

TRAIN, TEST = slice(0, 400), slice(400, None)
networks = pytest.mark.parametrize("network", NETWORKS, ids=NAMES)


def fitted(network: Architecture, steps: int = 100, seed: int = 0, l2: float = 1.0) -> Floats:
    X, y = digits()
    return fit_network(network, network.initial(0), X[TRAIN], y[TRAIN], l2=l2, steps=steps, seed=seed)


@networks
def test_a_fit_learns_settles_and_repeats_to_the_bit(network: Architecture) -> None:
    X, y = digits()
    theta = fitted(network, steps=400)
    accuracy = (class_logits(network, theta, X[TEST]).argmax(1) == y[TEST]).mean()
    assert accuracy > 0.77
    assert convergence(network, theta, X[TRAIN], y[TRAIN], l2=1.0).reached
    assert fitted(network, steps=20).tobytes() == fitted(network, steps=20).tobytes()
    assert fitted(network, steps=20).tobytes() != fitted(network, steps=20, seed=1).tobytes()


def test_a_fit_does_not_depend_on_the_threads_of_its_process() -> None:
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(fitted(NETWORKS[1], steps=20).tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1]


def test_an_early_checkpoint_has_not_converged_and_its_gradient_is_told() -> None:
    X, y = digits()
    network = NETWORKS[1]
    theta = fitted(network, steps=3)
    found = convergence(network, theta, X[TRAIN], y[TRAIN], l2=1.0)
    slope = record_gradients(network, theta, X[TRAIN], y[TRAIN]).mean(axis=0) + theta / 400
    assert not found.reached
    assert found.gradient == pytest.approx(float(np.linalg.norm(slope)))


def test_softmax_of_two_classes_comes_to_the_minimum_of_logistic_regression() -> None:
    X, y = digits()
    network = SoftmaxRegression(inputs=64, classes=2)
    # Two rows of weights share what one has: half the penalty of the difference.
    exact = fit_logistic(np.column_stack([X[TRAIN], np.ones(400)]), y[TRAIN] % 2, 5.0)
    theta = fit_network(
        network, network.initial(0), X[TRAIN], y[TRAIN] % 2, l2=10.0, steps=1000, seed=0, batch=400,
        dtype=torch.float64,
    )  # fmt: skip
    np.testing.assert_allclose(np.diff(theta.reshape(2, 65), axis=0)[0], exact, atol=1e-3)


def test_no_steps_change_nothing_and_a_penalty_shrinks() -> None:
    network = NETWORKS[1]
    assert (fitted(network, steps=0) == network.initial(0).astype(np.float32)).all()
    assert np.linalg.norm(fitted(network, l2=100.0)) < np.linalg.norm(fitted(network, l2=0.0))


def test_a_small_rest_of_the_records_is_no_batch_of_its_own() -> None:
    X, y = digits()
    network = Mlp(inputs=64, hidden=(4,), classes=10)
    start = network.initial(0)
    # Of 257 records a batch of 256 would leave one, on which a step of its own would go anywhere.
    theta = fit_network(network, start, X[:257], y[:257], l2=0.0, steps=2, seed=0, batch=256)
    order = np.random.default_rng(0).permutation(257)
    last = record_gradients(network, start, X[order[129:]], y[order[129:]]).mean(axis=0)
    first_step = fit_network(network, start, X[:257], y[:257], l2=0.0, steps=1, seed=0, batch=256) - start
    assert np.sign(first_step[np.abs(last) > 1e-4]) == pytest.approx(-np.sign(last[np.abs(last) > 1e-4]))
    assert np.isfinite(theta).all()


@pytest.mark.parametrize(
    "change", [{"l2": -1.0}, {"l2": np.nan}, {"steps": -1}, {"rate": 0.0}, {"rate": np.inf}, {"batch": 0}]
)
def test_options_out_of_range_are_refused(change: dict[str, float]) -> None:
    X, y = digits()
    options: dict[str, float] = {"l2": 1.0, "steps": 1, "seed": 0, **change}
    with pytest.raises(errors.InvalidOption):
        fit_network(NETWORKS[0], NETWORKS[0].initial(0), X[:5], y[:5], **options)  # type: ignore[arg-type]


def test_fits_that_cannot_be_made_are_refused() -> None:
    X, y = digits()
    network = NETWORKS[1]
    start = network.initial(0)
    with pytest.raises(errors.NoRecords):
        fit_network(network, start, X[:0], y[:0], l2=1.0, steps=1, seed=0)
    with pytest.raises(errors.NoRecords):
        convergence(network, start, X[:0], y[:0], l2=1.0)
    with pytest.raises(errors.ShapeMismatch):
        fit_network(network, start[:-1], X[:5], y[:5], l2=1.0, steps=1, seed=0)
    with pytest.raises(errors.ShapeMismatch):
        fit_network(network, start, X[:5], y[:4], l2=1.0, steps=1, seed=0)
    with pytest.raises(errors.UnusableModel):
        fit_network(network, np.full_like(start, np.nan), X[:5], y[:5], l2=1.0, steps=1, seed=0)
