"""Amounts of ether come in and go out exactly, to the last wei."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.api.amounts import ETHER_UNIT, parse_ether, show_ether
from blindfair.protocol.errors import InvalidOption


@given(st.integers(0, 10**12 * ETHER_UNIT - 1))
def test_what_is_shown_reads_back(amount: int) -> None:
    assert parse_ether(show_ether(amount).replace(",", ""), "budget") == amount


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0", 0),
        ("0.000000000000000001", 1),
        ("0.4", 4 * 10**17),
        ("00.40", 4 * 10**17),
        (" 12.5 ", 125 * 10**17),
        ("999999999999.999999999999999999", 10**30 - 1),
    ],
)
def test_amounts_are_read_exactly(text: str, wei: int) -> None:
    assert parse_ether(text, "budget") == wei


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1.",
        ".5",
        "1,5",
        "1e3",
        "1e999999999",
        "nan",
        "inf",
        "0x10",
        "1_000",
        "1 ether",
        "٣",
        # Finer than a wei, and beyond what 28 digits of a decimal context hold.
        "0.0000000000000000001",
        "1.000000000000000000000000000001",
        "1" * 13,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        parse_ether(text, "value")
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0,001", "write a point, not a comma: 0.001"),
        ("12,5", "write a point, not a comma: 12.5"),
        ("1,000", "no thousands separator"),
        ("1,000,000.5", "no thousands separator"),
        ("1 ether", "without a unit"),
    ],
)
def test_a_comma_is_named_as_what_is_wrong(text: str, hint: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        parse_ether(text, "value")
    assert hint in refusal.value.hint


@pytest.mark.parametrize(
    ("wei", "shown", "signed"),
    [
        (0, "0", "0"),
        (1, "0.000000000000000001", "+0.000000000000000001"),
        (-1, "-0.000000000000000001", "-0.000000000000000001"),
        (-4 * 10**17, "-0.4", "-0.4"),
        (10 * ETHER_UNIT, "10", "+10"),
        (1234567 * ETHER_UNIT, "1,234,567", "+1,234,567"),
    ],
)
def test_amounts_are_shown_to_the_wei(wei: int, shown: str, signed: str) -> None:
    assert show_ether(wei) == shown
    assert show_ether(wei, signed=True) == signed
