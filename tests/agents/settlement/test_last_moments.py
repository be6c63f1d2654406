"""Every limit to the second and to the wei: what is just within it is done, and what is just beyond it is not
(PROTOCOL 4 - 7).

A transaction is in a block 12 seconds after the latest one: that long before its limit is the last moment to send it.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cheated import reoffered
from moments import Crash, advance_to, crashes_before_sending, deadline, order_state, reopened
from sampled import POLICY, REST_PRICE, ended, states
from sealed_messages import forged, pending, put_in, sealed_messages_to, take_out
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

from blindfair.agents.agent import Agent
from blindfair.agents.policy import SLOW_BANDWIDTH
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step, StepKind
from blindfair.chain.embedded_backend import BLOCK_TIME
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.errors import InsufficientFunds
from blindfair.protocol.messages import Agreement, Delivery, Refusal, Request, read
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, Seconds, Timestamp, Wei


def answers(world: World, agent: Agent) -> list[str]:
    """What an agent was answered: names of errors, or types of answers."""
    return [
        message.error if isinstance(message, Refusal) else envelope.type
        for envelope, message in sealed_messages_to(world, agent)
    ]


# --- before paying -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stage", "answer"), [("requested", "reply"), ("selected", "openings")])
@pytest.mark.parametrize("late", [0, 1])
def test_a_request_is_good_to_its_last_second(at: Callable[[str], World], stage: str, answer: str, late: int) -> None:
    parties = make_parties(at(stage))
    _, request = parties.buyer.mail.stored(Step("message:request"))
    assert isinstance(request, Request)
    advance_to(parties.world, request.expiry + late)
    parties.seller.step()
    assert answers(parties.world, parties.buyer) == (["Expired"] if late else [answer])


@pytest.mark.parametrize("late", [0, 1])
def test_a_selection_is_agreed_on_to_the_last_second(at: Callable[[str], World], late: int) -> None:
    parties = make_parties(at("agreed"))
    [(name, _)] = parties.seller.journal.done(StepKind[str]("selected-at"))
    selected = int(parties.seller.journal.get(Step(f"selected-at:{name}")) or 0)
    advance_to(parties.world, selected + SELLER_POLICY.agreement_validity + late)
    parties.seller.step()
    assert answers(parties.world, parties.buyer) == (["Expired"] if late else ["delivery"])


@pytest.mark.deep
@pytest.mark.parametrize("late", [0, 1])
def test_the_rest_is_ordered_to_the_last_second(at: Callable[[str], World], late: int) -> None:
    parties = make_parties(at("replied"), buyer_policy=POLICY)
    world = parties.world
    world.run(*parties.both, until=lambda: states(parties) == {"sample": OrderState.RELEASED})
    world.run(parties.seller, until=lambda: parties.seller.ending == Ending.RELEASED)
    for path in (*pending(world, parties.seller), *pending(world, parties.buyer)):
        path.unlink()
    [name] = parties.seller.offers
    ended = int(parties.seller.journal.get(Step(f"ended-at:{name}")) or 0)
    advance_to(world, ended + SELLER_POLICY.agreement_validity + late)
    selected = parties.buyer.mail.stored(Step("message:selection"))[0].digest
    put_in(world, parties.seller, forged(parties.buyer, Agreement(selected, PartName.REST, REST_PRICE)))
    parties.seller.step()
    assert answers(world, parties.buyer) == (["Expired"] if late else ["delivery"])


@pytest.mark.parametrize("late", [0, 1])
def test_an_offer_may_run_as_long_as_the_buyers_policy_says(at: Callable[[str], World], late: int) -> None:
    parties = make_parties(at("delivered"))
    delivery = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(delivery, Delivery)
    expiry = Timestamp(parties.world.chain.now() + BUYER_POLICY.max_offer_validity + late)
    put_in(parties.world, parties.buyer, forged(parties.seller, reoffered(expiry=expiry)(delivery, parties)))
    parties.buyer.step()
    assert parties.paid() is not bool(late)
    if late:
        assert parties.buyer.outcome is not None
        assert parties.buyer.outcome.error == "OfferRejected"


@pytest.mark.parametrize("size", [0, SLOW_BANDWIDTH - 1, SLOW_BANDWIDTH, 10**9, 2**38])
@pytest.mark.parametrize("part", PartName)
def test_an_offer_runs_until_its_delivery_has_arrived_by_a_slow_line(size: int, part: PartName) -> None:
    """The buyer has then all the time that it has for a small one, and takes whatever the seller grants."""
    small = SELLER_POLICY.validity(part, 0)
    assert small == (SELLER_POLICY.fee_offer_validity if part is PartName.EVALUATION else SELLER_POLICY.offer_validity)
    validity = SELLER_POLICY.validity(part, size)
    assert 0 <= SLOW_BANDWIDTH * (validity - small + 1) - size <= SLOW_BANDWIDTH
    assert BUYER_POLICY.max_validity(size) - validity == BUYER_POLICY.max_offer_validity - small > 0


@pytest.mark.parametrize("late", [0, 1])
def test_seller_and_buyer_add_the_same_time_for_a_large_delivery(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    monkeypatch.setattr("blindfair.agents.policy.SLOW_BANDWIDTH", 1)
    parties = make_parties(at("agreed"))
    now = parties.world.chain.now()
    parties.seller.step()
    [offer] = parties.seller.offers.values()
    seconds = offer.chunk_count * offer.chunk_size
    assert 0 <= offer.expiry - (now + SELLER_POLICY.offer_validity + seconds) <= BLOCK_TIME
    delivery = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(delivery, Delivery)
    expiry = Timestamp(parties.world.chain.now() + BUYER_POLICY.max_offer_validity + seconds + late)
    put_in(parties.world, parties.buyer, forged(parties.seller, reoffered(expiry=expiry)(delivery, parties)))
    parties.buyer.step()
    assert parties.paid() is not bool(late)
    assert not late or ended(parties).error == "OfferRejected"


@pytest.mark.parametrize("late", [False, True])
def test_an_offer_is_paid_to_its_last_second(at: Callable[[str], World], late: bool) -> None:
    parties = make_parties(at("delivered"))
    [offer] = parties.seller.offers.values()
    advance_to(parties.world, offer.expiry + (1 if late else -BLOCK_TIME))
    parties.buyer.step()
    assert parties.paid() is not late
    assert (order_state(parties) is OrderState.LOCKED) is not late
    assert (parties.buyer.transactions() == {}) is late


def test_an_accept_that_was_signed_is_given_up_when_it_is_final_that_the_offer_ran_out(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, a reorganisation might bring back a time at which it still gets in; and it is not sent any more."""
    parties = make_parties(at("delivered"))
    [offer] = parties.seller.offers.values()
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        parties.buyer.step()
    undo()
    advance_to(parties.world, offer.expiry + 1)
    parties = reopened(parties)
    for _ in range(FINAL_DEPTH):
        parties.buyer.step()
        assert parties.buyer.outcome is None
        parties.world.chain.mine(1)
    parties.buyer.step()
    assert parties.buyer.outcome is not None
    assert (parties.buyer.outcome.final, parties.buyer.outcome.error) == (Ending.NO_ORDER, "Expired")
    assert parties.deltas() == (0, 0)
    assert parties.buyer.receipts() == {}


