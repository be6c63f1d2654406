"""The seller's budgets over all counterparties: evaluations, disclosed bits, opened records (PROTOCOL 2, 4)."""

import json

from blindfair.agents.journal import Journal
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.hashing import tagged
from blindfair.protocol.manifest import Terms
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest


class BudgetLedger:
    """Spends from the listing's budgets, in the journal, before what they pay for is computed or sent."""

    def __init__(self, journal: Journal, terms: Terms) -> None:
        self._journal = journal
        self._terms = terms

    def spend_evaluation(self, request: Request, digest: Digest, bits: int) -> None:
        """One evaluation per scoring model and counterparty, `bits` of the listing's total.

        Spending twice for the same request spends once. Raises BudgetExhausted.
        """
        model = tagged("model", request.model_name.encode() + canonical(request.model_config) + request.weights)
        name = f"evaluation-of:{request.buyer}:{model.hex()}"
        earlier = self._journal.intent(name)
        if earlier is not None and json.loads(earlier)["request"] != digest.hex():
            raise BudgetExhausted(
                "This buyer had an evaluation of this scoring model already",
                expected="one evaluation for each listing, scoring model and counterparty",
                hint="send the earlier request again to get its stored reply",
            )
        if earlier is not None:
            return
        spent = [
            json.loads(self._journal.intent("evaluation-of:" + rest) or "{}")
            for rest, _ in self._journal.done("evaluation-of:")
        ]
        _within("evaluations", self._terms.evaluations, len(spent) + 1)
        _within("disclosed bits", self._terms.disclosed_bits, sum(int(entry["bits"]) for entry in spent) + bits)
        self._journal.note(name, json.dumps({"request": digest.hex(), "bits": bits}))

    def spend_openings(self, selection: Digest, records: int) -> None:
        """`records` opened for the audit of one selection. Raises BudgetExhausted."""
        name = f"opened-for:{selection.hex()}"
        if self._journal.intent(name) is not None:
            return
        spent = sum(
            int(self._journal.intent("opened-for:" + rest) or 0) for rest, _ in self._journal.done("opened-for:")
        )
        _within("opened records", self._terms.opened_records, spent + records)
        self._journal.note(name, str(records))


def _within(what: str, budget: int, needed: int) -> None:
    if needed > budget:
        raise BudgetExhausted(f"The listing's budget of {what} is used up", expected=budget, found=needed)
