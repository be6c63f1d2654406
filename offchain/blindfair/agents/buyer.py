"""The buyer: asks blind, chooses, audits, checks, pays, verifies, and gets its money back where it was cheated.

`_trade` is the whole protocol from the buyer's side as one straight line. Each line is a journalled step, so that a
buyer that was killed runs the line again from the top and goes on where it was.
"""

import json
from dataclasses import asdict
from pathlib import Path

import cbor2

from blindfair.agents.agent import Agent
from blindfair.agents.answers import Answers
from blindfair.agents.buyer_checks import audit_openings, check_before_paying, check_evaluation, unseal_delivery
from blindfair.agents.buyer_order import BuyerOrder
from blindfair.agents.evaluated import Evaluated
from blindfair.agents.evidence import keep_evidence
from blindfair.agents.ledger import free_openings
from blindfair.agents.outcome import Outcome
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.question import Private, ask
from blindfair.agents.surroundings import Surroundings
from blindfair.agents.valuer import Choice, Valuer
from blindfair.protocol.errors import (
    AuditError,
    BlindfairError,
    CommitmentError,
    FieldMismatch,
    InvalidOption,
    JournalDamaged,
    MessageError,
    NoAnswer,
    NoOpenings,
    OfferRejected,
    OfferTooSmall,
    Refused,
    ScoringError,
    SecretDamaged,
)
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.messages import (
    Agreement,
    Delivery,
    Inquiry,
    Listing,
    Openings,
    Refusal,
    Reply,
    Request,
    Selection,
)
from blindfair.protocol.quantities import Address, Digest, ListingId, RecordIndex, Timestamp, Wei
from blindfair.protocol.selection import check_selection

BEFORE_PAYMENT = (MessageError, CommitmentError, ScoringError, AuditError, OfferRejected, OfferTooSmall)
"""Errors that end a trade without an order; nothing was paid, so ending is safe."""


