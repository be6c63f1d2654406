"""What a purchase of texts by score is worth: by the product's own code, beside purchases that nobody could make.

    score     the most trusted texts but for near-duplicates, by scores of 4 and contrasts of 2 bits through noise
    random    as many at random
    oracle    texts of the wanted kind as long as there are any, then others
    reader    sees all texts: those whose loss its own fine-tuning lowers most

All are judged alike by test texts (`pricing.texts.judges`), once a model learned from own and bought texts.
Not here: the offers (`domains`), and the page (`report`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.corpus.near_duplicates import near_duplicates_of_texts
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.text import BaseModel, TextModel
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.selection import Method, select
from blindfair.pricing.texts.choice import text_trust
from blindfair.pricing.texts.judges import HeadJudge, Judged, TextJudge, TuningJudge
from blindfair.pricing.texts.valuation import ROW_SCALE, TextValuation, prepare_text_valuation
from blindfair.pricing.utility import PLAIN_MODULUS
from blindfair.protocol.quantities import RecordIndex, Wei
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
    made = prepared(base, domain, seed, rng)
    model = made.scoring.model
    seen = seen_scores(made, domain, rng)
    trust = text_trust(seen, made)
    judge = judge_of(model, domain, plan.steps, seed)
    offered = domain.offer, domain.labels.offer
    reader = model.losses(*offered) - judge.losses(domain.with_own(()), offered)
    wanted = wanted_of(domain)
    mixed = rng.permutation(len(domain.offer))
    orders: dict[str, Callable[[int], Integers]] = {
        SCORE: lambda count: most_trusted(trust.weights, count, rng),
        RANDOM: lambda count: mixed[:count],
        ORACLE: lambda count: wanted_first(mixed, wanted)[:count],
        READER: lambda count: np.argsort(-reader)[:count],
    }
    found: dict[str, Any] = {
        "base": figures_of(judge.base()),
        "own": figures_of(judge.after(domain.with_own(()))),
        "steps of the direction": made.direction.steps,
        "offered": {kind: domain.kinds.count(kind) for kind in domain.all_kinds},
        "target share": trust.share,
        "purchases": [],
        "rules": [],
    }
    for share in plan.shares:
        count = round(share * len(domain.offer))
        for arm in plan.arms(share):
            bought = orders[arm](count)
            kinds = [domain.kinds[place] for place in bought]
            found["purchases"].append(
                {
                    "share": share,
                    "arm": arm,
                    **figures_of(judge.after(domain.with_own(bought))),
                    "bought": {kind: kinds.count(kind) for kind in domain.all_kinds},
                }
            )
        for rule, wish in other_rules(seen, made, trust.good).items():
            first = np.argsort(-wish, kind="stable")[:count]
            found["rules"].append({"share": share, "rule": rule, "target": float(wanted[first].mean())})
    return found


def prepared(
    base: BaseModel, domain: TextDomain, seed: int, rng: np.random.Generator, *, show_query: bool = True
) -> TextValuation:
    """The buyer's question about the domain's offer; without `show_query` it is made as the product makes it."""
    labels = domain.labels
    alike = tuple(RecordIndex(later) for later, _ in near_duplicates_of_texts(domain.offer))
    label = "label" if labels.classes else None
    return prepare_text_valuation(
        base,
        TextPreprocessing("text", label, labels.classes, base.context, 1, (base.digest,), alike),
        ("text", "label") if labels.classes else ("text",),
        (domain.train, labels.train),
        (domain.validation, labels.validation),
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        seed=seed,
        show_query=show_query,
    )


def wanted_of(domain: TextDomain) -> NDArray[np.bool_]:
    """Which offered texts are of the wanted kind."""
    return np.array([kind == domain.all_kinds[0] for kind in domain.kinds])


def wanted_first(mixed: Integers, wanted: NDArray[np.bool_]) -> Integers:
    """The oracle's order: wanted texts in the order of `mixed`, then the others."""
    return np.concatenate([mixed[wanted[mixed]], mixed[~wanted[mixed]]])


def judge_of(model: TextModel, domain: TextDomain, steps: int, seed: int) -> TextJudge:
    """What judges all purchases of a domain: a language model that is fine-tuned, or a classifier's head."""
    if not domain.labels.classes:
        return TuningJudge(model, domain.test, steps, seed)
    return HeadJudge(model, (domain.test, domain.labels.test), [*domain.train, *domain.validation, *domain.offer])


def figures_of(judged: Judged) -> dict[str, float]:
    """Lower is better for each."""
    errors = {} if judged.accuracy is None else {"errors": 1 - judged.accuracy}
    return {"loss": judged.loss, **errors}


def seen_scores(made: TextValuation, domain: TextDomain, rng: np.random.Generator) -> Floats:
    """Scores `m x n` of offered texts as the buyer sees them: rounded, through the noise of their bits."""
    labels = domain.labels.offer
    rows = quantise_rows(unit_rows(made.scoring.model.rows(domain.offer, labels, made.projection)), ROW_SCALE)
    return made.read(rows.seen_scores(made.queries, made.bits, made.plain_modulus, rng))


def other_rules(seen: Floats, made: TextValuation, good: Floats) -> dict[str, Floats]:
    """Simpler rules of choice beside the product's, `good`: what they want, the most first."""
    centre, spread = made.trusted.mean(axis=1, keepdims=True), made.trusted.std(axis=1, keepdims=True)
    standard = (seen - centre) / spread
    if len(seen) == 1:
        return {"trust (the product)": good, "highest score": seen[0]}
    return {
        "trust and contrast (the product)": good,
        "highest score": seen[0],
        "score and contrast, standardised, added": standard.sum(axis=0),
        "the smaller of both": standard.min(axis=0),
        "nearest to own scores": -np.abs(standard).sum(axis=0),
    }


def most_trusted(weights: Floats, count: int, rng: np.random.Generator) -> Integers:
    """So many offered texts of the largest weights, those alike in a random order."""
    pricing = UniformPricing(Wei(1), Wei(0))
    chosen = select(Method.TOP, np.arange(len(weights)), weights, pricing, Wei(count), rng)
    return np.array(chosen.records, dtype=np.int64)
