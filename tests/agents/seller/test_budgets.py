"""Many counterparties against one listing: accounts are free to make, the listing's budgets of bits bound them."""

import math
import secrets
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bad_questions import taken_out
from rich.console import Console
from sealed_messages import forged, pending, put_in, sealed_messages_to
from trade import (
    AUDITED,
    BUYER_POLICY,
    OFFERED,
    RESERVE,
    SELECTED,
    SELLER_POLICY,
    TERMS,
    World,
    listing_spec,
    make_buyer,
    make_parties,
)

from blindfair.agents.seller.budget_ledger import BudgetLedger, spent_budget, spent_free_bits
from blindfair.agents.seller.checks import check_bits
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import Step
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.cli.buyer.distrust import check_trusted, remember_failure
from blindfair.cli.demo.hostile import InflatingSeller
from blindfair.cli.lines import Lines
from blindfair.protocol.errors import BudgetExhausted, FeeRequired, FieldMismatch, InvalidOption, OpeningsUsedUp
from blindfair.protocol.messages import Refusal, Request, read
from blindfair.protocol.quantities import Address, Digest, Wei
from deep import deep

RECORDS = 5
SCORE_BITS = 32 * RECORDS
"""Of one evaluation, of five records."""

EVALUATION_BITS = SCORE_BITS
MUCH = 10**9


@pytest.fixture
def request_of(beside: Callable[[str], World]) -> Request:
    request = taken_out(make_parties(beside("requested")))
    assert isinstance(request, Request)
    return request


def test_any_number_of_counterparties_learn_what_the_budgets_allow_together(
    request_of: Request, tmp_path: Path
) -> None:
    """A hundred accounts, the same question each: seven get an evaluation. Restarting the seller gives no more."""
    terms = replace(TERMS, disclosed_bits=7 * EVALUATION_BITS + 1, free_bits=0)
    answered = 0
    for _ in range(100):
        journal = Journal(tmp_path / "seller" / "journal")
        asked = replace(request_of, buyer=Address("0x" + secrets.token_hex(20)))
        try:
            ledger = BudgetLedger(journal, terms, RECORDS)
            ledger.spend_evaluation(asked, Digest(secrets.token_bytes(32)), SCORE_BITS, paid=True)
            answered += 1
        except BudgetExhausted:
            pass
        done, disclosed, _ = spent_budget(journal)
        assert (done, disclosed) == (answered, answered * EVALUATION_BITS)
        journal.close()
    assert answered == 7


@pytest.mark.parametrize(("budget", "columns"), [(2, 2), (4, 4)])
def test_basis_vectors_by_several_accounts_read_as_many_columns_as_the_budget_pays(
    request_of: Request, budget: int, columns: int, tmp_path: Path
) -> None:
    """Each of four accounts asks for one column of the rows, all of which come out exactly: 12 bits a record each, paid
    with 32. A budget for four evaluations gives the whole row away, 48 bits; one for two gives half of it."""
    rows = np.random.default_rng(4).integers(-2047, 2048, (5, 4)).astype(np.int16)
    told = Disclosure.of(DEFAULT, records=5, bits=(32,)).total_bits
    terms = replace(TERMS, disclosed_bits=budget * EVALUATION_BITS)
    ledger = BudgetLedger(Journal(tmp_path / "journal"), terms, RECORDS)
    encoded, read = encode_rows(DEFAULT, rows), []
    for basis in np.eye(4, dtype=np.int64):
        encrypted, secret = encrypt_queries(DEFAULT, basis[None])
        asked = replace(request_of, buyer=Address("0x" + secrets.token_hex(20)))
        try:
            ledger.spend_evaluation(asked, Digest(secrets.token_bytes(32)), math.ceil(told), paid=True)
        except BudgetExhausted:
            continue
        read.append(decrypt_reply(DEFAULT, secret, evaluate(encoded, encrypted.to_bytes()), 5, 1)[0])
    assert len(read) == columns
    np.testing.assert_array_equal(np.array(read).T, rows[:, :columns])


# --- opened records ---


