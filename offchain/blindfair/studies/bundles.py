"""The value of a bundle before it is bought: a forecast of what it adds to the AUC, with an interval, and what it
added.

The forecast plays the purchase through in worlds that the buyer can make up: records like its own, labels by its own
calibrated model, labels made wrong in the share that the scores say. Compared with what else could rank bundles: their
number of records, likeness to the buyer's records, the cosine of mean gradients, chance. For logistic regression.
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.label_calibration import LabelCalibration, Scored, calibrate, probability
from blindfair.pricing.learners import BEST_L2
from blindfair.pricing.ranks import auc
from blindfair.pricing.trust import label_noise, weights
from blindfair.protocol.documents import Document
from blindfair.studies import answers, choices
from blindfair.studies.answers import Asking
from blindfair.studies.datasets import load
from blindfair.studies.families import LogisticFamily
from blindfair.studies.worlds import BuyerSize, Records, Regime, make_world

REGIMES = (Regime.CLEAN, Regime.WRONG_10, Regime.WRONG_30, Regime.WRONG_50, Regime.NOISE)
PART = 0.3
"""Share of a bundle that is bought where it is not bought whole."""

WORLDS = 20
_JUDGED = 1000
_SIZES = (0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Gains in AUC over the made-up worlds: mean and the range of the middle 95 %."""

    mean: float
    low: float
    high: float


def run_bundles(data: str, seed: int) -> Document:
    """Bundles of several sizes and troubles from one division of a data set: forecasts, rivals and realised gains."""
    return {f"{regime.value}/{size}": _one_bundle(data, regime, size, seed) for regime in REGIMES for size in _SIZES}


def _one_bundle(data: str, regime: Regime, share: float, seed: int) -> Document:
    world = make_world(load(data), regime, BuyerSize.MIDDLE, seed)
    family = LogisticFamily(world.train.X.shape[1])
    rng = np.random.default_rng([seed, 6])
    count = max(20, round(share * len(world.offer)))
    bundle = world.offer.at(np.arange(count))
    own, zero = world.own, np.zeros(family.width)
    answer = Asking(world, family, seed).ask(answers.displacement(family, zero))
    trust = choices.trust_of(answer, np.arange(count))
    before = family.quality(family.fit(own), world.test)

    def gain(bought: Records) -> float:
        return family.quality(family.fit(own.and_also(bought)), world.test) - before

    size = max(1, round(PART * count))
    parts = [bundle.at(choices.drawn(trust.weights, np.arange(count), rng)[:size]) for _ in range(3)]
    whole, part = forecast(own, count, trust.bad_share, calibrate(answer.right, answer.wrong), size, rng)
    theta = family.fit(own)
    validation_gradient = family.gradients(theta, world.validation).mean(axis=0)
    bundle_gradient = family.gradients(theta, bundle).mean(axis=0)
    return {
        "whole": gain(bundle),
        "part": float(np.mean([gain(bought) for bought in parts])),
        "forecast_whole": [whole.mean, whole.low, whole.high],
        "forecast_part": [part.mean, part.low, part.high],
        "records": float(count),
        "expected_good": float((2.0 * trust.clean - 1.0).sum()),
        "likeness": -float(np.linalg.norm(bundle.X.mean(axis=0) - world.validation.X.mean(axis=0))),
        "gradient_cosine": float(
            bundle_gradient
            @ validation_gradient
            / (np.linalg.norm(bundle_gradient) * np.linalg.norm(validation_gradient) + 1e-12)
        ),
        "chance": float(rng.random()),
    }


def forecast(
    own: Records, count: int, bad_share: float, calibration: LabelCalibration, size: int, rng: np.random.Generator
) -> tuple[Forecast, Forecast]:
    """What a bundle of `count` records, `bad_share` of them wrongly labelled, adds whole, and what its best `size`
    add."""
    family = LogisticFamily(own.X.shape[1])
    # The class' log-odds is side times the label's: half the slope in the margin, and the lean.
    truth = 0.5 * calibration.slope * family.fit(own, l2=BEST_L2)
    truth[-1] += calibration.lean
    gains = np.array([_played(own, truth, count, bad_share, calibration, size, rng) for _ in range(WORLDS)])
    low, high = np.quantile(gains, [0.025, 0.975], axis=0)
    mean = gains.mean(axis=0)
    whole, part = (Forecast(float(mean[one]), float(low[one]), float(high[one])) for one in range(2))
    return whole, part


def _played(
    own: Records,
    truth: Floats,
    count: int,
    bad_share: float,
    calibration: LabelCalibration,
    size: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Gains of the whole and of the selected part in one made-up world."""
    family = LogisticFamily(own.X.shape[1])
    mine, offer, judge = (_made_up(own, truth, number, rng) for number in (len(own), count, _JUDGED))
    wrong = rng.random(count) < bad_share
    offer = Records(offer.X, np.where(wrong, 1 - offer.y, offer.y))
    if len(np.unique(mine.y)) < 2 or len(np.unique(judge.y)) < 2:
        return 0.0, 0.0
    best = family.fit(mine, l2=BEST_L2)
    sides = np.asarray(2.0 * offer.y - 1.0, dtype=np.float64)
    log_odds = calibration.log_odds(Scored(0.5 * sides * (offer.X @ best), sides))
    wanted = weights(label_noise(log_odds, sides)[0], log_odds, sides)
    chosen: Integers = choices.drawn(wanted, np.arange(count), rng)[:size]
    before = auc(judge.y == 1, judge.X @ family.fit(mine))
    whole, part = (
        auc(judge.y == 1, judge.X @ family.fit(mine.and_also(bought))) - before for bought in (offer, offer.at(chosen))
    )
    return whole, part


def _made_up(own: Records, truth: Floats, count: int, rng: np.random.Generator) -> Records:
    X = own.X[rng.integers(0, len(own), count)]
    return Records(X, (rng.random(count) < probability(X @ truth)).astype(np.int64))
