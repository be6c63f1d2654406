"""Positive = helpful: the queries against closed forms, retraining, and the truth."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.logistic import fit_logistic, total_loss
from blindfair.influence.models import record_gradients
from blindfair.influence.query import displacement_query, textbook_query
from blindfair.influence.table import Table
from blindfair.protocol import errors

L2 = 1.0
TRAIN, VALIDATION = 300, 600

Part = tuple[Floats, Classes]


@pytest.fixture(scope="module")
def parts(trial: Table) -> tuple[Part, Part]:
    order = np.random.default_rng(0).permutation(len(trial.rows))
    train = [trial.rows[i] for i in order[:TRAIN]]
    validation = [trial.rows[i] for i in order[TRAIN : TRAIN + VALIDATION]]
    schema = FeatureSchema.infer(train, trial.columns, "cens")
    return schema.encode(train), schema.encode(validation)


def mean_loss(part: Part, theta: Floats) -> float:
    return total_loss(*part, theta, 0.0) / len(part[1])


def test_the_textbook_score_is_the_slope_of_the_validation_loss_under_retraining(parts: tuple[Part, Part]) -> None:
    (X, y), validation = parts
    theta = fit_logistic(X, y, L2)
    scores = record_gradients(theta, X, y) @ textbook_query(X, y, *validation, theta, L2)
    step = 1e-4
    for i in range(0, TRAIN, 29):
        losses = []
        for weight in (1 + step, 1 - step):
            weights = np.ones(TRAIN)
            weights[i] = weight
            losses.append(mean_loss(validation, fit_logistic(X, y, L2, weights)))
        # More of a helpful record: less loss.
        assert scores[i] == pytest.approx(-(losses[0] - losses[1]) / (2 * step), rel=1e-5, abs=1e-11)


def test_the_textbook_score_ranks_records_as_leaving_each_out_does(parts: tuple[Part, Part]) -> None:
    (X, y), validation = parts
    theta = fit_logistic(X, y, L2)
    scores = record_gradients(theta, X, y) @ textbook_query(X, y, *validation, theta, L2)
    before = mean_loss(validation, theta)
    rise = []
    for i in range(TRAIN):
        weights = np.ones(TRAIN)
        weights[i] = 0.0
        rise.append(mean_loss(validation, fit_logistic(X, y, L2, weights)) - before)
    # Measured: 0.96; 0.9 would do.
    assert spearmanr(scores, rise).statistic > 0.95


@pytest.mark.parametrize("kind", ["textbook", "displacement"])
def test_a_record_with_a_wrong_label_scores_lower_and_removing_it_helps(parts: tuple[Part, Part], kind: str) -> None:
    (X, y), validation = parts
    sure = fit_logistic(*validation, L2)
    margins = (2 * y - 1) * (X @ sure)
    wrong = int(np.argmax(margins))
    spoilt = y.copy()
    spoilt[wrong] = 1 - y[wrong]
    theta = fit_logistic(X, spoilt, L2)
    if kind == "textbook":
        point, query = theta, textbook_query(X, spoilt, *validation, theta, L2)
    else:
        point = np.zeros_like(theta)
        query = displacement_query(fit_logistic(*validation, L2), point)
    spoilt_score = float(record_gradients(point, X[[wrong]], spoilt[[wrong]])[0] @ query)
    right_score = float(record_gradients(point, X[[wrong]], y[[wrong]])[0] @ query)
    assert spoilt_score < 0 < right_score
    weights = np.ones(TRAIN)
    weights[wrong] = 0.0
    assert mean_loss(validation, fit_logistic(X, spoilt, L2, weights)) < mean_loss(validation, theta)


def test_the_displacement_score_is_half_the_margin_at_the_untrained_model(parts: tuple[Part, Part]) -> None:
    (X, y), validation = parts
    best, reference = fit_logistic(*validation, L2), np.zeros(X.shape[1])
    scores = record_gradients(reference, X, y) @ displacement_query(best, reference)
    np.testing.assert_allclose(scores, (y - 0.5) * (X @ best), rtol=0, atol=1e-12)


def test_the_displacement_score_is_the_loss_a_record_loses_on_the_way_to_first_order(parts: tuple[Part, Part]) -> None:
    (X, y), validation = parts
    reference = fit_logistic(*validation, 100.0)
    best = reference + 1e-5 * (fit_logistic(*validation, L2) - reference)
    scores = record_gradients(reference, X, y) @ displacement_query(best, reference)
    for i in range(0, TRAIN, 37):
        one = X[[i]], y[[i]]
        fall = total_loss(*one, reference, 0.0) - total_loss(*one, best, 0.0)
        assert scores[i] == pytest.approx(fall, rel=1e-3, abs=1e-12)


def test_models_of_different_sizes_are_refused() -> None:
    with pytest.raises(errors.ShapeMismatch):
        displacement_query(np.zeros(3), np.zeros(4))