def test_openings_come_out_of_one_budget_and_the_same_ones_only_once(request_of: Request, tmp_path: Path) -> None:
    """The last record of the budget is still opened, and none beyond it, whatever process answers."""
    terms, first = replace(TERMS, opened_records=25), Digest(b"\x01" * 32)
    for selection, records, expected in ((first, 10, 10), (first, 10, 10), (Digest(b"\x02" * 32), 15, 25)):
        journal = Journal(tmp_path / "seller" / "journal")
        BudgetLedger(journal, terms, RECORDS).spend_openings(selection, records)
        assert spent_budget(journal)[-1] == expected
        journal.close()
    journal = Journal(tmp_path / "seller" / "journal")
    with pytest.raises(OpeningsUsedUp, match="opened records") as caught:
        BudgetLedger(journal, terms, RECORDS).spend_openings(Digest(b"\x03" * 32), 1)
    assert (caught.value.expected, caught.value.found) == (25, 26)
    assert spent_budget(journal)[-1] == 25
    journal.close()


@pytest.mark.parametrize(("budget", "is_opened"), [(2 * AUDITED, True), (2 * AUDITED - 1, False)])
def test_what_was_opened_for_one_buyer_is_not_opened_for_the_next(world: World, budget: int, is_opened: bool) -> None:
    parties = make_parties(world, goods=listing_spec(opened_records=budget))
    second = make_buyer(world, parties.seller, "second")
    parties.run(lambda: "agreement" in parties.buyer.sizes())
    world.run(parties.seller, second, until=lambda: second.outcome is not None or "agreement" in second.sizes())
    sent = [step for step in parties.seller.sizes() if step.startswith("openings:")]
    assert len(sent) == (2 if is_opened else 1)
    assert second.audited_rows == (AUDITED if is_opened else 0)
    if not is_opened:
        assert second.outcome is not None
        assert (second.outcome.final, second.outcome.error) == (Ending.NO_ORDER, "Refused")
        assert "OpeningsUsedUp" in second.outcome.reason
        assert "raise `sample_share`" in second.outcome.reason
        # How much of it is used up is other buyers' business.
        assert str(budget) not in second.outcome.reason


@pytest.mark.parametrize("rows", [AUDITED, *deep(AUDITED - 2)])
def test_where_the_free_openings_are_used_up_the_sample_is_bought_instead(world: World, rows: int) -> None:
    """By the same evaluation: the second buyer pays for no other, and its trade ends well.

    The listing would open ten; a buyer that audits fewer buys eleven as well, so that both sides know of a sample.
    """
    parties = make_parties(world, goods=listing_spec(opened_records=AUDITED))
    policy = replace(BUYER_POLICY, audit_rows=rows, max_sample_share=Fraction(1))
    second = make_buyer(world, parties.seller, "second", policy=policy)
    parties.run(lambda: "agreement" in parties.buyer.sizes())
    world.run(parties.seller, second, until=lambda: second.outcome is not None)
    outcome = second.outcome
    assert outcome is not None and (outcome.final, outcome.error) == (Ending.RELEASED, None), outcome
    assert "the sample of 11 records was bought" in outcome.reason
    assert second.audited_rows == AUDITED + 1
    assert [number for number, _ in second.bought()] == list(SELECTED)
    # One evaluation each. The seller's signed refusal is kept, and accuses nobody.
    assert spent_budget(parties.seller.journal)[0] == 2
    evidence = second.directory / "evidence"
    assert {path.name for path in evidence.iterdir()} == {
        "claim.json", "listing.message", "request.message", "reply.message", "selection.message", "openings.message",
    }  # fmt: skip
    said = read((evidence / "openings.message").read_bytes(), domain=second.domain)[1]
    assert isinstance(said, Refusal) and said.error == "OpeningsUsedUp"


def opening(seller: Seller, records: int) -> None:
    """Let a seller open so many records free in all, whatever its listing says."""
    ledger = seller._selections._ledger
    seller._selections._ledger = replace(ledger, terms=replace(ledger.terms, opened_records=records))


@pytest.mark.deep
def test_a_refused_selection_stays_refused_when_a_copy_of_it_comes(world: World) -> None:
    """Its buyer has made another selection since, whose draw would be seen by the first one's openings."""
    parties = make_parties(world, goods=listing_spec(opened_records=AUDITED))
    second = make_buyer(world, parties.seller, "second", policy=replace(BUYER_POLICY, max_sample_share=Fraction(1)))
    parties.run(lambda: "agreement" in parties.buyer.sizes())
    world.run(parties.seller, second, until=lambda: "selection:sample" in second.sizes())
    [path] = pending(world, parties.seller)
    waiting = path.read_bytes()
    path.unlink()
    opening(parties.seller, MUCH)
    put_in(world, parties.seller, forged(second, second.mail.stored(Step("message:selection"))[1]))
    parties.seller.step()
    assert [getattr(message, "error", None) for _, message in sealed_messages_to(world, second)] == ["OpeningsUsedUp"]
    put_in(world, parties.seller, waiting)
    world.run(parties.seller, second, until=lambda: second.outcome is not None)
    assert second.outcome is not None and second.outcome.final == Ending.RELEASED


