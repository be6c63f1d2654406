"""An evaluation that is not free, paid for and credited: two accounts, the parts of a purchase, and who gets what."""

from dataclasses import replace
from fractions import Fraction

import pytest
from fees import (
    EVALUATION_BITS,
    FEE,
    FEE_BOND,
    OPENED_BITS,
    PAYS,
    charging,
    ended,
    fee_offers,
    has_learnt,
    other_offers,
    paying,
    until_priced,
)
from sealed_messages import sealed_messages_to
from trade import (
    BUYER_POLICY,
    PER_RECORD,
    PRICE,
    SELECTED,
    SELLER_POLICY,
    HandValuer,
    Parties,
    World,
    make_buyer,
    offered_records,
)

from blindfair.agents.seller.budget_ledger import spent_budget, spent_free_bits
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import CallName, Step
from blindfair.protocol.errors import InsufficientFunds, InvalidOption
from blindfair.protocol.messages import Refusal
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Wei


def nothing_is_left(world: World) -> bool:
    return world.exchange.balance(world.exchange.address, ETHER) == 0


def test_the_first_account_asks_free_of_charge_and_the_second_pays(world: World) -> None:
    goods = charging(free_bits=EVALUATION_BITS + 2 * OPENED_BITS)
    parties = paying(world, goods=goods)
    other = make_buyer(world, parties.seller, "other", policy=PAYS)
    parties.run()
    assert (fee_offers(parties), parties.deltas()) == ([], (-PRICE, PRICE))
    world.run(parties.seller, other, until=lambda: other.outcome is not None and parties.seller.idle)

    assert other.outcome is not None and other.outcome.final == Ending.RELEASED
    [fee] = fee_offers(parties)
    assert (fee.buyer, fee.price, fee.bond, fee.token) == (other.address, FEE, FEE_BOND, ETHER)
    assert world.exchange.order(fee.struct_hash()).state is OrderState.RELEASED
    # The fee is credited: both paid the same for the same records.
    assert (parties.delta(other), parties.delta(parties.seller)) == (-PRICE, 2 * PRICE)
    assert [offer.price for offer in other_offers(parties)] == [PRICE, PRICE - FEE]
    assert other.review().scores.shape == parties.buyer.review().scores.shape
    assert nothing_is_left(world)
    assert spent_budget(parties.seller.journal) == (2, 2 * EVALUATION_BITS, 20)
    assert spent_free_bits(parties.seller.journal) == EVALUATION_BITS


def test_a_paid_evaluation_is_bought_in_one_order_and_says_so(world: World) -> None:
    parties = paying(world)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    assert "the evaluation was paid for with 0.001920000000000007 ether" in outcome.reason
    assert [number for number, _ in parties.buyer.bought()] == list(SELECTED)
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    assert "reply" not in {step.partition(":")[0] for step in parties.seller.sizes()}


@pytest.mark.deep
def test_the_fee_is_credited_before_a_selection_is_divided(world: World) -> None:
    policy = replace(PAYS, audit_rows=12, max_sample_share=Fraction(1))
    parties = paying(world, buyer_policy=policy)
    parties.run()
    assert ended(parties).final == Ending.RELEASED
    sample = -(-(PRICE - FEE) * 12 // 20)
    assert [offer.price for offer in other_offers(parties)] == [sample, PRICE - FEE - sample]
    assert parties.deltas() == (-PRICE, PRICE)
    assert len(parties.buyer.bought()) == len(SELECTED)


@pytest.mark.deep
def test_a_fee_above_the_price_buys_the_records_with_it(world: World) -> None:
    """Two records cost less than the fee: they cost nothing more, and the rest of the fee is not returned."""
    records, goods = SELECTED[:2], charging(evaluation_fee=Wei(96 * PER_RECORD))
    fee = Wei(8 * PER_RECORD)
    policy = replace(PAYS, max_evaluation_fee=fee, audit_rows=1)
    valuer = HandValuer(records=records, price=Wei(2 * PER_RECORD))
    parties = paying(world, goods=goods, valuer=valuer, buyer_policy=policy)
    parties.run()
    assert ended(parties).final == Ending.RELEASED
    assert [(offer.price, offer.bond) for offer in other_offers(parties)] == [(0, 0)]
    assert parties.deltas() == (-fee, fee)
    originals = offered_records()
    assert parties.buyer.bought() == tuple((number, originals[number]) for number in records)


def test_who_buys_nothing_has_paid_the_fee_and_is_told(world: World) -> None:
    parties = paying(world, valuer=HandValuer(records=(), price=Wei(0)))
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, None)
    assert outcome.reason == "the evaluation was paid for with 0.001920000000000007 ether; chosen by hand"
    assert parties.deltas() == (-FEE, FEE)


