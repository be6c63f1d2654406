"""The seller's budgets over all counterparties: disclosed bits and opened records (PROTOCOL 2, 4).

One evaluation is for one scoring model and one counterparty, but both are free to make: a buyer may change a weight in
its last bit, or come with another account. What bounds the sum of all that is learned are the listing's budgets, and
nothing else.
"""

import json

from blindfair.agents.journal import Journal
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.hashing import sha256, tagged
from blindfair.protocol.manifest import Terms
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Address, Digest

CLIPPED_SHARE_BITS = 20
"""A reply also says what share of the entries was clipped, as one of 10^6 + 1 numbers (PROTOCOL 4.3)."""

_EVALUATIONS, _OPENED = "evaluation-of:", "opened-for:"


class BudgetLedger:
    """Spends from the listing's budgets, in the journal, before what they pay for is computed or sent."""

    def __init__(self, journal: Journal, terms: Terms) -> None:
        self._journal = journal
        self._terms = terms

    def spend_evaluation(self, request: Request, digest: Digest, score_bits: int) -> None:
        """One evaluation per scoring model and counterparty; `score_bits` and those of the clipped share of the total.

        Spending twice for the same request spends once. Raises BudgetExhausted.
        """
        bits = score_bits + CLIPPED_SHARE_BITS
        name = f"{_EVALUATIONS}{request.buyer}:{_model_digest(request).hex()}"
        earlier = self._journal.intent(name)
        if earlier is not None:
            if json.loads(earlier)["request"] != digest.hex():
                raise BudgetExhausted(
                    "This buyer had an evaluation of this scoring model already",
                    expected="one evaluation for each listing, scoring model and counterparty",
                    hint="send the earlier request again to get its stored reply",
                )
            return
        _, disclosed, _ = spent_budget(self._journal)
        _within("disclosed bits", self._terms.disclosed_bits, disclosed + bits)
        self._journal.note(name, json.dumps({"request": digest.hex(), "bits": bits}))

    def spend_openings(self, selection: Digest, records: int) -> None:
        """`records` opened for the audit of one selection. Raises BudgetExhausted.

        Spending twice for the same selection spends once.
        """
        name = f"{_OPENED}{selection.hex()}"
        if self._journal.intent(name) is not None:
            return
        _, _, opened = spent_budget(self._journal)
        _within("opened records", self._terms.opened_records, opened + records)
        self._journal.note(name, str(records))

    def knows(self, buyer: Address) -> bool:
        """Whether a buyer had an evaluation."""
        return any(True for _ in self._journal.done(f"{_EVALUATIONS}{buyer}:"))


def spent_budget(journal: Journal) -> tuple[int, int, int]:
    """Evaluations, disclosed bits and opened records that were spent so far, over all counterparties."""
    bits = [int(json.loads(intent)["bits"]) for _, intent in journal.done(_EVALUATIONS)]
    return len(bits), sum(bits), sum(int(intent) for _, intent in journal.done(_OPENED))


def _model_digest(request: Request) -> Digest:
    parts = (request.model_name.encode(), canonical(request.model_config), request.weights)
    return tagged("model", b"".join(sha256(part) for part in parts))


def _within(what: str, budget: int, needed: int) -> None:
    if needed > budget:
        raise BudgetExhausted(f"The listing's budget of {what} is used up", expected=budget, found=needed)
