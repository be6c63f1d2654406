"""Selecting and auditing: the buyer names the records that it wants, and has a drawn part of them opened (PROTOCOL 5).

Not here: which records it wants, and the orders that follow.
"""

import json
from collections.abc import Callable
from dataclasses import asdict

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.answers import Answers
from blindfair.agents.buyer.audit_size import AuditSize
from blindfair.agents.buyer.checks import audit_openings, ordered_parts
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.free_openings import is_used_up, with_way_out
from blindfair.agents.buyer.opened_labels import check_opened_labels
from blindfair.agents.buyer.valuer import Choice, Valuer
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.settlement.evidence import keep_claim, keep_evidence
from blindfair.agents.store.purchase_steps import AUDITED, SAMPLED, UNAUDITED
from blindfair.agents.store.steps import part_message
from blindfair.protocol.errors import (
    AuditError,
    CommitmentError,
    FieldMismatch,
    InvalidOption,
    MessageError,
    OfferRejected,
    OfferTooSmall,
    Refused,
    ScoringError,
)
from blindfair.protocol.manifest import Terms
from blindfair.protocol.messages import Openings, Selection
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import Digest

BEFORE_PAYMENT = (MessageError, CommitmentError, ScoringError, AuditError, OfferRejected, OfferTooSmall)
"""Errors that end a trade, or what is left of it after the sample: no order is open, so ending is safe."""

NOT_AUDITED = "nothing is audited before paying: one score is of all records, and no draw is short of everything"
"""What is said under the disclosure policy `total` (PROTOCOL 5.5)."""


class Selecting:
    """The selection of one buyer, and its audit before paying."""

    def __init__(
        self, buyer: Agent, answers: Answers, policy: BuyerPolicy, valuer: Valuer, random: Callable[[], bytes]
    ) -> None:
        """`random` gives the 32 bytes that the request committed to."""
        self._buyer = buyer
        self._answers = answers
        self._policy = policy
        self._valuer = valuer
        self._random = random

    def parts(self, evaluated: Evaluated, choice: Choice) -> tuple[Digest, tuple[Part, ...]]:
        """Select and audit. Where the free openings are used up, select again, so that the sample is bought instead."""
        size = AuditSize.of(evaluated)
        rows = size.rows(self._policy, choice.records)
        try:
            return self._audit(evaluated, *self._select(evaluated, choice, rows))
        except Refused as refused:
            bought = size.rows_instead(self._policy, choice.records)
            if not (is_used_up(refused) and bought):
                raise with_way_out(refused) from refused
        selected, selection = self._select(evaluated, choice, bought, PartName.SAMPLE)
        return self._audit(evaluated, selected, selection, PartName.SAMPLE)

    def _select(
        self, evaluated: Evaluated, choice: Choice, rows: int, first: PartName = PartName.WHOLE
    ) -> tuple[Digest, Selection]:
        if choice.price > self._policy.budget:
            raise InvalidOption(
                "The choice costs more than the budget", expected=self._policy.budget, found=choice.price
            )
        selection = Selection(
            evaluation=evaluated.evaluation,
            buyer_random=self._random(),
            token=self._policy.token,
            price=choice.price,
            audit_rows=rows,
            records=choice.records,
        )
        manifest = evaluated.listing.manifest
        step, key = part_message(Selection.TYPE, first), manifest.seller_hpke

        def made() -> Selection:
            self._buyer.copy_guard.check_evaluation(manifest.listing, evaluated.evaluation)
            return selection

        return self._buyer.mail.send(step, manifest.seller, made, key), selection

    def _audit(
        self, evaluated: Evaluated, selected: Digest, selection: Selection, first: PartName = PartName.WHOLE
    ) -> tuple[Digest, tuple[Part, ...]]:
        """Check the openings of the drawn records, once; silence and refusal are a failed audit (PROTOCOL 5.3).

        Not again after it passed: an order that is paid must not depend on the rounding of another processor. Gives the
        selection and the parts in which to order; of a bought sample nothing is opened here, and it is checked later.
        """
        try:
            _, openings = self._answers.obtain(Openings, selected, lambda message: message.selection == selected, first)
            if openings.price != selection.price:
                raise FieldMismatch("The seller names another price", expected=selection.price, found=openings.price)
            parts = ordered_parts(evaluated, selection, openings)
            if parts[0].name is PartName.SAMPLE:
                self._note_sample(parts[0], evaluated.listing.manifest.terms)
            elif evaluated.units.is_total:
                if self._buyer.journal.note(UNAUDITED, evaluated.request.disclosure):
                    self._buyer.tell("audit", NOT_AUDITED)
            elif self._buyer.journal.intent(AUDITED) is None:
                report = audit_openings(evaluated, selection, openings)
                warnings = check_opened_labels(self._valuer, evaluated, openings)
                self._buyer.journal.note(AUDITED, json.dumps(asdict(report)))
                for text in (f"recomputes {len(openings.opened)} opened records: all agree", *warnings):
                    self._buyer.tell("audit", text)
        except BEFORE_PAYMENT as error:
            keep = keep_claim if isinstance(error, Refused) and is_used_up(error) else keep_evidence
            keep(self._buyer.directory / "evidence", self._buyer.journal, {"error": error.name, "text": str(error)})
            raise
        return selected, parts

    def _note_sample(self, sample: Part, terms: Terms) -> None:
        if self._buyer.journal.note(SAMPLED, str(sample.price)):
            price = self._buyer.wallet.amount_text(sample.price, sample.token)
            opens_none = not (terms.opened_records and terms.opened_share)
            why = "no record free" if opens_none else "too few free, or other buyers have used them up"
            self._buyer.tell(
                "audit", f"buys the {len(sample.records)} drawn records first, for {price}: the listing opens {why}"
            )
