"""Allowances of a token given by signature (EIP-2612), so that a buyer pays in one transaction.

The token's domain is the token's own business; it is asked for its separator, and nothing is assumed about its name.
"""

from dataclasses import dataclass

from eth_account.messages import SignableMessage

from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, Digest, Timestamp, Wei
from blindfair.protocol.signing import sign_typed

_TYPEHASH = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")


@dataclass(frozen=True, slots=True)
class Permit:
    """A signed allowance, with the fields of the contract's struct in the same order."""

    value: Wei
    """The allowance that it gives, in the token's smallest unit."""

    deadline: Timestamp
    """The last second at which the token takes it."""

    v: int
    """Recovery value, 27 or 28."""

    r: bytes
    """First half of the signature, 32 bytes."""

    s: bytes
    """Second half, 32 bytes."""


def sign_permit(
    separator: Digest,
    owner: Address,
    spender: Address,
    value: Wei,
    nonce: int,
    deadline: Timestamp,
    private_key: bytes,
) -> Permit:
    """Let `spender` take up to `value` from `owner`, whose key this is.

    `separator` and `nonce` are what the token answers (`DataExchange.permit_domain`). Raises `InvalidOption` for bytes
    that are no key.
    """
    words = [_address_word(owner), _address_word(spender), *(number.to_bytes(32, "big") for number in (value, nonce))]
    body = keccak256(_TYPEHASH + b"".join(words) + deadline.to_bytes(32, "big"))
    signature = sign_typed(SignableMessage(b"\x01", separator, body), private_key)
    return Permit(value, deadline, signature[64], signature[:32], signature[32:64])


def _address_word(address: Address) -> bytes:
    return bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")
