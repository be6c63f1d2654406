"""Names of steps that are taken for each order: for a part of a selection (PROTOCOL 5.6), or an evaluation (4.7)."""

from blindfair.protocol.messages import Delivery, PricedReply
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest

_NAMED_PARTS = {PartName.SAMPLE, PartName.REST, PartName.EVALUATION}

CONFIRMED = "confirmed"
"""Step of the buyer's journal: its owner has said yes to price and gas."""

FEE_PAID = "fee-paid"
"""Step of the buyer's journal: the fee of its evaluation is paid for good, with the amount."""


def step_of(step: str, part: PartName) -> str:
    """A step of the buyer's journal; where the selection is bought whole, the step's name alone."""
    return step if part is PartName.WHOLE else f"{step}:{part}"


def offer_name(about: Digest, part: PartName) -> str:
    """Return what the seller calls an offer, in the names of its steps and of its secrets.

    `about` is the digest of the selection, or of the request for a paid evaluation.
    """
    return about.hex() if part is PartName.WHOLE else f"{about.hex()}-{part}"


def is_fee(offer: str) -> bool:
    """Return whether the offer of this name is for a paid evaluation."""
    return offer.endswith(f"-{PartName.EVALUATION}")


def offer_message(offer: str) -> str:
    """Return the step in which the offer of this name is sent."""
    return f"{PricedReply.TYPE if is_fee(offer) else Delivery.TYPE}:{offer}"


def step_text(step: str) -> str:
    """Return the name of a step as people read it: without digests, and with the part of a selection in words.

    >>> step_text("delivery:sample"), step_text("accept"), step_text("approve-accept:rest")
    ('delivery of the sample', 'accept', 'approve-accept of the rest')
    """
    name, _, about = step.partition(":")
    part = about.rpartition("-")[2]
    return f"{name} of the {part}" if part in _NAMED_PARTS else name
