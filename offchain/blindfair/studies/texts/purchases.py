"""What a purchase of texts by score is worth: by the product's own code, beside purchases that nobody could make.

    score     the most trusted texts, by scores of 4 and contrasts of 2 bits seen through noise
    random    as many at random
    oracle    texts of the wanted kind as long as there are any, then others
    reader    sees all texts: those whose loss its own fine-tuning lowers most

The judge is the loss on test texts after fine-tuning on own and bought texts, with the same steps and seed for all;
with labels the share of test texts of which the most likely class is wrong, too.
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
from blindfair.studies.texts.domains import TextDomain

SCORE, RANDOM, ORACLE, READER = "score", "random", "oracle", "reader"
ARMS = (SCORE, RANDOM, ORACLE, READER)


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """Shares of the offer that are bought, and steps of the fine-tuning that judges. The reader buys one share only."""

    shares: tuple[float, ...]
    steps: int
    reader_share: float = 0.2

    def arms(self, share: float) -> tuple[str, ...]:
        """Who buys this share."""
        return ARMS if share == self.reader_share else ARMS[:-1]


def study_purchases(base: BaseModel, domain: TextDomain, plan: PurchasePlan, seed: int) -> dict[str, Any]:
    """Losses before and after each purchase, and what was bought."""
    rng = np.random.default_rng(seed)
    labels = domain.labels
    made = prepare_text_valuation(
        base,
        TextPreprocessing("text", "label" if labels.classes else None, labels.classes, base.context, 1, (base.digest,)),
        ("text", "label") if labels.classes else ("text",),
        (domain.train, labels.train),
        (domain.validation, labels.validation),
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        seed=seed,
    )
    model = made.scoring.model
    seen = seen_scores(made, domain, rng)
    trust = trust_by(seen, made.trusted, made.damaged)
    judge = _Judge(model, domain, plan, seed)
    tuned = judge.tuned(())
    offered = domain.offer, labels.offer
    reader = model.losses(*offered) - tuned.losses(*offered)
    wanted = np.array([kind == domain.all_kinds[0] for kind in domain.kinds])
    mixed = rng.permutation(len(domain.offer))
    orders: dict[str, Callable[[int], Integers]] = {
        SCORE: lambda count: _most_trusted(trust.weights, count, rng),
        RANDOM: lambda count: mixed[:count],
        ORACLE: lambda count: np.concatenate([mixed[wanted[mixed]], mixed[~wanted[mixed]]])[:count],
        READER: lambda count: np.argsort(-reader)[:count],
    }
    found: dict[str, Any] = {
        "base": judge.judged(model)["loss"],
        "own": judge.judged(tuned)["loss"],
        "steps of the direction": made.direction.steps,
        "offered": {kind: domain.kinds.count(kind) for kind in domain.all_kinds},
        "target share": trust.share,
        "purchases": [],
        "rules": [],
    }
    if labels.classes:
        found["own errors"] = judge.judged(tuned)["errors"]
    for share in plan.shares:
        count = round(share * len(domain.offer))
        for arm in plan.arms(share):
            bought = orders[arm](count)
            kinds = [domain.kinds[place] for place in bought]
            found["purchases"].append(
                {
                    "share": share,
                    "arm": arm,
                    **judge.judged(judge.tuned(bought)),
                    "bought": {kind: kinds.count(kind) for kind in domain.all_kinds},
                }
            )
        for rule, wish in other_rules(seen, made).items():
            first = np.argsort(-wish, kind="stable")[:count]
            found["rules"].append({"share": share, "rule": rule, "target": float(wanted[first].mean())})
    return found


@dataclass(frozen=True, slots=True)
class _Judge:
    """Fine-tuning on own and bought texts, and what the test texts say of it."""

    model: TextModel
    domain: TextDomain
    plan: PurchasePlan
    seed: int

    def tuned(self, bought: Sequence[int] | Integers) -> TextModel:
        texts = [*self.domain.train, *self.domain.validation, *(self.domain.offer[place] for place in bought)]
        classes = self.domain.labels.bought(bought)
        difference = fine_tune(self.model, texts, classes, steps=self.plan.steps, seed=self.seed, rate=RATE).difference
        return replace(self.model, difference=difference)

    def judged(self, model: TextModel) -> dict[str, float]:
        labels = self.domain.labels
        losses = model.losses(self.domain.test, labels.test)
        found = {"loss": float(losses.mean())}
        if labels.classes:
            # Of two classes the likelier one is right exactly where the loss is below log 2.
            found["errors"] = float((losses >= np.log(2)).mean())
        return found


def seen_scores(made: TextValuation, domain: TextDomain, rng: np.random.Generator) -> Floats:
    """Scores `m x n` of offered texts as the buyer sees them: rounded, through the noise of their bits."""
    labels = domain.labels.offer
    rows = quantise_rows(unit_rows(made.scoring.model.rows(domain.offer, labels, made.projection)), ROW_SCALE)
    return made.read(rows.seen_scores(made.queries, made.bits, made.plain_modulus, rng))


def other_rules(seen: Floats, made: TextValuation) -> dict[str, Floats]:
    """Simpler rules of choice beside the product's: what they want, the most first."""
    centre, spread = made.trusted.mean(axis=1, keepdims=True), made.trusted.std(axis=1, keepdims=True)
    standard = (seen - centre) / spread
    trust = trust_by(seen, made.trusted, made.damaged)
    if len(seen) == 1:
        return {"trust (the product)": trust.good, "highest score": seen[0]}
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
