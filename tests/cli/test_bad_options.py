"""An option that cannot be used ends the command at once: a named error with its own code, and nothing written."""

from pathlib import Path

import pytest
from command import Inside, outside

from blindfair.protocol.errors import BlindfairError, InsufficientFunds, InvalidOption, OfferTooSmall

BAD_OPTIONS: list[tuple[list[str], type[BlindfairError]]] = [
    (["--budget", "lots"], InvalidOption),
    (["--budget", "-1"], InvalidOption),
    (["--budget", "1e9"], InvalidOption),
    (["--budget", "0.0000000000000000001"], InvalidOption),
    (["--budget", "0"], OfferTooSmall),
    (["--budget", "0.000999999999999999"], OfferTooSmall),
    (["--budget", "9.000000000000000001"], InsufficientFunds),
    (["--budget", "1000000"], InsufficientFunds),
    (["--value", "much"], InvalidOption),
    (["--value", "-0.1"], InvalidOption),
    (["--model", "oracle"], InvalidOption),
    (["--model", ""], InvalidOption),
    (["--model", "MLP"], InvalidOption),
    (["--seed", "-1"], InvalidOption),
    (["--seed", "4294967296"], InvalidOption),
    (["--flipped", "-0.1"], InvalidOption),
    (["--flipped", "0.91"], InvalidOption),
    (["--flipped", "nan"], InvalidOption),
    (["--flipped", "30"], InvalidOption),
    (["--duplicates", "-0.1"], InvalidOption),
    (["--duplicates", "inf"], InvalidOption),
    (["--records", "mine.csv"], InvalidOption),
    (["--label", "y"], InvalidOption),
    (["--exclude", "age"], InvalidOption),
    (["--categorical", "age"], InvalidOption),
]


@pytest.mark.parametrize(
    ("options", "error"), BAD_OPTIONS, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_a_bad_option_is_refused_by_name(
    options: list[str], error: type[BlindfairError], clean: Path, inside: Inside
) -> None:
    ended = inside("demo", *options, "--json", "r.json", "--report", "report", "--directory", "home")
    ended.failed(error)
    if options[0] in ("--budget", "--value") and error is InvalidOption:
        assert ended.err.startswith(f"error: InvalidOption: {options[0]} is not an amount of ether\n")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("dmeo", ""),
        ("demo --sede 1", "demo "),
        ("demo --seed x", "demo "),
        ("demo --flipped some", "demo "),
        ("demo mine.csv", "demo "),
        ("seller lits", "seller "),
        ("seller list", "seller list "),
    ],
)
def test_wrong_usage_ends_with_2_and_says_where_help_is(
    arguments: str, command: str, clean: Path, inside: Inside
) -> None:
    ended = inside(*arguments.split())
    assert ended.code == 2
    assert ended.err.startswith("error: Usage: ")
    assert f"blindfair {command}--help" in ended.err
    assert "Traceback" not in ended.err


def test_the_command_alone_shows_its_help(inside: Inside) -> None:
    ended = inside()
    assert ended.code == 0
    assert "demo" in ended.out


def test_the_command_says_its_version(inside: Inside) -> None:
    assert inside("--version").out.count(".") == 2


def test_the_installed_command_refuses_as_the_function_does(clean: Path) -> None:
    ended = outside("demo", "--budget", "10")
    ended.failed(InsufficientFunds, "--budget at most 9")
