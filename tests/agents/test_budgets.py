"""Many counterparties against one listing: accounts are free to make, the listing's budgets are what bounds them."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_hostile_buyer import taken_out
from trade import TERMS, World, make_parties

from blindfair.agents.journal import Journal
from blindfair.agents.ledger import CLIPPED_SHARE_BITS, BudgetLedger, spent_budget
from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Address, Digest

SCORE_BITS = 32 * 5
"""Of one evaluation, of five records."""


@pytest.fixture
def request_of(beside: Callable[[str], World]) -> Request:
    request = taken_out(make_parties(beside("requested")))
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(("evaluations", "bits"), [(7, 10**9), (10**9, 7 * (SCORE_BITS + CLIPPED_SHARE_BITS) + 1)])
def test_any_number_of_counterparties_learn_what_the_budgets_allow_together(
    request_of: Request, evaluations: int, bits: int, tmp_path: Path
) -> None:
    """A hundred accounts, the same question each: seven get an evaluation. Restarting the seller gives no more."""
    terms = replace(TERMS, evaluations=evaluations, disclosed_bits=bits)
    answered = 0
    for _ in range(100):
        journal = Journal(tmp_path / "seller" / "journal")
        asked = replace(request_of, buyer=Address("0x" + secrets.token_hex(20)))
        try:
            BudgetLedger(journal, terms).spend_evaluation(asked, Digest(secrets.token_bytes(32)), SCORE_BITS)
            answered += 1
        except BudgetExhausted:
            pass
        done, disclosed, _ = spent_budget(journal)
        assert (done, disclosed) == (answered, answered * (SCORE_BITS + CLIPPED_SHARE_BITS))
        journal.close()
    assert answered == 7
