"""Payments of a token authorized by signature (EIP-3009): one transaction pays, and no allowance is ever given.

Only the escrow can use such a signature, only for the one order whose number it names, until the offer expires.
The token's domain is the token's own business; it is asked for its separator, and nothing is assumed about its name.
"""

from dataclasses import dataclass

from eth_account.messages import SignableMessage

from blindfair.protocol.hashing import keccak256
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import Address, Digest
from blindfair.protocol.signing import sign_typed

_TYPEHASH = keccak256(
    b"ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    b"bytes32 nonce)"
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """A signed payment, with the fields of the contract's struct in the same order."""

    v: int
    """Recovery value, 27 or 28."""

    r: bytes
    """First half of the signature, 32 bytes."""

    s: bytes
    """Second half, 32 bytes."""


def sign_authorization(separator: Digest, escrow: Address, offer: Offer, private_key: bytes) -> Authorization:
    """The buyer's payment of an offer's price to the escrow (PROTOCOL 7); the key is the buyer's.

    `separator` is what the token answers (`DataExchange.token_domain`). Raises `InvalidOption` for what is no key.
    """
    numbers = (offer.price, 0, offer.expiry + 1)
    words = [_address_word(offer.buyer), _address_word(escrow), *(number.to_bytes(32, "big") for number in numbers)]
    body = keccak256(_TYPEHASH + b"".join(words) + offer.struct_hash())
    signature = sign_typed(SignableMessage(b"\x01", separator, body), private_key)
    return Authorization(signature[64], signature[:32], signature[32:64])


def _address_word(address: Address) -> bytes:
    return bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")
