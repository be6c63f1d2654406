"""The fee is credited once, by a rule that both sides compute: who computes another amount is refused."""

from dataclasses import replace
from typing import Any

import pytest
from fees import FEE, FEE_BOND, PAYS, charging, ended, other_offers, paying, until_priced
from sealed_messages import STRANGER_ADDRESS, forged, pending, put_in, sealed_messages_to
from trade import PRICE, SELECTED, SELLER_POLICY, Parties, World

from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.messages import Agreement, Refusal, Request, Selection
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import ETHER, Digest, Wei
from deep import deep


def until_sent(parties: Parties, step: str) -> None:
    """Go on until the buyer has sent this, and the seller not read it."""
    parties.world.run(parties.seller, parties.buyer, until=lambda: step in parties.buyer.sizes())


def drop_all(parties: Parties) -> None:
    """Lose whatever waits for the seller."""
    for path in pending(parties.world, parties.seller):
        path.unlink()


class ForgetfulSeller(Seller):
    """Takes the fee, and wants the whole price besides."""

    def _credit(self, request: Request, digest: Digest) -> Wei:
        return Wei(0)


class DearerSeller(Seller):
    """Offers the records without the credit that it agreed to."""

    def _offer(self, part: Part, *rest: Any) -> Offer:
        offer = super()._offer(part, *rest)
        return offer if part.name is PartName.EVALUATION else replace(offer, price=PRICE)


@pytest.mark.deep
@pytest.mark.parametrize(("seller_type", "error"), [(ForgetfulSeller, "Refused"), (DearerSeller, "FieldMismatch")])
def test_a_seller_that_does_not_credit_the_fee_sells_nothing(
    world: World, seller_type: type[Seller], error: str
) -> None:
    parties = paying(world, seller_type=seller_type)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, error)
    assert outcome.reason.startswith("the evaluation was paid for with 0.001920000000000007 ether; ")
    assert parties.deltas() == (-FEE, FEE)


@pytest.mark.parametrize("price", [PRICE - FEE - 1, *deep(PRICE, PRICE - FEE + 1, PRICE - 2 * FEE)])
def test_a_buyer_that_credits_itself_another_amount_is_refused(world: World, price: int) -> None:
    parties = paying(world)
    until_sent(parties, "agreement")
    drop_all(parties)
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    put_in(world, parties.seller, forged(parties.buyer, Agreement(selected, PartName.WHOLE, Wei(price))))
    parties.seller.step()
    [refusal] = [message for _, message in sealed_messages_to(world, parties.buyer)]
    assert isinstance(refusal, Refusal)
    assert refusal.error == "FieldMismatch"
    assert other_offers(parties) == []


def test_a_selection_before_the_fee_is_paid_is_refused(world: World) -> None:
    """As of a buyer that found out what only the reply says."""
    parties = paying(world)
    until_priced(parties)
    request = parties.buyer.mail.stored(Step("message:request"))[0].digest
    reply = parties.seller.mail.stored(Step(f"message:reply:{request.hex()}"))[0].digest
    selection = Selection(
        evaluation=evaluation_digest(request, reply),
        buyer_random=parties.buyer._private().random,
        token=PAYS.token,
        price=PRICE,
        audit_rows=10,
        records=SELECTED,
    )
    put_in(world, parties.seller, forged(parties.buyer, selection))
    parties.seller.step()
    refusals = [message for _, message in sealed_messages_to(world, parties.buyer) if isinstance(message, Refusal)]
    assert [(refusal.error, "was not paid" in refusal.reason) for refusal in refusals] == [("UnexpectedMessage", True)]


@pytest.mark.deep
def test_who_paid_for_an_evaluation_waits_for_the_space_that_its_bond_needs(world: World) -> None:
    """The bond of the records is larger than what the seller locks at once: raised, the trade goes on."""
    space = replace(SELLER_POLICY, max_bonds=Wei(FEE_BOND + 1))
    parties = paying(world, seller_policy=space)
    until_sent(parties, "selection")
    for _ in range(3):
        parties.seller.step()
        world.chain.mine(1)
    assert [message for _, message in sealed_messages_to(world, parties.buyer) if isinstance(message, Refusal)] == []
    for agent in parties.both:
        agent.close()
    again = paying(world, funded=False)
    again.run()
    assert ended(again).final == Ending.RELEASED


@pytest.mark.deep
def test_a_paid_evaluation_may_open_records_although_no_free_bits_are_left(world: World) -> None:
    parties = paying(world, goods=charging(free_bits=0))
    parties.run()
    assert ended(parties).final == Ending.RELEASED


def test_a_selection_in_another_token_than_the_fees_is_refused(world: World) -> None:
    token = world.deploy_token()
    parties = paying(world, goods=charging(tokens=(ETHER, token)))
    until_sent(parties, "selection")
    drop_all(parties)
    _, selection = parties.buyer.mail.stored(Step("message:selection"))
    assert isinstance(selection, Selection)
    put_in(world, parties.seller, forged(parties.buyer, replace(selection, token=token)))
    parties.seller.step()
    refusals = [message for _, message in sealed_messages_to(world, parties.buyer) if isinstance(message, Refusal)]
    assert [(refusal.error, "another token" in refusal.reason) for refusal in refusals] == [("FieldMismatch", True)]


def test_a_fee_in_a_token_that_the_listing_does_not_take_is_refused(world: World) -> None:
    parties = paying(world)
    until_sent(parties, "request")
    drop_all(parties)
    _, request = parties.buyer.mail.stored(Step("message:request"))
    assert isinstance(request, Request)
    put_in(world, parties.seller, forged(parties.buyer, replace(request, token=STRANGER_ADDRESS)))
    parties.seller.step()
    [refusal] = [message for _, message in sealed_messages_to(world, parties.buyer)]
    assert isinstance(refusal, Refusal)
    assert (refusal.error, "does not take this token" in refusal.reason) == ("FieldMismatch", True)
    assert spent_budget(parties.seller.journal)[:2] == (0, 0)
