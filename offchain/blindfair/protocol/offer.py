"""Offers: what a seller signs and a buyer pays for, with the same hash as in the contract (PROTOCOL 6.5).

Not here: whether an offer is what was agreed (`offer_checks`), and what becomes of it (`order`).
"""

from dataclasses import dataclass, fields

from eth_account.messages import SignableMessage

from blindfair.protocol.documents import SAFE_INTEGER, Document
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields, amount_text, hex_text
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    Digest,
    KeyCommitment,
    ListingId,
    OrderId,
    Root,
    Seconds,
    Signature,
    Timestamp,
    Wei,
)
from blindfair.protocol.signing import Domain, recover_typed_signer, sign_typed, typed_digest

__all__ = ["Domain", "Offer", "recover_offer_signer", "sign_offer"]

OFFER_TYPES = {
    "Offer": [
        {"name": "listing", "type": "bytes32"},
        {"name": "evaluation", "type": "bytes32"},
        {"name": "deliveryRoot", "type": "bytes32"},
        {"name": "keyCommitment", "type": "bytes32"},
        {"name": "chunkCount", "type": "uint32"},
        {"name": "chunkSize", "type": "uint32"},
        {"name": "seller", "type": "address"},
        {"name": "buyer", "type": "address"},
        {"name": "token", "type": "address"},
        {"name": "price", "type": "uint128"},
        {"name": "bond", "type": "uint128"},
        {"name": "revealWindow", "type": "uint32"},
        {"name": "disputeWindow", "type": "uint32"},
        {"name": "expiry", "type": "uint64"},
        {"name": "nonce", "type": "uint256"},
    ]
}
"""The type of PROTOCOL 6.5, in its order; `Offer` has the same fields in the same order."""

_BITS = {
    "chunk_count": 32,
    "chunk_size": 32,
    "price": 128,
    "bond": 128,
    "reveal_window": 32,
    "dispute_window": 32,
    # 64 on chain; a document holds no larger integer, and no honest clock comes near it.
    "expiry": 53,
    "nonce": 256,
}
_NO_CONTRACT = Domain(1, ETHER)


@dataclass(frozen=True, slots=True)
class Offer:
    """One purchase. Raises `MalformedMessage` for a value that its type on chain does not hold."""

    listing: ListingId
    """The listing that the records are from."""

    evaluation: Digest
    """The blind evaluation that it was chosen by (PROTOCOL 4)."""

    delivery_root: Root
    """Root over ciphertexts and committed hashes (PROTOCOL 6.3)."""

    key_commitment: KeyCommitment
    """`keccak256` of the delivery key."""

    chunk_count: int
    """Chunks delivered; 32 bits."""

    chunk_size: int
    """Bytes of a full chunk; 32 bits."""

    seller: Address
    """Signs, reveals, is paid."""

    buyer: Address
    """The only account that may accept."""

    token: Address
    """The token that is paid in; `ETHER` is ether."""

    price: Wei
    """128 bits."""

    bond: Wei
    """The seller's, lost if it does not reveal or is proven wrong; 128 bits."""

    reveal_window: Seconds
    """From accept to the last moment of reveal; 32 bits."""

    dispute_window: Seconds
    """From reveal to the last moment of dispute; 32 bits."""

    expiry: Timestamp
    """The last moment of accept; 64 bits on chain, 53 here."""

    nonce: int
    """Makes two otherwise equal offers different; 256 bits."""

    def __post_init__(self) -> None:
        for name in ("listing", "evaluation", "delivery_root", "key_commitment"):
            if len(getattr(self, name)) != 32:
                raise MalformedMessage(f"offer.{name} is no digest", expected="32 bytes")
        for name, bits in _BITS.items():
            value = getattr(self, name)
            if not 0 <= value < 2**bits:
                raise MalformedMessage(f"offer.{name} is out of range", expected=f"0 ... 2^{bits} - 1", found=value)

    def struct_hash(self) -> OrderId:
        """`hashStruct(offer)` (EIP-712): what the contract keys the order by, on any chain."""
        return OrderId(_typed(self, _NO_CONTRACT).body)

    def signing_digest(self, domain: Domain) -> Digest:
        """The digest that the seller signs (EIP-712)."""
        return typed_digest(_typed(self, domain))

    def to_document(self) -> Document:
        """The offer as a part of a message; amounts and the nonce as decimal strings."""
        return {
            "listing": hex_text(self.listing),
            "evaluation": hex_text(self.evaluation),
            "delivery_root": hex_text(self.delivery_root),
            "key_commitment": hex_text(self.key_commitment),
            "chunk_count": self.chunk_count,
            "chunk_size": self.chunk_size,
            "seller": self.seller,
            "buyer": self.buyer,
            "token": self.token,
            "price": amount_text(self.price),
            "bond": amount_text(self.bond),
            "reveal_window": self.reveal_window,
            "dispute_window": self.dispute_window,
            "expiry": self.expiry,
            "nonce": amount_text(self.nonce),
        }

    @classmethod
    def from_document(cls, document: Document) -> "Offer":
        """Raises `MalformedMessage`."""
        taken = Fields(document, "offer")
        offer = cls(
            listing=ListingId(taken.data("listing", 32)),
            evaluation=Digest(taken.data("evaluation", 32)),
            delivery_root=Root(taken.data("delivery_root", 32)),
            key_commitment=KeyCommitment(taken.data("key_commitment", 32)),
            chunk_count=taken.integer("chunk_count", 0, 2**32 - 1),
            chunk_size=taken.integer("chunk_size", 0, 2**32 - 1),
            seller=taken.address("seller"),
            buyer=taken.address("buyer"),
            token=taken.address("token"),
            price=Wei(taken.amount("price")),
            bond=Wei(taken.amount("bond")),
            reveal_window=Seconds(taken.integer("reveal_window", 0, 2**32 - 1)),
            dispute_window=Seconds(taken.integer("dispute_window", 0, 2**32 - 1)),
            expiry=Timestamp(taken.integer("expiry", 0, SAFE_INTEGER)),
            nonce=taken.amount("nonce"),
        )
        taken.done()
        return offer


def sign_offer(offer: Offer, domain: Domain, private_key: bytes) -> Signature:
    """The seller's signature. Raises `InvalidOption` for bytes that are no key."""
    return sign_typed(_typed(offer, domain), private_key)


def recover_offer_signer(offer: Offer, domain: Domain, signature: Signature) -> Address:
    """The account that signed an offer. Raises `BadSignature` for a signature of another form or of nobody."""
    return recover_typed_signer(_typed(offer, domain), signature)


def _typed(offer: Offer, domain: Domain) -> SignableMessage:
    names = [member["name"] for member in OFFER_TYPES["Offer"]]
    values = [getattr(offer, member.name) for member in fields(offer)]
    return domain.typed(OFFER_TYPES, dict(zip(names, values, strict=True)))
