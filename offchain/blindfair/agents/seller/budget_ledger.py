"""The seller's budgets over all counterparties: disclosed bits, free bits, opened records (PROTOCOL 2, 4).

One evaluation is for one scoring model and one counterparty, but both are free to make: a buyer may change a weight in
its last bit, or come with another account. What bounds the sum of all that is learned are the listing's budgets, and
nothing else.

Bits of a paid evaluation come back if its reply can never be read (PROTOCOL 4.7). Not here: how a fee is settled, which
is in `fees`.
"""

import json
from dataclasses import dataclass
from typing import Any

from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import (
    ENDED,
    EVALUATION_OF,
    EXPOSED,
    OPENED_FOR,
    evaluation_spent,
    evaluations_of,
    offer_name,
    reveal_call,
)
from blindfair.protocol.documents import Document, canonical, json_value
from blindfair.protocol.errors import BlindfairError, BudgetExhausted, FeeRequired, OpeningsUsedUp
from blindfair.protocol.hashing import sha256, tagged
from blindfair.protocol.manifest import Terms
from blindfair.protocol.messages import Request
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Address, Digest, Wei

EVALUATED_BEFORE = "This buyer had an evaluation of this scoring model already"
"""How a refusal begins of a second request by one buyer for one scoring model; the buyer's program knows it by this."""

_ANOTHER_LISTING = "ask the seller to list its records again, or to name you as a buyer"


@dataclass(frozen=True, slots=True)
class BudgetLedger:
    """Spends from the listing's budgets, in the journal, before what they pay for is computed or sent."""

    journal: Journal
    terms: Terms

    records: int
    """Records of the listing."""

    charges: bool = True
    """Whether unnamed buyers are answered. If not, nothing is charged, and `terms.free_bits` does not bind."""

    def is_free(self, score_bits: int) -> bool:
        """Return whether an evaluation would still be free whose scores and exponents have `score_bits` bits in all."""
        return not self.charges or self._free_bits() + score_bits <= self.terms.free_bits

    def fee(self, score_bits: int) -> Wei:
        """Return what an evaluation of `score_bits` costs now, in the token's smallest unit: nothing if it is free."""
        return Wei(0) if self.is_free(score_bits) else self.terms.fee(score_bits, self.records)

    def spend_evaluation(self, request: Request, digest: Digest, score_bits: int, *, paid: bool) -> None:
        """Spend one evaluation: `score_bits`, of the free bits too unless it is paid.

        Spending twice for the same request spends once. Raises BudgetExhausted, also for a second evaluation of one
        scoring model by one counterparty, and FeeRequired for an evaluation that is neither free nor paid.
        """
        earlier = self._entries(request)
        if any(entry["request"] == digest.hex() for entry in earlier):
            return
        if not all(_came_back(self.journal, entry) for entry in earlier):
            raise BudgetExhausted(
                EVALUATED_BEFORE,
                expected="one evaluation for each listing, scoring model and counterparty",
                hint="send the earlier request again to get its stored reply",
            )
        # First, so that no fee is asked for what cannot be answered.
        _within("disclosed bits", self.terms.disclosed_bits, spent_budget(self.journal)[1] + score_bits)
        if not paid and not self.is_free(score_bits):
            raise FeeRequired(
                "This evaluation is not free",
                expected=f"a fee of {self.terms.fee(score_bits, self.records)} units of token {request.token}",
                found=f"at most {request.fee}",
                hint="pay the fee, ask for scores of groups, or ask the seller to name you as a buyer",
            )
        free = 0 if paid or not self.charges else score_bits
        entry = {"request": digest.hex(), "bits": score_bits, "free_bits": free, "paid": paid}
        name = evaluation_spent(request.buyer, _model_digest(request), len(earlier))
        self.journal.note(EVALUATION_OF.of(name), json.dumps(entry))

    def is_paid(self, request: Request, digest: Digest) -> bool:
        """Return whether this evaluation was counted as one that is not free."""
        return any(entry["request"] == digest.hex() and entry["paid"] for entry in self._entries(request))

    def spend_openings(self, selection: Digest, records: int, *, paid: bool = False) -> None:
        """Spend `records` that are opened for the audit of one selection.

        As many whole records of the free bits are spent too, unless the evaluation was `paid` for. Spending twice
        for the same selection spends once. Raises OpeningsUsedUp.
        """
        step = OPENED_FOR.of(selection.hex())
        if self.journal.intent(step) is not None:
            return
        _within("opened records", self.terms.opened_records, spent_budget(self.journal)[2] + records, OpeningsUsedUp)
        if self.charges and records and not paid:
            needed = self._free_bits() + records * self.terms.record_bits
            _within("free bits", self.terms.free_bits, needed, OpeningsUsedUp)
        self.journal.note(step, str(records))

    def knows(self, buyer: Address) -> bool:
        """Whether a buyer had an evaluation."""
        return any(True for _ in self.journal.done(EVALUATION_OF, evaluations_of(buyer)))

    def _entries(self, request: Request) -> list[dict[str, Any]]:
        """Evaluations of this scoring model by this buyer: more than one only where all before came back."""
        first = evaluation_spent(request.buyer, _model_digest(request))
        return [json_value(entry) for _, entry in self.journal.done(EVALUATION_OF, first)]

    def _free_bits(self) -> int:
        """What was given away free of charge so far."""
        return spent_free_bits(self.journal) + spent_budget(self.journal)[2] * self.terms.record_bits


def model_digest(name: str, config: Document, weights: bytes) -> Digest:
    """Return the digest by which a seller tells scoring models apart: one evaluation of each for a buyer."""
    return tagged("model", b"".join(sha256(part) for part in (name.encode(), canonical(config), weights)))


def spent_budget(journal: Journal) -> tuple[int, int, int]:
    """Evaluations, disclosed bits and opened records that were spent so far, over all counterparties."""
    entries = (json_value(intent) for _, intent in journal.done(EVALUATION_OF))
    bits = [int(entry["bits"]) for entry in entries if not _came_back(journal, entry)]
    return len(bits), sum(bits), sum(int(intent) for _, intent in journal.done(OPENED_FOR))


def spent_free_bits(journal: Journal) -> int:
    """The bits of those evaluations that unnamed buyers had free of charge; opened records not counted."""
    return sum(int(json_value(intent)["free_bits"]) for _, intent in journal.done(EVALUATION_OF))


def _came_back(journal: Journal, entry: dict[str, Any]) -> bool:
    """Whether the order of a paid evaluation has ended, and its key was never shown: its reply told nothing."""
    offer = offer_name(Digest(bytes.fromhex(entry["request"])), PartName.EVALUATION)
    return journal.intent(ENDED.of(offer)) is not None and journal.intent(EXPOSED.of(reveal_call(offer))) is None


def _model_digest(request: Request) -> Digest:
    return model_digest(request.model_name, request.model_config, request.weights)


def _within(what: str, budget: int, needed: int, error: type[BlindfairError] = BudgetExhausted) -> None:
    if needed > budget:
        raise error(f"The listing's budget of {what} is used up", expected=budget, found=needed, hint=_ANOTHER_LISTING)
