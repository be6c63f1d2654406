"""Amounts as people write and read them: ether, exactly. Everything else in the program is in wei."""

import re

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

ETHER_UNIT = 10**18
"""Wei in one ether."""

_PLACES = 18

# Digits and a point only: other notations have exponents and alphabets in which a huge number is short.
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,18}))?")


def parse_ether(text: str) -> Wei:
    """An amount in ether as wei, exactly. Raises InvalidOption for anything else, or finer than a wei."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise InvalidOption(
            "This is not an amount of ether",
            expected="digits, like 0.5, at most 18 after the point",
            found=repr(text[:40]),
            hint="write the amount in ether without a unit",
        )
    whole, fraction = match.group(1), match.group(2) or ""
    return Wei(int(whole) * ETHER_UNIT + int(fraction.ljust(_PLACES, "0")))


def show_ether(amount: int, *, signed: bool = False) -> str:
    """Wei as ether, to the last digit; with `signed`, a plus before what was gained."""
    whole, fraction = divmod(abs(amount), ETHER_UNIT)
    digits = f"{whole:,}.{fraction:0{_PLACES}}".rstrip("0").rstrip(".")
    sign = "-" if amount < 0 else "+" if signed and amount > 0 else ""
    return sign + digits
