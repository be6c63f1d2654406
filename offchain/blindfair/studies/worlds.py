"""One purchase to be studied, with the truth at hand: a data set divided between buyer, offer and test, and troubled.

    data set --make_world--> buyer's training and validation records, offer (with what is wrong with it), test

The *regime* says what is wrong. Features are standardised by the buyer's own records, as a listing's are
(`influence.encoding`). Everything is drawn from the seed. Not here: scores, choices, models.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Classes, Floats, Integers
from blindfair.influence.features import BOUND
from blindfair.studies.datasets import Dataset

RECORD_LIMIT = 3000
"""Records of a data set used for one seed, drawn anew for each."""

TEST_SHARE, OFFER_SHARE = 0.25, 0.45

COPIED = 0.5
"""Copies, as a share of the offer before them: a third of the listing."""

JITTER = 0.05
"""Noise of a near-copy, in standard deviations of a feature."""


class Regime(Enum):
    """The trouble with an offer."""

    CLEAN = "clean"
    """No trouble."""

    WRONG_10 = "wrong-10"
    """10 % of the labels are another class, drawn evenly."""

    WRONG_30 = "wrong-30"
    """30 % are."""

    WRONG_50 = "wrong-50"
    """50 % are: of two classes, the labels say nothing."""

    NOISE = "noise"
    """30 % of the records have features that were shuffled column by column; their labels say nothing of them."""

    COPIES = "copies"
    """30 % wrong labels, then exact copies (`COPIED`), wrong ones copied too."""

    NEAR_COPIES = "near-copies"
    """The same with copies that differ by `JITTER`."""

    SHIFT = "shift"
    """The buyer's training records lack a subgroup that validation, offer and test have; the offer is clean."""

    SHIFT_WRONG = "shift-wrong-30"
    """The same with 30 % wrong labels."""

    IMBALANCE = "imbalance"
    """Only a third of the lower half of the classes is in the offer; the offer is clean."""

    SELLERS = "two-sellers"
    """Two listings of equal size, 5 % and 50 % wrong labels; which record is whose is known."""

    @property
    def troubled(self) -> bool:
        """Whether some records are bad, so that random is not the best one can do."""
        return self not in (Regime.CLEAN, Regime.SHIFT, Regime.IMBALANCE)


class BuyerSize(Enum):
    """Shares of the data set that the buyer has for training and for validation."""

    SMALL = "small"
    MIDDLE = "middle"
    LARGE = "large"


_SHARES: Mapping[BuyerSize, tuple[float, float]] = {
    BuyerSize.SMALL: (0.025, 0.05),
    BuyerSize.MIDDLE: (0.05, 0.10),
    BuyerSize.LARGE: (0.10, 0.20),
}


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """`X` is `n x d` standardised features, the last one 1; `y` `n` class codes."""

    X: Floats
    y: Classes

    def __len__(self) -> int:
        return len(self.y)

    def at(self, places: NDArray[np.generic]) -> "Records":
        """The records at these places, in their order."""
        return Records(self.X[places], self.y[places])

    def and_also(self, other: "Records") -> "Records":
        """These records, then the others."""
        return Records(np.vstack([self.X, other.X]), np.concatenate([self.y, other.y]))


