"""Amounts as people write and read them: ether or a token, exactly. All else in the program is in the smallest unit."""

import re
from dataclasses import dataclass

from blindfair.protocol.decimals import ETHER_PLACES, decimal_digits
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import ETHER, Address, Wei

ETHER_UNIT = 10**18
"""Wei in one ether."""

MAX_PLACES = 36
"""Digits after the point that a token may have."""

# Digits and a point only: other notations have exponents and alphabets in which a huge number is short.
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,36}))?")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Money:
    """The token that prices are in, and how people write it."""

    token: Address
    """The token's contract, `ETHER` for ether."""

    places: int
    """Digits after the point down to the smallest unit."""

    unit: str
    """The name that people use; a token chooses its own name, and another may have the same."""

    def parse(self, text: str, option: str) -> Wei:
        """An amount in the smallest unit, exactly. Raises InvalidOption, by the name of `option`, for anything else, or
        finer than that."""
        if not isinstance(text, str):
            raise InvalidOption(
                f"`{option}` is not a text",
                expected=f'an amount of {self.unit} as a text, such as "0.05"',
                found=f"{type(text).__name__} {text!r}"[:80],
                hint="a text holds an amount exactly, and a number does not: put quotes around it",
            )
        match = _AMOUNT.fullmatch(text.strip())
        if match is None or len(match.group(2) or "") > self.places:
            raise InvalidOption(
                f"`{option}` is not an amount of {self.unit}",
                expected=f"digits, like 0.5, at most {self.places} after the point",
                found=repr(text[:40]),
                hint=_hint(text.strip(), self.unit),
            )
        whole, fraction = match.group(1), match.group(2) or ""
        return Wei(int(whole) * 10**self.places + int(fraction.ljust(self.places, "0") or "0"))

    def digits(self, amount: int, *, signed: bool = False) -> str:
        """An amount to the last digit, without its unit; with `signed`, a plus before what was gained."""
        sign = "-" if amount < 0 else "+" if signed and amount > 0 else ""
        return sign + decimal_digits(abs(amount), self.places)

    def show(self, amount: int) -> str:
        """An amount with its unit."""
        return f"{self.digits(amount)} {self.unit}"


def _hint(text: str, unit: str) -> str:
    if "," not in text:
        return f"write the amount in {unit} without a unit"
    pointed = text.replace(",", ".")
    # 1,000 may be meant as one or as a thousand.
    if _AMOUNT.fullmatch(pointed) and not _THOUSANDS.fullmatch(text):
        return f"write a point, not a comma: {pointed}"
    return "use a decimal point and no thousands separator: 1000.5"


IN_ETHER = Money(ETHER, ETHER_PLACES, "ether")


def parse_ether(text: str, option: str) -> Wei:
    """An amount in ether as wei, exactly. Raises InvalidOption, by the name of `option`, for anything else, or finer
    than a wei."""
    return IN_ETHER.parse(text, option)


def check_amounts(token: str | None, **amounts: str | None) -> None:
    """Check amounts by the names of their options before a node says how many digits the token has: it then decides.

    Raises InvalidOption.
    """
    money = IN_ETHER if token is None else Money(Address(token), MAX_PLACES, "the token")
    for option, text in amounts.items():
        if text is not None:
            money.parse(text, option)


def show_ether(amount: int, *, signed: bool = False) -> str:
    """Wei as ether, to the last digit; with `signed`, a plus before what was gained."""
    return IN_ETHER.digits(amount, signed=signed)
