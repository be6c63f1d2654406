"""The buyer's signed word travels as a sealed message and pays the seller at once; without it the clock does (PROTOCOL
7)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from sealed_messages import forged, pending, put_in, resigned, the_sealed_message
from trade import BOND, BUYER_POLICY, PRICE, SELLER_POLICY, Parties, World, calls_of, make_buyer, make_parties

from blindfair.agents.settlement.ending import Ending
from blindfair.chain.abi import exchange_abi
from blindfair.protocol.messages import Envelope, Release, read
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, OrderId, Seconds, Signature
from blindfair.protocol.release import sign_release
from blindfair.protocol.sealed_message import is_sealed_message

pytestmark = pytest.mark.deep

BY_ITSELF = replace(BUYER_POLICY, releases_by_message=False)
ELSEWHERE = Address("0x" + "e1" * 20)


def the_offer(parties: Parties) -> Offer:
    (offer,) = parties.seller.offers.values()
    return offer


def state(parties: Parties) -> OrderState:
    return parties.world.exchange.order(the_offer(parties).struct_hash()).state


def the_release(parties: Parties) -> tuple[Envelope, Release]:
    envelope, message = read(the_sealed_message(parties.world, parties.seller), domain=parties.seller.domain)
    assert isinstance(message, Release)
    return envelope, message


def refused(parties: Parties) -> list[str]:
    return [refusal["error"] for refusal in parties.seller.refusals()]


# --- good ----------------------------------------------------------------------------------------------------------


def test_a_buyer_needs_gas_only_to_pay(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    began = parties.world.chain.now()
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert set(parties.buyer.receipts()) == {"accept"}
    (call,) = [item for item in exchange_abi() if item.get("name") == "releaseBySig"]
    released = function_abi_to_4byte_selector(call).hex()  # type: ignore[arg-type]
    assert calls_of(parties.world, parties.seller.address).count(released) == 1
    assert parties.world.chain.now() - began < SELLER_POLICY.dispute_window


def test_the_release_travels_sealed(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    (path,) = pending(parties.world, parties.seller)
    assert is_sealed_message(path.read_bytes())
    assert path.read_bytes().find(the_release(parties)[1].signature) == -1
    assert state(parties) is OrderState.REVEALED


def test_a_buyer_may_release_by_itself(at: Callable[[str], World]) -> None:
    parties = make_parties(at("revealed"), buyer_policy=BY_ITSELF)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert set(parties.buyer.receipts()) == {"accept", "release"}


def test_a_seller_without_the_sealed_message_is_paid_by_the_clock(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    pending(parties.world, parties.seller)[0].unlink()
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.seller.ending == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)
    assert any(step.startswith("claim:") for step in parties.seller.receipts())


def test_a_buyer_does_not_wait_for_a_seller_that_is_away(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    began = parties.world.chain.now()
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    assert parties.world.chain.now() - began < 2 * BUYER_POLICY.release_patience
    # It comes back after the dispute window: one of both ways pays it, once.
    parties.world.chain.advance(Seconds(2 * SELLER_POLICY.dispute_window))
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_release_that_was_signed_for_the_chain_is_sent_after_the_dispute_window(at: Callable[[str], World]) -> None:
    """Two transactions for one order would cost gas twice."""
    parties = make_parties(at("paid"))
    parties.world.chain.advance(Seconds(2 * SELLER_POLICY.dispute_window))
    parties.run()
    assert not any(step.startswith("claim:") for step in parties.seller.receipts())
    assert parties.deltas() == (-PRICE, PRICE)


# --- hostile -------------------------------------------------------------------------------------------------------


def test_a_release_of_another_order_releases_nothing(at: Callable[[str], World]) -> None:
    parties = make_parties(at("revealed"))
    other = OrderId(b"\x07" * 32)
    signature = sign_release(other, parties.buyer.domain, parties.buyer.private_key)
    put_in(parties.world, parties.seller, forged(parties.buyer, Release(other, signature)))
    parties.seller.step()
    assert refused(parties) == ["UnexpectedMessage"]
    # Nor with the true order's number over it.
    true = the_offer(parties).struct_hash()
    put_in(parties.world, parties.seller, forged(parties.buyer, Release(true, signature)))
    parties.seller.step()
    assert refused(parties)[1:] == ["BadSignature"]
    assert state(parties) is OrderState.REVEALED


def test_a_release_that_another_signs_or_sends_releases_nothing(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    world, (envelope, release) = parties.world, the_release(parties)
    pending(world, parties.seller)[0].unlink()
    other = make_buyer(world, parties.seller, "other")
    theirs = sign_release(release.order, other.domain, other.private_key)
    for data, error in (
        (forged(parties.buyer, replace(release, signature=theirs)), "BadSignature"),
        (forged(parties.buyer, replace(release, signature=Signature(bytes(65)))), "BadSignature"),
        (forged(other, release), "FieldMismatch"),
        (resigned(envelope, parties.buyer, key=other.private_key, sender=parties.buyer.address), "BadSignature"),
    ):
        put_in(world, parties.seller, data)
        parties.seller.step()
        assert refused(parties)[-1] == error
    other.close()
    assert state(parties) is OrderState.REVEALED
    assert not any(step.startswith("release:") for step in parties.seller.receipts())


def test_a_release_before_the_key_is_known_is_kept_for_later(at: Callable[[str], World]) -> None:
    """The buyer's own folly: it gives away its dispute, and the seller is paid once it has revealed."""
    parties = make_parties(at("accepted"))
    order = the_offer(parties).struct_hash()
    signature = sign_release(order, parties.buyer.domain, parties.buyer.private_key)
    put_in(parties.world, parties.seller, forged(parties.buyer, Release(order, signature)))
    parties.seller.step()
    assert (state(parties), refused(parties)) == (OrderState.LOCKED, [])
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.deltas() == (-PRICE, PRICE)
    assert not any(step.startswith("claim:") for step in parties.seller.receipts())