@pytest.mark.deep
def test_a_seller_that_hides_behind_used_up_openings_is_caught_by_the_sample(world: World, tmp_path: Path) -> None:
    """Its signed claim, which nobody can check, is kept beside the finding; its listing is not evaluated again."""
    policy = replace(BUYER_POLICY, max_sample_share=Fraction(1))
    parties = make_parties(world, seller_type=InflatingSeller, buyer_policy=policy)
    assert isinstance(parties.seller, InflatingSeller)
    parties.seller.worthless = SELECTED
    opening(parties.seller, 0)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and (outcome.final, outcome.error) == (Ending.RELEASED, "ScoresDisagree")
    evidence = parties.buyer.directory / "evidence"
    assert {path.name for path in evidence.iterdir()} == {
        "claim.json", "finding.json", "listing.message", "request.message", "reply.message",
        "selection.message", "openings.message", "selection-sample.message", "openings-sample.message",
        "agreement-sample.message", "delivery-sample.message",
    }  # fmt: skip
    assert isinstance(read((evidence / "openings.message").read_bytes(), domain=parties.buyer.domain)[1], Refusal)
    remember_failure(tmp_path / "keystore.json", parties.buyer.listing, outcome, Lines(Console()))
    with pytest.raises(InvalidOption):
        check_trusted(tmp_path / "keystore.json", parties.buyer.listing)


def asked_by(request: Request, number: int) -> tuple[Request, Digest]:
    """The same question by account `number`."""
    return replace(request, buyer=Address(f"0x{number:040x}")), Digest(number.to_bytes(32, "big"))


def test_accounts_together_get_the_free_bits_and_then_a_fee_is_asked(request_of: Request, tmp_path: Path) -> None:
    """Three evaluations are free, by whatever accounts; the fourth account and all after it are told the fee."""
    fee = Wei(1001)
    terms = replace(
        TERMS,
        free_bits=4 * EVALUATION_BITS - 1,
        disclosed_bits=MUCH,
        record_bits=300,
        bits_per_record=64,
        evaluation_fee=fee,
    )
    ledger = BudgetLedger(Journal(tmp_path / "journal"), terms, RECORDS)
    for number in range(3):
        assert (ledger.is_free(SCORE_BITS), ledger.fee(SCORE_BITS)) == (True, 0)
        ledger.spend_evaluation(*asked_by(request_of, number), SCORE_BITS, paid=False)
    for number in range(3, 6):
        # 32 of 64 bits a record: half the fee, rounded up.
        assert (ledger.is_free(SCORE_BITS), ledger.fee(SCORE_BITS)) == (False, 501)
        with pytest.raises(FeeRequired) as refused:
            ledger.spend_evaluation(*asked_by(request_of, number), SCORE_BITS, paid=False)
        assert refused.value.expected == f"a fee of 501 units of token {TERMS.tokens[0]}"
    assert ledger.is_free(SCORE_BITS - 1)
    assert (spent_budget(ledger.journal)[:2], spent_free_bits(ledger.journal)) == (
        (3, 3 * EVALUATION_BITS),
        3 * EVALUATION_BITS,
    )
    # An evaluation that was counted is not asked a fee when it comes again, as after a crash.
    ledger.spend_evaluation(*asked_by(request_of, 0), SCORE_BITS, paid=False)
    assert spent_budget(ledger.journal)[0] == 3


def test_what_is_paid_spends_no_free_bits_and_both_spend_the_budget(request_of: Request, tmp_path: Path) -> None:
    terms = replace(TERMS, free_bits=EVALUATION_BITS, disclosed_bits=3 * EVALUATION_BITS)
    ledger = BudgetLedger(Journal(tmp_path / "journal"), terms, RECORDS)
    for number in range(2):
        ledger.spend_evaluation(*asked_by(request_of, number), SCORE_BITS, paid=True)
    assert ledger.is_free(SCORE_BITS)
    ledger.spend_evaluation(*asked_by(request_of, 2), SCORE_BITS, paid=False)
    # The whole budget is spent: a fee would buy nothing, and none is asked.
    for paid in (False, True):
        with pytest.raises(BudgetExhausted, match="disclosed bits") as refused:
            ledger.spend_evaluation(*asked_by(request_of, 3), SCORE_BITS, paid=paid)
        assert (refused.value.expected, refused.value.found) == (3 * EVALUATION_BITS, 4 * EVALUATION_BITS)
        assert refused.value.hint


