"""Every step of a journal: what agents note, by name, and what those names are made of.

Names are kept for good: a journal that was begun goes on with them. A part of an agent takes its steps from here and
never spells one itself; `Journal` accepts nothing else.
"""

from dataclasses import dataclass
from typing import Generic, NewType, TypeVar

from blindfair.protocol.messages import Delivery, Inquiry, Listing, Openings, PricedReply, Refusal, Reply, Request
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Address, Digest

Step = NewType("Step", str)
"""The name of one entry of a journal."""

MessageName = NewType("MessageName", str)
"""What an agent calls a message that it writes or awaits: its type, with a colon and more where it can occur twice."""

CallName = NewType("CallName", str)
"""What an agent calls a transaction, however often it is tried or priced anew."""

TransactionName = NewType("TransactionName", str)
"""One signed transaction of a call: `call.2+1` is the second price of the third attempt of `call`."""

OfferName = NewType("OfferName", str)
"""What a seller calls an offer, in the names of its steps and of its secrets."""

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class StepKind(Generic[Name]):
    """The steps of one kind, one for each name of a message, a transaction, an offer and so on."""

    kind: str

    @property
    def prefix(self) -> str:
        """The beginning of every step of this kind."""
        return f"{self.kind}:"

    def of(self, name: Name) -> Step:
        """Return the step for `name`."""
        return Step(f"{self.prefix}{name}")


# --- an agent's directory --------------------------------------------------------------------------------------------

ACCOUNT = Step("account")
"""The address that the directory belongs to."""

TRADE = Step("trade")
"""What is done in the directory: a listing, or a purchase."""

GRANTED = Step("granted")
"""What the account of a party of the demo had when its trade began, in wei."""

# --- messages --------------------------------------------------------------------------------------------------------

WRITTEN = StepKind[MessageName]("message")
"""The signed bytes of a message, before it is sent."""

SEALED = StepKind[MessageName]("sealed")
"""The seal of a message that travels sealed."""

SENT = StepKind[MessageName]("sent")
"""The size in bytes of a message that was sent."""

SENT_AT = StepKind[MessageName]("sent-at")
"""When a message was sent, in seconds of chain time."""

ASKED_AT = StepKind[MessageName]("asked")
"""Since when an answer is awaited, in seconds of chain time."""

RECEIVED = StepKind[MessageName]("received")
"""The answer that was taken, as it came: the awaited message, or a refusal."""

REFUSED_FOR_NOW = StepKind[MessageName]("refused-for-now")
"""A refusal of a question which the buyer asks again, by the answer that it awaits (PROTOCOL 5.1)."""

REFUSED = StepKind[str]("refused")
"""Why a message was not taken, by its handle in the mailbox."""

INQUIRY = MessageName(Inquiry.TYPE)
LISTING = MessageName(Listing.TYPE)
REQUEST = MessageName(Request.TYPE)
REPLY = MessageName(Reply.TYPE)
GOODBYE = MessageName(Refusal.TYPE)
"""The refusal by which a buyer ends a trade."""


def part_message(kind: str, part: PartName) -> MessageName:
    """Return what the buyer calls a message of this type that it writes or awaits about a part of the selection."""
    return MessageName(of_part(kind, part))


def reply_message(request: Digest) -> MessageName:
    """Return what the seller calls its reply to a request."""
    return MessageName(f"{Reply.TYPE}:{request.hex()}")


def openings_message(selection: Digest) -> MessageName:
    """Return what the seller calls the openings for a selection."""
    return MessageName(f"{Openings.TYPE}:{selection.hex()}")


def refusal_message(about: Digest, *, for_now: bool = False) -> MessageName:
    """Return what the seller calls its refusal of a message, or its refusal for now."""
    return MessageName(f"{Refusal.TYPE}:{about.hex()}{':for-now' if for_now else ''}")


# --- transactions ----------------------------------------------------------------------------------------------------

EXPOSED = StepKind[CallName]("exposed")
"""A mark that a node may have seen what is in a call."""

