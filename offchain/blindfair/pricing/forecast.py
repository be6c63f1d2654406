"""A forecast of what a purchase does to the buyer's model, made before it is paid for: loss and AUC on its validation
records, of a logistic regression that learns from its training records, without the purchase and with it.

    each offered record --score, class, trust--> a validation record that scores alike stands in for it
    many worlds: a true model, stand-ins drawn by it, a fit, validation records drawn anew --> gain, with an interval

A true model is drawn from the posterior of a logistic regression on all the buyer's records (Laplace's approximation),
with the penalty of greatest evidence. Half of each judge's label is the one that the record has, half what the true
model says: the record alone has noise, and the model alone believes itself. Offered records are not seen.

Not here: groups of records and labels that are not of two classes; who asks (`agents.buyer.tabular_valuer`).
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.logistic import fit_logistic, hessian, total_loss
from blindfair.pricing.gain_forecast import GainForecast, GainInterval
from blindfair.pricing.label_calibration import Scored, probability
from blindfair.pricing.learners.learner import L2, Examples, joined
from blindfair.pricing.ranks import expected_auc
from blindfair.protocol.errors import InvalidOption, LabelUnusable, ShapeMismatch

WORLDS = 40

WIDENING = 1.8
"""Times which the worlds' interval is widened: so it held the gain of 95 % of sellers (docs/studies/hospitals.md)."""

_PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
NEIGHBOURHOOD = 0.3
"""Width of the kernel that finds stand-ins, in standard deviations of trusted scores."""

MOST_BOUGHT, MOST_JUDGES = 2000, 1000
"""Records of either kind in a world, drawn of more; each bought one then weighs as much as those that it stands for."""

