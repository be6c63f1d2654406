"""The messages of the protocol: one class each, and the two functions that turn them to bytes and back.

inquiry -> listing -> request -> reply or priced-reply -> selection -> openings -> agreement -> delivery -> release

A large delivery is followed by fetch -> segment, as often as it takes. A refusal may come at any time.
"""

from collections.abc import Mapping

from blindfair.protocol.messages.audit import OpenedRecord, Openings, Selection
from blindfair.protocol.messages.delivery import Agreement, Delivery, DeliverySegment, Refusal, SegmentRequest
from blindfair.protocol.messages.envelope import Envelope, open_envelope, sign_envelope
from blindfair.protocol.messages.evaluation import Reply, Request
from blindfair.protocol.messages.listing import Inquiry, Listing
from blindfair.protocol.messages.priced_reply import PricedReply
from blindfair.protocol.messages.release import Release
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain

Message = (
    Inquiry
    | Listing
    | Request
    | Reply
    | PricedReply
    | Selection
    | Openings
    | Agreement
    | Delivery
    | SegmentRequest
    | DeliverySegment
    | Release
    | Refusal
)
"""The messages between the two parties."""

TYPES: Mapping[str, type[Message]] = {
    kind.TYPE: kind
    for kind in (
        Inquiry,
        Listing,
        Request,
        Reply,
        PricedReply,
        Selection,
        Openings,
        Agreement,
        Delivery,
        SegmentRequest,
        DeliverySegment,
        Release,
        Refusal,
    )
}
LIMITS: Mapping[str, int] = {name: kind.LIMIT for name, kind in TYPES.items()}


def sign(message: Message, *, sender: Address, domain: Domain, private_key: bytes) -> Envelope:
    """The signed envelope of a message, ready to send (PROTOCOL 4)."""
    return sign_envelope(
        message.TYPE, message.to_body(), message.to_parts(), sender=sender, domain=domain, private_key=private_key
    )


def read(data: bytes, *, domain: Domain) -> tuple[Envelope, Message]:
    """Check bytes in full and give the envelope and the message in it (PROTOCOL 8).

    Raises MessageError of every kind, and CommitmentError where a listing contradicts itself.
    """
    envelope = open_envelope(data, domain=domain, limits=LIMITS)
    return envelope, TYPES[envelope.type].from_envelope(envelope)


__all__ = [
    "LIMITS",
    "TYPES",
    "Agreement",
    "Delivery",
    "DeliverySegment",
    "Envelope",
    "Inquiry",
    "Listing",
    "Message",
    "OpenedRecord",
    "Openings",
    "PricedReply",
    "Refusal",
    "Release",
    "Reply",
    "Request",
    "SegmentRequest",
    "Selection",
    "open_envelope",
    "read",
    "sign",
]
