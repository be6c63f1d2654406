"""A market of hospitals: 24 sellers made of real clinical tables, what each is forecast to be worth, and what it is.

Every table has one buyer, whose own records, test set and sellers are divided anew by each repetition. A seller has its
own size, case mix, share of wrong labels and missing columns. Its value is what all of its records change on the test
set. Not here: the table of results (`hospitals_report`); single records and parts of a listing (`bundles`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Classes, Floats, Integers
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.logistic import fit_logistic
from blindfair.pricing.forecast import ForecastBasis, forecast_gain
from blindfair.pricing.label_calibration import probability
from blindfair.pricing.learners import L2, Examples, joined
from blindfair.pricing.ranks import auc
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import PLAIN_MODULUS
from blindfair.pricing.valuation import DEFAULT_BITS, EXACT, prepare_valuation
from blindfair.protocol.records import Row
from blindfair.studies.datasets import installed, load

TEST_SHARE = 0.25
MOST_OFFERED = 6000
"""Records of one table that are offered at most."""

MOST_WRONG, CLEAN_SELLERS = 0.5, 1 / 3
"""The share of wrong labels is even from 0 to this, but none of some sellers."""

_SIZES = (0.05, 1.0)
_LEAST = 15
_TILT, _CLASS_TILT = 1.0, 1.0
_GAPS = (0.1, 0.4)


@dataclass(frozen=True, slots=True)
class Market:
    """A table's number of sellers, and its buyer's shares for training and for validation."""

    sellers: int
    train: float
    validation: float


MARKETS: Mapping[str, Market] = {
    "trial": Market(7, 0.05, 0.2),
    "visits": Market(9, 0.01, 0.05),
    "cancer": Market(4, 0.05, 0.2),
    "diabetes": Market(4, 0.05, 0.2),
}


@dataclass(frozen=True, slots=True, eq=False)
class Hospital:
    """What one seller lists: `X` has NaN where it does not record a column; `wrong` is its share of wrong labels."""

    X: Floats
    y: Classes
    wrong: float


@dataclass(frozen=True, slots=True, eq=False)
class HospitalWorld:
    """One table divided: raw features without a bias, and classes."""

    train: tuple[Floats, Classes]
    validation: tuple[Floats, Classes]
    test: tuple[Floats, Classes]
    sellers: tuple[Hospital, ...]


@dataclass(frozen=True, slots=True)
class SellerValue:
    """Two numbers for one thing: the fall of the loss, and the rise of the AUC."""

    loss: float
    auc: float


@dataclass(frozen=True, slots=True)
class SellerOutcome:
    """One seller: what it was worth on the test set and on either half of it, and every guess at that.

    Guesses with one number only have it twice. `low` and `high` are the ends of the forecast's interval, unwidened.
    """

    table: str
    records: int
    wrong: float
    realised: SellerValue
    halves: tuple[SellerValue, SellerValue]
    guesses: Mapping[str, SellerValue]
    low: SellerValue
    high: SellerValue


def _clinical(name: str) -> Callable[[], tuple[Floats, Classes]]:
    def make() -> tuple[Floats, Classes]:
        data = load(name)
        return data.features, data.classes

    return make


def _visits() -> tuple[Floats, Classes]:
    """The RAND health insurance experiment (Deb and Trivedi 2002); class 1 saw a doctor more often than the median."""
    numbers = np.loadtxt(installed("statsmodels", "datasets/randhie/randhie.csv"), delimiter=",", skiprows=1)
    return numbers[:, 1:], (numbers[:, 0] > np.median(numbers[:, 0])).astype(np.int64)


TABLES: Mapping[str, Callable[[], tuple[Floats, Classes]]] = {
    "trial": _clinical("trial"),
    "visits": _visits,
    "cancer": _clinical("cancer"),
    "diabetes": _clinical("diabetes"),
}


def make_hospitals(X: Floats, y: Classes, market: Market, rng: np.random.Generator) -> HospitalWorld:
    """Divide a table among a buyer, a test set and sellers of their own kinds; no record is in two places."""
    order = rng.permutation(len(y))
    ends = np.cumsum([round(share * len(y)) for share in (market.train, market.validation, TEST_SHARE)])
    train, validation, test, left = np.split(order, ends)
    sizes = np.exp(rng.uniform(np.log(_SIZES[0]), np.log(_SIZES[1]), market.sellers))
    sizes = np.maximum(_LEAST, 0.9 * min(len(left), MOST_OFFERED) * sizes / sizes.sum())
    sellers = []
    deviation = X.std(axis=0)
    standard = (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    for size in sizes.astype(np.int64):
        members = _case_mix(standard[left], y[left], int(size), rng)
        sellers.append(_hospital(X[left[members]], y[left[members]], rng))
        left = np.delete(left, members)
    return HospitalWorld((X[train], y[train]), (X[validation], y[validation]), (X[test], y[test]), tuple(sellers))


def _case_mix(standard: Floats, y: Classes, size: int, rng: np.random.Generator) -> Integers:
    """Places of `size` patients: some kinds of patient, and one class, come more often to this hospital."""
    along = standard @ rng.standard_normal(standard.shape[1])
    wanted = rng.uniform(0, _TILT) * along / along.std() + _CLASS_TILT * rng.uniform(-0.5, 0.5) * (2 * y - 1)
    return np.argsort(-(wanted + rng.gumbel(size=len(y))), kind="stable")[:size]


def _hospital(X: Floats, y: Classes, rng: np.random.Generator) -> Hospital:
    share = 0.0 if rng.random() < CLEAN_SELLERS else float(rng.uniform(0, MOST_WRONG))
    labels = np.where(rng.random(len(y)) < share, 1 - y, y)
    if len(np.unique(labels)) < 2:
        labels[0] = 1 - labels[0]
    found = X.astype(np.float64)
    if rng.random() < 0.5:
        found[:, rng.random(X.shape[1]) < rng.uniform(*_GAPS)] = np.nan
    return Hospital(found, labels, float((labels != y).mean()))


def run_table(name: str, seed: int) -> list[SellerOutcome]:
    """All sellers of one table in one repetition."""
    rng = np.random.default_rng([seed, list(MARKETS).index(name)])
    world = make_hospitals(*TABLES[name](), MARKETS[name], rng)
    train, validation = _rows(*world.train), _rows(*world.validation)
    schema = _schema([*train, *validation])
    own = schema.encode(train), schema.encode(validation)
    test = schema.encode(_rows(*world.test))
    judge = _Judge(own[0], test, np.array_split(rng.permutation(len(test[1])), 2))
    found = []
    for number, seller in enumerate(world.sellers):
        rows = _rows(seller.X, seller.y)
        offered = schema.encode(rows)
        chance = np.random.default_rng([seed, list(MARKETS).index(name), number])
        blind = _Blind(train, validation, own, schema, np.asarray(np.isnan(seller.X).all(axis=0)))
        guesses = {}
        forecast = blind.forecast(rows, chance, exact=False)
        guesses["forecast"], low, high = forecast
        guesses["forecast, exact scores"] = blind.forecast(rows, chance, exact=True)[0]
        seen = _Judge(own[0], own[1], [])
        guesses["records seen"] = seen.worth(offered)
        guesses |= {name: SellerValue(value, value) for name, value in _rivals(own, offered, chance).items()}
        halves = judge.halves(offered)
        found.append(SellerOutcome(name, len(rows), seller.wrong, judge.worth(offered), halves, guesses, low, high))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """What records add to a model of the training records, on records that it has not seen."""

    train: Examples
    judges: Examples
    parts: list[Integers]

    def worth(self, bought: Examples, places: Integers | None = None) -> SellerValue:
        X, y = self.judges if places is None else (self.judges[0][places], self.judges[1][places])
        before, after = (X @ fit_logistic(*part, L2) for part in (self.train, joined(self.train, bought)))
        return SellerValue(_loss(before, y) - _loss(after, y), auc(y == 1, after) - auc(y == 1, before))

    def halves(self, bought: Examples) -> tuple[SellerValue, SellerValue]:
        one, other = (self.worth(bought, part) for part in self.parts)
        return one, other


@dataclass(frozen=True, slots=True, eq=False)
class _Blind:
    """What the buyer knows of a listing that it has not seen: which columns it lacks, and scores."""

    train: list[Row]
    validation: list[Row]
    own: tuple[Examples, Examples]
    schema: FeatureSchema
    missing: np.typing.NDArray[np.bool_]

    def forecast(
        self, rows: list[Row], rng: np.random.Generator, *, exact: bool
    ) -> tuple[SellerValue, SellerValue, SellerValue]:
        """The forecast and the ends of its interval."""
        valuation = prepare_valuation(
            self.train,
            self.validation,
            _schema(rows),
            plain_modulus=PLAIN_MODULUS,
            rng=rng,
            accept_kinds=True,
            max_bits=64,
            bits=EXACT if exact else DEFAULT_BITS,
        )
        offer = valuation.read(valuation.seen_scores(rows, rng))
        trust = calibrated_trust(offer, valuation.right, valuation.wrong)
        blank = [(*(None if gone else cell for cell, gone in zip(row, self.missing, strict=False)), row[-1])
                 for row in self.validation]  # fmt: skip
        records = ForecastBasis(*self.own, self.schema.encode(blank)[0], valuation.right, valuation.wrong)
        found = forecast_gain(records, offer, trust.clean, rng, widening=1.0)
        mean, low, high = (
            SellerValue(getattr(found.loss, end), getattr(found.auc, end)) for end in ("mean", "low", "high")
        )
        return mean, low, high


def _rivals(own: tuple[Examples, Examples], offered: Examples, rng: np.random.Generator) -> dict[str, float]:
    """Guesses that others make; likeness and cosine see the records."""
    theta = fit_logistic(*own[0], L2)
    validation, bought = (((probability(X @ theta) - y)[:, np.newaxis] * X).mean(axis=0) for X, y in (own[1], offered))
    norms = float(np.linalg.norm(validation) * np.linalg.norm(bought))
    return {
        "gradient cosine": float(bought @ validation) / norms,
        "data likeness": -float(np.linalg.norm(offered[0].mean(axis=0) - own[1][0].mean(axis=0))),
        "records": float(len(offered[1])),
        "random": float(rng.random()),
    }


def _rows(X: Floats, y: Classes) -> list[Row]:
    return [
        (*(None if np.isnan(cell) else float(cell) for cell in cells), int(label))
        for cells, label in zip(X, y, strict=True)
    ]


def _schema(rows: list[Row]) -> FeatureSchema:
    columns = (*(f"x{place}" for place in range(len(rows[0]) - 1)), "y")
    return FeatureSchema.infer(rows, columns, "y", label_kind=LabelKind.CLASSES)


def _loss(margins: Floats, y: Classes) -> float:
    return float(np.logaddexp(0.0, np.where(y == 1, -margins, margins)).mean())