MOST_FEATURES = 300
"""With more, forty fits take minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class ForecastBasis:
    """The buyer's records as its own model reads them, and what scores said of the trusted ones.

    `delivered` are the features of the `m` validation records as the seller would deliver them: without the columns
    that its listing lacks. `right` and `wrong` are their scores, with their labels and with the other class.
    """

    train: Examples
    validation: Examples
    delivered: Floats
    right: Scored
    wrong: Scored

    def at_most(self, count: int, rng: np.random.Generator) -> "ForecastBasis":
        """The same with so many validation records, drawn of more."""
        if len(self.delivered) <= count:
            return self
        kept = rng.choice(len(self.delivered), count, replace=False)
        (X, y), right, wrong = self.validation, self.right.at(kept), self.wrong.at(kept)
        return ForecastBasis(self.train, (X[kept], y[kept]), self.delivered[kept], right, wrong)


def forecast_gain(
    own: ForecastBasis, bought: Scored, clean: Floats, rng: np.random.Generator, *, widening: float = WIDENING
) -> GainForecast:
    """Forecast the gain of `n` offered records by their scores and sides, and how likely each label is right.

    Raises LabelUnusable where training or validation records are of one class or the sides are not known, ShapeMismatch
    where numbers of records differ, InvalidOption for more than `MOST_FEATURES`.
    """
    worlds = gains_in_worlds(own, bought, clean, rng)
    means = worlds.mean(axis=0)
    ends = np.quantile(worlds, [0.025, 0.975], axis=0)
    low, high = means + widening * (ends - means)
    loss, auc = (GainInterval(float(means[one]), float(low[one]), float(high[one])) for one in range(2))
    return GainForecast(len(bought), len(own.validation[1]), loss, auc)


def gains_in_worlds(own: ForecastBasis, bought: Scored, clean: Floats, rng: np.random.Generator) -> Floats:
    """`WORLDS x 2` gains, in loss and AUC. Raises as `forecast_gain`."""
    if len(bought) != len(clean) or not len(own.right) == len(own.wrong) == len(own.validation[1]) == len(
        own.delivered
    ):
        raise ShapeMismatch("Scores and records differ in number", expected=len(bought), found=len(clean))
    if any(len(np.unique(part[1])) < 2 for part in (own.train, own.validation)) or not np.all(bought.sides):
        raise LabelUnusable("A forecast needs records of both classes", expected="2 classes that are known", found="1")
    if own.delivered.shape[1] > MOST_FEATURES:
        raise InvalidOption(
            "A forecast of so many features takes too long",
            expected=f"at most {MOST_FEATURES}",
            found=own.delivered.shape[1],
        )
    everything = joined(own.train, own.validation)
    own, stood_for = own.at_most(MOST_JUDGES, rng), max(1.0, len(bought) / MOST_BOUGHT)
    if stood_for > 1:
        kept = rng.choice(len(bought), MOST_BOUGHT, replace=False)
        bought, clean = bought.at(kept), clean[kept]
    weight = np.repeat([1.0, stood_for], [len(own.train[1]), len(bought)])
    X, y = own.validation
    penalty = likeliest_penalty(everything)
    middle = fit_logistic(*everything, penalty)
    root = np.linalg.cholesky(hessian(everything[0], middle, penalty))
    before = X @ fit_logistic(*own.train, L2)
    alike = _alikeness(own, bought)
    positive = bought.sides > 0
    gains = np.empty((WORLDS, 2))
    for world in range(WORLDS):
        truth = middle + np.linalg.solve(root.T, rng.standard_normal(middle.size))
        chance = probability(X @ truth)
        is_right = rng.random(len(bought)) < clean
        likely = np.where((positive == is_right)[:, np.newaxis], chance, 1.0 - chance)
        places = _drawn(alike * likely, rng)
        after = X @ fit_logistic(*joined(own.train, (own.delivered[places], positive.astype(np.int64))), L2, weight)
        judges = rng.integers(0, len(y), len(y))
        label = 0.5 * (y + chance)[judges]
        gains[world] = (
            _loss(label, before[judges]) - _loss(label, after[judges]),
            expected_auc(label, after[judges]) - expected_auc(label, before[judges]),
        )
    return gains


def likeliest_penalty(examples: Examples) -> float:
    """The penalty of greatest evidence, of a few, by Laplace's approximation (MacKay 1992)."""
    found = []
    for penalty in _PENALTIES:
        theta = fit_logistic(*examples, penalty)
        _, volume = np.linalg.slogdet(hessian(examples[0], theta, penalty))
        evidence = 0.5 * (theta.size * np.log(penalty) - volume) - total_loss(*examples, theta, penalty)
        found.append((float(evidence), penalty))
    return max(found)[1]


def _alikeness(own: ForecastBasis, bought: Scored) -> Floats:
    """`n x m`: how alike a bought record scores to a validation record with the bought one's class for a label."""
    y = own.validation[1]
    width = NEIGHBOURHOOD * float(np.std(np.concatenate([own.right.scores, own.wrong.scores]))) + 1e-12
    of_class = np.stack([np.where(y == code, own.right.scores, own.wrong.scores) for code in (0, 1)])
    apart = (bought.scores[:, np.newaxis] - of_class[(bought.sides > 0).astype(np.int64)]) / width
    exponents = -0.5 * apart**2
    return np.asarray(np.exp(exponents - exponents.max(axis=1, keepdims=True)), dtype=np.float64)


def _drawn(weights: Floats, rng: np.random.Generator) -> np.typing.NDArray[np.int64]:
    """For each row of weights one place, drawn in proportion to them."""
    sums = np.cumsum(weights, axis=1)
    thrown = rng.random(len(weights)) * sums[:, -1]
    return np.asarray(np.minimum((sums < thrown[:, np.newaxis]).sum(axis=1), weights.shape[1] - 1), dtype=np.int64)


def _loss(chance: Floats, margins: Floats) -> float:
    """The expected loss where class 1 has these chances."""
    return float((chance * np.logaddexp(0.0, -margins) + (1.0 - chance) * np.logaddexp(0.0, margins)).mean())
