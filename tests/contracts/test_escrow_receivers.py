"""Parties that are contracts and misbehave when they are paid, alone, in a batch, and by calling back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from escrow_world import BOND, DEPOSIT, LISTING_ROOT, MANIFEST_HASH, PRICE, Contract, Sale, World, address_of, member
from hexbytes import HexBytes
from web3 import Web3
from web3.logs import DISCARD

from blindfair.chain.calls import Call
from blindfair.protocol.errors import ContractReverted, NodeFailure
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Timestamp, Wei

PAYOUT_GAS = 300_000
NOT_PAID = ("Refuses", "RefusesAtLength", "BurnsGas")
PAID = ("TakesMoney", "AnswersAtLength")


class Wallet:
    """A contract wallet that trades: it has committed the listing, put up bonds, and has money left."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.contract: Contract = world.new_contract("HostileWallet", value=4 * PRICE)
        self.address = self.contract.address
        self.do(world.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
        self.do(world.exchange.deposit(ETHER, Wei(4 * BOND)))

    def do(self, call: Call) -> None:
        """Make a call from the wallet; anybody may, in a test."""
        self.world.send(self.world.deployer, self.contract.call("execute", call.to, call.value, call.data))

    def behave(self, behaviour: str, *calls: Call) -> None:
        """From now on react in this way to money; `calls` are what `CallsBack` does."""
        number = member("HostileWallet", behaviour)
        given = [(call.to, call.value, call.data) for call in calls]
        self.world.send(self.world.deployer, self.contract.call("behave", number, given))

    def sells(self, nonce: int = 0) -> Sale:
        """An order of which this wallet is the seller, revealed."""
        sale = self.world.sale(seller=self.address, listing=self.world.listing(self.address), nonce=nonce)
        self.world.offers.append(sale.offer)
        signature = sign_offer(sale.offer, self.world.domain, bytes(self.world.deployer.key))
        self.world.send(self.world.buyer, self.world.exchange.accept(sale.offer, signature))
        self.world.send(self.world.other, self.world.exchange.reveal(sale.offer, sale.key))
        return sale

    def buys(self, nonce: int = 0) -> Sale:
        """An order of which this wallet is the buyer, locked."""
        sale = self.world.sale(buyer=self.address, nonce=nonce)
        self.world.offers.append(sale.offer)
        self.do(self.world.accept(sale.offer))
        return sale

    @property
    def balance(self) -> int:
        return self.world.exchange.balance(self.address)

    @property
    def free(self) -> int:
        return self.world.free(self.address, ETHER)


@pytest.fixture
def wallet(ether_world: World) -> Wallet:
    return Wallet(ether_world)


def overdue(world: World, *sales: Sale) -> None:
    """The next block is after all deadlines of these orders."""
    world.next_is(Timestamp(max(world.deadline(sale.offer) for sale in sales) + 1))


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


def test_whoever_pays_for_the_gas_cannot_make_a_payment_fail(wallet: Wallet) -> None:
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
def test_a_payee_that_refuses_does_not_stop_the_others(wallet: Wallet, behaviour: str) -> None:
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


# --- calling back ----------------------------------------------------------------------------------------------------


def called_back(world: World, wallet: Contract, transaction: bytes) -> list[dict[str, Any]]:
    """What became of each call that the wallet made when it was paid: `success` and `answer`."""
    contract = world.web3.eth.contract(Web3.to_checksum_address(wallet.address), abi=wallet.abi)
    receipt = world.web3.eth.get_transaction_receipt(HexBytes(transaction))
    return [dict(log["args"]) for log in contract.events.CalledBack().process_receipt(receipt, errors=DISCARD)]


def answers(world: World, wallet: Contract, transaction: bytes) -> list[bool]:
    """Whether each call that the wallet made when it was paid succeeded."""
    return [log["success"] for log in called_back(world, wallet, transaction)]


AGAIN: dict[str, Callable[[World, Sale], Call]] = {
    "refund": lambda world, sale: world.exchange.refund(sale.offer),
    "release": lambda world, sale: world.exchange.release(sale.offer),
    "claim": lambda world, sale: world.exchange.claim([sale.offer]),
    "dispute": lambda world, sale: world.dispute(sale),
    "reveal": lambda world, sale: world.exchange.reveal(sale.offer, sale.key),
    "accept": lambda world, sale: world.accept(sale.offer),
}


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("way", ["refund", "dispute"])
def test_a_payee_that_calls_back_is_paid_once(wallet: Wallet, way: str, again: str) -> None:
    """Every way to be paid again for the same order, tried while being paid for it."""
    world, sale = wallet.world, wallet.buys()
    if way == "dispute":
        world.send(world.seller, world.exchange.reveal(sale.offer, sale.key))
    else:
        overdue(world, sale)
    balance, free = wallet.balance, wallet.free
    wallet.behave("CallsBack", AGAIN[again](world, sale))
    receipt = world.send(world.other, AGAIN[way](world, sale))
    assert answers(world, wallet.contract, receipt.hash) == [False]
    assert (wallet.balance, wallet.free) == (balance + PRICE + BOND, free)
    world.check_solvent([wallet.address])


@pytest.mark.parametrize("way", ["refund", "dispute", "release", "claim"])
def test_whoever_looks_while_being_paid_sees_the_order_ended(wallet: Wallet, way: str) -> None:
    """State first, money second: no gas rule is needed for that."""
    world = wallet.world
    sale = wallet.buys() if way in ("refund", "dispute") else wallet.sells()
    if way == "dispute":
        world.send(world.seller, world.exchange.reveal(sale.offer, sale.key))
    if way in ("refund", "claim"):
        overdue(world, sale)
    free = world.free(sale.offer.seller, ETHER)
    wallet.behave(
        "CallsBack",
        world.call("orderOf", sale.offer.struct_hash()),
        world.call("freeBalance", sale.offer.seller, ETHER),
    )
    receipt = world.send(world.buyer, AGAIN[way](world, sale))
    state, balance = (log["answer"] for log in called_back(world, wallet.contract, receipt.hash))
    ended, bond = (OrderState.REFUNDED, 0) if way in ("refund", "dispute") else (OrderState.RELEASED, BOND)
    assert state == ended.value.to_bytes(32, "big") + bytes(32)
    assert balance == (free + bond).to_bytes(32, "big")


def test_a_seller_that_claims_while_it_is_paid_changes_no_sum(wallet: Wallet) -> None:
    """In the middle of a batch it claims the rest of the batch, and the order that is being paid."""
    world, sales = wallet.world, [wallet.sells(nonce=nonce) for nonce in range(3)]
    balance, free = wallet.balance, wallet.free
    offers = [sale.offer for sale in sales]
    wallet.behave("CallsBack", world.exchange.claim(offers[1:]))
    overdue(world, *sales)
    receipt = world.send(world.other, world.exchange.claim(offers))
    # It cannot: a payee is given less gas than every payout asks for.
    assert answers(world, wallet.contract, receipt.hash) == [False]
    assert [world.state(offer) for offer in offers] == [OrderState.RELEASED] * 3
    assert (wallet.balance, wallet.free) == (balance + 3 * PRICE, free + 3 * BOND)
    world.check_solvent([wallet.address])


def test_a_payee_may_use_its_money_at_once(wallet: Wallet) -> None:
    """Calling back is no fault: what a party may do at any time, it may do when it is paid."""
    world, sale = wallet.world, wallet.sells()
    free = wallet.free
    wallet.behave("CallsBack", world.exchange.deposit(ETHER, PRICE))
    receipt = world.send(world.buyer, world.exchange.release(sale.offer))
    assert answers(world, wallet.contract, receipt.hash) == [True]
    assert wallet.free == free + PRICE + BOND
    world.check_solvent([wallet.address])


def test_a_withdrawal_that_calls_back_takes_nothing_twice(wallet: Wallet) -> None:
    world, free, balance = wallet.world, wallet.free, wallet.balance
    again = world.exchange.withdraw(ETHER, Wei(free), wallet.address)
    wallet.behave("CallsBack", again)
    wallet.do(again)
    assert (wallet.free, wallet.balance) == (0, balance + free)
    world.check_solvent([wallet.address])


# --- calling back through a token ------------------------------------------------------------------------------------


class TokenTrade:
    """A wallet with a token that calls its holders: before money moves, or after."""

    def __init__(self, wallet: Wallet, kind: str) -> None:
        self.world, self.wallet = wallet.world, wallet
        self.token = self.world.new_token(kind)
        exchange = self.world.exchange
        self.world.token = self.token.address
        # So that there is something of others to steal.
        self.world.send(self.world.seller, exchange.deposit(self.token.address, Wei(3 * PRICE)))
        self.world.send(self.world.other, self.token.call("mint", wallet.address, 4 * PRICE))
        wallet.do(exchange.approve(self.token.address, Wei(100 * PRICE)))
        self.world.send(self.world.other, self.token.call("misbehave", True, ETHER))

    def held(self) -> int:
        """What the wallet has of the token, in the contract and outside."""
        outside = self.world.exchange.balance(self.wallet.address, self.token.address)
        return outside + self.world.free(self.wallet.address, self.token.address)


@pytest.fixture(params=["CallsBeforeToken", "CallsAfterToken"])
def trade(request: pytest.FixtureRequest, wallet: Wallet) -> Iterator[TokenTrade]:
    yield TokenTrade(wallet, request.param)
    wallet.world.token = ETHER


@pytest.mark.parametrize("inner", [1, 1_000])
def test_money_brought_in_inside_of_a_deposit_is_not_counted_twice(trade: TokenTrade, inner: int) -> None:
    world, wallet, exchange = trade.world, trade.wallet, trade.world.exchange
    held = trade.held()
    wallet.behave("CallsBack", exchange.deposit(trade.token.address, Wei(inner)))
    with pytest.raises(ContractReverted) as caught:
        wallet.do(exchange.deposit(trade.token.address, Wei(1_000)))
    assert (caught.value.error_name, caught.value.values["found"]) == ("WrongTransfer", 1_000 + inner)
    assert trade.held() == held
    world.check_solvent([wallet.address])


@pytest.mark.parametrize("stolen", [1, 1_000])
def test_money_taken_out_inside_of_a_deposit_is_missed(trade: TokenTrade, stolen: int) -> None:
    """What is credited first could be withdrawn before it is there, at the cost of all others."""
    world, wallet, exchange = trade.world, trade.wallet, trade.world.exchange
    held = trade.held()
    wallet.behave("CallsBack", exchange.withdraw(trade.token.address, Wei(stolen), address_of(world.deployer)))
    with pytest.raises(ContractReverted) as caught:
        wallet.do(exchange.deposit(trade.token.address, Wei(1_000)))
    assert (caught.value.error_name, caught.value.values["found"]) == ("WrongTransfer", 1_000 - stolen)
    assert trade.held() == held
    world.check_solvent([wallet.address])


def test_an_order_cannot_be_ended_before_it_is_paid(trade: TokenTrade) -> None:
    """With a key that the buyer knows already: accepted, revealed and released inside of one accept."""
    world, wallet, exchange = trade.world, trade.wallet, trade.world.exchange
    sale = world.sale(buyer=wallet.address)
    world.offers.append(sale.offer)
    held, seller = trade.held(), world.wealth(address_of(world.seller), trade.token.address)
    wallet.behave("CallsBack", exchange.reveal(sale.offer, sale.key), exchange.release(sale.offer))
    with pytest.raises(ContractReverted) as caught:
        wallet.do(world.accept(sale.offer))
    assert caught.value.error_name == "WrongTransfer"
    assert (trade.held(), world.state(sale.offer)) == (held, OrderState.NONE)
    assert world.wealth(address_of(world.seller), trade.token.address) == seller
    world.check_solvent([wallet.address])


def test_an_order_is_accepted_once_however_it_is_tried(trade: TokenTrade) -> None:
    world, wallet = trade.world, trade.wallet
    sale, second = (world.sale(buyer=wallet.address, nonce=nonce) for nonce in (1, 2))
    world.offers += [sale.offer, second.offer]
    held = trade.held()
    wallet.behave("CallsBack", world.accept(sale.offer))
    wallet.do(world.accept(sale.offer))
    assert trade.held() == held - PRICE
    world.check_solvent([wallet.address])
    # A second order inside of the first brings its own money, which the first must not take for its own.
    third = world.sale(buyer=wallet.address, nonce=3)
    world.offers.append(third.offer)
    wallet.behave("CallsBack", world.accept(third.offer))
    with pytest.raises(ContractReverted):
        wallet.do(world.accept(second.offer))
    assert trade.held() == held - PRICE
    world.check_solvent([wallet.address])


def test_a_holder_that_calls_back_when_paid_is_paid_once(trade: TokenTrade) -> None:
    world, wallet, exchange = trade.world, trade.wallet, trade.world.exchange
    sale = world.sale(buyer=wallet.address)
    world.offers.append(sale.offer)
    wallet.do(world.accept(sale.offer))
    held = trade.held()
    wallet.behave("CallsBack", exchange.refund(sale.offer), exchange.release(sale.offer))
    overdue(world, sale)
    world.send(world.other, exchange.refund(sale.offer))
    assert trade.held() == held + PRICE + BOND
    world.check_solvent([wallet.address])
