"""Selection: which records to buy under a budget (PROTOCOL 5.1).

Not here: what a score or a trust weight is (`trust`), and the price of one record (`functions`).
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.functions import PricingFunction
from blindfair.protocol.errors import InvalidOption, ShapeMismatch
from blindfair.protocol.quantities import RecordIndex, Wei


class Method(Enum):
    """The order in which records of positive efficacy are bought until the budget is spent."""

    TRUST = "trust"
    """Drawn with a chance in proportion to their trust weight: the default (docs/explanation/valuation.md)."""

    POSITIVE = "positive"
    """Drawn evenly; the efficacy is the score."""

    TOP = "top"
    """The highest first; the efficacy is the score. It loses diversity, and with the textbook query it loses money."""


@dataclass(frozen=True, slots=True)
class PricedSelection:
    """Records, or groups of them, in ascending order, without duplicates of one another, with the price of each and of
    all."""

    records: tuple[RecordIndex, ...]
    prices: tuple[Wei, ...]
    price: Wei


def distinct_records(scores: Integers) -> Integers:
    """One record of all with equal scores on all queries, the lowest number of each, ascending (PROTOCOL 5.1).

    `scores` is `n` or `n_queries x n` exact integers. Equal records have equal scores, so a duplicate is bought once;
    records that only happen to have equal scores are taken for duplicates too.
    """
    _, first = np.unique(np.atleast_2d(scores), axis=1, return_index=True)
    return np.sort(first).astype(np.int64)


def select(
    method: Method,
    candidates: Integers,
    efficacy: Floats,
    pricing: PricingFunction,
    budget: Wei,
    rng: np.random.Generator,
    *,
    at_most: int | None = None,
    sizes: Integers | None = None,
) -> PricedSelection:
    """Buy candidates (record numbers, each once) in the order of `method` while their prices fit the budget.

    `efficacy` holds one number for each candidate: its real score, or its trust weight for `Method.TRUST`. Candidates
    whose efficacy is not positive are never bought; one that no longer fits the budget is passed over for cheaper ones.
    `at_most` bounds the number of candidates. Where these are groups `sizes` says of how many records: the efficacy is
    one record's then, and all records of a group cost the same. The same generator state gives the same selection; an
    empty one is possible.

    Raises ShapeMismatch where candidates, efficacy and sizes differ in number, InvalidOption for a negative budget,
    repeated candidates or efficacy that is not finite.
    """
    if candidates.shape != efficacy.shape or candidates.ndim != 1:
        raise ShapeMismatch("Candidates and efficacy differ in number", expected=candidates.shape, found=efficacy.shape)
    if sizes is not None and sizes.shape != candidates.shape:
        raise ShapeMismatch("Candidates and sizes differ in number", expected=candidates.shape, found=sizes.shape)
    if np.unique(candidates).size != candidates.size:
        raise InvalidOption("A candidate is there twice", expected="each record once")
    if budget < 0:
        raise InvalidOption("The budget is negative", expected=">= 0", found=budget)
    if not np.isfinite(efficacy).all():
        raise InvalidOption("An efficacy is not finite", expected="finite numbers")
    limit = candidates.size if at_most is None else at_most
    bought: dict[RecordIndex, Wei] = {}
    left = budget
    for place in _order(method, efficacy, rng):
        if len(bought) >= limit:
            break
        each = pricing.price(float(efficacy[place]))
        price = each if sizes is None else Wei(each * int(sizes[place]))
        if price <= left:
            bought[RecordIndex(int(candidates[place]))] = price
            left = Wei(left - price)
    records = tuple(sorted(bought))
    return PricedSelection(records, tuple(bought[record] for record in records), Wei(budget - left))


def _order(method: Method, efficacy: Floats, rng: np.random.Generator) -> Integers:
    positive = np.flatnonzero(efficacy > 0)
    if method is Method.TOP:
        return positive[np.argsort(-efficacy[positive], kind="stable")]
    if method is Method.POSITIVE:
        return rng.permutation(positive)
    return drawing_order(efficacy, rng)


def drawing_order(weights: Floats, rng: np.random.Generator) -> Integers:
    """Places of the positive weights in the order in which they are drawn without replacement.

    The chance of the next is in proportion to its weight: the smallest exponential waiting time comes first, the rate
    being the weight (Efraimidis and Spirakis 2006).
    """
    positive = np.flatnonzero(weights > 0)
    waits = rng.standard_exponential(positive.size) / weights[positive]
    return positive[np.argsort(waits, kind="stable")]