def test_a_seller_of_named_buyers_charges_nothing(request_of: Request, tmp_path: Path) -> None:
    terms = replace(TERMS, free_bits=0, disclosed_bits=2 * EVALUATION_BITS)
    ledger = BudgetLedger(Journal(tmp_path / "journal"), terms, RECORDS, charges=False)
    for number in range(2):
        assert (ledger.is_free(SCORE_BITS), ledger.fee(SCORE_BITS)) == (True, 0)
        ledger.spend_evaluation(*asked_by(request_of, number), SCORE_BITS, paid=False)
    assert spent_free_bits(ledger.journal) == 0
    with pytest.raises(BudgetExhausted, match="disclosed bits"):
        ledger.spend_evaluation(*asked_by(request_of, 2), SCORE_BITS, paid=False)
    ledger.spend_openings(Digest(bytes(32)), AUDITED)


def test_records_opened_free_spend_whole_records_of_the_free_bits(request_of: Request, tmp_path: Path) -> None:
    """Two records that hold 100 bits each fit beside one evaluation, a third does not; the evaluation then fits no
    more beside the two."""
    terms = replace(TERMS, record_bits=100, free_bits=EVALUATION_BITS + 299, disclosed_bits=MUCH, opened_records=10**6)
    ledger = BudgetLedger(Journal(tmp_path / "journal"), terms, RECORDS)
    ledger.spend_evaluation(*asked_by(request_of, 0), SCORE_BITS, paid=False)
    first, second = Digest(b"1" * 32), Digest(b"2" * 32)
    with pytest.raises(OpeningsUsedUp, match="free bits"):
        ledger.spend_openings(first, 3)
    for _ in range(2):
        ledger.spend_openings(first, 2)
    with pytest.raises(OpeningsUsedUp, match="free bits"):
        ledger.spend_openings(second, 1)
    # A sample that is bought opens nothing, and is never refused for it.
    ledger.spend_openings(second, 0)
    assert ledger.is_free(99)
    assert not ledger.is_free(100)


@pytest.mark.parametrize(("bits", "allowed"), [(4, True), (5, False), (64, False)])
def test_an_evaluation_tells_no_more_of_a_record_than_the_listing_states(bits: int, allowed: bool) -> None:
    terms = replace(TERMS, bits_per_record=4)
    if allowed:
        check_bits(bits, terms)
        return
    with pytest.raises(FieldMismatch, match="more bits of a record") as refused:
        check_bits(bits, terms)
    assert (refused.value.expected, refused.value.found) == ("<= 4", bits)


@pytest.mark.deep
def test_the_second_stranger_is_told_the_fee_and_learns_nothing(world: World) -> None:
    bits = 3 * OFFERED
    goods = listing_spec(record_bits=30, free_bits=bits + AUDITED * 30, disclosed_bits=MUCH)
    parties = make_parties(world, goods=goods)
    other = make_buyer(world, parties.seller, "other")
    world.run(*parties.both, other, until=lambda: None not in (parties.buyer.outcome, other.outcome))
    [told] = [
        buyer.outcome for buyer in (parties.buyer, other) if buyer.outcome and buyer.outcome.final == Ending.NO_ORDER
    ]
    assert told.error == "Refused"
    assert "FeeRequired" in told.reason
    # 3 of the 68 bits that the fee is for.
    fee = -(-(68 * OFFERED * RESERVE // 200) * 3 // 68)
    assert f"a fee of {fee} units" in told.reason
    assert spent_budget(parties.seller.journal)[:2] == (1, bits)


@pytest.mark.deep
def test_named_buyers_all_get_an_answer_without_a_fee(world: World) -> None:
    goods = listing_spec(free_bits=0)
    parties = make_parties(world, goods=goods)
    other = make_buyer(world, parties.seller, "other")
    named = replace(SELLER_POLICY, buyers=frozenset({parties.buyer.address, other.address}))
    parties.close()
    parties = make_parties(world, goods=goods, seller_policy=named)
    world.run(*parties.both, other, until=lambda: None not in (parties.buyer.outcome, other.outcome))
    for buyer in (parties.buyer, other):
        assert buyer.outcome is not None and buyer.outcome.final == Ending.RELEASED
        assert buyer.audited_rows == AUDITED
