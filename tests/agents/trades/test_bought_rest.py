"""The rest of a selection whose sample was bought: an order of its own, checked as the first (PROTOCOL 5.6)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sampled import (
    REST_BOND,
    REST_PRICE,
    SAMPLE_PRICE,
    SAMPLED,
    RestCorruptingSeller,
    buying,
    drawn,
    ended,
    only_the_sample_was_bought,
    states,
)
from sealed_messages import forged, put_in, take_out
from trade import (
    FINAL_DEPTH,
    PRICE,
    SELLER_POLICY,
    Parties,
    World,
    make_parties,
)

from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.delivery import EncryptedDelivery, Fault, verify_fault
from blindfair.protocol.messages import Agreement, Delivery, Refusal, read
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import DeliveryKey, RecordIndex, Seconds, Wei

# --- cheats with the rest ---


class OtherRecordsSeller(Seller):
    """Delivers others of its records as the rest."""

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        if len(records) != SAMPLED:
            records = [RecordIndex(number + 1) for number in records]
        return super()._encrypted(records, key)


class DearerSeller(Seller):
    """Wants a wei more for the rest."""

    def _offer(self, *arguments: Any) -> Offer:
        offer = super()._offer(*arguments)
        return offer if offer.price == SAMPLE_PRICE else replace(offer, price=Wei(offer.price + 1))


def test_a_corrupted_chunk_of_the_rest_gives_the_rests_money_back(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"), seller_type=RestCorruptingSeller)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, parties.seller.ending) == (Ending.REFUNDED, Ending.REFUNDED)
    assert "the sample of 12 records was bought for" in outcome.reason
    assert parties.deltas() == (-SAMPLE_PRICE + REST_BOND, SAMPLE_PRICE - REST_BOND)
    assert states(parties) == {"sample": OrderState.RELEASED, "rest": OrderState.REFUNDED}
    assert [number for number, _ in parties.buyer.bought()] == list(drawn(parties))


@pytest.mark.parametrize(
    ("seller_type", "error"), [(OtherRecordsSeller, "RootMismatch"), (DearerSeller, "FieldMismatch")]
)
def test_an_offer_for_the_rest_that_is_not_the_agreed_one_is_not_paid(
    at: Callable[[str], World], seller_type: type[Seller], error: str
) -> None:
    parties = buying(at("replied"), seller_type=seller_type)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, error)
    assert "the rest was not ordered" in outcome.reason
    assert only_the_sample_was_bought(parties)
    assert states(parties) == {"sample": OrderState.RELEASED, "rest": OrderState.NONE}


@pytest.mark.deep
def test_the_samples_delivery_again_is_no_delivery_of_the_rest(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.run(lambda: "agreement:rest" in parties.buyer.sizes())
    take_out(parties.world, parties.seller)
    _, sample = parties.buyer.mail.stored(Step("received:delivery:sample"))
    assert isinstance(sample, Delivery)
    put_in(parties.world, parties.buyer, forged(parties.seller, replace(sample, sealed=b"")))
    put_in(parties.world, parties.buyer, forged(parties.seller, sample))
    parties.buyer.step()
    assert [refusal["error"] for refusal in parties.buyer.refusals()] == ["UnexpectedMessage"]
    assert parties.buyer.outcome is None
    assert parties.deltas() == (-SAMPLE_PRICE, SAMPLE_PRICE)


def test_a_seller_that_offers_no_rest_keeps_the_samples_price(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.run(lambda: "agreement:rest" in parties.buyer.sizes())
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "NoAnswer")
    assert only_the_sample_was_bought(parties)


@pytest.mark.deep
def test_a_rest_that_is_not_accepted_in_time_is_no_loss(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.run(lambda: "agreement:rest" in parties.buyer.sizes())
    parties.seller.step()
    parties.world.chain.advance(Seconds(SELLER_POLICY.offer_validity + 1))
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "Expired")
    assert only_the_sample_was_bought(parties)


# --- a buyer that wants what it may not have ---


def said(parties: Parties, *agreements: Agreement) -> list[str]:
    """What the seller answers to each: an error's name, or a part delivered."""
    answers = []
    for agreement in agreements:
        put_in(parties.world, parties.seller, forged(parties.buyer, agreement))
        parties.seller.step()
        message = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
        answers.append(message.error if isinstance(message, Refusal) else str(getattr(message, "part", None)))
    return answers


def test_the_parts_are_sold_one_after_the_other_and_once(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.buyer.step()
    parties.seller.step()
    take_out(parties.world, parties.buyer)
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    sample = Agreement(selected, PartName.SAMPLE, SAMPLE_PRICE)
    rest = Agreement(selected, PartName.REST, REST_PRICE)
    whole = Agreement(selected, PartName.WHOLE, PRICE)
    cheap = replace(sample, price=Wei(SAMPLE_PRICE - 1))
    assert said(parties, rest, whole, cheap) == ["UnexpectedMessage", "UnexpectedMessage", "FieldMismatch"]
    assert parties.seller.offers == {}
    assert said(parties, sample, sample) == ["sample", "sample"]
    # An offer that nobody accepted buys nothing.
    assert said(parties, rest, whole) == ["UnexpectedMessage", "UnexpectedMessage"]
    assert list(states(parties).values()) == [OrderState.NONE]


def test_the_rest_is_not_sold_before_the_samples_accept_is_final(at: Callable[[str], World]) -> None:
    """Whoever sees the key on its way can reveal it at once; a reorganisation may yet take the accept back, and the
    sample would have been a gift."""
    parties = buying(at("replied"))
    parties.run(parties.paid)
    world, [(name, offer)] = parties.world, parties.seller.offers.items()
    key = parties.seller.secrets.get(f"key.{name}")
    assert key is not None
    world.send(parties.seller.exchange.reveal(offer, DeliveryKey(key)))
    accepted = parties.seller.exchange.accepted_at(offer.struct_hash())
    assert accepted is not None
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    rest = Agreement(selected, PartName.REST, REST_PRICE)
    while parties.seller.exchange.height() < accepted.block_number + FINAL_DEPTH:
        assert list(states(parties).values()) == [OrderState.REVEALED]
        assert said(parties, rest) == ["UnexpectedMessage"]
        assert len(parties.seller.offers) == 1
        world.chain.mine(1)
    assert said(parties, rest) == ["rest"]


@pytest.mark.deep
def test_a_refunded_sample_sells_no_rest(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"), seller_type=CorruptingSeller)
    parties.run()
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    assert said(parties, Agreement(selected, PartName.REST, REST_PRICE)) == ["UnexpectedMessage"]


def test_a_selection_that_is_audited_free_has_no_parts(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"))
    take_out(parties.world, parties.seller)
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    parts = [Agreement(selected, name, PRICE) for name in (PartName.SAMPLE, PartName.REST)]
    assert said(parties, *parts) == ["UnexpectedMessage", "UnexpectedMessage"]
    assert parties.seller.offers == {}


def test_a_dispute_is_tried_out_before_it_is_sent(at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Fault] = []
    parties = make_parties(at("agreed"), seller_type=CorruptingSeller)

    def verify(fault: Fault, *arguments: Any) -> None:
        assert "dispute" not in parties.buyer.transactions()
        tried.append(fault)
        verify_fault(fault, *arguments)

    monkeypatch.setattr("blindfair.agents.settlement.order_calls.verify_fault", verify)
    parties.run()
    assert ended(parties).final == Ending.REFUNDED
    assert tried
