"""`agreement`, `delivery` and `refusal`: from the passed audit to the signed offer (PROTOCOL 5.1, 6.4, 6.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from blindfair.protocol.documents import Document
from blindfair.protocol.fields import Fields, amount_text, hex_text
from blindfair.protocol.messages.envelope import Envelope
from blindfair.protocol.messages.listing import part as binary_part
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import PARTS_OF_SELECTION, PartName
from blindfair.protocol.quantities import Digest, Signature, Wei

REASON_LIMIT = 512


@dataclass(frozen=True, slots=True)
class Agreement:
    """Buyer to seller: I take this part of the selection at this price; encrypt and offer.

    The whole or the rest, since the audit passed; or the sample, to audit it (PROTOCOL 5.6).
    """

    TYPE: ClassVar[str] = "agreement"
    LIMIT: ClassVar[int] = 4096

    selection: Digest
    part: PartName
    price: Wei

    def to_body(self) -> Document:
        """The document's body."""
        return {"part": self.part.value, "price": amount_text(self.price), "selection": hex_text(self.selection)}

    def to_parts(self) -> Mapping[str, bytes]:
        """No binary parts."""
        return {}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(Digest(fields.data("selection", 32)), _part_name(fields), Wei(fields.amount("price")))
        fields.done()
        return message


@dataclass(frozen=True, slots=True)
class Delivery:
    """Seller to buyer: the sealed ciphertext and the offer that the buyer may accept (PROTOCOL 6.4, 6.5)."""

    TYPE: ClassVar[str] = "delivery"
    LIMIT: ClassVar[int] = 900 * 2**20

    selection: Digest
    part: PartName
    offer: Offer
    offer_signature: Signature
    sealed: bytes

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "offer": self.offer.to_document(),
            "offer_signature": hex_text(self.offer_signature),
            "part": self.part.value,
            "selection": hex_text(self.selection),
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`sealed`: ciphertext chunks and record numbers, sealed to the buyer."""
        return {"sealed": self.sealed}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(
            selection=Digest(fields.data("selection", 32)),
            part=_part_name(fields),
            offer=Offer.from_document(fields.document("offer")),
            offer_signature=Signature(fields.data("offer_signature", 65)),
            sealed=binary_part(envelope, "sealed"),
        )
        fields.done()
        return message


@dataclass(frozen=True, slots=True)
class Refusal:
    """Either to the other: I will not go on with the message `about`; the error's name and text."""

    TYPE: ClassVar[str] = "refusal"
    LIMIT: ClassVar[int] = 8192

    about: Digest
    error: str
    reason: str

    def to_body(self) -> Document:
        """The document's body."""
        return {"about": hex_text(self.about), "error": self.error, "reason": self.reason[:REASON_LIMIT]}

    def to_parts(self) -> Mapping[str, bytes]:
        """No binary parts."""
        return {}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(
            Digest(fields.data("about", 32)), fields.text("error", 64), fields.text("reason", 4 * REASON_LIMIT)
        )
        fields.done()
        return message


def _part_name(fields: Fields) -> PartName:
    return PartName(fields.choice("part", [name.value for name in PARTS_OF_SELECTION]))
