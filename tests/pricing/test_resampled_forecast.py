"""A forecast for labels that are not of two classes: it tells good from bad, believes no label that it judges by."""

from dataclasses import replace

import numpy as np
import pytest

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.linear_fits import linear_fit
from blindfair.pricing import resampled_forecast as resampled
from blindfair.pricing.gain_forecast import GainForecast
from blindfair.pricing.learners import Examples, joined
from blindfair.pricing.resampled_forecast import MOST_PARAMETERS, ResampledBasis, resampled_forecast
from blindfair.protocol import errors
from blindfair.studies.label_forecasts import forecast_sellers, section, summarise
from blindfair.studies.labels import DATA

CLASSES, WIDTH = 3, 6
COLUMNS = (*(f"x{place}" for place in range(WIDTH - 1)), "y")
TRUTH = np.random.default_rng(5).standard_normal((WIDTH, CLASSES))
SCHEMA = FeatureSchema.infer(
    [(*map(float, cells), place % CLASSES) for place, cells in enumerate(np.random.default_rng(0).random((60, 5)))],
    COLUMNS,
    "y",
    label_kind=LabelKind.CLASSES,
)


def examples(count: int, seed: int, *, told: bool = True) -> Examples:
    """Records whose class follows from their features, or from chance alone."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.standard_normal((count, WIDTH - 1)), np.ones(count)])
    chance = rng.gumbel(size=(count, CLASSES))
    return X, (X @ TRUTH * (2.0 if told else 0.0) + chance).argmax(axis=1).astype(np.int64)


def scores_of(X: Floats, y: Labels) -> Floats:
    """Scores as an informed buyer's query gives them: high where the label fits."""
    logits = X @ TRUTH
    return np.asarray(logits[np.arange(len(y)), y] - logits.mean(axis=1), dtype=np.float64)


def buyer(*, told: bool = True, validation: int = 300) -> ResampledBasis:
    train, judges = examples(24, 1, told=told), examples(validation, 2, told=told)
    others = tuple((judges[1] + step) % CLASSES for step in (1, 2))
    wrong = np.array([scores_of(judges[0], labels) for labels in others])
    return ResampledBasis(SCHEMA, train, judges, judges[0], scores_of(*judges), wrong, others)


def forecast(own: ResampledBasis, bought: Examples, clean: float, seed: int = 4) -> GainForecast:
    scores = scores_of(*bought)
    return resampled_forecast(own, scores, np.full(len(scores), clean), np.random.default_rng(seed))


@pytest.mark.deep
def test_right_labels_are_worth_more_than_wrong_ones_and_many_more_than_few() -> None:
    own, bought = buyer(), examples(300, 3)
    wrong = bought[0], (bought[1] + 1) % CLASSES
    many, few, bad = (
        forecast(own, part, clean)
        for part, clean in ((bought, 1.0), ((bought[0][:8], bought[1][:8]), 1.0), (wrong, 0.0))
    )
    assert many.loss.mean > few.loss.mean > 0 > bad.loss.mean
    assert many.loss.low < many.loss.mean < many.loss.high and many.loss.low > 0 > bad.loss.high
    assert (many.records, many.validation, many.auc, many.unit) == (300, 300, None, "nats")


def test_the_interval_holds_what_the_records_bring() -> None:
    own, bought, test = buyer(), examples(300, 3), examples(20_000, 6)
    found, model = forecast(own, bought, 1.0), linear_fit(SCHEMA)
    before, after = (
        model.losses(model.fit(*part, 1.0), *test).mean() for part in (own.train, joined(own.train, bought))
    )
    assert found.loss.low <= before - after <= found.loss.high
    assert found.loss.mean == pytest.approx(before - after, rel=0.4)


def test_labels_of_chance_are_not_forecast_to_help() -> None:
    """A stand-in that judged its own label would be learned by heart: every purchase would seem to help."""
    own, bought = buyer(told=False, validation=60), examples(300, 3, told=False)
    constant = np.log(CLASSES)
    model = linear_fit(SCHEMA)
    before = float(model.losses(model.fit(*own.train, 1.0), *own.validation).mean())
    found = forecast(replace(own, right=np.zeros(60), wrong=np.zeros((2, 60))), bought, 1.0)
    assert before - found.loss.mean > constant


def test_a_seed_gives_the_same_forecast_and_numbers_keep_it() -> None:
    own, bought = buyer(), examples(50, 3)
    one = forecast(own, bought, 0.8)
    assert one == forecast(own, bought, 0.8) != forecast(own, bought, 0.8, seed=5)
    assert GainForecast.from_numbers({**one.numbers(), "duplicates": 1.0}) == one


def test_a_forecast_that_was_stored_before_there_were_units_is_still_read() -> None:
    """A buyer that has scored with an earlier version buys with this one."""
    one = forecast(buyer(), examples(50, 3), 0.8)
    old = {name: number for name, number in one.numbers().items() if name != "forecast_unit"}
    assert GainForecast.from_numbers(old) == one


@pytest.mark.deep
def test_more_records_than_a_round_takes_still_weigh_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    own, bought = buyer(), examples(250, 3)
    whole = forecast(own, bought, 1.0)
    monkeypatch.setattr(resampled, "MOST_BOUGHT", 100)
    part = forecast(own, bought, 1.0)
    assert part.records == 250 and part.loss.mean == pytest.approx(whole.loss.mean, rel=0.1)
    alone = forecast(own, (bought[0][:100], bought[1][:100]), 1.0)
    assert part.loss.mean > alone.loss.mean


def test_what_cannot_be_forecast_is_named() -> None:
    own, bought = buyer(), examples(20, 3)
    one_label = replace(own, train=(own.train[0], np.zeros_like(own.train[1])))
    wide = np.zeros((300, MOST_PARAMETERS))
    for basis, error in (
        (one_label, errors.LabelUnusable),
        (replace(own, delivered=wide), errors.InvalidOption),
        (replace(own, right=own.right[:-1]), errors.ShapeMismatch),
    ):
        with pytest.raises(error):
            forecast(basis, bought, 1.0)
    with pytest.raises(errors.ShapeMismatch):
        resampled_forecast(own, np.zeros(3), np.ones(4), np.random.default_rng(0))


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_a_study_of_sellers_has_a_line_for_each_table(name: str) -> None:
    data = DATA[name]()
    found = forecast_sellers(name, data, 0)
    assert len(found) >= 2 and len({one.records for one in found}) > 1
    assert all(one.low < one.mean < one.high for one in found)
    page = section({name: data.what}, summarise(found), 1)
    assert f"| {name}, {data.what} | {len(found)} |" in page
