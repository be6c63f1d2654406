"""What an honest party does not do: reveal too early or too late, pay twice, hold up others, believe what is not final
(PROTOCOL 7, 8)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from letters import letters_to
from trade import (
    BOND,
    BUYER_POLICY,
    FINAL_DEPTH,
    GRANT,
    PRICE,
    RESERVE,
    SELLER_POLICY,
    HandValuer,
    Parties,
    World,
    calls_of,
    make_buyer,
    make_parties,
    transactions_of,
)

from blindfair.agents.agent import Agent
from blindfair.chain.calls import Call
from blindfair.chain.sender import Sender
from blindfair.pricing.functions import LinearPricing
from blindfair.protocol.errors import InsufficientFunds, InvalidOption, NodeFailure
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import OrderId, Seconds, Timestamp, Wei


def order_state(parties: Parties) -> OrderState:
    [offer] = parties.seller.offers.values()
    return parties.world.exchange.order(offer.struct_hash()).state


def deadline(parties: Parties) -> Timestamp:
    [offer] = parties.seller.offers.values()
    return parties.world.exchange.order(offer.struct_hash()).deadline


def reopened(parties: Parties, **changes: Any) -> Parties:
    parties.close()
    return make_parties(parties.world, **changes)


def advance_to(world: World, moment: int) -> None:
    world.chain.advance(Seconds(moment - world.chain.now()))


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


class Crash(BaseException):
    """The process is gone."""


def crashes_before_sending(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on whoever broadcasts a transaction dies just before; what is returned undoes it."""

    def crash(sender: Sender, raw: bytes) -> None:
        raise Crash

    context = monkeypatch.context()
    patch = context.__enter__()
    patch.setattr(Sender, "broadcast", crash)

    def undo() -> None:
        context.__exit__(None, None, None)

    return undo


