"""Addresses as people and other programs write them, with the check digits of EIP-55.

Not here: addresses in messages, which are lower case by PROTOCOL 1 (`fields`).
"""

import re

from eth_utils.address import to_checksum_address

from blindfair.protocol.errors import InputError
from blindfair.protocol.quantities import Address

_DIGITS = re.compile(r"[0-9a-fA-F]{40}")
_SHOWN = 60


def read_address(text: str, what: str, error: type[InputError], hint: str) -> Address:
    """Read `0x` and 40 hexadecimal digits; the `0x` may be missing.

    Digits in mixed case carry a checksum (EIP-55), which must match. All lower or all upper case carries none. Raises
    `error`, whose message begins with `what` and ends with `hint`.
    """
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    if not _DIGITS.fullmatch(digits):
        raise error(
            f"{what} is not an address",
            expected="0x and 40 hexadecimal digits",
            found=repr(text[:_SHOWN]),
            hint=hint,
        )
    if digits not in (digits.lower(), digits.upper()) and "0x" + digits != to_checksum_address("0x" + digits.lower()):
        raise error(
            f"{what} is mistyped: its upper and lower case letters do not match its checksum (EIP-55)",
            expected="the address as its wallet shows it",
            found=text,
            hint=hint,
        )
    return Address("0x" + digits.lower())
