"""Addresses as a person gives them."""

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Address


def parse_address(text: str, option: str = "--to") -> Address:
    """`0x` and 40 hexadecimal digits, in any case. Raises InvalidOption, which names the option."""
    digits = text.removeprefix("0x").lower()
    if len(digits) != 40 or not set(digits) <= set("0123456789abcdef"):
        raise InvalidOption(
            f"{option} is not an address",
            expected="0x and 40 hexadecimal digits",
            found=repr(text[:60]),
            hint="copy the address from its wallet; nothing was sent",
        )
    return Address("0x" + digits)