@pytest.mark.parametrize(("late", "answer"), [(0, "delivery"), (1, "Expired")])
def test_a_delivery_whose_offer_ran_out_is_not_sent(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, late: int, answer: str
) -> None:
    """Its bond was not there in time; sent now, it would only cost the deposit's gas."""
    parties = make_parties(at("agreed"))
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        parties.seller.step()
    undo()
    [offer] = parties.seller.offers.values()
    advance_to(parties.world, offer.expiry + late)
    parties = reopened(parties)
    parties.seller.step()
    assert answers(parties.world, parties.buyer) == [answer]


# --- money ---------------------------------------------------------------------------------------------------------


def test_a_budget_that_is_just_enough_is_enough(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"), buyer_policy=replace(BUYER_POLICY, budget=PRICE))
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


@pytest.mark.deep
def test_gas_is_kept_for_every_open_offer_and_not_for_one(world: World) -> None:
    parties = make_parties(world)
    other = make_buyer(world, parties.seller, "other")
    # One evaluation a step, and both agreements at once.
    world.run(parties.seller, parties.buyer, until=lambda: "selection" in parties.buyer.sizes())
    world.run(parties.seller, other, until=lambda: "selection" in other.sizes())
    parties.seller.step()
    for buyer in (parties.buyer, other):
        buyer.step()
        assert "agreement" in buyer.sizes()
    parties.close()
    # Enough for both bonds and what one order takes, and not for what two take.
    reserve = Wei((world.exchange_balance(parties.seller.address) - 2 * BOND) // 2)
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, gas_reserve=reserve))
    with pytest.raises(InsufficientFunds, match="the gas of what comes after it"):
        parties.seller.step()
    deposits = [step for step in parties.seller.receipts() if step.startswith("deposit:")]
    assert len(deposits) == 1
    other.close()


