"""Parties that are contracts and misbehave when they are paid, alone and in a batch."""

import pytest
from escrow_world import BOND, DEPOSIT, LISTING_ROOT, MANIFEST_HASH, PRICE, World, address_of
from hostile_wallet import Wallet, overdue

from blindfair.chain.calls import Call
from blindfair.protocol.errors import ContractReverted, NodeFailure
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Timestamp, Wei

PAYOUT_GAS = 300_000
NOT_PAID = ("Refuses", "RefusesAtLength", "BurnsGas")
PAID = ("TakesMoney", "AnswersAtLength")


# --- one at a time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [*PAID, *NOT_PAID])
def test_a_seller_that_refuses_money_gets_a_free_balance(wallet: Wallet, behaviour: str) -> None:
    world, sale = wallet.world, wallet.sells()
    balance, free = wallet.balance, wallet.free
    wallet.behave(behaviour)
    world.send(world.buyer, world.exchange.release(sale.offer))
    assert world.state(sale.offer) is OrderState.RELEASED
    paid = behaviour in PAID
    assert (wallet.balance - balance, wallet.free - free) == ((PRICE, BOND) if paid else (0, PRICE + BOND))
    world.check_solvent([wallet.address])
    # Whatever it does with money that comes, the wallet can send its free balance elsewhere.
    other = address_of(world.other)
    before, all_of_it = world.wealth(other, ETHER), Wei(wallet.free)
    wallet.do(world.exchange.withdraw(ETHER, all_of_it, other))
    assert (world.wealth(other, ETHER), wallet.free) == (before + all_of_it, 0)
    world.check_solvent([wallet.address])


@pytest.mark.parametrize("behaviour", [*PAID, *NOT_PAID])
@pytest.mark.parametrize("way", ["refund", "dispute"])
def test_a_buyer_that_refuses_money_gets_a_free_balance(wallet: Wallet, behaviour: str, way: str) -> None:
    world, sale = wallet.world, wallet.buys()
    balance, free = wallet.balance, wallet.free
    wallet.behave(behaviour)
    if way == "refund":
        overdue(world, sale)
        world.send(world.other, world.exchange.refund(sale.offer))
    else:
        world.send(world.seller, world.exchange.reveal(sale.offer, sale.key))
        world.send(world.other, world.dispute(sale))
    assert world.state(sale.offer) is OrderState.REFUNDED
    due = PRICE + BOND
    assert (wallet.balance - balance, wallet.free - free) == ((due, 0) if behaviour in PAID else (0, due))
    world.check_solvent([wallet.address])


def test_a_withdrawal_to_whom_refuses_it_says_why_and_costs_nothing(wallet: Wallet) -> None:
    world, free = wallet.world, wallet.free
    wallet.behave("Refuses")
    with pytest.raises(ContractReverted):
        wallet.do(world.exchange.withdraw(ETHER, Wei(1), wallet.address))
    assert wallet.free == free
    world.check_solvent([wallet.address])


# --- gas -------------------------------------------------------------------------------------------------------------


def test_invariant_10_whoever_pays_for_the_gas_cannot_make_a_payment_fail(wallet: Wallet) -> None:
    """A wallet that needs much gas for its money: at the least limit at which anything happens, it is paid."""
    world, sale = wallet.world, wallet.sells()
    # Reads 64 slots: more than 130 000 gas of what a payee is given.
    wallet.behave("CallsBack", Call("", address_of(world.other), bytes(64 * 32)))
    world.now_is(Timestamp(world.deadline(sale.offer) + 1))
    call, balance = world.exchange.claim([sale.offer]), wallet.balance
    low, high = 50_000, 500_000
    while high - low > 1:
        middle = (low + high) // 2
        refusal = refusal_or_end(world, call, middle)
        assert refusal in (None, "GasTooLow", "out of gas")
        low, high = (low, middle) if refusal is None else (middle, high)
    assert refusal_or_end(world, call, low) == "GasTooLow"
    world.send(world.other, call, gas=high)
    assert (wallet.balance, world.state(sale.offer)) == (balance + PRICE, OrderState.RELEASED)
    world.check_solvent([wallet.address])


