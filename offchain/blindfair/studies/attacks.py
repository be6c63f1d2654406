"""What a seller gains that knows the method: by copies, by splitting, by shifting, by labels made to please.

Revenue is the sum of efficacy of what is bought, as linear pricing pays it; the buyer takes 30 % of the records listed
honestly. Everything in shares of the honest seller's. Not here: forged scores, which the audit meets (PROTOCOL 5.4).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.learners import BEST_L2
from blindfair.pricing.worth import denied
from blindfair.protocol.documents import Document
from blindfair.studies import answers, choices
from blindfair.studies.answers import Asking
from blindfair.studies.datasets import load
from blindfair.studies.disclosed import near_distinct
from blindfair.studies.families import LogisticFamily
from blindfair.studies.worlds import BuyerSize, Records, Regime, StudyTruth, StudyWorld, make_world

CASES = ("trial", "digits-high")
_SHARE = 0.3
_NEAR = 0.02
_DRAWS = 5


def run_attacks(data: str, seed: int) -> Document:
    """Each attack on one world with 30 % wrong labels. Deterministic."""
    world = make_world(load(data), Regime.WRONG_30, BuyerSize.MIDDLE, seed)
    rng = np.random.default_rng([seed, 7])
    size = round(_SHARE * len(world.offer))
    family = LogisticFamily(world.train.X.shape[1])
    stolen = family.fit(world.own, l2=BEST_L2)
    own_model = family.fit(world.offer)
    copies = _copied(world, 0.0, rng)
    near = _copied(world, _NEAR, rng)
    fair = (make_world(load(data), regime, BuyerSize.MIDDLE, seed) for regime in (Regime.CLEAN, Regime.IMBALANCE))
    clean, imbalanced = (_sold(one, size, seed) for one in fair)
    return {
        "honest": _sold(world, size, seed),
        "honest, nothing wrong": clean,
        "honest, nothing wrong, other class frequencies": imbalanced,
        "every record listed twice": _sold(copies, size, seed),
        "the same, copies not grouped": _sold(copies, size, seed, grouped=False),
        "near-copies": _sold(near, size, seed),
        "near-copies, four further queries": _sold(near, size, seed, further=True),
        "each class listed by itself": _split(world, size, seed, 0.0),
        "each class listed with a tenth of the other": _split(world, size, seed, 0.1),
        "features halved towards the mean": _sold(_with_features(world, 0.5), size, seed),
        "labels by the seller's own model": _sold(_with_labels(world, world.offer.X @ own_model > 0), size, seed),
        "labels by the buyer's query, stolen": _sold(_with_labels(world, world.offer.X @ stolen > 0), size, seed),
    }


def _sold(world: StudyWorld, size: int, seed: int, *, grouped: bool = True, further: bool = False) -> Document:
    family = LogisticFamily(world.train.X.shape[1])
    answer = Asking(world, family, seed).ask(answers.displacement(family, np.zeros(family.width)))
    candidates: Integers = np.arange(len(world.offer))
    if further:
        candidates = near_distinct(world, answer)
    elif grouped:
        candidates = np.sort(np.unique(answer.offer.scores, return_index=True)[1])
    trust = choices.trust_of(answer, candidates)
    found = _outcome(world, candidates, trust.weights, size, seed, trust.bad_share)
    return found | {"warned": float(denied(answer.offer.at(candidates), answer.right, answer.wrong).pleasing)}


def _split(world: StudyWorld, size: int, seed: int, mixed: float) -> Document:
    """Two listings, one of each class but for a share of each, judged by themselves: what is odd in one cannot be seen
    against the other."""
    family = LogisticFamily(world.train.X.shape[1])
    answer = Asking(world, family, seed).ask(answers.displacement(family, np.zeros(family.width)))
    places = np.arange(len(world.offer))
    astray = np.random.default_rng([seed, 9]).random(places.size) < mixed
    listing = np.where(astray, 1 - world.offer.y, world.offer.y)
    weights = choices.by_listing(listing, places, lambda part: choices.trust_of(answer, part).weights)
    return _outcome(world, places, weights, size, seed, float("nan"))


def _outcome(
    world: StudyWorld, candidates: Integers, weights: Floats, size: int, seed: int, bad_estimated: float
) -> Document:
    family = LogisticFamily(world.train.X.shape[1])
    rng = np.random.default_rng([seed, 8])
    place_of = np.full(len(world.offer), -1)
    place_of[candidates] = np.arange(candidates.size)
    revenue, quality, right, copied = [], [], [], []
    for _ in range(_DRAWS):
        bought = choices.drawn(weights, candidates, rng)[:size]
        revenue.append(float(weights[place_of[bought]].sum()))
        quality.append(family.quality(family.fit(world.own.and_also(world.offer.at(bought))), world.test))
        right.append(float((~world.truth.bad[bought]).mean()) if bought.size else 0.0)
        originals = world.truth.original[bought]
        copied.append(1.0 - np.unique(originals).size / originals.size if originals.size else 0.0)
    return {
        "revenue": float(np.mean(revenue)),
        "records": float(bought.size),
        "quality": float(np.mean(quality)),
        "before": family.quality(family.fit(world.own), world.test),
        "right": float(np.mean(right)),
        "copies": float(np.mean(copied)),
        "bad_estimated": None if np.isnan(bad_estimated) else bad_estimated,
    }


def _copied(world: StudyWorld, jitter: float, rng: np.random.Generator) -> StudyWorld:
    sources = rng.permutation(np.repeat(np.arange(len(world.offer)), 2))
    first: dict[int, int] = {}
    original = np.array([first.setdefault(int(source), place) for place, source in enumerate(sources)])
    X = world.offer.X[sources]
    X[:, :-1] += jitter * rng.standard_normal((len(X), X.shape[1] - 1)) * (original != np.arange(len(X)))[:, None]
    truth = StudyTruth(world.truth.wrong[sources], world.truth.spoiled[sources], original, world.truth.label[sources])
    return replace(world, offer=Records(X, world.offer.y[sources]), listing=world.listing[sources], truth=truth)


def _with_features(world: StudyWorld, factor: float) -> StudyWorld:
    X = world.offer.X.copy()
    X[:, :-1] *= factor
    return replace(world, offer=Records(X, world.offer.y))


def _with_labels(world: StudyWorld, ones: NDArray[np.bool_]) -> StudyWorld:
    y = ones.astype(np.int64)
    truth = replace(world.truth, wrong=y != world.truth.label)
    return replace(world, offer=Records(world.offer.X, y), truth=truth)