class Buyer(Agent):
    """One purchase from one listing of one seller."""

    role = "buyer"

    def __init__(
        self,
        directory: Path,
        surroundings: Surroundings,
        valuer: Valuer,
        policy: BuyerPolicy,
        *,
        seller: Address,
        listing: ListingId,
    ) -> None:
        """Raises what `Agent` raises, and JournalDamaged for the directory of another purchase."""
        super().__init__(directory, surroundings)
        self._valuer = valuer
        self.policy = policy
        self.seller = seller
        self._listing_id = listing
        self._answers = Answers(self.journal, self.mail, self.exchange, seller, policy.patience)
        self._listing: Listing | None = None
        self._evaluated: Evaluated | None = None
        self._order: BuyerOrder | None = None
        try:
            self.belongs_to(f"purchase from {seller} of listing {listing.hex()}")
        except BlindfairError:
            self.close()
            raise

    @property
    def outcome(self) -> Outcome | None:
        """How the trade ended, None while it goes on."""
        stored = self.journal.get("outcome")
        return None if stored is None else Outcome(**json.loads(stored))

    @property
    def has_paid(self) -> bool:
        """Whether the price is locked, or was."""
        return self.wallet.executed("accept")

    @property
    def audited_rows(self) -> int:
        """Rows that the passed audit recomputed; 0 before, or where it failed."""
        stored = self.journal.intent("audited")
        return 0 if stored is None else int(json.loads(stored)["rows"])

    def review(self) -> Evaluated:
        """The evaluation again, from the journal. Raises Waiting where there is none yet."""
        return self.evaluate(self._obtain_listing())

    def bought(self) -> tuple[tuple[RecordIndex, bytes], ...]:
        """Number and canonical bytes of every record that was bought and verified; empty before that."""
        stored = self.journal.get("bought")
        return () if stored is None else tuple((RecordIndex(n), data) for n, data in cbor2.loads(stored))

    def _advance(self) -> None:
        if self.outcome is not None:
            return
        try:
            outcome = self._trade()
        except BEFORE_PAYMENT as error:
            if self.wallet.begun("accept"):
                raise
            self._say_no(error)
            outcome = Outcome.stopped(error)
        self.journal.once("outcome", lambda: json.dumps(asdict(outcome)).encode())
        self.tell("outcome", f"{outcome.final}: {outcome.reason}")

    def _say_no(self, error: BlindfairError) -> None:
        """Tell the seller that it goes no further, if it was the seller's turn that ended the trade.

        By the error's name alone: its values are scores, and the seller is to learn none.
        """
        about = self._answers.latest()
        if about is not None and not isinstance(error, Refused | NoAnswer | NoOpenings):
            self.mail.send("refusal", self.seller, lambda: Refusal(about, error.name, "the buyer goes no further"))

    def _trade(self) -> Outcome:
        if self._order is None:
            listing = self._obtain_listing()
            evaluated = self.evaluate(listing)
            choice = self.choice(evaluated)
            if not choice.records:
                return Outcome("NoOrder", "; ".join(choice.reasons))
            selected, selection = self._select(evaluated, choice)
            self._audit(evaluated, selected, selection)
            agreed = self.mail.send("agreement", self.seller, lambda: Agreement(selected, selection.price))
            _, delivery = self._answers.obtain(Delivery, agreed, lambda message: message.selection == selected)
            self._order = self._checked_order(evaluated, selection, delivery)
        return self._order.pay() or self._order.settle()

    # --- the line, one by one --------------------------------------------------------------------------------------

    def _obtain_listing(self) -> Listing:
        if self._listing is not None:
            return self._listing
        asked = self.mail.send("inquiry", self.seller, lambda: Inquiry(self._listing_id))
        _, listing = self._answers.obtain(Listing, asked, lambda message: message.manifest.listing == self._listing_id)
        manifest = listing.manifest
        committed = self.exchange.seller_of(self._listing_id)
        if not committed == manifest.seller == self.seller:
            raise FieldMismatch("The listing is not the seller's on chain", expected=self.seller, found=committed)
        if (manifest.chain_id, manifest.contract) != (self.exchange.chain_id, self.exchange.address):
            raise FieldMismatch("The manifest is of another chain or contract", found=manifest.chain_id)
        if self.policy.token not in manifest.terms.tokens:
            raise FieldMismatch(
                "The listing does not take the buyer's token", expected=self.policy.token, found=manifest.terms.tokens
            )
        self._listing = listing
        return listing

    def evaluate(self, listing: Listing) -> Evaluated:
        """Ask blind and decrypt the reply (PROTOCOL 4)."""
        if self._evaluated is None:
            asked = self.mail.send("request", self.seller, lambda: self._request(listing))
            replied, reply = self._answers.obtain(Reply, asked, lambda message: message.request == asked)
            request = self.mail.stored("message:request")[1]
            if not isinstance(request, Request):
                raise JournalDamaged("The stored request is none", expected=Request.TYPE, found=request.TYPE)
            private = self._private()
            self._evaluated = Evaluated(
                listing=listing,
                request=request,
                reply=reply,
                evaluation=evaluation_digest(asked, replied),
                queries=private.queries,
                scores=check_evaluation(listing.manifest, request, reply, private.secret),
            )
        return self._evaluated

    def _request(self, listing: Listing) -> Request:
        """A new request, with all that was drawn for it on the disk first.

        Runs again only if the process died before the request was in the journal. Nobody saw that one, and its keys are
        replaced.
        """
        question = self._valuer.question(listing.manifest)
        for note in question.notes:
            self.tell("question", note)
        request, private = ask(
            question,
            listing.manifest,
            buyer=self.address,
            buyer_hpke=self.sealing_keys().public,
            expiry=Timestamp(self.exchange.now() + self.policy.patience),
        )
        self.secrets.put("question", private.to_bytes())
        return request

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

    def _select(self, evaluated: Evaluated, choice: Choice) -> tuple[Digest, Selection]:
        manifest = evaluated.listing.manifest
        check_selection(choice.records, manifest.record_count)
        if choice.price > self.policy.budget:
            raise InvalidOption(
                "The choice costs more than the budget", expected=self.policy.budget, found=choice.price
            )
        opened = free_openings(manifest.terms, len(choice.records))
        if opened < self.policy.fewest_audit_rows:
            raise OfferTooSmall(
                "The purchase is too small for the audit: the listing opens only a part of a selection for nothing",
                expected=f"at least {self.policy.fewest_audit_rows} records opened",
                found=f"{opened} of {len(choice.records)}",
                hint="raise the budget, audit fewer rows, or buy from a larger offer",
            )
        selection = Selection(
            evaluation=evaluated.evaluation,
            buyer_random=self._private().random,
            token=self.policy.token,
            price=choice.price,
            audit_rows=min(self.policy.audit_rows, opened),
            records=choice.records,
        )
        return self.mail.send("selection", self.seller, lambda: selection), selection

    def _audit(self, evaluated: Evaluated, selected: Digest, selection: Selection) -> None:
        """Check the openings of the drawn records, once; silence and refusal are a failed audit (PROTOCOL 5.3).

        Not again after it passed: an order that is paid must not hang on the rounding of another processor.
        """
        if self.journal.intent("audited") is not None:
            return
        try:
            _, openings = self._answers.obtain(Openings, selected, lambda message: message.selection == selected)
            if openings.price != selection.price:
                raise FieldMismatch("The seller names another price", expected=selection.price, found=openings.price)
            report = audit_openings(evaluated, selection, openings)
        except BEFORE_PAYMENT as error:
            keep_evidence(self.directory / "evidence", self.journal, {"error": error.name, "text": str(error)})
            raise
        self.journal.note("audited", json.dumps(asdict(report)))
        self.tell("audit", f"recomputes {len(openings.opened)} opened records: all agree")

    def _checked_order(self, evaluated: Evaluated, selection: Selection, delivery: Delivery) -> BuyerOrder:
        """Everything that PROTOCOL 6.6 asks for before paying."""
        if not self.wallet.begun("accept"):
            check_before_paying(
                self.address, self.policy, self.exchange.now(), self.domain, evaluated, selection, delivery
            )
        ciphertexts = unseal_delivery(self.sealing_keys(), evaluated, selection, delivery)
        return BuyerOrder(self, evaluated, selection, delivery, ciphertexts, self.policy.gas_reserve)