SIGNED = StepKind[TransactionName]("transaction")
"""The signed bytes of a transaction, before it is broadcast."""

RECEIPT = StepKind[CallName]("receipt")
"""Gas and fee of a call that is in a block."""

COMMIT = CallName("commit")
"""The call by which a seller commits to its listing."""

_BY_HAND = "withdraw-by-hand:"

_SENT_AGAIN = ("deposit", "withdraw", "approve", "announce", "make-directory")


def is_sent_again(call: CallName) -> bool:
    """Return whether a call that a reorganisation took out of its block is sent again as it is.

    The state of an order decides about all others: a key is not shown for a lock that is gone.
    """
    return call == COMMIT or call.partition(":")[0].startswith(_SENT_AGAIN)


def attempt_of(call: CallName, attempt: int) -> TransactionName:
    """Return the name of an attempt of a call, counted from 0, at its first price."""
    return TransactionName(f"{call}.{attempt}" if attempt else call)


def repriced(attempt: TransactionName, price: int) -> TransactionName:
    """Return the name of an attempt at a later price, counted from 1."""
    return TransactionName(f"{prices_of(attempt)}{price}")


def prices_of(attempt: TransactionName) -> str:
    """Return how the names of an attempt's transactions at later prices begin."""
    return f"{attempt}+"


def call_of(transaction: TransactionName) -> CallName:
    """Return the call that a transaction makes."""
    return CallName(transaction.partition("+")[0].partition(".")[0])


def approve_call(call: CallName, attempt: int) -> CallName:
    """Return the approval, counted from 0, that a call needs first."""
    return CallName(f"approve{attempt + 1 if attempt else ''}-{call}")


def accept_call(part: PartName) -> CallName:
    """Return the buyer's accept of the offer of a part."""
    return CallName(of_part("accept", part))


def refund_call(part: PartName) -> CallName:
    """Return the buyer's refund of the order of a part."""
    return CallName(of_part("refund", part))


def dispute_call(part: PartName) -> CallName:
    """Return the buyer's dispute of the order of a part."""
    return CallName(of_part("dispute", part))


def release_call(part: PartName) -> CallName:
    """Return the buyer's release of the order of a part."""
    return CallName(of_part("release", part))


def deposit_call(offer: OfferName) -> CallName:
    """Return the seller's deposit of an offer's bond."""
    return CallName(f"deposit:{offer}")


def reveal_call(offer: OfferName) -> CallName:
    """Return the seller's reveal of an offer's key."""
    return CallName(f"reveal:{offer}")


def signed_release_call(offer: OfferName) -> CallName:
    """Return the release of an offer's order that the seller brings with the buyer's signature."""
    return CallName(f"release:{offer}")


def claim_call(offer: OfferName) -> CallName:
    """Return the seller's claim of an offer's price."""
    return CallName(f"claim:{offer}")


def withdraw_call(last: OfferName, number: int = 0) -> CallName:
    """Return the seller's withdrawal after the last offer in a token has ended; or of what came later, from 1 on."""
    return CallName(f"withdraw-{number}:{last}" if number else f"withdraw:{last}")


def withdraw_by_hand_call(number: int) -> CallName:
    """Return a withdrawal that the owner asked for, counted from 0."""
    return CallName(f"{_BY_HAND}{number}")


def is_withdrawn_by_hand(call: str) -> bool:
    """Return whether a call is a withdrawal that the owner asked for."""
    return call.startswith(_BY_HAND)


# --- the seller's listing --------------------------------------------------------------------------------------------

OFFER = StepKind[OfferName]("offer")
"""An offer that was made."""

ENDED = StepKind[OfferName]("ended")
"""How the order of an offer ended."""

ENDED_AT = StepKind[OfferName]("ended-at")
"""When the seller noted that end, in seconds of chain time."""

RELEASED = StepKind[OfferName]("released")
"""The buyer's signature that releases the order of an offer."""

REST_OF = StepKind[OfferName]("rest-of")
"""The bond of the rest of a sample, by the name of the sample's offer."""