def refusal_or_end(world: World, call: Call, gas: int) -> str | None:
    try:
        refusal = world.refusal(address_of(world.other), call, gas=gas)
    except NodeFailure:
        return "out of gas"
    return None if refusal is None else refusal.error_name


def test_too_little_gas_is_named(ether_world: World) -> None:
    world, sale = ether_world, ether_world.sale()
    world.bring_to(OrderState.REVEALED, sale)
    refusal = world.refusal(sale.offer.buyer, world.exchange.release(sale.offer), gas=200_000)
    assert refusal and (refusal.error_name, refusal.values["expected"]) == ("GasTooLow", PAYOUT_GAS)
    assert isinstance(refusal.values["found"], int) and 100_000 < refusal.values["found"] < 200_000
    assert world.read("PAYOUT_GAS") == PAYOUT_GAS


# --- batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", NOT_PAID)
def test_invariant_9_a_payee_that_refuses_does_not_stop_the_others(wallet: Wallet, behaviour: str) -> None:
    world, refusing = wallet.world, wallet.sells(nonce=1)
    others = [world.sale(nonce=nonce) for nonce in (2, 3)]
    for sale in others:
        world.bring_to(OrderState.REVEALED, sale)
    wallet.behave(behaviour)
    overdue(world, *others)
    seller = address_of(world.seller)
    before, free = world.wealth(seller, ETHER), wallet.free
    offers = [others[0].offer, refusing.offer, others[1].offer]
    world.send(world.other, world.exchange.claim(offers), gas=1_000_000)
    assert world.wealth(seller, ETHER) == before + 2 * PRICE
    assert wallet.free == free + PRICE + BOND
    world.check_solvent([wallet.address])


def test_a_batch_passes_over_what_cannot_be_claimed(world: World) -> None:
    """Of every state one, one of them named twice: exactly those that are due are paid, once."""
    free, seller = world.free(address_of(world.seller)), address_of(world.seller)
    sales = {state: world.sale(nonce=state.value) for state in OrderState}
    for state, sale in sales.items():
        world.bring_to(state, sale)
    due, early = sales[OrderState.REVEALED], world.sale(nonce=98)
    overdue(world, due)
    world.send(world.other, world.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
    world.send(world.seller, world.exchange.deposit(world.token, DEPOSIT))
    world.bring_to(OrderState.REVEALED, early)
    unknown, before = world.sale(nonce=99), world.wealth(seller, world.token)
    states = {sale.offer.nonce: world.state(sale.offer) for sale in (*sales.values(), early, unknown)}
    batch = [*(sale.offer for sale in sales.values()), early.offer, due.offer, unknown.offer]
    receipt = world.send(world.other, world.exchange.claim(batch))
    assert world.events(receipt) == [("Released", {"orderId": due.offer.struct_hash()})]
    assert world.wealth(seller, world.token) == before + PRICE
    states[due.offer.nonce] = OrderState.RELEASED
    assert {s.offer.nonce: world.state(s.offer) for s in (*sales.values(), early, unknown)} == states
    # Locked and early are still open, one bond was lost, the others are free again.
    assert world.free(seller) == free + DEPOSIT - 3 * BOND
    world.check_solvent()


@pytest.mark.parametrize("orders", [0, 2])
def test_a_batch_of_nothing_says_so(ether_world: World, orders: int) -> None:
    offers = [ether_world.sale(nonce=nonce).offer for nonce in range(orders)]
    refusal = ether_world.refusal(address_of(ether_world.other), ether_world.exchange.claim(offers))
    assert refusal and (refusal.error_name, refusal.values) == ("NothingToClaim", {"orders": orders})
