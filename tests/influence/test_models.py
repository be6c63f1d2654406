"""Scoring models: one gradient row per record however it is computed, and hostile models refused unread."""

import pickle
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from blindfair.influence import models
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import record_loss
from blindfair.influence.models import LogisticRegression, load_scoring_model, record_gradients
from blindfair.influence.table import Table
from blindfair.protocol import errors
from blindfair.protocol.documents import Document, canonical, parse

TOLERANCE = 1e-12
"""Between ways to compute the same gradients: the order of additions differs."""


@pytest.fixture(scope="module")
def model(trial: Table) -> LogisticRegression:
    schema = FeatureSchema.infer(trial.rows[:300], trial.columns, "cens", categorical=("arms",))
    return LogisticRegression(schema, np.random.default_rng(1).normal(size=schema.width))


def closed_form(theta: Floats, X: Floats, y: Classes) -> Floats:
    return np.asarray((1 / (1 + np.exp(-(X @ theta))) - y)[:, None] * X)


def test_rows_are_the_same_batched_looped_and_in_closed_form(model: LogisticRegression, trial: Table) -> None:
    records = trial.rows[:500]
    X, y = model.schema.encode(records)
    rows = model.rows(records)
    assert rows.shape == (500, model.k) and rows.dtype == np.float64
    np.testing.assert_allclose(rows, closed_form(model.weights, X, y), rtol=0, atol=TOLERANCE)
    for i in (0, 1, 250, 499):
        theta = torch.from_numpy(model.weights).requires_grad_()
        record_loss(theta, torch.from_numpy(X[i]), torch.tensor(float(y[i]))).backward()  # type: ignore[no-untyped-call]
        assert theta.grad is not None
        np.testing.assert_allclose(rows[i], theta.grad.numpy(), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_rows_do_not_depend_on_the_batch(
    model: LogisticRegression, trial: Table, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model.rows(trial.rows[:100])
    monkeypatch.setattr(models, "BATCH", batch)
    np.testing.assert_allclose(model.rows(trial.rows[:100]), whole, rtol=0, atol=TOLERANCE)


def test_rows_do_not_depend_on_the_number_of_threads(model: LogisticRegression, trial: Table) -> None:
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(model.rows(trial.rows))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=TOLERANCE)


def test_rows_of_the_untrained_model_are_exact_and_it_holds_no_trace_of_the_buyer(
    model: LogisticRegression, trial: Table
) -> None:
    untrained = LogisticRegression.untrained(model.schema)
    X, y = model.schema.encode(trial.rows)
    assert (untrained.rows(trial.rows) == (0.5 - y)[:, None] * X).all()
    assert not untrained.weights.any()


def test_there_are_no_rows_of_no_records(model: LogisticRegression) -> None:
    assert model.rows([]).shape == (0, model.k)


def test_extreme_models_give_finite_rows(model: LogisticRegression, trial: Table) -> None:
    extreme = LogisticRegression(model.schema, np.full(model.k, 1e300))
    X, y = model.schema.encode(trial.rows[:50])
    with np.errstate(over="ignore"):
        expected = closed_form(extreme.weights, X, y)
    np.testing.assert_allclose(extreme.rows(trial.rows[:50]), expected, atol=TOLERANCE)


def test_a_model_survives_the_wire(model: LogisticRegression, trial: Table) -> None:
    config, weights = model.to_parts()
    received = load_scoring_model(model.name, parse(canonical(config), 10**6), weights)
    assert received.k == model.k
    assert received.rows(trial.rows[:50]).tobytes() == model.rows(trial.rows[:50]).tobytes()


def test_the_estimate_counts_what_the_result_will_hold(model: LogisticRegression, trial: Table) -> None:
    estimate = model.estimate(len(trial.rows))
    assert estimate.rows_bytes == model.rows(trial.rows).nbytes <= estimate.peak_bytes
    assert estimate.seconds >= 1 and model.estimate(0).rows_bytes == 0
    assert model.estimate(10**9).seconds > model.estimate(10**4).seconds


def packed(**tensors: Any) -> bytes:
    return safetensors.numpy.save(tensors)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def hostile_weights(d: int) -> dict[str, bytes]:
    good = np.zeros(d)
    whole = packed(weights=good)
    nan, infinite = good.copy(), good.copy()
    nan[3], infinite[0] = np.nan, -np.inf
    return {
        "empty": b"",
        "a pickle": pickle.dumps(Bomb()),
        "truncated": whole[:-1],
        "truncated in the header": whole[:20],
        "trailing bytes": whole + b"\0",
        "a header that never ends": (2**63).to_bytes(8, "little") + whole[8:],
        "too long": packed(weights=np.zeros(d + 10_000)),
        "megabytes of remarks": safetensors.numpy.save({"weights": good}, metadata={"remark": "x" * 2**20}),
        "one too few": packed(weights=good[:-1]),
        "a matrix": packed(weights=good[None]),
        "single precision": packed(weights=good.astype(np.float32)),
        "integers": packed(weights=good.astype(np.int64)),
        "another name": packed(weight=good),
        "a tensor more": packed(weights=good, more=np.zeros(1)),
        "NaN": packed(weights=nan),
        "infinite": packed(weights=infinite),
        "a type that numpy does not have": whole.replace(b'"F64"', b'"XYZ"'),
    }


@pytest.mark.parametrize("name", hostile_weights(4))
def test_hostile_weights_are_refused(model: LogisticRegression, name: str) -> None:
    config, _ = model.to_parts()
    with pytest.raises(errors.UnusableModel):
        load_scoring_model(model.name, config, hostile_weights(model.k)[name])


def test_weights_that_are_no_numbers_are_counted(model: LogisticRegression) -> None:
    weights = np.zeros(model.k)
    weights[[1, 3]] = np.nan, np.inf
    with pytest.raises(errors.UnusableModel, match=f"2 of {model.k} that are NaN"):
        LogisticRegression(model.schema, weights)


@pytest.mark.parametrize("name", ["", "logistic_regression", "os.system", "../model", "x" * 10_000])
def test_unknown_models_are_refused(model: LogisticRegression, name: str) -> None:
    config, weights = model.to_parts()
    with pytest.raises(errors.UnusableModel) as caught:
        load_scoring_model(name, config, weights)
    assert len(str(caught.value)) < 300


def test_hostile_configs_are_refused(model: LogisticRegression) -> None:
    config, weights = model.to_parts()
    configs: list[Document] = [
        {},
        {"schema": None},
        {"schema": []},
        {**config, "code": "import os"},
        {"schema": config},
    ]
    for hostile in configs:
        with pytest.raises(errors.UnusableModel):
            load_scoring_model(model.name, hostile, weights)


def test_a_model_at_weights_that_do_not_fit_is_not_made(model: LogisticRegression) -> None:
    with pytest.raises(errors.ShapeMismatch):
        LogisticRegression(model.schema, np.zeros(model.k + 1))
    with pytest.raises(errors.UnusableModel):
        LogisticRegression(model.schema, np.full(model.k, np.nan))


def test_gradients_of_weights_are_not_changed_by_computing_them(model: LogisticRegression, trial: Table) -> None:
    X, y = model.schema.encode(trial.rows[:10])
    before = model.weights.tobytes(), X.tobytes(), y.tobytes()
    record_gradients(model.weights, X, y)
    assert before == (model.weights.tobytes(), X.tobytes(), y.tobytes())
