"""Addresses as people write them: mixed case carries a checksum, which must match (EIP-55)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.addresses import read_address
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.words import counted

CHECKED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
"""An example of EIP-55."""


def read(text: str) -> str:
    return read_address(text, "--to", InvalidOption, "copy it")


def test_one_account_is_read_in_every_form_that_carries_a_right_checksum_or_none() -> None:
    forms = [CHECKED, CHECKED[2:], CHECKED.lower(), "0x" + CHECKED[2:].upper(), "0X" + CHECKED[2:]]
    assert {read(form) for form in forms} == {CHECKED.lower()}


@given(st.integers(2, 41))
def test_a_sealed_message_in_the_other_case_is_refused(place: int) -> None:
    mistyped = CHECKED[:place] + CHECKED[place].swapcase() + CHECKED[place + 1 :]
    if mistyped == CHECKED:
        assert read(mistyped) == CHECKED.lower()
    else:
        with pytest.raises(InvalidOption, match=r"--to is mistyped.*copy it"):
            read(mistyped)


@pytest.mark.parametrize(
    "text", ["", "0x", "0x" + "1" * 39, "0x" + "1" * 41, "0x" + "g" * 40, CHECKED + "\n", "\u0661" * 40]
)
def test_what_is_not_40_digits_is_no_address(text: str) -> None:
    with pytest.raises(InvalidOption, match="--to is not an address"):
        read(text)


def test_a_count_has_its_noun_in_the_plural_unless_there_is_one() -> None:
    assert [counted(count, "bit") for count in (0, 1, 2, 2000)] == ["0 bits", "1 bit", "2 bits", "2,000 bits"]
