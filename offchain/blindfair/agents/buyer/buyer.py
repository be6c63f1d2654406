"""The buyer: asks blind, chooses, audits, checks, pays, verifies, and gets its money back where it was cheated.

`_trade` is the whole protocol from the buyer's side as one straight line. Each line is a journalled step, so that a
buyer that was killed runs the line again from the top and goes on where it was.
"""

import contextlib
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cbor2

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.answers import Answers
from blindfair.agents.buyer.audit_size import AuditSize
from blindfair.agents.buyer.bought import BoughtRecords, bought_records
from blindfair.agents.buyer.checks import check_evaluation
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.agents.buyer.fee_checks import check_priced_reply, read_reply
from blindfair.agents.buyer.fee_order import FeeOrder
from blindfair.agents.buyer.listing_checks import check_listing_of
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.purchase import Purchase
from blindfair.agents.buyer.question import Private, ask
from blindfair.agents.buyer.selecting import BEFORE_PAYMENT, Selecting
from blindfair.agents.buyer.valuer import ChecksAsked, ChecksListing, Choice, Valuer
from blindfair.agents.context import AgentContext
from blindfair.agents.evaluation.preprocessing import holds_texts
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.seller.progress import PROGRESS
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.order_ends import end_of, has_open_order
from blindfair.agents.settlement.windows import warn_of_short_windows
from blindfair.agents.store.purchase_steps import AUDITED, OUTCOME, SAMPLED
from blindfair.agents.store.steps import (
    ASKED_AT,
    GOODBYE,
    INQUIRY,
    LISTING,
    RECEIVED,
    REPLY,
    REQUEST,
    WRITTEN,
    accept_call,
)
from blindfair.agents.waiting import Waiting
from blindfair.pricing.functions import pricing_from_document
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import (
    BlindfairError,
    FaultProven,
    JournalDamaged,
    MessageTooLarge,
    NoAnswer,
    NoOpenings,
    Refused,
    SecretDamaged,
    StateError,
    Undeliverable,
    UnexpectedMessage,
)
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import (
    Inquiry,
    Listing,
    PricedReply,
    Refusal,
    Request,
)
from blindfair.protocol.parts import PARTS_OF_SELECTION, PartName
from blindfair.protocol.quantities import Address, ListingId, Seconds, Timestamp, Wei
from blindfair.protocol.units import Units


def nothing_asked() -> StateError:
    """Return the error for results of a listing that was not asked."""
    return StateError("Nothing was asked yet", hint="call evaluate() first; it may pay a fee")