@pytest.mark.deep
def test_a_listing_without_a_fee_answers_free_beyond_its_free_bits(world: World) -> None:
    parties = paying(world, goods=charging(evaluation_fee=Wei(0)), buyer_policy=BUYER_POLICY)
    parties.run()
    assert (fee_offers(parties), parties.deltas()) == ([], (-PRICE, PRICE))
    assert spent_free_bits(parties.seller.journal) == 0


@pytest.mark.deep
def test_a_named_buyer_that_would_pay_is_not_charged(world: World) -> None:
    parties = paying(world)
    named = replace(SELLER_POLICY, buyers=frozenset({parties.buyer.address}))
    parties.close()
    parties = paying(world, seller_policy=named)
    parties.run()
    assert (fee_offers(parties), parties.deltas()) == ([], (-PRICE, PRICE))


# --- nothing is spent ---


def refused(parties: Parties) -> str:
    """Why the seller would not answer; nobody paid or learnt anything, and no bit was spent."""
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, "Refused")
    assert parties.deltas() == (0, 0)
    assert parties.buyer.transactions() == {}
    assert (fee_offers(parties), has_learnt(parties)) == ([], False)
    assert spent_budget(parties.seller.journal)[:2] == (0, 0)
    return outcome.reason


@pytest.mark.parametrize("stated", [0, 1, FEE - 1])
def test_a_fee_under_the_listings_is_refused_and_the_listings_named(world: World, stated: int) -> None:
    parties = paying(world, buyer_policy=replace(PAYS, max_evaluation_fee=Wei(stated)))
    reason = refused(parties)
    assert "FeeRequired" in reason
    assert f"a fee of {FEE} units of token {ETHER}" in reason
    assert f"at most {stated}" in reason


def test_a_bond_that_the_seller_does_not_lock_is_found_before_bits_are_spent(world: World) -> None:
    parties = paying(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(FEE_BOND - 1)))
    assert "TooCostly" in refused(parties)


def test_a_buyer_states_no_more_than_the_fee(world: World) -> None:
    """A seller that sees how much more would be paid could ask for it."""
    parties = paying(world, buyer_policy=replace(PAYS, max_evaluation_fee=Wei(PAYS.budget)))
    parties.buyer.step()
    parties.seller.step()
    parties.buyer.step()
    _, request = parties.buyer.mail.stored(Step("message:request"))
    assert getattr(request, "fee", None) == FEE


def test_a_fee_that_the_account_does_not_have_is_not_offered(world: World) -> None:
    parties = paying(world, funded=False)
    world.fund(parties.seller.address)
    with pytest.raises(InsufficientFunds, match="the evaluation fee"):
        parties.run()
    assert "request" not in parties.buyer.sizes()


def test_no_bits_are_kept_for_an_account_that_does_not_hold_the_fee(world: World) -> None:
    parties = paying(world)
    parties.run(lambda: "request" in parties.buyer.sizes())
    spent = Wei(world.exchange.balance(parties.buyer.address) - FEE)
    parties.buyer.wallet.execute(
        CallName("elsewhere"), lambda: world.exchange.deposit(ETHER, spent), "spends its money"
    )
    parties.seller.step()
    [refusal] = [message for _, message in sealed_messages_to(world, parties.buyer) if isinstance(message, Refusal)]
    assert (refusal.error, "does not hold the fee" in refusal.reason) == ("FeeRequired", True)
    assert (spent_budget(parties.seller.journal)[:2], fee_offers(parties)) == ((0, 0), [])


def test_no_more_replies_against_a_fee_than_stated_are_computed_in_an_hour(world: World) -> None:
    parties = paying(world, seller_policy=replace(SELLER_POLICY, max_priced_replies=1))
    until_priced(parties)
    second = make_buyer(world, parties.seller, "second", policy=PAYS)
    world.run(second, parties.seller, until=lambda: second.outcome is not None)
    assert second.outcome is not None
    assert "gives no more for now" in second.outcome.reason
    assert len(fee_offers(parties)) == 1


@pytest.mark.parametrize("fee", [-1, PAYS.budget + 1])
def test_a_fee_outside_of_the_budget_is_no_policy(fee: int) -> None:
    with pytest.raises(InvalidOption, match="evaluation"):
        replace(PAYS, max_evaluation_fee=Wei(fee))


@pytest.mark.deep
def test_the_fee_may_use_up_the_budget_for_the_price_that_it_is_credited_against(world: World) -> None:
    parties = paying(world, buyer_policy=replace(PAYS, budget=PRICE))
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