EVALUATION_OF = StepKind[str]("evaluation-of")
"""What an evaluation spent of the budgets, by `evaluation_spent`."""

OPENED_FOR = StepKind[str]("opened-for")
"""How many records were opened for a selection, by its digest in hex."""


def evaluation_spent(buyer: Address, model: Digest, earlier: int = 0) -> str:
    """Return the name under `EVALUATION_OF` of a buyer's evaluation of a scoring model, after so many others."""
    return f"{evaluations_of(buyer)}{model.hex()}{f':{earlier}' if earlier else ''}"


def evaluations_of(buyer: Address) -> str:
    """Return how the names under `EVALUATION_OF` of a buyer's evaluations begin."""
    return f"{buyer}:"


def request_kept(request: Digest) -> Step:
    """Return the step that keeps the message of a request that is paid for or free."""
    return Step(f"request:{request.hex()}")


def sealing_key_of(buyer: Address) -> Step:
    """Return the step that keeps what messages to a buyer are sealed to."""
    return Step(f"hpke-of:{buyer}")


def scoring_seconds(request: Digest) -> Step:
    """Return the step that keeps how long the blind evaluation of a request took."""
    return Step(f"scoring-seconds:{request.hex()}")


def evaluation_made(evaluation: Digest) -> Step:
    """Return the step in which the seller notes the request of an evaluation that it answered."""
    return Step(f"evaluation:{evaluation.hex()}")


def selection_from(request: Digest) -> Step:
    """Return the step that keeps which selection was answered of the evaluation for a request."""
    return Step(f"selection-of:{request.hex()}")


def selection_kept(selection: Digest) -> Step:
    """Return the step that keeps the message of an answered selection."""
    return Step(f"selection:{selection.hex()}")


def selected_at(selection: Digest) -> Step:
    """Return the step that keeps when a selection was answered, in seconds of chain time."""
    return Step(f"selected-at:{selection.hex()}")


def opened_free(selection: Digest) -> Step:
    """Return the step that keeps how many units of an answered selection are opened free."""
    return Step(f"free:{selection.hex()}")


def refused_by_buyer(about: Digest) -> Step:
    """Return the step in which the seller notes that a buyer goes no further after a message."""
    return Step(f"refused-by-buyer:{about.hex()}")


def offer_name(about: Digest, part: PartName) -> OfferName:
    """Return what the seller calls an offer.

    `about` is the digest of the selection, or of the request for a paid evaluation.
    """
    return OfferName(about.hex() if part is PartName.WHOLE else f"{about.hex()}-{part}")


def is_fee(offer: OfferName) -> bool:
    """Return whether the offer of this name is for a paid evaluation."""
    return offer.endswith(f"-{PartName.EVALUATION}")


def offer_message(offer: OfferName) -> MessageName:
    """Return the message in which the offer of this name is sent."""
    return MessageName(f"{PricedReply.TYPE if is_fee(offer) else Delivery.TYPE}:{offer}")


# --- for people ------------------------------------------------------------------------------------------------------

_NAMED_PARTS = {PartName.SAMPLE, PartName.REST, PartName.EVALUATION}


def step_text(step: str) -> str:
    """Return the name of a message or a call as people read it: without digests, and with its part in words.

    >>> step_text("delivery:sample"), step_text("accept"), step_text("approve-accept:rest")
    ('delivery of the sample', 'accept', 'approve-accept of the rest')
    """
    name, _, about = step.partition(":")
    part = about.rpartition("-")[2]
    return f"{name} of the {part}" if part in _NAMED_PARTS else name


def order_text(offer: OfferName) -> str:
    """Return what people call the order of an offer.

    >>> order_text(OfferName("ab-sample")), order_text(OfferName("ab"))
    ('the order of the sample', 'the order')
    """
    return f"the {step_text(f'order:{offer}')}"


def of_part(name: str, part: PartName) -> str:
    """Return the name for a part; where the selection is bought whole, the name alone."""
    return name if part is PartName.WHOLE else f"{name}:{part}"
