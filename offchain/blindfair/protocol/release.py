"""The buyer's signed word that an order may be released, which anyone may bring to the chain (PROTOCOL 7).

It does not expire and cannot be taken back. A buyer signs it when the whole delivery has decrypted to what was
committed, and not before: with it goes the right to dispute.
"""

from eth_account.messages import SignableMessage

from blindfair.protocol.quantities import Address, Digest, OrderId, Signature
from blindfair.protocol.signing import Domain, recover_typed_signer, sign_typed, typed_digest

_TYPES = {"Release": [{"name": "order", "type": "bytes32"}]}


def release_digest(order_id: OrderId, domain: Domain) -> Digest:
    """The digest to sign: the EIP-712 digest of `Release(bytes32 order)` in the contract's domain."""
    return typed_digest(_typed(order_id, domain))


def sign_release(order_id: OrderId, domain: Domain, private_key: bytes) -> Signature:
    """The buyer's signature. Raises `InvalidOption` for bytes that are no key."""
    return sign_typed(_typed(order_id, domain), private_key)


def recover_release_signer(order_id: OrderId, domain: Domain, signature: Signature) -> Address:
    """The account that signed. Raises `BadSignature` for a signature of another form or of nobody."""
    return recover_typed_signer(_typed(order_id, domain), signature)


def _typed(order_id: OrderId, domain: Domain) -> SignableMessage:
    return domain.typed(_TYPES, {"order": order_id})
