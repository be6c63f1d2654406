"""What a seller charges for an evaluation that is not free, and credits when records are bought (PROTOCOL 4.7).

Not here: the count of bits (`budget_ledger`), and the fee's order, which goes as every other (`orders`).
"""

from pathlib import Path

from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.bonds import SellerBonds
from blindfair.agents.seller.budget_ledger import BudgetLedger
from blindfair.agents.seller.offers import SellerOffers
from blindfair.agents.seller.orders import SellerOrders
from blindfair.agents.seller.rate_limiter import RateLimiter
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import WRITTEN, offer_name, reply_message
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import Expired, FeeRequired, JournalDamaged, UnexpectedMessage
from blindfair.protocol.messages import Request
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest, Seconds, Wei

COMPUTED = "computed-replies.json"
"""Replies against a fee of the last hour, in a seller's directory."""


class SellerFees:
    """The fees of one listing. `digest` is everywhere `H(request)`."""

    def __init__(
        self,
        exchange: DataExchange,
        journal: Journal,
        ledger: BudgetLedger,
        offers: SellerOffers,
        orders: SellerOrders,
        bonds: SellerBonds,
        policy: SellerPolicy,
        directory: Path,
    ) -> None:
        """`directory` is the seller's, where replies against a fee are counted."""
        self._exchange = exchange
        self._journal = journal
        self._ledger = ledger
        self._offers = offers
        self._orders = orders
        self._bonds = bonds
        self._policy = policy
        self._computed = RateLimiter(
            policy.max_priced_replies, Seconds(3600), "replies against a fee", directory / COMPUTED
        )

    def charge(self, request: Request, digest: Digest) -> None:
        """Count a new evaluation, free of charge if it is, else against the fee that its request states.

        Raises BudgetExhausted, also where the bond of the fee's offer is too much, and FeeRequired.
        """
        bits = request.score_bits(self._ledger.records)
        fee = self._fee(request)
        paid = not self._ledger.is_free(bits) and request.fee >= fee
        if paid and fee:
            self._check_held(request, fee)
            # Before the bits are spent: what is refused tells nothing.
            self._bonds.check_bond(request.token, self._policy.bond(fee))
            self._computed.count(1, self._exchange.now())
        self._ledger.spend_evaluation(request, digest, bits, paid=paid)

    def _check_held(self, request: Request, fee: Wei) -> None:
        """Raises FeeRequired where the buyer's account could not pay: the bits would be kept in vain."""
        held = self._exchange.balance(request.buyer, request.token)
        if held < fee:
            raise FeeRequired(
                "The account does not hold the fee that it offers",
                expected=f"a fee of {fee} units of token {request.token}",
                found=held,
                hint="fund the account that sent the request, and ask again",
            )

    def due(self, request: Request, digest: Digest) -> Wei:
        """Return the fee of a counted evaluation, 0 if its reply is free."""
        return self._fee(request) if self._ledger.is_paid(request, digest) else Wei(0)

    def check_open(self, digest: Digest) -> None:
        """Check that the fee of this evaluation may still be paid, or was. Raises Expired."""
        ending = self._offers.ending(offer_name(digest, PartName.EVALUATION))
        if ending not in (None, Ending.RELEASED):
            raise Expired("The offer of this reply is over", found=ending, hint="ask again with a new request")

    def credit(self, request: Request, digest: Digest) -> Wei:
        """Return what was paid for an evaluation, to be credited. Raises UnexpectedMessage where it was not paid, and
        Waiting where the buyer's node is ahead of the seller's."""
        fee, offer = self.due(request, digest), offer_name(digest, PartName.EVALUATION)
        if fee and not self._orders.is_sold(offer):
            if self._orders.is_accepted(offer):
                raise Waiting("the node does not show yet that the fee is paid for good")
            raise UnexpectedMessage("The fee of this evaluation was not paid", expected=f"a fee of {fee}", found="none")
        return fee

    def signed_reply(self, digest: Digest) -> bytes:
        """Return the bytes of the reply that is delivered against the fee. Raises JournalDamaged."""
        reply = self._journal.get(WRITTEN.of(reply_message(digest)))
        if reply is None:
            raise JournalDamaged("The reply to an answered request is gone", expected=digest.hex())
        return reply

    def _fee(self, request: Request) -> Wei:
        return self._ledger.terms.fee(request.score_bits(self._ledger.records), self._ledger.records)
