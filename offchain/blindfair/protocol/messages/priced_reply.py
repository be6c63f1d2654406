"""`priced-reply`: the reply to a request that is not free, encrypted, with the offer of its key (PROTOCOL 4.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from blindfair.protocol.chunks import CHUNK_COUNT_LIMIT
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.messages.envelope import Envelope
from blindfair.protocol.messages.listing import part
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import Digest, Signature


@dataclass(frozen=True, slots=True)
class PricedReply:
    """Seller to buyer: here is my reply under a key, which I reveal against the fee.

    `ciphertext` is the encrypted chunks of the reply one after the other, and `leaf_hashes` are the leaf hashes of the
    chunks in the clear.
    """

    TYPE: ClassVar[str] = "priced-reply"
    LIMIT: ClassVar[int] = 640 * 2**20

    request: Digest
    offer: Offer
    offer_signature: Signature
    leaf_hashes: tuple[Digest, ...] = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "offer": self.offer.to_document(),
            "offer_signature": hex_text(self.offer_signature),
            "request": hex_text(self.request),
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`ciphertext`: the chunks, encrypted; `leaves`: their leaf hashes, one after the other."""
        return {"ciphertext": self.ciphertext, "leaves": b"".join(self.leaf_hashes)}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        if len(envelope.parts) != 2:
            raise MalformedMessage("The priced reply has the wrong binary parts", found=sorted(envelope.parts))
        leaves = part(envelope, "leaves", only=False)
        if not leaves or len(leaves) % 32 or len(leaves) > 32 * CHUNK_COUNT_LIMIT:
            raise MalformedMessage(
                "The leaf list is not a whole number of digests",
                expected=f"1 ... {CHUNK_COUNT_LIMIT}, 32 bytes each",
                found=f"{len(leaves)} bytes",
            )
        message = cls(
            request=Digest(fields.data("request", 32)),
            offer=Offer.from_document(fields.document("offer")),
            offer_signature=Signature(fields.data("offer_signature", 65)),
            leaf_hashes=tuple(Digest(leaves[i : i + 32]) for i in range(0, len(leaves), 32)),
            ciphertext=part(envelope, "ciphertext", only=False),
        )
        fields.done()
        return message