@dataclass(frozen=True, slots=True, eq=False)
class StudyTruth:
    """The truth about each of the `n` offered records, which only the study knows.

    `wrong`: its label is. `spoiled`: its features are noise. `original`: the place of the record that it is a copy or
    near-copy of, its own if it is not a copy. `label`: the true class.
    """

    wrong: NDArray[np.bool_]
    spoiled: NDArray[np.bool_]
    original: Integers
    label: Classes

    @property
    def bad(self) -> NDArray[np.bool_]:
        """A wrong label or noise for features."""
        return self.wrong | self.spoiled

    @property
    def fine(self) -> NDArray[np.bool_]:
        """Neither bad nor a copy: what the bound buys."""
        return np.asarray(~self.bad & (self.original == np.arange(self.original.size)), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class StudyWorld:
    """The parts. `listing` (`n` int64) says which listing an offered record is in: 0, or 1 of the second seller."""

    train: Records
    validation: Records
    offer: Records
    test: Records
    listing: Integers
    truth: StudyTruth
    class_count: int
    image: tuple[int, int] | None

    @property
    def own(self) -> Records:
        """All that the buyer has."""
        return self.train.and_also(self.validation)


def make_world(data: Dataset, regime: Regime, size: BuyerSize, seed: int) -> StudyWorld:
    """Divide and trouble a data set. The same arguments give the same world on every machine.

    Regimes that differ only in wrong labels have the same parts and, for one seed, nested sets of wrong labels.
    """
    rng = np.random.default_rng([seed, 0])
    order = rng.permutation(len(data.classes))[:RECORD_LIMIT]
    train, validation, test, offer = _divide(data.classes[order], _SHARES[size], rng)
    train, validation, test, offer = order[train], order[validation], order[test], order[offer]
    if regime in (Regime.SHIFT, Regime.SHIFT_WRONG):
        train = _without_subgroup(data, train)
    if regime is Regime.IMBALANCE:
        offer = _thinned(data, offer)
    own = np.concatenate([train, validation])
    features = _standardised(data, own)
    label = data.classes[offer]
    rng = np.random.default_rng([seed, 1])
    listing = (rng.permutation(offer.size) < offer.size // 2).astype(np.int64)
    chance = rng.random(offer.size)
    wrong = chance < _wrong_share(regime, listing)
    other = (label + rng.integers(1, data.class_count, offer.size)) % data.class_count
    offered = Records(features[offer], np.where(wrong, other, label))
    spoiled = np.zeros(offer.size, dtype=np.bool_)
    if regime is Regime.NOISE:
        spoiled = chance < 0.3
        offered.X[spoiled] = _shuffled_columns(offered.X, int(spoiled.sum()), rng)
    if regime is not Regime.SELLERS:
        listing = np.zeros_like(listing)
    truth = StudyTruth(wrong, spoiled, np.arange(offer.size), label)
    parts = [Records(features[part], data.classes[part]) for part in (train, validation, test)]
    world = StudyWorld(parts[0], parts[1], offered, parts[2], listing, truth, data.class_count, data.image)
    if regime in (Regime.COPIES, Regime.NEAR_COPIES):
        return _with_copies(world, JITTER if regime is Regime.NEAR_COPIES else 0.0, rng)
    return world


def _wrong_share(regime: Regime, listing: Integers) -> Floats:
    if regime is Regime.SELLERS:
        return np.where(listing == 0, 0.05, 0.5)
    share = {Regime.WRONG_10: 0.1, Regime.WRONG_50: 0.5}.get(regime, 0.3)
    right = (Regime.CLEAN, Regime.NOISE, Regime.SHIFT, Regime.IMBALANCE)
    return np.full(listing.size, 0.0 if regime in right else share)


def _divide(classes: Classes, shares: tuple[float, float], rng: np.random.Generator) -> tuple[Integers, ...]:
    """Places for training, validation, test and offer, each class divided by the same shares."""
    parts: list[list[Integers]] = [[], [], [], []]
    for code in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == code))
        # The offer and the test set come first, so that they are the same for buyers of every size.
        sizes = [max(1, round(share * members.size)) for share in (OFFER_SHARE, TEST_SHARE, *shares)]
        offer, test, train, validation = np.split(members, np.cumsum(sizes))[:4]
        for part, places in zip(parts, (train, validation, test, offer), strict=True):
            part.append(places)
    return tuple(rng.permutation(np.concatenate(part)) for part in parts)


def _without_subgroup(data: Dataset, places: Integers) -> Integers:
    left = places[~data.subgroup[places]]
    # A class that lives in the subgroup alone would leave a model without it.
    lost = np.setdiff1d(data.classes[places], data.classes[left])
    return np.concatenate([left, places[np.isin(data.classes[places], lost)]])


def _thinned(data: Dataset, places: Integers) -> Integers:
    lower = data.classes[places] < (data.class_count + 1) // 2
    kept = ~lower | (np.cumsum(lower) % 3 == 0)
    return np.asarray(places[kept], dtype=np.int64)


def _standardised(data: Dataset, own: Integers) -> Floats:
    """`n x (d + 1)`: by mean and deviation of the buyer's records, clipped as the product does, then a 1."""
    centred = data.features - data.features[own].mean(axis=0)
    deviation = data.features[own].std(axis=0)
    if data.image is not None:
        # One scale for all pixels: one that is nearly always dark is not blown up.
        deviation = np.full_like(deviation, np.sqrt((deviation**2).mean()))
    scaled = np.clip(centred / np.where(deviation > 0, deviation, 1.0), -BOUND, BOUND)
    return np.hstack([scaled, np.ones((len(scaled), 1))])


def _shuffled_columns(X: Floats, count: int, rng: np.random.Generator) -> Floats:
    rows = rng.integers(0, len(X), (count, X.shape[1]))
    return np.take_along_axis(X.copy(), rows, axis=0)


def _with_copies(world: StudyWorld, jitter: float, rng: np.random.Generator) -> StudyWorld:
    count = len(world.offer)
    copied = rng.choice(count, round(COPIED * count), replace=False)
    order = rng.permutation(count + copied.size)
    sources = np.concatenate([np.arange(count), copied])[order]
    first: dict[int, int] = {}
    original = np.array([first.setdefault(int(source), place) for place, source in enumerate(sources)])
    X = world.offer.X[sources]
    X[:, :-1] += jitter * rng.standard_normal((len(X), X.shape[1] - 1)) * (original != np.arange(len(X)))[:, None]
    truth = StudyTruth(world.truth.wrong[sources], world.truth.spoiled[sources], original, world.truth.label[sources])
    return replace(world, offer=Records(X, world.offer.y[sources]), listing=world.listing[sources], truth=truth)