def test_a_key_that_a_node_was_shown_to_try_it_out_is_revealed_to_the_last_moment(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that is shown the call and then fails must not lock the seller out."""
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    with monkeypatch.context() as patch:

        def fail(sender: Sender, base: int, tip: int, what: str, least: int = 0) -> int:
            raise NodeFailure(f"the price of gas is too high for {what}")

        patch.setattr(Sender, "_price", fail)
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


# --- money that is not there ---


def take_all(world: World, agent: Agent) -> None:
    """Leave an account nothing, not even for gas."""
    web3, account = world.chain.web3, Account.from_key(agent.private_key)
    balance = web3.eth.get_balance(account.address)
    price = 10**9 + 2 * web3.eth.get_block("latest")["baseFeePerGas"]
    transfer = {
        "type": 2, "chainId": web3.eth.chain_id, "nonce": web3.eth.get_transaction_count(account.address),
        "to": Account.from_key(b"\x09" * 32).address, "value": balance - 21_000 * price, "data": b"", "gas": 21_000,
        "maxFeePerGas": price, "maxPriorityFeePerGas": price,
    }  # fmt: skip
    web3.eth.send_raw_transaction(account.sign_transaction(transfer).raw_transaction)
    assert world.exchange_balance(agent.address) == 0


def test_a_buyer_without_money_sends_nothing_and_goes_on_once_it_has_some(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    take_all(parties.world, parties.buyer)
    for _ in range(2):
        with pytest.raises(InsufficientFunds) as caught:
            parties.buyer.step()
    assert f"{PRICE + BUYER_POLICY.gas_reserve} wei" in str(caught.value)
    assert parties.buyer.transactions() == {}
    # The price alone is not enough: a dispute must be paid for, too.
    parties.world.chain.fund(parties.buyer.address, Wei(PRICE + BUYER_POLICY.gas_reserve - 1))
    with pytest.raises(InsufficientFunds):
        parties.buyer.step()
    assert parties.buyer.transactions() == {}
    parties.world.chain.fund(parties.buyer.address, GRANT)
    parties = reopened(parties)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == "Released"


def test_a_buyer_that_finds_no_money_in_time_has_no_order(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    take_all(parties.world, parties.buyer)
    with pytest.raises(InsufficientFunds):
        parties.buyer.step()
    advance_to(parties.world, parties.world.chain.now() + SELLER_POLICY.offer_validity + 1)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == ("NoOrder", "Expired")


def test_a_seller_without_its_bond_tells_its_owner_and_not_the_buyer(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"))
    take_all(parties.world, parties.seller)
    for _ in range(2):
        with pytest.raises(InsufficientFunds) as caught:
            parties.seller.step()
    assert f"{BOND + SELLER_POLICY.gas_reserve} wei" in str(caught.value)
    assert list(letters_to(parties.world, parties.buyer)) == []
    assert parties.seller.refusals() == ()
    parties.world.chain.fund(parties.seller.address, GRANT)
    parties = reopened(parties)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == "Released"
    assert parties.delta(parties.buyer) == -PRICE
    assert len(parties.seller.offers) == 1


def test_tokens_that_are_not_there_are_named(world: World) -> None:
    token = world.deploy_token()
    parties = make_parties(world)
    with pytest.raises(InsufficientFunds) as caught:
        parties.buyer.wallet.check_funds(token, Wei(5), "the price")
    assert f"5 units of {token}" in str(caught.value)
    world.mint(token, parties.buyer.address, 5)
    parties.buyer.wallet.check_funds(token, Wei(5), "the price")


def test_a_price_beyond_all_means_holds_up_nobody_else(at: Callable[[str], World]) -> None:
    """A hostile buyer agrees to so high a price that no bond for it can be had."""
    world = at("requested")
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, most_bonds=Wei(10**30)))
    price = Wei(10**30)
    valuer = HandValuer(price=price, pricing=LinearPricing(Wei(1), RESERVE))
    hostile = make_buyer(world, parties.seller, "hostile", valuer=valuer, policy=replace(BUYER_POLICY, budget=price))

    def stepped() -> bool:
        """Whether the seller had to tell its owner that money is missing."""
        world.chain.mine(1)
        hostile.step()
        try:
            parties.seller.step()
        except InsufficientFunds:
            return True
        return False

    # The hostile buyer comes first.
    while not stepped():
        assert hostile.outcome is None
    while parties.buyer.outcome is None:
        parties.buyer.step()
        assert stepped()
    assert parties.deltas() == (-PRICE, PRICE)
    world.chain.advance(SELLER_POLICY.offer_validity)
    # Its offer has run out unsent, and the seller is no longer bothered with it.
    assert not stepped()
    assert [refusal["error"] for refusal in parties.seller.refusals()] == ["Expired"]
    hostile.step()
    assert hostile.outcome is not None
    assert (hostile.outcome.final, world.exchange_balance(hostile.address)) == ("NoOrder", GRANT)


def test_selections_made_together_do_not_get_past_the_most_bonds(at: Callable[[str], World]) -> None:
    world = at("requested")
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, most_bonds=Wei(2 * BOND - 1)))
    other = make_buyer(world, parties.seller, "other")
    # Each of them could be served alone, and both are told so before either agrees.
    world.run(parties.seller, other, until=lambda: "selection" in other.sizes())
    parties.buyer.step()
    parties.seller.step()
    assert {step.partition(":")[0] for step in parties.seller.sizes()} == {"listing", "reply", "openings"}
    assert len(list(parties.seller.journal.done("message:openings:"))) == 2
    world.run(*parties.both, other, until=lambda: parties.buyer.outcome is not None and other.outcome is not None)
    ends = [buyer.outcome for buyer in (parties.buyer, other)]
    assert sorted(end.final for end in ends if end) == ["NoOrder", "Released"]
    assert any("does not lock so much at once" in end.reason for end in ends if end)
    assert len(parties.seller.offers) == 1


# --- others with the same account, or the same order ---


def test_a_number_that_another_program_used_costs_no_second_payment(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("delivered"))
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        parties.buyer.step()
    undo()
    # Another wallet with the buyer's account uses the number of the accept that was signed.
    sender = Sender(parties.world.chain.web3, Account.from_key(parties.buyer.private_key))
    sender.broadcast(sender.prepare(Call("transfer", parties.seller.address, b"", Wei(1))).raw)
    parties = reopened(parties)
    parties.buyer.step()
    assert parties.buyer.waiting is not None
    assert not parties.paid()
    parties.run()
    assert parties.deltas() == (-PRICE - 1, PRICE + 1)
    assert set(parties.buyer.transactions()) == {"accept", "accept.1", "release"}
    accept = bytes.fromhex(parties.buyer.transactions()["accept"][2:])
    assert accept not in [bytes(one["hash"]) for one, _ in transactions_of(parties.world, parties.buyer.address)]
    assert len(calls_of(parties.world, parties.buyer.address)) == 3


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
    assert outcome.final == "Refunded"


def test_a_claim_just_before_the_release_is_a_release(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("revealed"))
    [offer] = parties.seller.offers.values()
    advance_to(parties.world, deadline(parties) + 1)
    call = parties.world.exchange.claim([offer])
    in_between(monkeypatch, parties.world, "release", lambda: call)
    parties.buyer.step()
    assert parties.buyer.waiting is not None
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_an_end_is_believed_when_it_is_final(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    for _ in range(FINAL_DEPTH):
        for agent in parties.both:
            agent.step()
        assert (parties.buyer.outcome, parties.seller.ending) == (None, None)
        parties.world.chain.mine(1)
    for agent in parties.both:
        agent.step()
    assert (parties.buyer.outcome is not None, parties.seller.ending) == (True, "Released")


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
        assert other.outcome.final == "Released"
        # Letters are answered, too.
        late = make_buyer(parties.world, parties.seller, "late", funded=False)
        late.step()
        with pytest.raises(NodeFailure):
            parties.seller.step()
        assert [envelope.type for envelope, _ in letters_to(parties.world, late)] == ["listing"]
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
    assert (parties.seller.ending, order_state(parties)) == ("Refunded", OrderState.LOCKED)
    parties.run()
    assert parties.deltas() == (BOND, -BOND)


def test_a_choice_over_the_budget_is_not_even_proposed(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"), buyer_policy=replace(BUYER_POLICY, budget=Wei(PRICE - 1)))
    with pytest.raises(InvalidOption):
        parties.buyer.step()
    assert "selection" not in parties.buyer.sizes()
