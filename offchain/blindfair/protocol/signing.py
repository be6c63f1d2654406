"""EIP-712 signatures in the contract's domain, and the one typed message that every off-chain message is signed as.

Not here: offers, which are typed data of their own (`offer`), and signatures of contract wallets, which only the chain
can check.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature as UnrecoverableSignature

from blindfair.protocol.errors import BadSignature, InvalidOption
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, Digest, Signature

SIGNATURE_SIZE = 65
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The number of points of secp256k1 (SEC 2 section 2.4.1)."""

_MESSAGE_TYPES = {"Message": [{"name": "kind", "type": "bytes32"}, {"name": "body", "type": "bytes32"}]}


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: `("Blindfair", "1", chainId, verifyingContract)` (PROTOCOL 6.5)."""

    chain_id: int
    """EIP-155 number of the chain."""

    contract: Address
    """The escrow contract."""

    def typed(self, types: Mapping[str, Any], data: Mapping[str, Any]) -> SignableMessage:
        """Typed data in this domain: `header` is the domain's separator, `body` is `hashStruct(data)`."""
        domain = {"name": "Blindfair", "version": "1", "chainId": self.chain_id, "verifyingContract": self.contract}
        return encode_typed_data(domain, dict(types), dict(data))


def address_of(private_key: bytes) -> Address:
    """The account of a private key. Raises `InvalidOption` for bytes that are no key."""
    _check_key(private_key)
    return Address(Account.from_key(private_key).address.lower())


def message_digest(domain: Domain, kind: Digest, body: Digest) -> Digest:
    """The digest to sign for a message: the EIP-712 digest of `Message(bytes32 kind,bytes32 body)` (PROTOCOL 4)."""
    return typed_digest(_message(domain, kind, body))


def sign_message(domain: Domain, kind: Digest, body: Digest, private_key: bytes) -> Signature:
    """Sign a message. Raises `InvalidOption` for bytes that are no key."""
    return sign_typed(_message(domain, kind, body), private_key)


def recover_message_signer(domain: Domain, kind: Digest, body: Digest, signature: Signature) -> Address:
    """The account that signed a message. Raises `BadSignature` as `recover_typed_signer` does."""
    return recover_typed_signer(_message(domain, kind, body), signature)


def typed_digest(typed: SignableMessage) -> Digest:
    """`keccak256(1901 || domain separator || hashStruct)` (EIP-712)."""
    return Digest(keccak256(b"\x19" + typed.version + typed.header + typed.body))


def sign_typed(typed: SignableMessage, private_key: bytes) -> Signature:
    """`r || s || v` with low `s` and `v` 27 or 28; deterministic (RFC 6979). Raises `InvalidOption`."""
    _check_key(private_key)
    return Signature(bytes(Account.sign_message(typed, private_key).signature))


def recover_typed_signer(typed: SignableMessage, signature: Signature) -> Address:
    """The account that signed typed data.

    Raises `BadSignature` unless the signature has 65 bytes, `v` 27 or 28, the lower of the two values of `s` (the other
    would be a second valid signature that nobody made), and belongs to some account.
    """
    if len(signature) != SIGNATURE_SIZE:
        raise BadSignature("A signature has a wrong length", expected=SIGNATURE_SIZE, found=len(signature))
    if signature[64] not in (27, 28):
        raise BadSignature("A signature has a wrong recovery value", expected="27 or 28", found=signature[64])
    if int.from_bytes(signature[32:64], "big") > CURVE_ORDER // 2:
        raise BadSignature("A signature is the malleable one of two", expected="s in the lower half of the order")
    try:
        return Address(Account.recover_message(typed, signature=bytes(signature)).lower())
    except UnrecoverableSignature as error:
        raise BadSignature("A signature belongs to no account") from error


def _message(domain: Domain, kind: Digest, body: Digest) -> SignableMessage:
    return domain.typed(_MESSAGE_TYPES, {"kind": kind, "body": body})


def _check_key(private_key: bytes) -> None:
    # Said here, because an error of a library might quote the key.
    if len(private_key) != 32 or not 0 < int.from_bytes(private_key, "big") < CURVE_ORDER:
        raise InvalidOption("This is not a private key", expected="32 bytes from 1 to below the order of secp256k1")
