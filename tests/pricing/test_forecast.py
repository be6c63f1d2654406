"""A forecast of a purchase's gain: it knows good records from bad, has an interval, and refuses what it cannot tell."""

from dataclasses import replace

import numpy as np
import pytest

from blindfair.influence.arrays import Floats
from blindfair.influence.logistic import fit_logistic
from blindfair.pricing import forecast
from blindfair.pricing.forecast import ForecastBasis, forecast_gain, likeliest_penalty
from blindfair.pricing.gain_forecast import GainForecast, GainInterval
from blindfair.pricing.label_calibration import Scored, probability
from blindfair.pricing.learners import Examples, joined
from blindfair.pricing.ranks import auc, expected_auc
from blindfair.protocol import errors

THETA = np.array([1.5, -1.0, 0.5, 0.0, 0.0, 0.3])


def examples(count: int, rng: np.random.Generator) -> Examples:
    X = np.column_stack([rng.standard_normal((count, THETA.size - 1)), np.ones(count)])
    return X, (rng.random(count) < probability(X @ THETA)).astype(np.int64)


def scored(part: Examples, theta: Floats) -> Scored:
    sides = np.asarray(2.0 * part[1] - 1.0, dtype=np.float64)
    return Scored(0.5 * sides * (part[0] @ theta), sides)


def auc_of(found: GainForecast) -> GainInterval:
    assert found.auc is not None
    return found.auc


def buyer(seed: int = 0) -> tuple[ForecastBasis, Floats]:
    rng = np.random.default_rng(seed)
    train, validation = examples(30, rng), examples(300, rng)
    best = fit_logistic(*joined(train, validation), 10.0)
    right, wrong = scored(validation, best), scored((validation[0], 1 - validation[1]), best)
    return ForecastBasis(train, validation, validation[0], right, wrong), best


def offered(count: int, wrong: float, best: Floats) -> tuple[Scored, Floats]:
    rng = np.random.default_rng(9)
    X, y = examples(count, rng)
    bad = rng.random(count) < wrong
    return scored((X, np.where(bad, 1 - y, y)), best), np.full(count, 1.0 - wrong)


def test_good_records_are_worth_more_than_wrong_ones_and_many_more_than_few() -> None:
    own, best = buyer()
    many, few, bad = (
        forecast_gain(own, *offered(count, wrong, best), np.random.default_rng(1))
        for count, wrong in ((300, 0.0), (10, 0.0), (300, 0.45))
    )
    assert auc_of(many).mean > auc_of(few).mean > auc_of(bad).mean
    assert many.loss.mean > few.loss.mean and many.loss.mean > bad.loss.mean
    assert many.loss.low < many.loss.mean < many.loss.high and auc_of(many).low > 0
    assert (many.records, many.validation) == (300, 300)


def test_the_forecast_is_near_what_the_records_bring() -> None:
    own, best = buyer()
    rng = np.random.default_rng(9)
    bought, test = examples(300, rng), examples(20_000, rng)
    found = forecast_gain(own, scored(bought, best), np.ones(300), np.random.default_rng(1))
    before, after = (test[0] @ fit_logistic(*part, 1.0) for part in (own.train, joined(own.train, bought)))
    gained = auc(test[1] == 1, after) - auc(test[1] == 1, before)
    assert auc_of(found).low <= gained <= auc_of(found).high
    assert auc_of(found).mean == pytest.approx(gained, abs=0.03)


def test_the_same_generator_gives_the_same_forecast_and_numbers_keep_it() -> None:
    own, best = buyer()
    one, other = (forecast_gain(own, *offered(50, 0.2, best), np.random.default_rng(3)) for _ in range(2))
    assert one == other == GainForecast.from_numbers({**one.numbers(), "duplicates": 1.0})
    assert GainForecast.from_numbers({"duplicates": 1.0}) is None


def test_the_interval_is_widened_about_its_mean() -> None:
    own, best = buyer()
    plain, wide = (
        auc_of(forecast_gain(own, *offered(50, 0.2, best), np.random.default_rng(3), widening=by)) for by in (1.0, 2.0)
    )
    assert wide.mean == plain.mean
    assert wide.high - wide.mean == pytest.approx(2 * (plain.high - plain.mean))


def test_columns_that_are_not_delivered_make_records_worth_less() -> None:
    own, best = buyer()
    without = own.delivered.copy()
    without[:, :2] = 0.0
    full, part = (
        forecast_gain(one, *offered(300, 0.0, best), np.random.default_rng(1))
        for one in (own, replace(own, delivered=without))
    )
    assert auc_of(part).mean < auc_of(full).mean


def test_of_many_records_a_part_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    own, best = buyer()
    whole = forecast_gain(own, *offered(400, 0.0, best), np.random.default_rng(1))
    monkeypatch.setattr(forecast, "MOST_BOUGHT", 200)
    monkeypatch.setattr(forecast, "MOST_JUDGES", 250)
    part = forecast_gain(own, *offered(400, 0.0, best), np.random.default_rng(1))
    assert part.records == 400 and auc_of(part).mean == pytest.approx(auc_of(whole).mean, abs=0.02)


def test_what_cannot_be_forecast_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own, best = buyer()
    bought, clean = offered(20, 0.0, best)
    rng = np.random.default_rng(0)
    with pytest.raises(errors.LabelUnusable):
        forecast_gain(own, Scored(bought.scores, np.zeros(20)), clean, rng)
    with pytest.raises(errors.LabelUnusable):
        forecast_gain(replace(own, train=(own.train[0], np.zeros(30, dtype=np.int64))), bought, clean, rng)
    with pytest.raises(errors.ShapeMismatch):
        forecast_gain(own, bought, clean[1:], rng)
    monkeypatch.setattr(forecast, "MOST_FEATURES", 5)
    with pytest.raises(errors.InvalidOption):
        forecast_gain(own, bought, clean, rng)


def test_more_noise_wants_a_larger_penalty() -> None:
    rng = np.random.default_rng(2)
    X, y = examples(200, rng)
    assert likeliest_penalty((X, rng.integers(0, 2, 200))) > likeliest_penalty((X, y))


def test_an_auc_of_chances_is_the_auc_where_they_are_certain() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 50), rng.integers(0, 9, 50).astype(np.float64)
    assert expected_auc(labels.astype(np.float64), scores) == pytest.approx(auc(labels == 1, scores))
    assert expected_auc(np.full(50, 0.3), scores) == pytest.approx(0.5)
    with pytest.raises(errors.LabelUnusable):
        expected_auc(np.zeros(5), scores[:5])
