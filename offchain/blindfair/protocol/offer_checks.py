"""The buyer's checks of an offer before it pays: every field against what was agreed and against its own policy
(PROTOCOL 6.6).

Not here: the delivery itself (`delivery.check_delivery`), and whether an offer for the same selection was accepted
before, which the buyer's journal knows.
"""

from dataclasses import dataclass, fields

from blindfair.protocol.errors import BadSignature, Expired, FieldMismatch, OfferRejected
from blindfair.protocol.offer import Offer, recover_offer_signer
from blindfair.protocol.quantities import Address, Digest, ListingId, Root, Seconds, Signature, Timestamp, Wei
from blindfair.protocol.signing import Domain


@dataclass(frozen=True, slots=True)
class AgreedPurchase:
    """The terms that both parties agreed on, and the values that the buyer computed itself."""

    listing: ListingId
    """The listing's number on chain, from the manifest."""

    evaluation: Digest
    """The evaluation that the records were chosen by."""

    delivery_root: Root
    """The root over the delivered ciphertexts and the leaves of the buyer's own selection."""

    chunk_count: int
    """Chunks of the selection."""

    chunk_size: int
    """The manifest's."""

    seller: Address
    """The manifest's."""

    buyer: Address
    """The buyer's own account."""

    token: Address
    """The agreed token."""

    price: Wei
    """The agreed price."""


@dataclass(frozen=True, slots=True)
class OfferLimits:
    """The limits of the offers that a buyer accepts, whatever was agreed."""

    tokens: frozenset[Address]
    """Tokens that the buyer trusts to be transferable."""

    min_bond: Wei
    """Below it, a seller loses too little by not revealing."""

    min_reveal_window: Seconds
    """Must exceed finality with margin, else an honest seller cannot reveal in time."""

    max_reveal_window: Seconds
    """How long the price may lie locked in vain."""

    min_dispute_window: Seconds
    """Long enough to check the delivery and bring a dispute on chain, also when it is busy."""


def check_offer(
    offer: Offer, signature: Signature, domain: Domain, purchase: AgreedPurchase, policy: OfferLimits, now: Timestamp
) -> None:
    """Check an offer before anything is paid (PROTOCOL 6.6).

    Raises `BadSignature` unless the seller signed it in this domain, `FieldMismatch` for a field that is not what was
    agreed, `OfferRejected` for one that the policy refuses, `Expired` after its expiry.
    """
    signer = recover_offer_signer(offer, domain, signature)
    if signer != purchase.seller:
        raise BadSignature("An offer is not signed by the seller", expected=purchase.seller, found=signer)
    for name in (field.name for field in fields(AgreedPurchase)):
        agreed, offered = getattr(purchase, name), getattr(offer, name)
        if offered != agreed:
            raise FieldMismatch(f"offer.{name} is not what was agreed", expected=_shown(agreed), found=_shown(offered))
    if offer.token not in policy.tokens:
        raise OfferRejected("An offer is in a token that the policy does not take", found=offer.token)
    if offer.bond < policy.min_bond:
        raise OfferRejected("The bond is too small", expected=f"at least {policy.min_bond}", found=offer.bond)
    if not policy.min_reveal_window <= offer.reveal_window <= policy.max_reveal_window:
        raise OfferRejected(
            "The reveal window does not suit the chain",
            expected=f"{policy.min_reveal_window} ... {policy.max_reveal_window} s",
            found=offer.reveal_window,
        )
    if offer.dispute_window < policy.min_dispute_window:
        raise OfferRejected(
            "The dispute window is too short",
            expected=f"at least {policy.min_dispute_window} s",
            found=offer.dispute_window,
        )
    if now > offer.expiry:
        raise Expired("An offer has expired", expected=f"by {offer.expiry}", found=now)


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
