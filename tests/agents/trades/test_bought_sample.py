"""The sample as an order of its own, then the rest (PROTOCOL 5.6): what a cheat costs the buyer is the sample."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from cheated import answered
from sampled import (
    POLICY,
    REST_BOND,
    REST_PRICE,
    SAMPLE_BOND,
    SAMPLE_PRICE,
    SAMPLED,
    buying,
    ended,
    only_the_sample_was_bought,
    opened,
    states,
)
from sealed_messages import sealed_messages_to
from trade import (
    BUYER_POLICY,
    GRANT,
    PER_RECORD,
    PRICE,
    RESERVE,
    SELECTED,
    HandValuer,
    Parties,
    World,
    any_listing_spec,
    listing_spec,
    make_parties,
    offered_records,
)

from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import StepKind, reveal_call
from blindfair.cli.demo.hostile import CorruptingSeller, InflatingSeller
from blindfair.pricing.functions import LinearPricing
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.errors import InsufficientFunds
from blindfair.protocol.messages import Delivery, Openings, read
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, DeliveryKey, Wei

# --- two good orders ---


@pytest.mark.deep
def test_sample_and_rest_cost_together_what_was_agreed(world: World) -> None:
    price = Wei(PRICE + 5)
    valuer = HandValuer(price=price, pricing=LinearPricing(Wei(1), RESERVE))
    parties = buying(world, valuer=valuer)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error, parties.seller.ending) == (Ending.RELEASED, None, Ending.RELEASED)
    assert "the sample of 12 records was bought for 0.012000000000000087 ether" in outcome.reason
    assert "8 records verified" in outcome.reason
    assert parties.deltas() == (-price, price)
    assert world.exchange.balance(world.exchange.address, ETHER) == 0

    sample, rest = parties.seller.offers.values()
    # 20 records for PRICE + 5: twelve of them cost a wei more than 3/5 of that, rounded down.
    assert (sample.price, rest.price) == (SAMPLE_PRICE + 3, REST_PRICE + 2)
    assert (sample.bond, rest.bond) == (SAMPLE_BOND, REST_BOND)
    assert sample.key_commitment != rest.key_commitment
    assert (sample.chunk_count, rest.chunk_count) == (SAMPLED, len(SELECTED) - SAMPLED)
    assert states(parties) == {"sample": OrderState.RELEASED, "rest": OrderState.RELEASED}
    records = offered_records()
    assert parties.buyer.bought() == tuple((number, records[number]) for number in SELECTED)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    assert (parties.buyer.audited_rows, parties.buyer.sampled_for) == (SAMPLED, sample.price)


@pytest.mark.deep
def test_nothing_is_opened_of_a_sample_that_is_bought(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.buyer.step()
    parties.seller.step()
    [(_, openings)] = sealed_messages_to(parties.world, parties.buyer)
    assert isinstance(openings, Openings)
    assert openings.opened == ()
    assert [intent for _, intent in parties.seller.journal.done(StepKind[str]("opened-for"))] == ["0"]


@pytest.mark.deep
def test_a_small_selection_is_all_sample(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"), buyer_policy=replace(POLICY, audit_rows=59))
    parties.run()
    assert ended(parties).final == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)
    assert states(parties) == {"sample": OrderState.RELEASED}
    assert (parties.buyer.audited_rows, len(parties.buyer.bought())) == (len(SELECTED), len(SELECTED))


@pytest.mark.parametrize(("share", "rows"), [(Fraction(1, 2), 11), (Fraction(0), 1), (Fraction(1, 21), 1)])
def test_a_sample_that_is_too_large_a_part_is_not_bought(world: World, share: Fraction, rows: int) -> None:
    """A listing that opens nothing must not turn a purchase into its own sample: scores would be checked too late."""
    policy = replace(BUYER_POLICY, audit_rows=rows, max_sample_share=share)
    parties = make_parties(world, buyer_policy=policy, goods=listing_spec(opened_share=0.0))
    parties.run()
    assert (ended(parties).final, ended(parties).error) == (Ending.NO_ORDER, "OfferTooSmall")
    assert parties.deltas() == (0, 0)


@pytest.mark.deep
def test_a_key_that_a_stranger_reveals_first_does_not_keep_back_the_rest(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = buying(at("replied"))
    parties.run(parties.paid)
    [offer] = parties.seller.offers.values()
    # Whoever saw the key on its way is quicker: the seller's own transaction never gets into a block.
    key = parties.seller.secrets.get(f"key.{next(iter(parties.seller.offers))}")
    assert key is not None
    parties.world.chain.mine(3)
    parties.world.send(parties.buyer.exchange.reveal(offer, DeliveryKey(key)))
    parties.run()
    assert ended(parties).final == Ending.RELEASED and ended(parties).error is None
    assert parties.deltas() == (-PRICE, PRICE)
    assert not parties.seller.wallet.executed(reveal_call(next(iter(parties.seller.offers))))


@pytest.mark.deep
def test_a_listing_that_opens_nothing_can_be_bought(world: World) -> None:
    parties = buying(
        world, goods=listing_spec(opened_share=0, opened_records=0), buyer_policy=replace(POLICY, audit_rows=1)
    )
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.seller.offers[next(iter(parties.seller.offers))].price == PER_RECORD


@pytest.mark.deep
def test_where_all_are_opened_free_no_sample_is_bought(world: World) -> None:
    parties = buying(world, goods=listing_spec(opened_share=1.0), buyer_policy=replace(BUYER_POLICY, audit_rows=59))
    parties.run()
    assert (parties.buyer.audited_rows, parties.buyer.sampled_for) == (len(SELECTED), None)
    assert len(parties.seller.offers) == 1


def test_a_sample_that_the_clock_paid_for_is_checked_and_the_rest_ordered(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.run(parties.paid)
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.deltas() == (-SAMPLE_PRICE, SAMPLE_PRICE)
    parties.run()
    assert ended(parties).final == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)
    assert len(parties.buyer.bought()) == len(SELECTED)


def test_money_for_the_sample_alone_does_not_begin_it(at: Callable[[str], World]) -> None:
    policy = replace(POLICY, gas_reserve=Wei(GRANT - PRICE + 1))
    parties = buying(at("replied"), buyer_policy=policy)
    with pytest.raises(InsufficientFunds):
        parties.run()
    assert parties.buyer.transactions() == {}


# --- cheats with the sample ---


def test_a_corrupted_chunk_of_the_sample_ends_the_trade(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"), seller_type=CorruptingSeller)
    parties.run()
    outcome = ended(parties)
    assert outcome.final == Ending.REFUNDED
    assert "is not the committed one" in outcome.reason
    assert parties.deltas() == (SAMPLE_BOND, -SAMPLE_BOND)
    assert states(parties) == {"sample": OrderState.REFUNDED}
    assert (tuple(parties.buyer.bought()), parties.buyer.audited_rows) == ((), 0)
    assert "agreement:rest" not in parties.buyer.sizes()


def test_a_sample_whose_key_never_comes_ends_the_trade(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"))
    parties.run(parties.paid)
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert (ended(parties).final, ended(parties).reason) == (
        Ending.REFUNDED,
        "the seller did not reveal the key in time",
    )
    assert parties.deltas() == (SAMPLE_BOND, -SAMPLE_BOND)
    assert "agreement:rest" not in parties.buyer.sizes()


def test_faked_scores_cost_the_buyer_the_sample_and_no_more(at: Callable[[str], World]) -> None:
    parties = buying(at("requested"), seller_type=InflatingSeller)
    assert isinstance(parties.seller, InflatingSeller)
    # Half of the selection: whatever twelve of twenty are drawn, two at least are among them.
    parties.seller.worthless = SELECTED[:10]
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "ScoresDisagree")
    assert "the sample of 12 records was bought for" in outcome.reason
    assert only_the_sample_was_bought(parties)
    assert "release:sample" not in parties.buyer.sizes()
    assert "agreement:rest" not in parties.buyer.sizes()
    assert parties.buyer.audited_rows == 0

    evidence = parties.buyer.directory / "evidence"
    finding = json.loads((evidence / "finding.json").read_text())
    assert finding["error"] == "ScoresDisagree"
    [offer] = parties.seller.offers.values()
    assert key_commitment(DeliveryKey(bytes.fromhex(finding["key"]))) == offer.key_commitment
    delivered = read((evidence / "delivery-sample.message").read_bytes(), domain=parties.buyer.domain)[1]
    assert isinstance(delivered, Delivery)
    assert (delivered.part, delivered.offer) == (PartName.SAMPLE, offer)
    assert {path.stem for path in evidence.glob("*.message")} == {
        "listing", "request", "reply", "selection", "openings", "agreement-sample", "delivery-sample",
    }  # fmt: skip


@pytest.mark.deep
def test_equal_records_in_the_sample_are_no_good(world: World) -> None:
    records = list(offered_records())
    for number in SELECTED[1:]:
        records[number] = records[SELECTED[0]]
    parties = buying(world, goods=any_listing_spec(records))
    parties.run()
    assert (ended(parties).final, ended(parties).error) == (Ending.RELEASED, "DuplicatesOpened")
    assert only_the_sample_was_bought(parties)


@pytest.mark.deep
def test_committed_garbage_in_the_sample_is_no_good(world: World) -> None:
    class PretendingSeller(Seller):
        def _rows(self, digest: Any, request: Any) -> Any:
            self._store.compute(digest, request, offered_records())
            return self._store.load(digest)

    records = list(offered_records())
    for number in SELECTED[:10]:
        records[number] = b"\xff" * number
    parties = buying(world, goods=listing_spec(records), seller_type=PretendingSeller)
    parties.run()
    assert (ended(parties).final, ended(parties).error) == (Ending.RELEASED, "CommittedGarbage")
    assert only_the_sample_was_bought(parties)


@pytest.mark.deep
def test_a_fault_that_is_found_too_late_stops_the_rest(at: Callable[[str], World]) -> None:
    parties = buying(at("replied"), seller_type=CorruptingSeller)
    parties.run(parties.paid)
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "CommitmentError")
    assert parties.deltas() == (-SAMPLE_PRICE, SAMPLE_PRICE)
    assert parties.buyer.bought() == ()
    assert states(parties) == {"sample": OrderState.RELEASED}


def test_a_trade_ends_although_nobody_claims_what_the_clock_gives(at: Callable[[str], World]) -> None:
    parties = buying(at("requested"), seller_type=InflatingSeller)
    assert isinstance(parties.seller, InflatingSeller)
    parties.seller.worthless = SELECTED
    parties.run(lambda: OrderState.REVEALED in states(parties).values())
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert (ended(parties).final, ended(parties).error) == (Ending.RELEASED, "ScoresDisagree")
    assert states(parties) == {"sample": OrderState.REVEALED}


@pytest.mark.parametrize(
    "change",
    [
        lambda openings, parties: replace(openings, seller_random=bytes(32)),
        lambda openings, parties: replace(openings, price=Wei(PRICE + 1)),
        lambda openings, parties: replace(openings, opened=opened(parties)),
    ],
    ids=["another number", "another price", "records opened"],
)
def test_wrong_openings_end_the_trade_before_the_sample(
    beside: Callable[[str], World], change: Callable[[Openings, Parties], Openings]
) -> None:
    parties = buying(beside("replied"))
    parties.buyer.step()
    parties.seller.step()
    assert answered(parties, change).error == "FieldMismatch"
    assert "agreement:sample" not in parties.buyer.sizes()
    assert (parties.buyer.directory / "evidence" / "finding.json").exists()
