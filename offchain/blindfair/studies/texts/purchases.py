"""What a purchase of texts by score is worth: by the product's own code, beside purchases that nobody could make.

    score     the most trusted texts, by scores of 4 and contrasts of 2 bits seen through noise
    random    as many at random
    oracle    texts of the target domain as long as there are any, then others
    reader    sees all texts: those whose loss its own fine-tuning lowers most

The judge is the loss on test texts after fine-tuning on own and bought texts, with the same steps and seed for all.
Not here: the offers (`domains`), and the page (`report`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.text import BaseModel, TextModel, fine_tune
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.selection import Method, select
from blindfair.pricing.texts.choice import trust_by
from blindfair.pricing.texts.directions import RATE
from blindfair.pricing.texts.valuation import ROW_SCALE, TextValuation, prepare_text_valuation
from blindfair.pricing.utility import PLAIN_MODULUS
from blindfair.protocol.quantities import Wei
from blindfair.studies.texts.domains import KINDS, TARGET, TextDomain

SCORE, RANDOM, ORACLE, READER = "score", "random", "oracle", "reader"
ARMS = (SCORE, RANDOM, ORACLE, READER)


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """Shares of the offer that are bought, and steps of the fine-tuning that judges."""

    shares: tuple[float, ...]
    steps: int


def study_purchases(base: BaseModel, domain: TextDomain, plan: PurchasePlan, seed: int) -> dict[str, Any]:
    """Losses before and after each purchase, and what was bought."""
    rng = np.random.default_rng(seed)
    made = prepare_text_valuation(
        base,
        TextPreprocessing("text", None, (), base.context, 1, (base.digest,)),
        ("text",),
        (domain.train, None),
        (domain.validation, None),
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        seed=seed,
    )
    model = made.scoring.model
    seen = seen_scores(made, domain.offer, rng)
    trust = trust_by(seen, made.trusted, made.damaged)
    own = [*domain.train, *domain.validation]
    tuned = _tuned(model, own, plan, seed)
    reader = model.losses(domain.offer, None) - tuned.losses(domain.offer, None)
    is_target = np.array([kind == TARGET for kind in domain.kinds])
    mixed = rng.permutation(len(domain.offer))
    orders: dict[str, Callable[[int], Integers]] = {
        SCORE: lambda count: _most_trusted(trust.weights, count, rng),
        RANDOM: lambda count: mixed[:count],
        ORACLE: lambda count: np.concatenate([mixed[is_target[mixed]], mixed[~is_target[mixed]]])[:count],
        READER: lambda count: np.argsort(-reader)[:count],
    }
    found: dict[str, Any] = {
        "base": float(model.losses(domain.test, None).mean()),
        "own": float(tuned.losses(domain.test, None).mean()),
        "steps of the direction": made.direction.steps,
        "offered": {kind: domain.kinds.count(kind) for kind in KINDS},
        "target share": trust.share,
        "purchases": [],
        "rules": [],
    }
    for share in plan.shares:
        count = round(share * len(domain.offer))
        for arm, order in orders.items():
            bought = order(count)
            after = _tuned(model, [*own, *(domain.offer[place] for place in bought)], plan, seed)
            kinds = [domain.kinds[place] for place in bought]
            found["purchases"].append(
                {
                    "share": share,
                    "arm": arm,
                    "loss": float(after.losses(domain.test, None).mean()),
                    "bought": {kind: kinds.count(kind) for kind in KINDS},
                }
            )
        for rule, wanted in other_rules(seen, made).items():
            first = np.argsort(-wanted, kind="stable")[:count]
            found["rules"].append({"share": share, "rule": rule, "target": float(is_target[first].mean())})
    return found


def seen_scores(made: TextValuation, offer: Sequence[str], rng: np.random.Generator) -> Floats:
    """Scores `m x n` of offered texts as the buyer sees them: rounded, through the noise of their bits."""
    rows = quantise_rows(unit_rows(made.scoring.model.rows(offer, None, made.projection)), ROW_SCALE)
    return made.read(rows.seen_scores(made.queries, made.bits, made.plain_modulus, rng))


def other_rules(seen: Floats, made: TextValuation) -> dict[str, Floats]:
    """Simpler rules of choice beside the product's: what they want, the most first."""
    centre, spread = made.trusted.mean(axis=1, keepdims=True), made.trusted.std(axis=1, keepdims=True)
    standard = (seen - centre) / spread
    trust = trust_by(seen, made.trusted, made.damaged)
    return {
        "trust and contrast (the product)": trust.good,
        "highest score": seen[0],
        "score and contrast, standardised, added": standard.sum(axis=0),
        "the smaller of both": standard.min(axis=0),
        "nearest to own scores": -np.abs(standard).sum(axis=0),
    }


def _most_trusted(weights: Floats, count: int, rng: np.random.Generator) -> Integers:
    pricing = UniformPricing(Wei(1), Wei(0))
    chosen = select(Method.TOP, np.arange(len(weights)), weights, pricing, Wei(count), rng)
    return np.array(chosen.records, dtype=np.int64)


def _tuned(model: TextModel, texts: Sequence[str], plan: PurchasePlan, seed: int) -> TextModel:
    difference = fine_tune(model, texts, None, steps=plan.steps, seed=seed, rate=RATE).difference
    return replace(model, difference=difference)
