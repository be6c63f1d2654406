"""What is a purchase by their scores worth? The buyer's model has not seen the offer, and every method chooses from it.

Scores are means over the validation records, a validation record's own score over all others: so every method is
calibrated as the product's is (`pricing.trust`). Not here: the many ways of choosing by our own scores (`cells`).
"""

import time
from pathlib import Path

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.ranks import auc
from blindfair.protocol.documents import Document
from blindfair.studies import answers, choices
from blindfair.studies.answers import Answer, Asking
from blindfair.studies.datasets import load
from blindfair.studies.families import NetworkFamily
from blindfair.studies.peers.datamodels import DISPLACEMENT, fitted_models, network_family
from blindfair.studies.peers.ours import our_answer
from blindfair.studies.peers.question import PeerQuestion, ask
from blindfair.studies.worlds import BuyerSize, Records, Regime, StudyWorld, make_world

SHARE = 0.3
"""Share of the offer that is bought."""

_DRAWS = 3


def run_purchases(data: str, kind: str, regime: Regime, seed: int, peers: Path) -> Document:
    """One buyer, one offer, every method. Deterministic but for the seconds."""
    world = make_world(load(data), regime, BuyerSize.MIDDLE, seed)
    fitted = network_family(kind, world)
    trusted = world.validation
    rng = np.random.default_rng([seed, 11])
    shifted = (trusted.y + rng.integers(1, world.class_count, len(trusted))) % world.class_count
    rows = world.offer.and_also(trusted).and_also(Records(trusted.X, shifted))
    question = PeerQuestion(fitted.network, fitted_models(fitted, world.train, rng), world.train, rows, trusted)
    places = np.arange(len(world.offer))
    fine = np.flatnonzero(world.truth.fine)
    found: Document = {
        "random": _bought(world, fitted, [rng.permutation(places) for _ in range(_DRAWS)]),
        "clean": _bought(world, fitted, [rng.permutation(fine) for _ in range(_DRAWS)]),
    }
    for name, one in (our_answer(question) | ask(peers, question)).items():
        if np.isfinite(one.scores).all():
            found[name] = _judged(world, fitted, held_out(one.scores, len(places)), one.seconds, seed)
    start = time.process_time()
    default = Asking(world, fitted, seed).ask(answers.displacement(fitted, fitted.reference(world.train)))
    found[DISPLACEMENT] = _judged(world, fitted, default, time.process_time() - start, seed)
    return found


def held_out(scores: Floats, offered: int) -> Answer:
    """From scores of the offer, the trusted records and the same with another label, each by every trusted record.

    `scores` is `(offered + 2 trusted) x trusted`; a trusted record's own query is left out of its mean.
    """
    trusted = scores.shape[1]
    right, wrong = scores[offered : offered + trusted], scores[offered + trusted :]
    means = [(part.sum(axis=1) - np.diagonal(part)) / (trusted - 1) for part in (right, wrong)]
    return Answer(*(Scored(each, np.zeros(each.size)) for each in (scores[:offered].mean(axis=1), *means)))


def _judged(world: StudyWorld, kind: NetworkFamily, answer: Answer, seconds: float, seed: int) -> Document:
    places = np.arange(len(world.offer))
    weights = choices.trust_of(answer, places).weights
    rng = np.random.default_rng([seed, 12])
    return {
        "told_apart": auc(~world.truth.bad, answer.offer.scores),
        "seconds": seconds,
        "top": _bought(world, kind, [choices.top(answer, places)]),
        "trust": _bought(world, kind, [choices.drawn(weights, places, rng) for _ in range(_DRAWS)]),
    }


def _bought(world: StudyWorld, kind: NetworkFamily, orders: list[Integers]) -> float:
    """The mean accuracy after buying by each of these orders."""
    size = round(SHARE * len(world.offer))
    models = [kind.fit(world.own.and_also(world.offer.at(order[:size]))) for order in orders]
    return float(np.mean([kind.quality(model, world.test) for model in models]))
