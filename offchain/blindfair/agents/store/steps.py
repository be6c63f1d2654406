"""Names of steps in a journal: for each selection, and each order of a part of one (PROTOCOL 5.6) or of an evaluation
(4.7). Names are kept for good: a journal that was begun goes on with them."""

from blindfair.protocol.messages import Delivery, PricedReply
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest

_NAMED_PARTS = {PartName.SAMPLE, PartName.REST, PartName.EVALUATION}

CONFIRMED = "confirmed"
"""Step of the buyer's journal: its owner has said yes to price and gas."""

FEE_PAID = "fee-paid"
"""Step of the buyer's journal: the fee of its evaluation is paid for good, with the amount."""

CLAIM = "claim"
"""Step of the buyer's journal: a claim of the seller that cannot be checked is kept, with what it says."""

REFUSED_FOR_NOW = "refused-for-now:"
"""How steps of the buyer's journal begin that keep a refusal of a question which it asks again (PROTOCOL 5.1)."""

REST_OF = "rest-of:"
"""How steps of the seller's journal begin that keep the bond of a rest, by the name of its sample's offer."""


def refused_for_now(awaited: str) -> str:
    """Return the step that keeps a refusal for now of the answer `awaited`, such as `openings`."""
    return f"{REFUSED_FOR_NOW}{awaited}"


def rest_of(sample: str) -> str:
    """Return the step that keeps the bond of the rest of a sample, by the name of the sample's offer."""
    return f"{REST_OF}{sample}"


def evaluation_made(evaluation: Digest) -> str:
    """Return the step in which the seller notes the request of an evaluation that it answered."""
    return f"evaluation:{evaluation.hex()}"


def selection_from(request: Digest) -> str:
    """Return the step that keeps which selection was answered of the evaluation for a request."""
    return f"selection-of:{request.hex()}"


def selection_kept(selection: Digest) -> str:
    """Return the step that keeps the message of an answered selection."""
    return f"selection:{selection.hex()}"


def selected_at(selection: Digest) -> str:
    """Return the step that keeps when a selection was answered, in seconds of chain time."""
    return f"selected-at:{selection.hex()}"


def opened_free(selection: Digest) -> str:
    """Return the step that keeps how many units of an answered selection are opened free."""
    return f"free:{selection.hex()}"


def order_ended(offer: str) -> str:
    """Return the step in which the seller notes how the order of the offer of this name ended."""
    return f"ended:{offer}"


def order_ended_at(offer: str) -> str:
    """Return the step that keeps when the seller noted that end, in seconds of chain time."""
    return f"ended-at:{offer}"


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
