"""Errors are one tree with stable exit codes, and say what, expected, found and what to do."""

import re

import pytest

from blindfair.protocol import errors
from blindfair.protocol.errors import BlindfairError

ALL: list[type[BlindfairError]] = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BlindfairError)
]
RANGES = {
    "InputError": range(10, 30),
    "MessageError": range(30, 50),
    "CommitmentError": range(50, 60),
    "ScoringError": range(60, 70),
    "AuditError": range(70, 80),
    "SettlementError": [*range(80, 90), *range(110, 114)],
    "StateError": [*range(90, 100), *range(101, 110), *range(114, 120)],
}


def test_exit_codes_are_unique() -> None:
    codes = [error.exit_code for error in ALL]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", [error for error in ALL if error is not BlindfairError])
def test_an_error_hangs_under_one_branch_and_within_its_codes(error: type[BlindfairError]) -> None:
    (branch,) = [parent.__name__ for parent in error.__mro__ if parent.__name__ in RANGES]
    assert error.exit_code in RANGES[branch]
    assert "exit_code" in vars(error)


def test_the_tree_at_the_head_of_the_file_names_every_branch() -> None:
    assert set(re.findall(r"-- (\w+Error)", errors.__doc__ or "")) == set(RANGES)


def test_an_error_says_what_is_known() -> None:
    assert str(BlindfairError("It broke")) == "It broke"
    assert str(BlindfairError("It broke", expected=0, found="")) == "It broke; expected 0; found "
    error = BlindfairError("It broke", expected=1, found=2, hint="mend it")
    assert str(error) == "It broke; expected 1; found 2. Hint: mend it"
    assert error.name == "BlindfairError"


def test_a_refusal_of_the_contract_keeps_its_name_and_values() -> None:
    values = {"expected": 1, "found": 2}
    error = errors.ContractReverted("The contract refused", error_name="WrongPayment", values=values)
    values.clear()
    assert (error.error_name, error.values) == ("WrongPayment", {"expected": 1, "found": 2})
    plain = errors.ContractReverted("The contract refused")
    assert (plain.error_name, plain.values) == ("", {})


def test_an_invalid_option_names_its_keyword() -> None:
    assert errors.InvalidOption("`bits` is out of range").option == "bits"
    assert errors.InvalidOption("The tables are named twice").option is None
