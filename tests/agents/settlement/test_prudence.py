"""What an honest party does not do: reveal too early or too late, hold up others, believe what is not final
(PROTOCOL 7, 8)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from moments import Crash, advance_to, crashes_before_sending, deadline, order_state, reopened
from sealed_messages import pending, sealed_messages_to
from trade import (
    BOND,
    BUYER_POLICY,
    FINAL_DEPTH,
    PRICE,
    SELLER_POLICY,
    World,
    make_buyer,
    make_parties,
)

from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.settlement.ending import Ending
from blindfair.chain.calls import Call
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, OrderId, Wei

pytestmark = pytest.mark.deep

# --- the key ---


def test_the_key_is_not_shown_before_the_accept_is_final(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    for _ in range(FINAL_DEPTH):
        parties.seller.step()
        assert parties.seller.waiting is not None
        assert parties.seller.waiting.reason == "the accept is not final yet"
        assert order_state(parties) is OrderState.LOCKED
        parties.world.chain.mine(1)
        parties = reopened(parties)
    parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED


def test_the_key_is_shown_in_the_first_half_of_the_window(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    advance_to(parties.world, deadline(parties) - SELLER_POLICY.reveal_window // 2)
    parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED


def test_the_key_is_not_shown_in_the_last_half_of_the_window(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    end = deadline(parties)
    for moment in (end - SELLER_POLICY.reveal_window // 2 + 1, end - 1, end, end + 1):
        advance_to(parties.world, moment)
        parties = reopened(parties)
        parties.seller.step()
        assert parties.seller.waiting is not None
        assert order_state(parties) is OrderState.LOCKED
    parties.run()
    assert parties.deltas() == (BOND, -BOND)
    assert not any(step.startswith("reveal") for step in parties.seller.transactions())


def test_a_key_that_a_node_was_shown_to_try_it_out_is_revealed_to_the_last_moment(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that is shown the call and then fails must not lock the seller out."""
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    with monkeypatch.context() as patch:

        def fail(sender: Sender, base: int, tip: int, what: str, least: int = 0) -> tuple[int, int]:
            raise NodeFailure(f"the price of gas is too high for {what}")

        patch.setattr(Sender, "_prices", fail)
        with pytest.raises(NodeFailure):
            parties.seller.step()
    assert not any(step.startswith("reveal") for step in parties.seller.transactions())
    advance_to(parties.world, deadline(parties) - 12)
    parties = reopened(parties)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_key_that_may_be_known_is_revealed_to_the_last_moment(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        parties.seller.step()
    undo()
    advance_to(parties.world, deadline(parties) - 12)
    parties = reopened(parties)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_reveal_that_was_signed_is_sent_after_a_crash_while_there_is_time(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        parties.seller.step()
    undo()
    parties = reopened(parties)
    parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED


# --- others with the same order, and nodes that fail ---


def in_between(monkeypatch: pytest.MonkeyPatch, world: World, name: str, act: Callable[[], Call]) -> None:
    """Somebody else's call comes first, just when an agent is about to make the call `name`."""
    exchange = type(world.exchange)
    original = getattr(exchange, name)
    done: list[bool] = []

    def interrupted(self: Any, *arguments: Any) -> Call:
        if not done:
            done.append(True)
            world.send(act())
        made: Call = original(self, *arguments)
        return made

    monkeypatch.setattr(exchange, name, interrupted)


def test_a_refund_that_somebody_else_was_quicker_with_is_a_refund(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("accepted"))
    [offer] = parties.seller.offers.values()
    advance_to(parties.world, deadline(parties) + 1)
    call = parties.world.exchange.refund(offer)
    in_between(monkeypatch, parties.world, "refund", lambda: call)
    parties.run()
    assert parties.deltas() == (BOND, -BOND)
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.REFUNDED


def test_a_claim_just_before_the_release_is_a_release(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("revealed"), buyer_policy=replace(BUYER_POLICY, releases_by_message=False))
    [offer] = parties.seller.offers.values()
    advance_to(parties.world, deadline(parties) + 1)
    call = parties.world.exchange.claim([offer])
    in_between(monkeypatch, parties.world, "release", lambda: call)
    parties.buyer.step()
    assert parties.buyer.waiting is not None
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_an_end_is_believed_when_it_is_final(at: Callable[[str], World]) -> None:
    parties = make_parties(at("paid"))
    for _ in range(FINAL_DEPTH):
        for agent in parties.both:
            agent.step()
        assert (parties.buyer.outcome, parties.seller.ending) == (None, None)
        parties.world.chain.mine(1)
    for agent in parties.both:
        agent.step()
    assert (parties.buyer.outcome is not None, parties.seller.ending) == (True, Ending.RELEASED)


def test_a_node_that_fails_for_a_while_loses_nothing(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("delivered"))

    def fails(*_: Any) -> None:
        raise NodeFailure("the node is away")

    with monkeypatch.context() as patch:
        patch.setattr(type(parties.world.exchange), "order", fails)
        for agent in parties.both:
            with pytest.raises(NodeFailure):
                agent.step()
    assert parties.buyer.transactions() == {}
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_node_that_fails_for_one_order_holds_up_no_other(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("requested"))
    other = make_buyer(parties.world, parties.seller, "other")
    agents = (*parties.both, other)
    parties.world.run(*agents, until=lambda: parties.paid() and other.has_paid)
    exchange, original = type(parties.world.exchange), type(parties.world.exchange).order
    bad = next(offer for offer in parties.seller.offers.values() if offer.buyer == parties.buyer.address)

    def order(self: Any, order_id: OrderId) -> Any:
        if order_id == bad.struct_hash():
            raise NodeFailure("the node does not know this order")
        return original(self, order_id)

    with monkeypatch.context() as patch:
        patch.setattr(exchange, "order", order)
        for _ in range(12):
            with pytest.raises(NodeFailure):
                parties.seller.step()
            other.step()
            parties.world.chain.mine(1)
        assert other.outcome is not None
        assert other.outcome.final == Ending.RELEASED
        # Sealed messages are answered, too.
        late = make_buyer(parties.world, parties.seller, "late", funded=False)
        late.step()
        with pytest.raises(NodeFailure):
            parties.seller.step()
        assert [envelope.type for envelope, _ in sealed_messages_to(parties.world, late)] == ["listing"]
    parties.run()
    assert parties.delta(parties.buyer) == -PRICE


def test_a_receipt_that_the_node_does_not_give_holds_up_nothing(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    original, forgotten = Sender.receipt, set(parties.seller.transactions().values())

    def receipt(self: Sender, digest: Any) -> Any:
        if "0x" + digest.hex() in forgotten:
            raise NodeFailure("the node has lost this one")
        return original(self, digest)

    with monkeypatch.context() as patch:
        patch.setattr(Sender, "receipt", receipt)
        parties.seller.journal._write("DELETE FROM steps WHERE name LIKE ?", "receipt:%")
        parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_an_order_whose_key_was_never_shown_is_over_for_the_seller(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    advance_to(parties.world, deadline(parties) + 1)
    parties.seller.step()
    # Not before that is final.
    assert (parties.seller.ending, parties.seller.idle) == (None, False)
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert (parties.seller.ending, order_state(parties)) == (Ending.REFUNDED, OrderState.LOCKED)
    parties.run()
    assert parties.deltas() == (BOND, -BOND)


def test_a_choice_over_the_budget_is_not_even_proposed(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"), buyer_policy=replace(BUYER_POLICY, budget=Wei(PRICE - 1)))
    with pytest.raises(InvalidOption):
        parties.buyer.step()
    assert "selection" not in parties.buyer.sizes()


def test_a_selection_is_answered_by_a_seller_that_died_right_after_its_reply(at: Callable[[str], World]) -> None:
    """The buyer may be quicker than the seller comes back, and whoever is on the way may take its request away."""
    world = at("requested")

    class Dying(FolderTransport):
        def send(self, to: Address, message: bytes) -> None:
            super().send(to, message)
            raise Crash

    world.wrap = lambda _, own: Dying(world.directory / "mail", own)
    parties = make_parties(world)
    with pytest.raises(Crash):
        parties.seller.step()
    world.wrap = lambda transport, _: transport
    parties = reopened(parties)
    [request] = pending(world, parties.seller)
    request.unlink()
    parties.buyer.step()
    parties.seller.step()
    assert [envelope.type for envelope, _ in sealed_messages_to(world, parties.buyer)] == ["openings"]
    assert parties.seller.refusals() == ()
