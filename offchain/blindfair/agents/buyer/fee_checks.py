"""What the buyer checks of a priced reply before it pays the fee, and of the reply afterwards (PROTOCOL 4.7)."""

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.checks import check_evaluation, check_offer_by_policy
from blindfair.agents.policy import BuyerPolicy
from blindfair.blind.keys import QuerySecret
from blindfair.influence.arrays import Exponents
from blindfair.protocol.errors import FieldMismatch, UnexpectedMessage
from blindfair.protocol.evaluation import paid_evaluation_digest
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import PricedReply, Reply, Request, read
from blindfair.protocol.offer_checks import AgreedPurchase
from blindfair.protocol.quantities import Digest, Timestamp
from blindfair.protocol.signing import Domain


def check_priced_reply(
    manifest: Manifest, request: Request, priced: PricedReply, policy: BuyerPolicy, now: Timestamp, domain: Domain
) -> None:
    """Check every field of the fee's offer against request, manifest and policy.

    Raises FieldMismatch, also for a fee that was not agreed to, BadSignature, OfferRejected, Expired.
    """
    fee = manifest.terms.fee(request.score_bits(manifest.record_count), manifest.record_count)
    if fee > request.fee:
        raise FieldMismatch("A fee is asked that was not agreed to", expected=f"at most {request.fee}", found=fee)
    agreed = AgreedPurchase(
        listing=manifest.listing,
        evaluation=paid_evaluation_digest(priced.request, priced.leaf_hashes),
        delivery_root=priced.offer.delivery_root,
        chunk_count=len(priced.leaf_hashes),
        chunk_size=manifest.chunk_size,
        seller=manifest.seller,
        buyer=request.buyer,
        token=request.token,
        price=fee,
    )
    check_offer_by_policy(priced.offer, priced.offer_signature, agreed, policy, now, domain)


def read_reply(
    data: bytes, manifest: Manifest, request: Request, asked: Digest, secret: QuerySecret, domain: Domain
) -> tuple[Digest, Reply, NDArray[np.int64], Exponents]:
    """Read the reply that was paid for, as a reply that is free: its `H(document)`, and scores and exponents.

    `asked` is `H(request)`. Raises MessageError, CommitmentError, ScoringError for bytes that are no such reply.
    """
    envelope, reply = read(data, domain=domain)
    if not isinstance(reply, Reply):
        raise UnexpectedMessage("What was paid for is no reply", expected=Reply.TYPE, found=envelope.type)
    if (envelope.sender, reply.request) != (manifest.seller, asked):
        raise FieldMismatch("What was paid for is another's reply, or to another request", expected=manifest.seller)
    return envelope.digest, reply, *check_evaluation(manifest, request, reply, secret)
