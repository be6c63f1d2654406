"""The buyer: asks blind, chooses, audits, checks, pays, verifies, and gets its money back where it was cheated.

`_trade` is the whole protocol from the buyer's side as one straight line. Each line is a journalled step, so that a
buyer that was killed runs the line again from the top and goes on where it was.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import cbor2
import numpy as np

from blindfair.agents.agent import Agent, Surroundings, Waiting
from blindfair.agents.buyer_checks import audit_openings, check_before_paying, unseal_delivery
from blindfair.agents.buyer_order import BuyerOrder
from blindfair.agents.evaluated import Evaluated
from blindfair.agents.outcome import Outcome
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.valuer import Choice, Valuer
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.parameters import exact_set
from blindfair.blind.query import QuerySecret, encrypt_queries
from blindfair.blind.reply import EncryptedScores
from blindfair.protocol.audit import AuditReport, commit_buyer_randomness
from blindfair.protocol.errors import (
    AuditError,
    CommitmentError,
    FieldMismatch,
    MessageError,
    NoOpenings,
    OfferRejected,
    OfferTooSmall,
    Refused,
    ScoringError,
    UnexpectedMessage,
)
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.messages import (
    Agreement,
    Delivery,
    Envelope,
    Inquiry,
    Listing,
    Message,
    Openings,
    Refusal,
    Reply,
    Request,
    Selection,
    read,
)
from blindfair.protocol.quantities import Address, Digest, ListingId, RecordIndex, Timestamp, Wei

PER_RECORD = "per-record"
"""The disclosure policy this version asks for: one score for each record."""

Kind = TypeVar("Kind", bound=Message)

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
        super().__init__(directory, surroundings)
        self._valuer = valuer
        self.policy = policy
        self.seller = seller
        self._listing_id = listing
        self._messages: dict[str, Message] = {}
        self._evaluated: Evaluated | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How the trade ended, None while it goes on."""
        stored = self.journal.get("outcome")
        return None if stored is None else Outcome(**json.loads(stored))

    @property
    def has_paid(self) -> bool:
        """Whether the price is locked, or was."""
        return self.journal.get("receipt:accept") is not None

    @property
    def audited_rows(self) -> int:
        """Rows that the passed audit recomputed; 0 before, or where it failed."""
        stored = self.journal.intent("audited")
        return 0 if stored is None else int(json.loads(stored)["rows"])

    def review(self) -> Evaluated:
        """The evaluation again, from the journal. Raises Waiting where there is none yet."""
        return self.evaluate(self._obtain_listing())

    def _advance(self) -> None:
        if self.outcome is not None:
            return
        try:
            outcome = self._trade()
        except BEFORE_PAYMENT as error:
            if self.journal.get("transaction:accept") is not None:
                raise
            outcome = Outcome("NoOrder", str(error), error.name)
        self.journal.once("outcome", lambda: json.dumps(asdict(outcome)).encode())
        self.tell("outcome", f"{outcome.final}: {outcome.reason}")

    def _trade(self) -> Outcome:
        listing = self._obtain_listing()
        evaluated = self.evaluate(listing)
        choice = self.choice(evaluated)
        if not choice.records:
            return Outcome("NoOrder", "; ".join(choice.reasons))
        selected, selection = self._select(evaluated, choice)
        self.audit(evaluated, selected, selection)
        agreed = self.send("agreement", self.seller, lambda: Agreement(selected.digest, selection.price))
        delivery = self._await("delivery", Delivery, agreed, lambda message: message.selection == selected.digest)
        order = self._checked_order(evaluated, selection, delivery)
        return order.pay() or order.settle()

    # --- the line, one by one --------------------------------------------------------------------------------------

    def _obtain_listing(self) -> Listing:
        asked = self.send("inquiry", self.seller, lambda: Inquiry(self._listing_id))
        listing = self._await("listing", Listing, asked, lambda message: True)
        manifest = listing.manifest
        found = manifest.listing
        if found != self._listing_id or self.exchange.seller_of(found) != self.seller or manifest.seller != self.seller:
            raise FieldMismatch(
                "The manifest is not the one committed on chain", expected=self._listing_id.hex(), found=found.hex()
            )
        if (manifest.chain_id, manifest.contract) != (self.exchange.chain_id, self.exchange.address):
            raise FieldMismatch("The manifest is of another chain or contract", found=manifest.chain_id)
        if self.policy.token not in manifest.terms.tokens:
            raise FieldMismatch(
                "The listing does not take the buyer's token", expected=self.policy.token, found=manifest.terms.tokens
            )
        return listing

    def evaluate(self, listing: Listing) -> Evaluated:
        """Ask blind and decrypt the reply (PROTOCOL 4)."""
        if self._evaluated is not None:
            return self._evaluated
        private = self._private(listing)
        asked = self.post("request", self.seller, lambda: private["message"])
        request = read(private["message"], domain=self.domain)[1]
        assert isinstance(request, Request)  # noqa: S101 - our own
        reply = self._await("reply", Reply, asked, lambda message: message.request == asked.digest)
        manifest = listing.manifest
        parameters, promised = exact_set(manifest.terms.precision_bits), manifest.terms.precision_bits
        encrypted = EncryptedScores.from_bytes(parameters, reply.scores, manifest.record_count, request.queries)
        if encrypted.precision_bits != promised:
            raise FieldMismatch(
                "The reply has another precision than the manifest", expected=promised, found=encrypted.precision_bits
            )
        secret = QuerySecret.from_bytes(private["secret"])
        scores = decrypt_reply(parameters, secret, reply.scores, manifest.record_count, request.queries)
        self._evaluated = Evaluated(
            listing=listing,
            request=request,
            reply=reply,
            evaluation=evaluation_digest(asked.digest, self._received_digest("reply")),
            queries=np.array(private["queries"], dtype=np.int64),
            scores=scores,
        )
        return self._evaluated

    def _private(self, listing: Listing) -> dict[str, Any]:
        """All that is drawn at random for a request, made together and kept: HE keys, `r_B`, nonce (PROTOCOL 4.1)."""

        def make() -> bytes:
            question = self._valuer.question(listing.manifest)
            parameters = exact_set(listing.manifest.terms.precision_bits)
            encrypted, secret = encrypt_queries(parameters, question.queries)
            random = secrets.token_bytes(32)
            request = Request(
                listing=self._listing_id,
                chain_id=self.exchange.chain_id,
                contract=self.exchange.address,
                buyer=self.address,
                buyer_hpke=self.sealing_keys().public,
                nonce=secrets.token_bytes(32),
                model_name=question.model_name,
                model_config=question.model_config,
                fidelity=question.fidelity,
                projection=question.projection,
                dimension=question.queries.shape[1],
                queries=question.queries.shape[0],
                row_scale=question.row_scale,
                parameters=parameters.name,
                disclosure=PER_RECORD,
                pricing=question.pricing,
                buyer_commitment=commit_buyer_randomness(random),
                expiry=Timestamp(self.exchange.now() + self.policy.patience),
                weights=question.weights,
                query=encrypted.to_bytes(),
            )
            return cbor2.dumps(
                {
                    "message": self.sign(request).to_bytes(),
                    "queries": question.queries.tolist(),
                    "random": random,
                    "secret": secret.to_bytes(),
                }
            )

        private: dict[str, Any] = cbor2.loads(self.secrets.once("question", make))
        return private

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

    def _select(self, evaluated: Evaluated, choice: Choice) -> tuple[Envelope, Selection]:
        opened = int(evaluated.listing.manifest.terms.opened_share * len(choice.records))
        rows = min(self.policy.audit_rows, opened)
        if rows < self.policy.least_audit_rows:
            raise OfferTooSmall(
                "The purchase is too small for the audit: of a selection the listing opens only a part for nothing",
                expected=f"at least {self.policy.least_audit_rows} records opened",
                found=f"{opened} of {len(choice.records)}",
                hint="raise the budget, audit fewer rows, or buy from a larger offer",
            )
        selection = Selection(
            evaluation=evaluated.evaluation,
            buyer_random=self._private(evaluated.listing)["random"],
            token=self.policy.token,
            price=choice.price,
            audit_rows=rows,
            records=choice.records,
        )
        return self.send("selection", self.seller, lambda: selection), selection

    def audit(self, evaluated: Evaluated, selected: Envelope, selection: Selection) -> AuditReport:
        """Check the openings of the drawn records (PROTOCOL 5). Raises AuditError; silence is a failed audit."""
        openings = self._await("openings", Openings, selected, lambda message: message.selection == selected.digest)
        if openings.price != selection.price:
            raise FieldMismatch("The seller names another price", expected=selection.price, found=openings.price)
        report = audit_openings(evaluated, selection, openings)
        if self.journal.note("audited", json.dumps(asdict(report))):
            self.tell("audit", f"recomputes {len(openings.opened)} opened records: all agree")
        return report

    def _checked_order(self, evaluated: Evaluated, selection: Selection, delivery: Delivery) -> BuyerOrder:
        """Everything that PROTOCOL 6.6 asks for before paying."""
        if self.journal.get("transaction:accept") is None:
            check_before_paying(
                self.address, self.policy, self.exchange.now(), self.domain, evaluated, selection, delivery
            )
        ciphertexts = unseal_delivery(self.sealing_keys(), evaluated, selection, delivery)
        return BuyerOrder(self, evaluated, selection, delivery, ciphertexts)

    # --- waiting for messages --------------------------------------------------------------------------------------

    def _await(self, step: str, kind: type[Kind], asked: Envelope, matches: Callable[[Kind], bool]) -> Kind:
        """The seller's answer to `asked`, from the journal or the inbox.

        Raises Waiting while there is none, Refused if the seller will not, and NoOpenings once patience, counted in
        chain time from the question, is over.
        """
        if step not in self._messages:
            stored = self.journal.get(f"received:{step}") or self._search(step, kind, asked, matches)
            self._messages[step] = read(stored, domain=self.domain)[1]
        message = self._messages[step]
        if isinstance(message, Refusal):
            raise Refused(f"The seller refuses the {asked.type}", found=f"{message.error}: {message.reason}")
        assert isinstance(message, kind)  # noqa: S101 - `_search` journals nothing else
        return message

    def _search(self, step: str, kind: type[Kind], asked: Envelope, matches: Callable[[Kind], bool]) -> bytes:
        for handle, envelope, message in self.inbox():
            answers = (isinstance(message, kind) and matches(message)) or (
                isinstance(message, Refusal) and message.about == asked.digest
            )
            if envelope.sender == self.seller and answers:
                stored = self.journal.once(f"received:{step}", envelope.to_bytes)
                self.transport.done(handle)
                return stored
            self.refuse(
                handle,
                UnexpectedMessage(
                    f"A {kind.TYPE} of the seller is awaited",
                    expected=self.seller,
                    found=f"{envelope.type} of {envelope.sender}",
                ),
            )
        since = int(self.journal.once(f"asked:{step}", lambda: str(self.exchange.now()).encode()))
        until = Timestamp(since + self.policy.patience)
        if self.exchange.now() > until:
            raise NoOpenings(
                f"The seller sent no {kind.TYPE} in time", expected=f"by {until}", found=self.exchange.now(),
                hint="this seller's listing is not evaluated again",
            )  # fmt: skip
        raise Waiting(f"the seller has not sent the {kind.TYPE} yet", Timestamp(until + 1))

    def _received_digest(self, step: str) -> Digest:
        return read(self.journal.get(f"received:{step}") or b"", domain=self.domain)[0].digest

    def bought(self) -> tuple[tuple[RecordIndex, bytes], ...]:
        """Number and canonical bytes of every record that was bought and verified; empty before that."""
        stored = self.journal.get("bought")
        return () if stored is None else tuple((RecordIndex(n), data) for n, data in cbor2.loads(stored))
