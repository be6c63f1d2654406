"""Addresses as a person gives them."""

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Address

NOBODY = Address("0x" + "00" * 20)
"""The address that no key belongs to."""


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


def check_payee(payee: Address | None, option: str, contract: Address) -> None:
    """Refuse the two addresses that the contract never pays to: nobody's, and its own. Raises InvalidOption."""
    if payee in (NOBODY, contract):
        raise InvalidOption(
            f"{option} names an address that the contract never pays to",
            expected="an account or another contract",
            found=payee,
            hint="leave the option out to be paid to your own account",
        )
