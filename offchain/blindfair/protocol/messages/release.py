"""`release`: the buyer's signed word that an order may be paid, which the seller brings to the chain (PROTOCOL 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from blindfair.protocol.documents import Document
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.messages.envelope import Envelope
from blindfair.protocol.quantities import OrderId, Signature


@dataclass(frozen=True, slots=True)
class Release:
    """Buyer to seller: what you delivered is good; with this signature (`protocol.release`) you are paid at once."""

    TYPE: ClassVar[str] = "release"
    LIMIT: ClassVar[int] = 4096

    order: OrderId
    signature: Signature

    def to_body(self) -> Document:
        """The document's body."""
        return {"order": hex_text(self.order), "signature": hex_text(self.signature)}

    def to_parts(self) -> Mapping[str, bytes]:
        """No binary parts."""
        return {}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(OrderId(fields.data("order", 32)), Signature(fields.data("signature", 65)))
        fields.done()
        return message
