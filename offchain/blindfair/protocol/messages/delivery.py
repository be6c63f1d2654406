"""`agreement`, `delivery`, its segments, and `refusal`: from the passed audit to the signed offer (PROTOCOL 5.1, 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Self

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields, amount_text, hex_text
from blindfair.protocol.merkle import DIGEST_SIZE
from blindfair.protocol.messages.envelope import Envelope
from blindfair.protocol.messages.listing import part as binary_part
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import PARTS_OF_SELECTION, PartName
from blindfair.protocol.quantities import Digest, OrderId, Signature, Wei
from blindfair.protocol.segments import SEGMENT_BYTES, SEGMENT_COUNT_LIMIT

REASON_LIMIT = 512

SEGMENTS_AT_ONCE = 8
"""Segments that one message asks for, so that a mailbox never holds many."""


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
    """Seller to buyer: the sealed ciphertext and the offer that the buyer may accept (PROTOCOL 6.4, 6.5).

    A large delivery names its sealed segments instead, which the buyer fetches (6.7). Where the listing came without
    its leaf list, the leaves of the delivered chunks and their proof come here (6.8).
    """

    TYPE: ClassVar[str] = "delivery"
    LIMIT: ClassVar[int] = 900 * 2**20

    selection: Digest
    part: PartName
    offer: Offer
    offer_signature: Signature
    sealed: bytes
    """Empty where there are segments."""

    segments: tuple[Digest, ...] = ()
    """SHA-256 of every sealed segment, in order."""

    leaves: bytes = field(default=b"", repr=False)
    """Committed leaf hashes in the order of delivery; empty where the buyer has the leaf list."""

    proof: bytes = field(default=b"", repr=False)
    """The nodes that lead from `leaves` to the listing's root, 32 bytes each."""

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "offer": self.offer.to_document(),
            "offer_signature": hex_text(self.offer_signature),
            "part": self.part.value,
            "selection": hex_text(self.selection),
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`sealed` or `segments`; and `leaves` and `proof` where the listing gives no leaf list."""
        parts = {"segments": b"".join(self.segments)} if self.segments else {"sealed": self.sealed}
        return parts | ({"leaves": self.leaves, "proof": self.proof} if self.leaves else {})

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        content = "segments" if "segments" in envelope.parts else "sealed"
        proven = ("leaves", "proof") if "leaves" in envelope.parts else ()
        if set(envelope.parts) != {content, *proven}:
            raise MalformedMessage(
                "The delivery has the wrong binary parts",
                expected="sealed or segments; leaves and proof, or neither",
                found=sorted(envelope.parts),
            )
        message = cls(
            selection=Digest(fields.data("selection", 32)),
            part=_part_name(fields),
            offer=Offer.from_document(fields.document("offer")),
            offer_signature=Signature(fields.data("offer_signature", 65)),
            sealed=envelope.parts.get("sealed", b""),
            segments=_digests(envelope.parts, "segments", SEGMENT_COUNT_LIMIT) if content == "segments" else (),
            leaves=envelope.parts.get("leaves", b""),
            proof=envelope.parts.get("proof", b""),
        )
        fields.done()
        return message


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """Buyer to seller: send me these segments of a delivery (PROTOCOL 6.7)."""

    TYPE: ClassVar[str] = "fetch"
    LIMIT: ClassVar[int] = 4096

    order: OrderId
    """The number that the offer has on chain once it is accepted."""

    segments: tuple[int, ...]
    """Ascending; at most `SEGMENTS_AT_ONCE`."""

    def to_body(self) -> Document:
        """The document's body."""
        return {"order": hex_text(self.order), "segments": list(self.segments)}

    def to_parts(self) -> Mapping[str, bytes]:
        """No binary parts."""
        return {}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        order = OrderId(fields.data("order", 32))
        segments = fields.integers("segments", 0, SEGMENT_COUNT_LIMIT - 1, SEGMENTS_AT_ONCE)
        fields.done()
        if not segments or any(a >= b for a, b in pairwise(segments)):
            raise MalformedMessage("A fetch names no segments, or not in order", expected="ascending", found=segments)
        return cls(order, tuple(segments))


@dataclass(frozen=True, slots=True)
class DeliverySegment:
    """Seller to buyer: one sealed segment of a delivery (PROTOCOL 6.7)."""

    TYPE: ClassVar[str] = "segment"
    LIMIT: ClassVar[int] = 2 * SEGMENT_BYTES

    order: OrderId
    number: int
    sealed: bytes = field(repr=False)

    def to_body(self) -> Document:
        """The document's body."""
        return {"number": self.number, "order": hex_text(self.order)}

    def to_parts(self) -> Mapping[str, bytes]:
        """`sealed`: the segment, sealed to the buyer; its SHA-256 is in the delivery."""
        return {"sealed": self.sealed}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(
            OrderId(fields.data("order", 32)),
            fields.integer("number", 0, SEGMENT_COUNT_LIMIT - 1),
            binary_part(envelope, "sealed"),
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


def _digests(parts: Mapping[str, bytes], name: str, limit: int) -> tuple[Digest, ...]:
    data = parts[name]
    if not data or len(data) % DIGEST_SIZE or len(data) > DIGEST_SIZE * limit:
        raise MalformedMessage(
            f"The part {name!r} of a delivery has a wrong length",
            expected=f"1 ... {limit}, {DIGEST_SIZE} bytes each",
            found=len(data),
        )
    return tuple(Digest(data[start : start + DIGEST_SIZE]) for start in range(0, len(data), DIGEST_SIZE))
