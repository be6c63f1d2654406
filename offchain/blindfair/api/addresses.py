"""Addresses as a person gives them."""

from blindfair.protocol.addresses import read_address
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Address

NOBODY = Address("0x" + "00" * 20)
"""The address that no key belongs to."""


def parse_address(text: str, option: str = "to") -> Address:
    """Read the address of an option. Raises InvalidOption, which names the option, as `read_address` raises."""
    return read_address(text, f"`{option}`", InvalidOption, "copy the address from its wallet; nothing was sent")


def check_payee(payee: Address | None, option: str, contract: Address) -> None:
    """Refuse the two addresses that the contract never pays to: nobody's, and its own. Raises InvalidOption."""
    if payee in (NOBODY, contract):
        raise InvalidOption(
            f"`{option}` names an address that the contract never pays to",
            expected="an account or another contract",
            found=payee,
            hint="leave the option out to be paid to your own account",
        )
