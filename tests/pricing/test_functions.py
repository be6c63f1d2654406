"""Prices to the smallest unit: exact, never under the reserve, nothing for harm."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.pricing.functions import (
    PRICE_LIMIT,
    LinearPricing,
    PricingFunction,
    UniformPricing,
    pricing_from_document,
)
from blindfair.protocol import errors
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.quantities import Wei

ETHER = 10**18


def test_uniform_pays_the_same_for_every_helpful_record_and_the_reserve_for_others() -> None:
    pricing = UniformPricing(Wei(5), Wei(2))
    assert [pricing.price(e) for e in (3.0, 1e-300, 0.0, -0.0, -1.0)] == [5, 5, 2, 2, 2]


def test_linear_is_exact_where_floats_are_not() -> None:
    pricing = LinearPricing(Wei(ETHER), Wei(0))
    # A tenth is not a double; its double is a little more.
    assert pricing.price(0.1) == 100000000000000005
    assert pricing.price(2**-60) == 0
    assert LinearPricing(Wei(3), Wei(0)).price(1 - 2**-53) == 2


@given(st.floats(-1e15, 1e15), st.integers(0, 10**20), st.integers(0, 10**20))
def test_linear_is_the_floor_of_the_exact_product_and_at_least_the_reserve(e: float, rate: int, reserve: int) -> None:
    exact = Fraction(e) * rate
    price = LinearPricing(Wei(rate), Wei(reserve)).price(e)
    assert price == max(reserve, exact.numerator // exact.denominator if e > 0 else 0)


@pytest.mark.parametrize("pricing", [UniformPricing(Wei(2**100), Wei(1)), LinearPricing(Wei(2**90), Wei(0))])
def test_a_function_survives_the_wire(pricing: PricingFunction) -> None:
    assert pricing_from_document(parse(canonical(pricing.to_document()), 1000)) == pricing


@pytest.mark.parametrize("efficacy", [float("nan"), float("inf"), float("-inf")])
def test_efficacy_that_is_not_finite_has_no_price(efficacy: float) -> None:
    for pricing in (UniformPricing(Wei(1), Wei(0)), LinearPricing(Wei(1), Wei(0))):
        with pytest.raises(errors.InvalidOption):
            pricing.price(efficacy)


def test_prices_and_functions_out_of_range_are_refused() -> None:
    for per_record, reserve in ((1, 2), (-1, -1), (PRICE_LIMIT + 1, 0), (5, -1)):
        with pytest.raises(errors.InvalidOption):
            UniformPricing(Wei(per_record), Wei(reserve))
    for rate, reserve in ((-1, 0), (0, -1), (PRICE_LIMIT + 1, 0), (0, PRICE_LIMIT + 1)):
        with pytest.raises(errors.InvalidOption):
            LinearPricing(Wei(rate), Wei(reserve))
    with pytest.raises(errors.InvalidOption):
        LinearPricing(Wei(PRICE_LIMIT), Wei(0)).price(1.5)


GOOD: dict[str, Any] = {"kind": "uniform", "per_record": "5", "reserve": "2"}
HOSTILE: dict[str, Any] = {
    "empty": {},
    "an unknown kind": {**GOOD, "kind": "auction"},
    "no reserve": {"kind": "uniform", "per_record": "5"},
    "the other kind's field": {**GOOD, "kind": "linear"},
    "a field more": {**GOOD, "rate": "5"},
    "a number for an amount": {**GOOD, "per_record": 5},
    "a negative amount": {**GOOD, "per_record": "-5"},
    "a fraction": {**GOOD, "per_record": "5.5"},
    "a leading zero": {**GOOD, "per_record": "05"},
    "under the reserve": {**GOOD, "per_record": "1"},
    "more than an offer can state": {**GOOD, "per_record": str(PRICE_LIMIT + 1)},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_function_is_refused(name: str) -> None:
    with pytest.raises(errors.MalformedMessage):
        pricing_from_document(HOSTILE[name])
