"""A seller that cheats with a reply that was paid for: the fee comes back by dispute or by the clock, and is lost where
no contract can judge (PROTOCOL 4.7)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fees import (
    EVALUATION_BITS,
    FEE,
    FEE_BOND,
    CorruptingReplySeller,
    ended,
    fee_is_paid,
    fee_offers,
    has_learnt,
    other_offers,
    paying,
    until_priced,
)
from sealed_messages import STRANGER, STRANGER_ADDRESS, forged, put_in, resigned, sealed_messages_to
from trade import SELLER_POLICY, Parties, World

from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import CallName, Step, reveal_call
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import EncryptedDelivery
from blindfair.protocol.errors import FaultProven, NoAnswer
from blindfair.protocol.messages import PricedReply, Refusal, Reply, Request, read
from blindfair.protocol.order import OrderState
from blindfair.protocol.priced_reply import encrypt_reply, reply_dataset
from blindfair.protocol.quantities import DeliveryKey, Digest, Seconds, Timestamp
from deep import deep


def fee_state(parties: Parties) -> OrderState:
    [offer] = fee_offers(parties)
    return parties.world.exchange.order(offer.struct_hash()).state


# --- money back ---


def test_a_reply_whose_key_is_not_revealed_gives_the_fee_back_and_tells_nothing(world: World) -> None:
    parties = paying(world)
    parties.run(lambda: fee_is_paid(parties))
    assert spent_budget(parties.seller.journal)[:2] == (1, EVALUATION_BITS)
    world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.REFUNDED, "NoAnswer")
    assert parties.deltas() == (FEE_BOND, -FEE_BOND)
    assert not has_learnt(parties)
    with pytest.raises(NoAnswer):
        parties.buyer.review()
    # Its seller comes back too late. The key never left it: the bits may be spent again.
    parties.run()
    assert parties.seller.ending == Ending.REFUNDED
    assert spent_budget(parties.seller.journal)[:2] == (0, 0)


def test_a_wrong_chunk_of_the_reply_is_proven_and_the_fee_comes_back(world: World) -> None:
    parties = paying(world, seller_type=CorruptingReplySeller)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.REFUNDED, "FaultProven")
    assert "is not the committed one" in outcome.reason
    assert parties.deltas() == (FEE_BOND, -FEE_BOND)
    assert (fee_state(parties), other_offers(parties)) == (OrderState.REFUNDED, [])
    with pytest.raises(FaultProven):
        parties.buyer.review()
    # The key was shown: whoever has the other chunks has read them, and the bits stay spent.
    assert spent_budget(parties.seller.journal)[:2] == (1, EVALUATION_BITS)


@pytest.mark.deep
def test_a_wrong_chunk_that_is_found_too_late_costs_the_fee_and_no_more(world: World) -> None:
    parties = paying(world, seller_type=CorruptingReplySeller)
    parties.run(lambda: fee_is_paid(parties))
    world.run(parties.seller, until=lambda: parties.seller.idle)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "CommitmentError")
    assert parties.deltas() == (-FEE, FEE)
    assert (parties.buyer.directory / "evidence" / "finding.json").exists()


@pytest.mark.deep
@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_an_offer_that_nobody_accepts_tells_nothing_and_frees_bond_and_bits(world: World, how: str) -> None:
    parties = paying(world)
    until_priced(parties)
    [offer] = fee_offers(parties)
    if how == "cancelled":
        parties.seller.wallet.execute(CallName("cancel"), lambda: world.exchange.cancel(offer), "cancels its offer")
    else:
        world.chain.advance(Seconds(SELLER_POLICY.offer_validity + 1))
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, how.capitalize())
    assert parties.deltas() == (0, 0)
    assert not has_learnt(parties)
    assert world.exchange.free_balance(parties.seller.address, offer.token) == 0
    assert spent_budget(parties.seller.journal)[:2] == (0, 0)
    assert not parties.seller.wallet.exposed(reveal_call(next(iter(parties.seller.offers))))


@pytest.mark.deep
def test_after_an_offer_that_ran_out_the_same_account_may_ask_and_pay_again(world: World) -> None:
    parties = paying(world)
    until_priced(parties)
    _, first = parties.buyer.mail.stored(Step("message:request"))
    world.chain.advance(Seconds(SELLER_POLICY.offer_validity + 1))
    parties.run()
    assert isinstance(first, Request)
    # The very same request is over, a new one of the same scoring model is not.
    put_in(world, parties.seller, forged(parties.buyer, first))
    again = replace(first, nonce=bytes(32), expiry=Timestamp(world.chain.now() + 10_000))
    put_in(world, parties.seller, forged(parties.buyer, again))
    world.run(parties.seller, until=lambda: len(fee_offers(parties)) == 2)
    answers = [message for _, message in sealed_messages_to(world, parties.buyer)]
    assert {(type(message), getattr(message, "error", None)) for message in answers} == {
        (PricedReply, None), (Refusal, "Expired"),
    }  # fmt: skip
    assert spent_budget(parties.seller.journal)[:2] == (1, EVALUATION_BITS)
    # And while that one is open, a third is not.
    put_in(world, parties.seller, forged(parties.buyer, replace(again, nonce=b"3" * 32)))
    world.round(parties.seller)
    refusals = [
        message.error for _, message in sealed_messages_to(world, parties.buyer) if isinstance(message, Refusal)
    ]
    assert sorted(refusals) == ["BudgetExhausted", "Expired"]


# --- the fee is lost ---


def no_message(reply: bytes, _: Seller) -> bytes:
    return b"\x00" * len(reply)


def cut_short(reply: bytes, _: Seller) -> bytes:
    return reply[:-1]


def of_a_stranger(reply: bytes, seller: Seller) -> bytes:
    envelope, _ = read(reply, domain=seller.domain)
    return resigned(envelope, seller, key=bytes(STRANGER.key), sender=STRANGER_ADDRESS)


def changed(**fields: Any) -> Callable[[bytes, Seller], bytes]:
    def change(reply: bytes, seller: Seller) -> bytes:
        _, message = read(reply, domain=seller.domain)
        assert isinstance(message, Reply)
        return forged(seller, replace(message, **fields))

    return change


def another_message(_: bytes, seller: Seller) -> bytes:
    return forged(seller, Refusal(Digest(bytes(32)), "BudgetExhausted", "no"))


GARBAGE = {
    "no message": no_message,
    "cut short": cut_short,
    "of a stranger": of_a_stranger,
    "to another request": changed(request=Digest(bytes(32))),
    "other scores": changed(scores=b"scores"),
    "exponents that were not asked for": changed(exponents=b"\x00"),
    "a refusal": another_message,
}


ORDINARY = ("no message", "other scores")


@pytest.mark.parametrize("what", [*ORDINARY, *deep(*(what for what in GARBAGE if what not in ORDINARY))])
def test_committed_garbage_costs_the_fee_and_leaves_evidence(world: World, what: str) -> None:
    class GarbageSeller(Seller):
        def _encrypted_reply(self, digest: Digest, key: DeliveryKey) -> EncryptedDelivery:
            bought = GARBAGE[what](self._fees.signed_reply(digest), self)
            return encrypt_reply(reply_dataset(bought, digest, 1024, self._secret), key)

    parties = paying(world, seller_type=GarbageSeller)
    parties.run()
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "CommittedGarbage")
    assert "the fee is lost" in outcome.reason
    assert parties.deltas() == (-FEE, FEE)
    assert parties.buyer.bought() == ()
    # No word of release: the seller waited for the clock.
    assert "release:evaluation" not in parties.buyer.sizes()
    assert other_offers(parties) == []

    evidence = parties.buyer.directory / "evidence"
    finding = json.loads((evidence / "finding.json").read_text())
    [offer] = fee_offers(parties)
    assert key_commitment(DeliveryKey(bytes.fromhex(finding["key"]))) == offer.key_commitment
    envelope, priced = read((evidence / "reply.message").read_bytes(), domain=parties.buyer.domain)
    assert isinstance(priced, PricedReply)
    assert (envelope.sender, priced.offer) == (parties.seller.address, offer)
    assert (evidence / "paid-reply.message").exists()
