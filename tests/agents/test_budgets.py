"""Many counterparties against one listing: accounts are free to make, the listing's budgets are what bounds them."""

import math
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_hostile_buyer import taken_out
from trade import TERMS, World, make_parties

from blindfair.agents.journal import Journal
from blindfair.agents.ledger import CLIPPED_SHARE_BITS, BudgetLedger, spent_budget
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
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


def test_any_number_of_counterparties_learn_what_the_budgets_allow_together(
    request_of: Request, tmp_path: Path
) -> None:
    """A hundred accounts, the same question each: seven get an evaluation. Restarting the seller gives no more."""
    terms = replace(TERMS, disclosed_bits=7 * (SCORE_BITS + CLIPPED_SHARE_BITS) + 1)
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


@pytest.mark.parametrize(("budget", "columns"), [(2, 2), (4, 4)])
def test_basis_vectors_by_several_accounts_read_as_many_columns_as_the_budget_pays(
    request_of: Request, budget: int, columns: int, tmp_path: Path
) -> None:
    """Each of four accounts asks for one column of the rows, all of which come out exactly: 12 bits a record each, paid
    with 32. A budget for four evaluations gives the whole row away, 48 bits; one for two gives half of it."""
    rows = np.random.default_rng(4).integers(-2047, 2048, (5, 4)).astype(np.int16)
    paid = Disclosure.of(DEFAULT, records=5, bits=(32,)).total_bits
    terms = replace(TERMS, disclosed_bits=budget * (SCORE_BITS + CLIPPED_SHARE_BITS))
    ledger = BudgetLedger(Journal(tmp_path / "journal"), terms)
    encoded, read = encode_rows(DEFAULT, rows), []
    for basis in np.eye(4, dtype=np.int64):
        encrypted, secret = encrypt_queries(DEFAULT, basis[None])
        asked = replace(request_of, buyer=Address("0x" + secrets.token_hex(20)))
        try:
            ledger.spend_evaluation(asked, Digest(secrets.token_bytes(32)), math.ceil(paid))
        except BudgetExhausted:
            continue
        read.append(decrypt_reply(DEFAULT, secret, evaluate(encoded, encrypted.to_bytes()), 5, 1)[0])
    assert len(read) == columns
    np.testing.assert_array_equal(np.array(read).T, rows[:, :columns])