class Buyer(Agent):
    """One purchase from one listing of one seller."""

    role = "buyer"

    def __init__(
        self,
        directory: Path,
        context: AgentContext,
        valuer: Valuer,
        policy: BuyerPolicy,
        *,
        seller: Address,
        listing: ListingId,
        fee_limit: Callable[[EvaluationCost], Wei] | None = None,
    ) -> None:
        """`fee_limit` says the most to pay for an evaluation, asked once before the request; the policy does if None.

        Raises what `Agent` raises, and JournalDamaged for the directory of another purchase."""
        super().__init__(directory, context)
        with self.closed_on_failure():
            self._valuer = valuer
            self._base_models = context.base_models
            self.policy = policy
            self.seller = seller
            self.listing = listing
            self._listing: Listing | None = None
            self._evaluated: Evaluated | None = None
            self._purchase: Purchase | None = None
            self._fee_order: FeeOrder | None = None
            self._fee_limit = fee_limit or (lambda _: policy.max_evaluation_fee)
            self._answers = Answers(
                self.journal, self.mail, self.exchange, seller, policy.patience, on_unknown=self._answered_unknown
            )
            self._selecting = Selecting(self, self._answers, policy, valuer, lambda: self._private().random)
            self.belongs_to(f"purchase from {seller} of listing {listing.hex()}")

    @property
    def outcome(self) -> Outcome | None:
        """How the trade ended, None while it goes on."""
        stored = self.journal.get(OUTCOME)
        return None if stored is None else Outcome.from_bytes(stored)

    @property
    def has_paid(self) -> bool:
        """Whether the price is locked, or was; of a selection that is bought in two parts, at least one."""
        return any(self.wallet.executed(accept_call(part)) for part in PARTS_OF_SELECTION)

    @property
    def audited_rows(self) -> int:
        """Rows that the passed audit recomputed, of opened or of bought records; 0 before, or where it failed."""
        stored = self.journal.intent(AUDITED)
        return 0 if stored is None else int(json_value(stored)["rows"])

    @property
    def sampled_for(self) -> Wei | None:
        """The price of the sample, where one is bought before the rest (PROTOCOL 5.6)."""
        stored = self.journal.intent(SAMPLED)
        return None if stored is None else Wei(int(stored))

    def review(self) -> Evaluated:
        """Return the evaluation, from the journal where it was made. Raises as `evaluate`."""
        self.wallet.note_receipts()
        return self.evaluate(self._obtain_listing())

    def stored_evaluation(self) -> Evaluated:
        """Return the evaluation that was answered before. Sends nothing and pays nothing.

        Raises StateError where nothing was asked, or the answer is not there in the clear yet, and what `evaluate`
        raises for an answer that is none.
        """
        if self.journal.get(RECEIVED.of(REPLY)) is not None:
            is_priced = isinstance(self.mail.stored(RECEIVED.of(REPLY))[1], PricedReply)
            if not is_priced or end_of(self.journal, PartName.EVALUATION) is not None:
                return self.evaluate(self._obtain_listing())
        elif not self.has_asked:
            raise nothing_asked()
        raise StateError(
            "The evaluation is not finished yet", hint="call evaluate(): it waits for the scores; it may pay a fee"
        )

    @property
    def has_asked(self) -> bool:
        """Whether the request was made; it may have been sent."""
        return self.journal.get(WRITTEN.of(REQUEST)) is not None

    def bought(self) -> BoughtRecords:
        """Number and canonical bytes of every record that was paid for and is the committed one, ascending; empty
        before that."""
        return bought_records(self.journal, self.directory)

    def _advance(self) -> None:
        if self.outcome is not None:
            return
        if not has_open_order(self.journal, self.wallet):
            self.copy_guard.check_account()
        try:
            outcome = self._trade()
        except (*BEFORE_PAYMENT, FaultProven) as error:
            if has_open_order(self.journal, self.wallet):
                raise
            self._say_no(error)
            outcome = self._stopped(error)
        fee = end_of(self.journal, PartName.EVALUATION)
        if fee is not None and fee.error is None:
            outcome = outcome.after_fee(fee)
        self.journal.once(OUTCOME, outcome.to_bytes)
        self.tell("outcome", f"{outcome.final}: {outcome.reason}")

    def _answered_unknown(self, what: str) -> None:
        if not has_open_order(self.journal, self.wallet):
            self.copy_guard.answered_unknown(what)

    def _stopped(self, error: BlindfairError) -> Outcome:
        """How a trade ended by an error: as the last order did, if there was any."""
        fee, sample = end_of(self.journal, PartName.EVALUATION), end_of(self.journal, PartName.SAMPLE)
        if fee is not None and fee.error is not None:
            return fee
        outcome = Outcome.stopped(error)
        return outcome if sample is None else outcome.after_sample(sample)

    def _say_no(self, error: BlindfairError) -> None:
        """Tell the seller that it goes no further, if it was the seller's turn that ended the trade.

        By the error's name alone: its values are scores, and the seller is to learn none.
        """
        about = self._answers.latest()
        if about is not None and not isinstance(error, Refused | NoAnswer | NoOpenings):
            key = None if self._listing is None else self._listing.manifest.seller_hpke
            text = "the buyer goes no further"
            # A courtesy: the trade has ended, whether or not the seller can be told.
            with contextlib.suppress(Undeliverable, Waiting):
                self.mail.send(GOODBYE, self.seller, lambda: Refusal(about, error.name, text), key)

    def _check_sealed_message(self, sender: Address | None, size: int) -> None:
        if sender is None and size > Listing.LIMIT:
            raise MessageTooLarge("Only a sealed message is as large as this", expected=Listing.LIMIT, found=size)
        if sender not in (None, self.seller):
            raise UnexpectedMessage(
                "Sealed messages are awaited from the seller alone", expected=self.seller, found=sender
            )

    def _trade(self) -> Outcome:
        if self._purchase is None:
            listing = self._obtain_listing()
            evaluated = self.evaluate(listing)
            choice = self.choice(evaluated)
            if not choice.records:
                return Outcome(Ending.NO_ORDER, "; ".join(choice.reasons))
            selected, parts = self._selecting.parts(evaluated, choice)
            self._purchase = Purchase(self, self._answers, self.policy, self._valuer, evaluated, selected, parts)
        return self._purchase.complete()

    # --- the line, one by one --------------------------------------------------------------------------------------

    def _obtain_listing(self) -> Listing:
        if self._listing is not None:
            return self._listing
        asked = self.mail.send(INQUIRY, self.seller, lambda: Inquiry(self.listing), None)
        _, listing = self._answers.obtain(Listing, asked, lambda message: message.manifest.listing == self.listing)
        if not has_open_order(self.journal, self.wallet):
            # Of an order that is paid it was checked, and a refund waits for no commit that a reorganisation took back.
            self._wait_for_commit(listing.manifest.listing)
            check_listing_of(listing.manifest, self.exchange, self.seller, self.policy.token)
        self._listing = listing
        return listing

    def _wait_for_commit(self, listing: ListingId) -> None:
        """Raises Waiting, as long as patience lasts, while the node shows nobody's commit: it may be behind the
        seller's, or a reorganisation has taken the commit back for now."""
        if self.exchange.seller_of(listing) is not None:
            return
        since = int(self.journal.once(ASKED_AT.of(LISTING), lambda: str(self.exchange.now()).encode()))
        until = Timestamp(since + self.policy.patience)
        if self.exchange.now() <= until:
            raise Waiting("the node does not show yet that the listing is committed", Timestamp(until + 1))

    def evaluate(self, listing: Listing) -> Evaluated:
        """Ask blind, pay the fee if the reply is a priced one, and decrypt it (PROTOCOL 4).

        Raises Waiting, InvalidOption where the request was made with another model than the valuer's, and what ends a
        trade before a selection; `end_of` says whether the fee was paid.
        """
        if self._evaluated is None:
            manifest = listing.manifest
            if self.copy_guard.is_restored and not self.has_asked:
                self._answers.look()
            asked = self.mail.send(REQUEST, self.seller, lambda: self._request(listing), manifest.seller_hpke)
            answered, answer = self._answers.obtain_reply(asked)
            request = self.mail.stored(WRITTEN.of(REQUEST))[1]
            if not isinstance(request, Request):
                raise JournalDamaged("A stored message is not a request", expected=Request.TYPE, found=request.TYPE)
            # With money locked nothing may stand in the way of a refund.
            if isinstance(self._valuer, ChecksAsked) and not has_open_order(self.journal, self.wallet):
                self._valuer.check_asked(request, manifest)
            private = self._private()
            if isinstance(answer, PricedReply):
                read = partial(
                    read_reply,
                    manifest=manifest,
                    request=request,
                    asked=asked,
                    secret=private.secret,
                    domain=self.domain,
                )
                replied, reply, scores, exponents = read(self._paid(manifest, request, answer, read))
                fee = answer.offer.price
            else:
                scores, exponents = check_evaluation(manifest, request, answer, private.secret)
                replied, reply, fee = answered, answer, Wei(0)
            self._evaluated = Evaluated(
                listing=listing,
                request=request,
                reply=reply,
                evaluation=evaluation_digest(asked, replied),
                queries=private.queries,
                exponents=exponents,
                scores=scores,
                fee=fee,
                base_models=self._base_models,
            )
        return self._evaluated

    def _paid(
        self, manifest: Manifest, request: Request, priced: PricedReply, judge: Callable[[bytes], object]
    ) -> bytes:
        """Pay the fee and give the reply. Raises as `FeeOrder.reply`, and what the checks before paying raise."""
        if not self.wallet.begun(accept_call(PartName.EVALUATION)):
            check_priced_reply(manifest, request, priced, self.policy, self.exchange.now(), self.domain)
            windows = priced.offer.reveal_window, priced.offer.dispute_window
            warn_of_short_windows(self.exchange, self.finality, self.tell, *windows)
        if self._fee_order is None:
            self._fee_order = FeeOrder(self, self.policy, manifest, priced, judge)
        return self._fee_order.reply()

    def _request(self, listing: Listing) -> Request:
        """A new request, with all that was drawn for it on the disk first.

        Runs again only if the process died before the request was in the journal. Nobody saw that one, and its keys are
        replaced. Raises OfferTooSmall, before anything is drawn, where no purchase that the budget pays for could be
        audited.
        """
        if isinstance(self._valuer, ChecksListing):
            self._valuer.check_listing(listing.manifest)
        made = "fine-tunes the base model on your texts, and " if holds_texts(listing.manifest) else ""
        self.tell(PROGRESS, f"{made}makes the query")
        question = self._valuer.question(listing.manifest)
        units = Units.named(question.disclosure, listing.manifest.record_count)
        least = pricing_from_document(question.pricing).min_price
        AuditSize(listing.manifest, units, question.queries.shape[1]).check(self.policy, least)
        for note in question.notes:
            self.tell("question", note)
        fee = self._fee(EvaluationCost.of(listing.manifest, question))
        request, private = ask(
            question,
            listing.manifest,
            buyer=self.address,
            buyer_hpke=self.sealing_keys().public,
            expiry=Timestamp(self.exchange.now() + self._request_validity(fee)),
            token=self.policy.token,
            fee=fee,
            bandwidth=self.policy.bandwidth,
        )
        self.secrets.put("question", private.to_bytes())
        return request

    def _fee(self, cost: EvaluationCost) -> Wei:
        """The most to pay for an evaluation that costs this. Raises InsufficientFunds where that is not there."""
        fee = min(cost.fee, self._fee_limit(cost), self.policy.budget)
        if fee:
            self.wallet.check_means(self.policy.token, fee, self.policy.gas_reserve, "the evaluation fee")
        return fee

    def _request_validity(self, fee: Wei) -> Seconds:
        """How long a selection may still be made. A reply that is paid for comes later: by the accept, and by as much
        as a key may."""
        later = self.policy.patience + self.policy.max_reveal_window
        return Seconds(self.policy.patience + (later if fee else 0))

    def _private(self) -> Private:
        stored = self.secrets.get("question")
        if stored is None:
            raise SecretDamaged("What the buyer kept of its question is gone", hint="restore it from a backup")
        return Private.from_bytes(stored)

    def choice(self, evaluated: Evaluated) -> Choice:
        """What to buy; drawn once, since a second draw would buy, and disclose, something else."""

        def make() -> bytes:
            return cbor2.dumps(
                asdict(self._valuer.choose(evaluated.scores, evaluated.listing.manifest, self.policy.budget))
            )

        stored = cbor2.loads(self.secrets.once("choice", make))
        return Choice(
            records=tuple(stored["records"]),
            price=Wei(stored["price"]),
            reasons=tuple(stored["reasons"]),
            numbers=stored["numbers"],
        )
