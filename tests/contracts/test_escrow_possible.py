"""What may happen to an order now, by whom, until when: the contract's answer is the model's, and what comes true."""

import pytest
from escrow_world import World, address_of

from blindfair.protocol.order import Action, Order, OrderState, possibilities
from blindfair.protocol.quantities import Timestamp


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
@pytest.mark.parametrize("state", OrderState)
def test_contract_and_model_say_the_same(ether_world: World, state: OrderState, late: bool) -> None:
    world, sale = ether_world, ether_world.sale()
    world.bring_to(state, sale)
    deadline = world.deadline(sale.offer)
    moment = sale.offer.expiry if state is OrderState.NONE else deadline or Timestamp(world.chain.now() + 1)
    world.now_is(Timestamp(moment + late))
    found = world.exchange.possible_actions(sale.offer)
    assert len(found) == len(set(found))
    assert set(found) == possibilities(Order(sale.offer, state, deadline), world.chain.now())


@pytest.mark.parametrize("state", [OrderState.NONE, OrderState.LOCKED, OrderState.REVEALED])
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_what_it_says_comes_true(ether_world: World, state: OrderState, late: bool) -> None:
    """Every call that it names succeeds for whom it names, in this very block, and no other does for anyone."""
    world, sale = ether_world, ether_world.sale()
    world.bring_to(state, sale)
    moment = sale.offer.expiry if state is OrderState.NONE else world.deadline(sale.offer)
    world.now_is(Timestamp(moment + late))
    calls = {
        Action.ACCEPT: world.accept(sale.offer),
        Action.CANCEL: world.exchange.cancel(sale.offer),
        Action.REVEAL: world.exchange.reveal(sale.offer, sale.key),
        Action.REFUND: world.exchange.refund(sale.offer),
        Action.RELEASE: world.exchange.release(sale.offer),
        Action.CLAIM: world.exchange.claim([sale.offer]),
        Action.DISPUTE: world.dispute(sale),
    }
    named = {possible.action: possible.by for possible in world.exchange.possible_actions(sale.offer)}
    for action, call in calls.items():
        for account in (world.seller, world.buyer, world.other):
            allowed = action in named and named[action] in (None, address_of(account))
            assert (world.refusal(address_of(account), call) is None) == allowed, action
