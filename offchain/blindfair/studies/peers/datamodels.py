"""How well do sums of scores predict retraining? The linear datamodelling score (Park et al. 2023, section 2.2); and in
a training set with wrong labels, how well scores tell them apart at a model that has learnt them.

For each query: the rank correlation, over random halves of the training set, of the sum of its scores over the half
with the loss that a model fitted to the half has there, sign turned. By ranks a margin, log p / (1 - p), is the loss.
Not here: purchases, whose model has not seen the records (`purchases`).
"""

import time
from pathlib import Path

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.ranks import auc, rank_correlation
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.studies.datasets import load
from blindfair.studies.families import NetworkFamily, family
from blindfair.studies.peers.ours import our_answer
from blindfair.studies.peers.question import PeerQuestion, ask
from blindfair.studies.worlds import BuyerSize, Records, Regime, StudyTruth, StudyWorld, make_world

RETRAININGS, QUERIES, MODELS = 60, 100, 10
DISPLACEMENT = "ours, displacement"


def run_datamodels(data: str, kind: str, regime: Regime, seed: int, peers: Path) -> Document:
    """One training set, `RETRAININGS` halves of it, every method. Deterministic but for the seconds."""
    world = make_world(load(data), regime, BuyerSize.MIDDLE, seed)
    fitted, train, rng = network_family(kind, world), world.offer, np.random.default_rng([seed, 10])
    queries = world.test.at(np.arange(min(QUERIES, len(world.test))))
    question = PeerQuestion(fitted.network, fitted_models(fitted, train, rng), train, train, queries)
    halves = [random_half(len(train), rng) for _ in range(RETRAININGS)]
    losses = np.array([fitted.losses(fitted.fit(train.at(half)), queries) for half in halves])
    found: Document = {
        name: {
            "each": datamodelling_score(one.scores, halves, losses),
            **_of_sums(one.scores.sum(axis=1), halves, losses, world.truth),
            "seconds": one.seconds,
        }
        for name, one in (our_answer(question) | ask(peers, question)).items()
    }
    start = time.process_time()
    scores = displacement_scores(fitted, train, queries, train)
    seconds = time.process_time() - start
    found[DISPLACEMENT] = {"each": None, **_of_sums(scores, halves, losses, world.truth), "seconds": seconds}
    return found


def network_family(kind: str, world: StudyWorld) -> NetworkFamily:
    """The study's family of this name. Raises InvalidOption for one that is no network."""
    found = family(kind, world)
    if not isinstance(found, NetworkFamily):
        raise InvalidOption("The peers score networks", expected="a network", found=kind)
    return found


def fitted_models(kind: NetworkFamily, train: Records, rng: np.random.Generator) -> Floats:
    """`(MODELS + 1) x d`: fitted to all of the records, then each to a random half."""
    halves = (random_half(len(train), rng) for _ in range(MODELS))
    return np.array([kind.fit(train), *(kind.fit(train.at(half)) for half in halves)])


def random_half(count: int, rng: np.random.Generator) -> Integers:
    """Places of a half, in random order."""
    return np.asarray(rng.permutation(count)[: count // 2], dtype=np.int64)


def displacement_scores(kind: NetworkFamily, train: Records, queries: Records, rows: Records) -> Floats:
    """The product's score: one query, from the early checkpoint to the best model of training records and queries."""
    reference = kind.reference(train)
    return -kind.slopes(reference, kind.fit(train.and_also(queries)) - reference, rows)


def datamodelling_score(scores: Floats, halves: list[Integers], losses: Floats) -> float | None:
    """The mean over queries, of scores `rows x queries` and losses `halves x queries`; none where none is defined."""
    sums = np.array([scores[half].sum(axis=0) for half in halves])
    found = [_correlation(sums[:, query], losses[:, query]) for query in range(losses.shape[1])]
    defined = [value for value in found if value is not None]
    return float(np.mean(defined)) if defined else None


def _of_sums(scores: Floats, halves: list[Integers], losses: Floats, truth: StudyTruth) -> Document:
    sums = np.array([scores[half].sum() for half in halves])
    usable = bool(truth.bad.any()) and bool(np.isfinite(scores).all())
    return {
        "total": _correlation(sums, losses.sum(axis=1)),
        "told_apart": auc(~truth.bad, scores) if usable else None,
    }


def _correlation(sums: Floats, losses: Floats) -> float | None:
    return rank_correlation(sums, -losses) if np.isfinite(sums).all() else None
