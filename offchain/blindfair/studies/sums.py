"""Does the sum of scores predict what a set of records is worth? Measured by exact retraining on random subsets.

For each score kind: the rank correlation, over subsets of the offer, of the sum of its scores with the fall of the test
loss of a model fitted to the buyer's records and the subset (the linear datamodelling score of Park et al. 2023, with
records added instead of left out). Not here: which records to buy, for which no sum is needed (`cells`).
"""

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.ranks import rank_correlation
from blindfair.protocol.documents import Document
from blindfair.studies import answers, choices
from blindfair.studies.answers import Asking
from blindfair.studies.datasets import load
from blindfair.studies.families import family
from blindfair.studies.worlds import BuyerSize, Regime, make_world

SUBSETS = 60
SUBSET_SHARE = 0.2
CASES = (("trial", "logistic"), ("digits-high", "logistic"), ("tweets", "logistic"), ("digits", "softmax"))


def run_sums(data: str, kind: str, seed: int) -> Document:
    """One world with 30 % wrong labels, `SUBSETS` retrainings. Deterministic."""
    world = make_world(load(data), Regime.WRONG_30, BuyerSize.MIDDLE, seed)
    model = family(kind, world)
    asking, rng = Asking(world, model, seed), np.random.default_rng([seed, 5])
    reference, own = model.reference(world.own), world.own
    count = len(world.offer)
    subsets = [rng.choice(count, round(SUBSET_SHARE * count), replace=False) for _ in range(SUBSETS)]
    before = model.losses(model.fit(own), world.test).mean()
    value = np.array(
        [
            before - model.losses(model.fit(own.and_also(world.offer.at(subset))), world.test).mean()
            for subset in subsets
        ]
    )
    default = asking.ask(answers.displacement(model, reference))
    clean = choices.trust_of(default, np.arange(count)).clean
    scores: dict[str, Floats] = {
        "displacement": default.offer.scores,
        "textbook": answers.textbook(model)(world.train, world.validation)(world.offer),
        "cosine": answers.cosine(model)(world.train, world.validation)(world.offer),
        "checkpoint sum": answers.checkpoint_sum(model)(world.train, world.validation)(world.offer),
        "expected right less wrong": 2.0 * clean - 1.0,
        "true right less wrong": np.where(world.truth.bad, -1.0, 1.0),
    }
    return {
        name: rank_correlation(np.array([score[subset].sum() for subset in subsets]), value)
        for name, score in scores.items()
    }
