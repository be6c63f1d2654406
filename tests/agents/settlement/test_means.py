"""What an honest party does with money that is not there, or that others use with it: nothing twice (PROTOCOL 7, 8)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_account import Account
from moments import Crash, advance_to, crashes_before_sending, reopened
from sealed_messages import sealed_messages_to
from trade import (
    BOND,
    BUYER_POLICY,
    GRANT,
    PRICE,
    RESERVE,
    SELLER_POLICY,
    HandValuer,
    World,
    calls_of,
    make_buyer,
    make_parties,
    transactions_of,
)

from blindfair.agents.agent import Agent
from blindfair.agents.settlement import order_calls
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import StepKind
from blindfair.api.amounts import show_ether
from blindfair.chain.calls import Call
from blindfair.chain.sender import Sender
from blindfair.pricing.functions import LinearPricing
from blindfair.protocol.errors import InsufficientFunds
from blindfair.protocol.quantities import Gas, Wei

pytestmark = pytest.mark.deep


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


def test_that_a_dispute_would_cost_more_than_it_brings_is_told_once(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_calls, "dispute_gas", lambda _: Gas(10**10))
    world = at("delivered")
    parties = make_parties(world)
    for _ in range(3):
        with pytest.raises(InsufficientFunds):
            parties.buyer.step()
    assert len([event for event in world.told if "if the gas price doubles, a dispute costs more" in event.text]) == 1
    parties.close()


def test_a_buyer_without_money_sends_nothing_and_goes_on_once_it_has_some(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    take_all(parties.world, parties.buyer)
    for _ in range(2):
        with pytest.raises(InsufficientFunds) as caught:
            parties.buyer.step()
    assert f"{show_ether(PRICE + BUYER_POLICY.gas_reserve)} ether" in str(caught.value)
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
    assert outcome.final == Ending.RELEASED


def test_a_buyer_that_finds_no_money_in_time_has_no_order(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    take_all(parties.world, parties.buyer)
    with pytest.raises(InsufficientFunds):
        parties.buyer.step()
    advance_to(parties.world, parties.world.chain.now() + SELLER_POLICY.offer_validity + 1)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, "Expired")


def test_a_seller_without_its_bond_tells_its_owner_and_not_the_buyer(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"))
    take_all(parties.world, parties.seller)
    for _ in range(2):
        with pytest.raises(InsufficientFunds) as caught:
            parties.seller.step()
    assert f"{show_ether(BOND + SELLER_POLICY.gas_reserve)} ether" in str(caught.value)
    assert list(sealed_messages_to(parties.world, parties.buyer)) == []
    assert parties.seller.refusals() == ()
    parties.world.chain.fund(parties.seller.address, GRANT)
    parties = reopened(parties)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.RELEASED
    assert parties.delta(parties.buyer) == -PRICE
    assert len(parties.seller.offers) == 1


def test_tokens_that_are_not_there_are_named(world: World) -> None:
    token = world.deploy_token()
    parties = make_parties(world)
    with pytest.raises(InsufficientFunds) as caught:
        parties.buyer.wallet.check_funds(token, Wei(5), "the price")
    assert f"0.000000000000000005 TST (token {token})" in str(caught.value)
    # Where no token says how it counts, the figure stands as it is.
    nobody = parties.buyer.address
    assert parties.buyer.wallet.amount_text(Wei(5), nobody) == f"5 smallest units of {nobody}"
    world.mint(token, parties.buyer.address, 5)
    parties.buyer.wallet.check_funds(token, Wei(5), "the price")


def test_a_price_beyond_all_means_holds_up_nobody_else(at: Callable[[str], World]) -> None:
    """A hostile buyer agrees to so high a price that no bond for it can be had."""
    world = at("requested")
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(10**30)))
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
    assert (hostile.outcome.final, world.exchange_balance(hostile.address)) == (Ending.NO_ORDER, GRANT)


def test_selections_made_together_do_not_get_past_the_most_bonds(at: Callable[[str], World]) -> None:
    world = at("requested")
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(2 * BOND - 1)))
    other = make_buyer(world, parties.seller, "other")
    # Each of them could be served alone, and both are told so before either agrees.
    world.run(parties.seller, other, until=lambda: "selection" in other.sizes())
    parties.buyer.step()
    parties.seller.step()
    assert {step.partition(":")[0] for step in parties.seller.sizes()} == {"listing", "reply", "openings"}
    assert len(list(parties.seller.journal.done(StepKind[str]("message"), "openings:"))) == 2

    def ended() -> bool:
        # The second buyer waits until the first one's bond is free again.
        assert len(parties.seller._offers.open()) <= 1
        return parties.buyer.outcome is not None and other.outcome is not None

    world.run(*parties.both, other, until=ended)
    ends = [buyer.outcome for buyer in (parties.buyer, other)]
    assert [end.final for end in ends if end] == [Ending.RELEASED, Ending.RELEASED]
    assert len(parties.seller.offers) == 2


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
    assert set(parties.buyer.transactions()) == {"accept", "accept.1"}
    accept = bytes.fromhex(parties.buyer.transactions()["accept"][2:])
    assert accept not in [bytes(one["hash"]) for one, _ in transactions_of(parties.world, parties.buyer.address)]
    assert len(calls_of(parties.world, parties.buyer.address)) == 2
