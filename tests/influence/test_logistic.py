"""The closed forms equal automatic differentiation, and the fit is the exact minimum."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as Reference

from blindfair.influence import logistic
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import fit_logistic, hessian, loss_gradient, record_loss, total_loss
from blindfair.influence.table import Table
from blindfair.protocol import errors


def problem(seed: int, n: int = 40, d: int = 5) -> tuple[Floats, Classes, Floats, Floats]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=(n, d - 1)), np.ones(n)])
    y = (rng.random(n) < 0.4).astype(np.int64)
    y[:2] = 0, 1
    return X, y, rng.normal(size=d), rng.random(n)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_gradient_and_curvature_are_those_of_autograd(seed: int, l2: float) -> None:
    X, y, theta, weights = problem(seed)

    def objective(point: torch.Tensor) -> torch.Tensor:
        losses = record_loss(point, torch.from_numpy(X), torch.from_numpy(y))
        return (torch.from_numpy(weights) * losses).sum() + 0.5 * l2 * point @ point

    point = torch.from_numpy(theta).requires_grad_()
    slope = torch.autograd.grad(objective(point), point, create_graph=True)[0]
    curvature = torch.stack([torch.autograd.grad(entry, point, retain_graph=True)[0] for entry in slope])
    expected = slope.detach().numpy()
    np.testing.assert_allclose(loss_gradient(X, y, theta, l2, weights), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(hessian(X, theta, l2, weights), curvature.numpy(), rtol=1e-10, atol=1e-10)
    assert total_loss(X, y, theta, l2, weights) == pytest.approx(float(objective(point.detach())), rel=1e-12)


@pytest.mark.parametrize("score", [-800.0, -30.0, -1e-9, 0.0, 25.0, 800.0])
def test_the_loss_is_exact_far_from_zero(score: float) -> None:
    loss = record_loss(torch.tensor([score], dtype=torch.float64), torch.ones(1, dtype=torch.float64), torch.tensor(0))
    assert float(loss) == pytest.approx(max(score, 0) + np.log1p(np.exp(-abs(score))), rel=1e-15)


@pytest.mark.parametrize("l2", [1e-6, 1.0, 1e4])
def test_the_fit_is_the_minimum_and_agrees_with_scikit_learn(trial: Table, l2: float) -> None:
    X, y = FeatureSchema.infer(trial.rows[:400], trial.columns, "cens").encode(trial.rows[:400])
    theta = fit_logistic(X, y, l2)
    assert np.abs(loss_gradient(X, y, theta, l2)).max() < 1e-10
    if l2 >= 1:
        reference = Reference(C=1 / l2, fit_intercept=False, tol=1e-12, max_iter=10_000).fit(X, y)
        np.testing.assert_allclose(theta, reference.coef_[0], atol=1e-6)


def test_a_weight_of_two_is_a_record_that_is_there_twice_and_of_zero_one_that_is_not() -> None:
    X, y, _, _ = problem(3)
    weight = np.ones(len(y))
    weight[5], weight[9] = 2.0, 0.0
    copies = np.repeat(np.arange(len(y)), weight.astype(int))
    np.testing.assert_allclose(fit_logistic(X, y, 1.0, weight), fit_logistic(X[copies], y[copies], 1.0), atol=1e-12)


def test_classes_that_a_line_parts_still_have_a_minimum() -> None:
    X = np.column_stack([np.r_[-np.ones(10), np.ones(10)] * 1e3, np.ones(20)])
    y = np.r_[np.zeros(10), np.ones(10)].astype(np.int64)
    theta = fit_logistic(X, y, 1e-6)
    assert np.isfinite(theta).all() and np.abs(loss_gradient(X, y, theta, 1e-6)).max() < 1e-9


def test_steps_that_go_too_far_are_halved() -> None:
    # Parted by a line and nearly without penalty: whole Newton steps leave the minimum behind and lose 11 nats.
    X = np.array(
        [[-28.8, -8.2, 1], [-1.3, 0.3, 1], [-2, -0.2, 1], [-0.1, -0.1, 1], [-0.3, -6.5, 1], [-119.1, -75.1, 1]]
    )
    y = np.array([0, 1, 1, 1, 1, 0])
    theta = fit_logistic(X, y, 4.5e-6)
    assert np.abs(loss_gradient(X, y, theta, 4.5e-6)).max() < 1e-9
    assert total_loss(X, y, theta, 4.5e-6) < 0.01


def test_a_fit_that_does_not_end_is_not_passed_off_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _, _ = problem(2)
    monkeypatch.setattr(logistic, "_STEPS", 2)
    with pytest.raises(errors.UnusableModel):
        fit_logistic(X, y, 1e-3)


def test_what_cannot_be_fitted_is_refused() -> None:
    X, y, _, weights = problem(1)
    for l2 in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(errors.InvalidOption):
            fit_logistic(X, y, l2)
    with pytest.raises(errors.LabelUnusable):
        fit_logistic(X, np.zeros_like(y), 1.0)
    with pytest.raises(errors.ShapeMismatch):
        fit_logistic(X, y[:-1], 1.0)
    with pytest.raises(errors.ShapeMismatch):
        fit_logistic(X, y, 1.0, weights[:-1])
