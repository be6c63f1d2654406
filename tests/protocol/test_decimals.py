"""Amounts are told to the last digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.decimals import ETHER_PLACES, decimal_digits


@given(st.integers(0, 2**256 - 1), st.integers(0, 77))
def test_the_digits_are_the_amount(amount: int, places: int) -> None:
    told = decimal_digits(amount, places)
    assert Decimal(told.replace(",", "")).as_integer_ratio() == (Decimal(f"{amount}e-{places}")).as_integer_ratio()
    assert "." not in told or not told.endswith(("0", "."))


@pytest.mark.parametrize(
    ("amount", "places", "told"),
    [
        (0, ETHER_PLACES, "0"),
        (1, ETHER_PLACES, "0.000000000000000001"),
        (10**18, ETHER_PLACES, "1"),
        (1234 * 10**18 + 5 * 10**17, ETHER_PLACES, "1,234.5"),
        (1000, 0, "1,000"),
        (100, 1, "10"),
    ],
)
def test_amounts_as_people_read_them(amount: int, places: int, told: str) -> None:
    assert decimal_digits(amount, places) == told
