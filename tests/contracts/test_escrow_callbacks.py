"""Parties that call the contract back when they are paid, and tokens that let them do so whenever money moves."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from escrow_world import BOND, PRICE, Contract, Sale, World, address_of
from hexbytes import HexBytes
from hostile_wallet import Wallet, overdue
from web3 import Web3
from web3.logs import DISCARD

from blindfair.chain.calls import Call
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Wei

# --- when they are paid ----------------------------------------------------------------------------------------------


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


# --- through a token -------------------------------------------------------------------------------------------------


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
