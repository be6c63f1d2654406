"""One buyer and one division of the documents: values of all offered texts, a purchase, training, and pay.

    exact value    the score of 32 bits by the product's own queries, positive = helpful
    seen score     the same through the noise of the bits that a buyer asks for

Nothing is encrypted: these are the integers that a blind evaluation works with, and its decrypted scores equal the
products of these integers (docs/studies/fidelity.md). Every arm trains on the same number of tokens, from the same base
model, on its own texts alone; so an arm of few texts reads them more often. Not here: tables (`report`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.text import BaseModel, TextModel, fine_tune, project_query
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.functions import LinearPricing, UniformPricing
from blindfair.pricing.selection import Method, select
from blindfair.pricing.texts.choice import text_trust
from blindfair.pricing.texts.directions import RATE
from blindfair.pricing.texts.valuation import ROW_SCALE, TextValuation, prepare_text_valuation
from blindfair.pricing.utility import PLAIN_MODULUS
from blindfair.pricing.value_shape import value_shape
from blindfair.protocol.quantities import Wei
from blindfair.studies.corpus.market import CorpusMarket
from blindfair.studies.corpus.shape import fit_tail, gini

LENGTH_ONE, WHOLE, SEEN = "score, exact", "first-order fall of the loss", "score, as seen"
VALUES = (LENGTH_ONE, WHOLE, SEEN)

BOUGHT, RANDOM, ALL, WANTED, WORST, OWN = "bought", "random", "all", "wanted", "lowest scores", "own"
ARMS = (OWN, BOUGHT, RANDOM, ALL, WANTED, WORST)

FLAT, PER_TEXT, BY_TRUST, BY_VALUE = "flat rate", "bought, one price", "bought, by trust", "by exact value"
PAYS = (FLAT, PER_TEXT, BY_TRUST, BY_VALUE)

BUDGET = Wei(10**9)
"""What the buyer pays in all, whatever the rule."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """The share of the offer that is bought, and about how many steps of 16 texts each arm trains."""

    share: float
    steps: int
    resamples: int


def study_market(base: BaseModel, market: CorpusMarket, plan: CorpusPlan, seed: int) -> dict[str, Any]:
    """Values, losses and pay, by source."""
    rng = np.random.default_rng([seed, 2])
    made = prepare_text_valuation(
        base,
        TextPreprocessing("text", None, (), base.context, 1, (base.digest,), market.near_duplicates),
        ("text",),
        (market.train, None),
        (market.validation, None),
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        seed=seed,
        show_query=True,
    )
    model = made.scoring.model
    long = model.rows(market.offer, None, made.projection)
    rows = quantise_rows(unit_rows(long), ROW_SCALE)
    exact = made.scales[0].real(rows.scores(made.queries[:1])[0])
    seen = made.read(rows.seen_scores(made.queries, made.bits, made.plain_modulus, rng))
    trust = text_trust(seen, made)
    values = {
        LENGTH_ONE: exact,
        WHOLE: long @ project_query(made.projection, made.direction.layers),
        SEEN: seen[0],
    }
    count = round(plan.share * len(market.offer))
    bought = _chosen(trust.weights, count, rng)
    return {
        "offered": len(market.offer),
        "documents": market.documents,
        "steps of the direction": made.direction.steps,
        "shapes": {name: _shape(each, rng, plan.resamples) for name, each in values.items()},
        "sellers": _by_seller(market, exact, bought),
        "bought": len(bought),
        "training": _training(model, market, exact, bought, plan, rng, seed),
        "pay": _pay(market, exact, trust.weights, bought),
        "told": _told(made, market, exact, seen),
    }


def _shape(values: Floats, rng: np.random.Generator, resamples: int) -> dict[str, Any]:
    fit = fit_tail(values, rng, resamples)
    return {**asdict(value_shape(values)), "tail": None if fit is None else {**asdict(fit), "holds": fit.holds}}


def _chosen(weights: Floats, count: int, rng: np.random.Generator) -> Integers:
    """What the product buys for the price of so many texts: the most trusted first."""
    everything = np.arange(len(weights), dtype=np.int64)
    chosen = select(Method.TOP, everything, weights, UniformPricing(Wei(1), Wei(0)), Wei(count), rng)
    return np.array(chosen.records, dtype=np.int64)


def _by_seller(market: CorpusMarket, exact: Floats, bought: Integers) -> dict[str, Any]:
    """Count each seller's texts, how many are bought and how many named as near-duplicates, its part of the positive
    value, and the share that hurts."""
    positive = np.maximum(exact, 0.0)
    sellers, found = np.array(market.sellers), {}
    for seller in sorted(set(market.sellers)):
        theirs = sellers == seller
        found[seller] = {
            "texts": int(theirs.sum()),
            "wanted": bool(np.array(market.wanted)[theirs].any()),
            "bought": int(theirs[bought].sum()),
            "named": int(theirs[list(market.near_duplicates)].sum()),
            "value": float(positive[theirs].sum() / max(positive.sum(), np.finfo(np.float64).tiny)),
            "hurts": float((exact[theirs] < 0).mean()),
        }
    return found


def _training(
    model: TextModel,
    market: CorpusMarket,
    exact: Floats,
    bought: Integers,
    plan: CorpusPlan,
    rng: np.random.Generator,
    seed: int,
) -> dict[str, Any]:
    """The test loss of each arm, and the tokens that it was trained on."""
    everything = np.arange(len(market.offer))
    wanted = np.flatnonzero(np.array(market.wanted))
    places = {
        BOUGHT: bought,
        RANDOM: rng.permutation(everything)[: len(bought)],
        ALL: everything,
        WANTED: wanted[rng.permutation(len(wanted))[: len(bought)]],
        WORST: np.argsort(exact, kind="stable")[: len(bought)],
    }
    mean = float(market.tokens.mean())
    found: dict[str, Any] = {"base": float(model.losses(market.test, None).mean())}
    own = [*market.train, *market.validation]
    sizes = [len(tokens) for tokens in model.base.tokenizer.encode(own)]
    arms: dict[str, tuple[Sequence[str], float]] = {
        OWN: (own, float(np.mean(sizes))),
        **{
            arm: ([market.offer[place] for place in chosen], float(market.tokens[chosen].mean()))
            for arm, chosen in places.items()
            if len(chosen)
        },
    }
    for arm, (texts, size) in arms.items():
        # Equal tokens: shorter texts make more steps, and so do fewer than a batch.
        batch = min(_BATCH, len(texts))
        steps = max(1, round(plan.steps * _BATCH * mean / (batch * size)))
        tuned = fine_tune(model, texts, None, steps=steps, seed=seed, rate=RATE).difference
        loss = float(replace(model, difference=tuned).losses(market.test, None).mean())
        found[arm] = {"loss": loss, "texts": len(texts), "tokens": round(steps * batch * size)}
    return found


def _pay(market: CorpusMarket, exact: Floats, weights: Floats, bought: Integers) -> dict[str, Any]:
    """Pay by each rule: the Gini coefficient over texts and over sellers, and each seller's part.

    Sellers are compared by their pay for a text, because the market gave them texts in different numbers.
    """
    uniform, linear = np.zeros(len(exact)), np.zeros(len(exact))
    uniform[bought], pricing = 1.0, LinearPricing(BUDGET, Wei(0))
    linear[bought] = [float(pricing.price(float(weights[place]))) for place in bought]
    pays = {
        FLAT: market.tokens.astype(np.float64),
        PER_TEXT: uniform,
        BY_TRUST: linear,
        BY_VALUE: np.maximum(exact, 0.0),
    }
    sellers, found = np.array(market.sellers), {}
    names = sorted(set(market.sellers))
    for rule, amounts in pays.items():
        parts = amounts / max(float(amounts.sum()), np.finfo(np.float64).tiny)
        by_seller = {name: float(parts[sellers == name].sum()) for name in names}
        each = np.array([part / (sellers == name).sum() for name, part in by_seller.items()])
        found[rule] = {"texts": gini(parts), "sellers": gini(each), "parts": by_seller}
    return found


def _told(made: TextValuation, market: CorpusMarket, exact: Floats, seen: Floats) -> dict[str, float]:
    """How near seen scores are to exact ones by ranks, and the mean exact value of own validation texts."""
    order = [np.argsort(np.argsort(each)).astype(np.float64) for each in (exact, seen[0])]
    return {"ranks": float(np.corrcoef(order[0], order[1])[0, 1]), "own": float(made.trusted[0].mean())}
