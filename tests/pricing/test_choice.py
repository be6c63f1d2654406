"""Selection: to the unit within the budget, duplicates once, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence.arrays import Floats
from blindfair.pricing.functions import LinearPricing, PricingFunction, UniformPricing
from blindfair.pricing.selection import Method, distinct_records, select
from blindfair.protocol import errors
from blindfair.protocol.quantities import Wei

ETHER = 10**18
ONE = UniformPricing(Wei(1), Wei(0))
FREE = UniformPricing(Wei(0), Wei(0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def first_draws(method: Method, efficacy: Floats, times: int) -> list[float]:
    """How often each record is bought when only one can be."""
    generator, candidates = rng(1), np.arange(len(efficacy))
    bought = Counter(int(select(method, candidates, efficacy, ONE, Wei(1), generator).records[0]) for _ in range(times))
    return [bought[i] / times for i in range(len(efficacy))]


@given(
    st.lists(st.floats(-5, 5), max_size=40), st.integers(0, 100 * ETHER), st.sampled_from(Method),
    st.sampled_from([ONE, UniformPricing(Wei(ETHER + 1), Wei(3)), LinearPricing(Wei(ETHER), Wei(7)), FREE]),
    st.integers(0, 99), st.none() | st.integers(0, 10),
)  # fmt: skip
def test_no_selection_breaks_its_budget_by_a_unit(
    efficacy: list[float], budget: int, method: Method, pricing: PricingFunction, seed: int, at_most: int | None
) -> None:
    numbers = 10 * np.arange(len(efficacy)) + 3
    by_record = dict(zip(numbers.tolist(), efficacy, strict=True))
    chosen = select(method, numbers, np.array(efficacy), pricing, Wei(budget), rng(seed), at_most=at_most)
    assert list(chosen.records) == sorted(set(chosen.records)) and set(chosen.records) <= set(by_record)
    assert chosen.price == sum(chosen.prices) <= budget
    assert list(chosen.prices) == [pricing.price(by_record[record]) for record in chosen.records]
    assert all(by_record[record] > 0 for record in chosen.records)
    assert at_most is None or len(chosen.records) <= at_most
    # Nothing that still fits is left lying.
    left = [e for record, e in by_record.items() if record not in chosen.records and e > 0]
    if at_most is None or len(chosen.records) < at_most:
        assert all(pricing.price(e) > budget - chosen.price for e in left)


def test_top_takes_the_highest_and_goes_on_to_cheaper_ones() -> None:
    efficacy = np.array([0.1, 5.0, 3.0, -9.0, 2.0])
    assert select(Method.TOP, np.arange(5), efficacy, ONE, Wei(3), rng()).records == (1, 2, 4)
    linear = LinearPricing(Wei(10), Wei(0))
    chosen = select(Method.TOP, np.arange(5), efficacy, linear, Wei(75), rng())
    # 30 for record 2 is more than the 25 that 50 have left.
    assert (chosen.records, chosen.prices, chosen.price) == ((0, 1, 4), (1, 50, 20), 71)


def test_the_budget_is_met_to_the_unit() -> None:
    price = UniformPricing(Wei(ETHER // 3), Wei(0))
    for units, count in ((3 * (ETHER // 3), 3), (3 * (ETHER // 3) - 1, 2), (ETHER // 3 - 1, 0), (0, 0)):
        chosen = select(Method.POSITIVE, np.arange(9), np.ones(9), price, Wei(units), rng())
        assert len(chosen.records) == count and chosen.price == count * (ETHER // 3)


def test_records_are_drawn_in_proportion_to_their_trust() -> None:
    weights = np.array([1.0, 0.5, 0.25, 0.0])
    assert first_draws(Method.TRUST, weights, 7000) == pytest.approx([4 / 7, 2 / 7, 1 / 7, 0], abs=0.02)


def test_positive_draws_evenly_and_top_does_not_draw() -> None:
    efficacy = np.array([9.0, 1.0, 0.1, -1.0])
    assert first_draws(Method.POSITIVE, efficacy, 3000) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=0.03)
    tops = {select(Method.TOP, np.arange(4), efficacy, ONE, Wei(2), rng(seed)).records for seed in range(20)}
    assert tops == {(0, 1)}


@pytest.mark.parametrize("method", Method)
def test_the_same_seed_gives_the_same_selection(method: Method) -> None:
    efficacy = rng(3).random(200)
    chosen = [select(method, np.arange(200), efficacy, ONE, Wei(50), rng(seed)) for seed in (7, 7, 8)]
    assert chosen[0] == chosen[1]
    assert (chosen[0] == chosen[2]) == (method is Method.TOP)


def test_of_records_with_equal_scores_on_all_queries_one_can_be_bought() -> None:
    assert distinct_records(np.array([5, 3, 5, 5, 3, 1])).tolist() == [0, 1, 5]
    two = np.array([[5, 5, 5, 2], [1, 2, 1, 1]])
    assert distinct_records(two).tolist() == [0, 1, 3]
    assert distinct_records(np.array([[7], [8]])).tolist() == [0]
    assert distinct_records(np.empty(0, dtype=np.int64)).tolist() == []


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_each_group_of_equal_scores_has_its_first_record_as_the_only_candidate(values: list[int]) -> None:
    found = distinct_records(np.array(values)).tolist()
    assert found == [i for i, value in enumerate(values) if value not in values[:i]]


def test_selections_that_make_no_sense_are_refused() -> None:
    ok = np.ones(3)
    for candidates, efficacy in ((np.arange(2), ok), (np.arange(3)[None], ok[None])):
        with pytest.raises(errors.ShapeMismatch):
            select(Method.TRUST, candidates, efficacy, ONE, Wei(1), rng())
    with pytest.raises(errors.InvalidOption):
        select(Method.TRUST, np.array([1, 1, 2]), ok, ONE, Wei(1), rng())
    with pytest.raises(errors.InvalidOption):
        select(Method.TRUST, np.arange(3), ok, ONE, Wei(-1), rng())
    for entry in (np.nan, np.inf):
        with pytest.raises(errors.InvalidOption):
            select(Method.TOP, np.arange(3), np.array([1, entry, 1]), ONE, Wei(1), rng())