def test_a_bond_that_is_locked_already_is_not_deposited_again(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    world = parties.world
    other = make_buyer(world, parties.seller, "other")
    world.run(parties.seller, other, until=lambda: other.has_paid)
    # Two orders, two bonds: what was deposited beyond them would lie in the free balance.
    assert parties.seller.offers.keys() == set(parties.seller._offers.open())
    assert world.exchange.free_balance(parties.seller.address, ETHER) == 0
    other.close()


# --- open orders -------------------------------------------------------------------------------------------------


def test_a_key_that_a_node_may_have_seen_is_revealed_in_the_last_block(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("accepted"))
    parties.world.chain.mine(FINAL_DEPTH)
    undo = crashes_before_sending(monkeypatch)
    with pytest.raises(Crash):
        parties.seller.step()
    undo()
    advance_to(parties.world, deadline(parties) - BLOCK_TIME)
    parties = reopened(parties)
    parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED


def test_a_fault_is_proved_in_the_last_block(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"), seller_type=CorruptingSeller)
    parties.run(parties.paid)
    parties.world.chain.mine(FINAL_DEPTH)
    parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED
    advance_to(parties.world, deadline(parties) - BLOCK_TIME)
    parties.buyer.step()
    assert order_state(parties) is OrderState.REFUNDED


@pytest.mark.parametrize(("stage", "party"), [("accepted", "buyer"), ("revealed", "seller")])
def test_nothing_is_taken_by_the_clock_before_it_has_run_out(
    at: Callable[[str], World], stage: str, party: str
) -> None:
    parties = make_parties(at(stage))
    agent: Agent = getattr(parties, party)
    before, end = agent.transactions(), deadline(parties)
    advance_to(parties.world, end)
    agent.step()
    assert agent.waiting is not None
    assert agent.waiting.until == end + 1
    assert agent.transactions() == before
    # Nor is a node shown a call that the contract would refuse.
    assert not any(
        step.partition(":")[0] in ("refund", "claim") for step, _ in agent.journal.done(StepKind[str]("exposed"))
    )
    advance_to(parties.world, end + 1)
    agent.step()
    assert len(agent.transactions()) == len(before) + 1


def test_a_release_that_the_clock_gives_is_believed_when_it_is_final(at: Callable[[str], World]) -> None:
    parties = make_parties(at("released"))
    advance_to(parties.world, deadline(parties) + 1)
    for _ in range(FINAL_DEPTH):
        parties.buyer.step()
        assert parties.buyer.outcome is None
        parties.world.chain.mine(1)
    parties.buyer.step()
    assert parties.buyer.outcome is not None
    assert parties.buyer.outcome.final == Ending.RELEASED


def test_a_buyer_waits_for_its_release_no_longer_than_the_clock(at: Callable[[str], World]) -> None:
    policy = replace(BUYER_POLICY, release_patience=Seconds(10 * SELLER_POLICY.dispute_window))
    parties = make_parties(at("revealed"), buyer_policy=policy)
    parties.buyer.step()
    assert parties.buyer.waiting is not None
    assert parties.buyer.waiting.until == deadline(parties) + 1