def test_a_release_that_a_stranger_brings_first_is_a_release(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    offer, (_, release) = the_offer(parties), the_release(parties)
    parties.world.send(parties.world.exchange.release_by_signature(offer, release.signature))
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert not any(step.startswith(("release:", "claim:")) for step in parties.seller.receipts())


# --- named recipients ----------------------------------------------------------------------------------------------


def test_what_the_clock_brings_and_the_bond_go_where_the_seller_says(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"), seller_policy=replace(SELLER_POLICY, pay_to=ELSEWHERE))
    pending(parties.world, parties.seller)[0].unlink()
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.world.exchange_balance(ELSEWHERE) == PRICE + BOND
    assert parties.delta(parties.seller) == -BOND


def test_what_the_buyer_releases_goes_to_the_account_and_the_bond_where_the_seller_says(
    at: Callable[[str], World],
) -> None:
    parties = make_parties(at("released"), seller_policy=replace(SELLER_POLICY, pay_to=ELSEWHERE))
    parties.run()
    assert parties.world.exchange_balance(ELSEWHERE) == BOND
    assert parties.delta(parties.seller) == PRICE - BOND


@pytest.mark.parametrize("quicker", [False, True])
def test_a_refund_goes_where_the_buyer_says_unless_somebody_is_quicker(
    at: Callable[[str], World], quicker: bool
) -> None:
    parties = make_parties(at("accepted"), buyer_policy=replace(BUYER_POLICY, refund_to=ELSEWHERE))
    parties.world.chain.advance(Seconds(SELLER_POLICY.reveal_window + 1))
    if quicker:
        parties.world.send(parties.world.exchange.refund(the_offer(parties)))
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert parties.world.exchange_balance(ELSEWHERE) == (0 if quicker else PRICE + BOND)
    assert parties.delta(parties.buyer) == (BOND if quicker else -PRICE)
