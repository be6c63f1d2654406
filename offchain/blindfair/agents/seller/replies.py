"""Answers to requests: a reply is written once, kept, and sent as it is or offered for its fee (PROTOCOL 4).

Not here: how scores are computed, and what a reply and its offer say (`seller`).
"""

from collections.abc import Callable

from blindfair.agents.agent import Agent
from blindfair.agents.evaluation.rows import BaseModels
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.bonds import SellerBonds
from blindfair.agents.seller.checks import check_cost, check_request
from blindfair.agents.seller.fees import SellerFees
from blindfair.agents.seller.refusals import TOLD
from blindfair.agents.seller.scoring import Scoring
from blindfair.agents.store.steps import (
    evaluation_made,
    offer_message,
    offer_name,
    reply_message,
    request_kept,
    sealing_key_of,
)
from blindfair.protocol.errors import UnexpectedMessage
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Envelope, PricedReply, Reply, Request
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest, Wei


class SellerReplies:
    """The requests for evaluations of one listing."""

    def __init__(
        self,
        seller: Agent,
        fees: SellerFees,
        bonds: SellerBonds,
        scoring: Scoring,
        policy: Callable[[], SellerPolicy],
        bases: BaseModels,
        *,
        reply: Callable[[Envelope, Request], Reply],
        priced: Callable[[Digest, Request, Wei], PricedReply],
    ) -> None:
        """`policy` is asked anew for each request, `reply` computes the reply to one, `priced` offers it for a fee by
        the request's digest."""
        self._seller = seller
        self._fees = fees
        self._bonds = bonds
        self._scoring = scoring
        self._policy = policy
        self._bases = bases
        self._reply = reply
        self._priced = priced

    def answer(self, envelope: Envelope, request: Request) -> None:
        """Answer a request, with the same reply whenever it comes again.

        Raises UnexpectedMessage for a buyer that the owner did not name, what `admit` and the fee's checks raise, what
        computing scores raises, Undeliverable and Waiting.
        """
        mail, digest = self._seller.mail, envelope.digest
        if not self._policy().answers(envelope.sender):
            raise UnexpectedMessage("This seller answers only buyers that its owner named", found=envelope.sender)
        name, step = offer_name(digest, PartName.EVALUATION), reply_message(digest)
        try:
            reply = mail.write(step, lambda: self._reply(envelope, request))
        except TOLD:
            self._scoring.forget(request.query)
            raise
        self._scoring.forget(request.query)
        # Before it goes out: the buyer may be quicker with its selection than this process comes back after a crash.
        self._seller.journal.note(evaluation_made(evaluation_digest(digest, reply)), digest.hex())
        if not (fee := self._fees.due(request, digest)):
            mail.dispatch(step, envelope.sender, request.buyer_hpke)
            return
        self._fees.check_open(digest)
        mail.write(offer_message(name), lambda: self._priced(digest, request, fee))
        self._bonds.send_offer(name, envelope.sender, request.buyer_hpke)

    def admit(self, envelope: Envelope, request: Request, manifest: Manifest) -> None:
        """Check a request, and count it against the budgets, once. Raises what `check_request` and `charge` raise."""
        journal, digest = self._seller.journal, envelope.digest
        if journal.get(request_kept(digest)) is not None:
            # The process may have died of it, and its owner have lowered the limits since.
            check_cost(request, manifest, self._policy(), self._bases)
            return
        check_request(request, manifest, self._policy(), self._seller.exchange.now(), self._bases)
        journal.note(sealing_key_of(request.buyer), request.buyer_hpke.hex())
        # Spent before a record is looked at: whether a model fits the records is an answer, too.
        self._fees.charge(request, digest)
        journal.once(request_kept(digest), envelope.to_bytes)
