"""A token that calls somebody while it is shown a permit, which happens before the order is looked at (PROTOCOL 7).

Whatever is done then, is as if it had been done in a transaction before: either the accept goes on from there, or it is
refused and nothing of it remains.
"""

from collections.abc import Callable, Iterator

import pytest
from escrow_world import BOND, PRICE, Sale, World, address_of
from hostile_wallet import Wallet
from test_escrow_callbacks import answers

from blindfair.chain.calls import Call
from blindfair.chain.permit import Permit
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Signature, Timestamp, Wei

NOTHING = Permit(Wei(0), Timestamp(0), 27, bytes(32), bytes(32))
FREE = Wei(2 * BOND)
"""The wallet's free balance in the token."""


class PermitTrade:
    """A wallet whose calls such a token makes possible, as the buyer or the seller of a sale in it."""

    def __init__(self, wallet: Wallet) -> None:
        self.world, self.wallet = wallet.world, wallet
        self.token = self.world.new_token("CallsOnPermitToken")
        self.world.token = self.token.address
        exchange = self.world.exchange
        # So that there is something of others to steal.
        self.world.send(self.world.seller, exchange.deposit(self.token.address, Wei(3 * PRICE)))
        self.world.send(self.world.other, self.token.call("mint", wallet.address, 10 * PRICE))
        wallet.do(exchange.approve(self.token.address, Wei(10 * PRICE)))
        wallet.do(exchange.deposit(self.token.address, FREE))
        self.world.send(self.world.other, self.token.call("misbehave", False, wallet.address))

    def buys(self, nonce: int = 0) -> Sale:
        """An offer to the wallet."""
        return self._offered(self.world.sale(nonce=nonce, buyer=self.wallet.address))

    def sells(self, nonce: int = 0) -> Sale:
        """An offer by the wallet."""
        listing = self.world.listing(self.wallet.address)
        return self._offered(self.world.sale(nonce=nonce, seller=self.wallet.address, listing=listing))

    def _offered(self, sale: Sale) -> Sale:
        self.world.offers.append(sale.offer)
        return sale

    def accept(self, sale: Sale) -> Call:
        return self.world.exchange.accept_with_permit(sale.offer, self._signature(sale), NOTHING)

    def _signature(self, sale: Sale) -> Signature:
        by_wallet = sale.offer.seller == self.wallet.address
        account = self.world.deployer if by_wallet else self.world.seller
        return sign_offer(sale.offer, self.world.domain, bytes(account.key))

    def held(self) -> int:
        """What the wallet has of the token, in the contract and outside."""
        outside = self.world.exchange.balance(self.wallet.address, self.token.address)
        return outside + self.world.free(self.wallet.address, self.token.address)


@pytest.fixture
def trade(wallet: Wallet) -> Iterator[PermitTrade]:
    yield PermitTrade(wallet)
    wallet.world.token = ETHER


Within = Callable[[World, Sale], list[Call]]
"""What the wallet does when it is called."""

ACCEPTED_BEFORE: dict[str, tuple[Within, OrderState]] = {
    "accept": (lambda world, sale: [world.accept(sale.offer)], OrderState.LOCKED),
    "accept and reveal": (
        lambda world, sale: [world.accept(sale.offer), world.exchange.reveal(sale.offer, sale.key)],
        OrderState.REVEALED,
    ),
    "a whole sale": (
        lambda world, sale: [
            world.accept(sale.offer),
            world.exchange.reveal(sale.offer, sale.key),
            world.exchange.release(sale.offer),
        ],
        OrderState.RELEASED,
    ),
    "accept with a permit": (
        lambda world, sale: [world.exchange.accept_with_permit(sale.offer, world.sign(sale.offer), NOTHING)],
        OrderState.LOCKED,
    ),
}


@pytest.mark.parametrize("within", ACCEPTED_BEFORE)
def test_an_order_accepted_inside_of_its_permit_is_not_accepted_again(trade: PermitTrade, within: str) -> None:
    world, wallet, sale = trade.world, trade.wallet, trade.buys()
    calls, reached = ACCEPTED_BEFORE[within]
    held, seller = trade.held(), world.free(sale.offer.seller)
    wallet.behave("CallsBack", *calls(world, sale))
    with pytest.raises(ContractReverted) as caught:
        wallet.do(trade.accept(sale))
    assert caught.value.error_name == "WrongState"
    assert (caught.value.values["expected"], caught.value.values["found"]) == (0, reached.value)
    assert (trade.held(), world.free(sale.offer.seller)) == (held, seller)
    assert world.state(sale.offer) is OrderState.NONE
    world.check_solvent([wallet.address])


TOO_EARLY: dict[str, Within] = {
    "reveal": lambda world, sale: [world.exchange.reveal(sale.offer, sale.key)],
    "refund": lambda world, sale: [world.exchange.refund(sale.offer)],
    "release": lambda world, sale: [world.exchange.release(sale.offer)],
    "claim": lambda world, sale: [world.exchange.claim([sale.offer])],
    "dispute": lambda world, sale: [world.dispute(sale)],
}


@pytest.mark.parametrize("within", TOO_EARLY)
def test_inside_of_its_permit_an_order_does_not_exist_yet(trade: PermitTrade, within: str) -> None:
    world, wallet, sale = trade.world, trade.wallet, trade.buys()
    held = trade.held()
    wallet.behave("CallsBack", *TOO_EARLY[within](world, sale))
    call = trade.accept(sale)
    receipt = world.send(world.deployer, wallet.contract.call("execute", call.to, call.value, call.data))
    assert answers(world, wallet.contract, receipt.hash) == [False]
    assert (trade.held(), world.state(sale.offer)) == (held - PRICE, OrderState.LOCKED)
    world.check_solvent([wallet.address])


def test_money_that_moves_inside_of_a_permit_is_counted_once(trade: PermitTrade) -> None:
    """Free balances, and the price of a second order: the accept's own price comes on top of all that."""
    world, wallet, exchange = trade.world, trade.wallet, trade.world.exchange
    for nonce, (calls, out) in enumerate(
        (
            ([exchange.deposit(trade.token.address, Wei(1_000))], 0),
            ([exchange.withdraw(trade.token.address, FREE, wallet.address)], 0),
            ([exchange.withdraw(trade.token.address, Wei(1_000), address_of(world.other))], 1_000),
            ([world.accept(trade.buys(nonce=10).offer)], PRICE),
        )
    ):
        sale, held = trade.buys(nonce=nonce), trade.held()
        wallet.behave("CallsBack", *calls)
        wallet.do(trade.accept(sale))
        assert (trade.held(), world.state(sale.offer)) == (held - PRICE - out, OrderState.LOCKED), nonce
        world.check_solvent([wallet.address])


def test_an_offer_cancelled_inside_of_its_permit_is_not_accepted(trade: PermitTrade) -> None:
    """By its seller, whom the buyer's token calls; with the accept the cancelling is undone."""
    world, wallet, sale = trade.world, trade.wallet, trade.sells()
    buyer = world.wealth(sale.offer.buyer, trade.token.address)
    wallet.behave("CallsBack", world.exchange.cancel(sale.offer))
    with pytest.raises(ContractReverted) as caught:
        world.send(world.buyer, trade.accept(sale))
    assert (caught.value.error_name, caught.value.values["found"]) == ("WrongState", OrderState.CANCELLED.value)
    assert world.wealth(sale.offer.buyer, trade.token.address) == buyer
    assert (trade.held(), world.state(sale.offer)) == (10 * PRICE, OrderState.NONE)
    world.check_solvent([wallet.address])


def test_a_bond_withdrawn_inside_of_the_permit_is_missed(trade: PermitTrade) -> None:
    world, wallet, sale = trade.world, trade.wallet, trade.sells()
    taken = Wei(FREE - BOND + 1)
    wallet.behave("CallsBack", world.exchange.withdraw(trade.token.address, taken, wallet.address))
    with pytest.raises(ContractReverted) as caught:
        world.send(world.buyer, trade.accept(sale))
    assert (caught.value.error_name, caught.value.values["found"]) == ("FreeBalanceTooLow", BOND - 1)
    assert world.free(wallet.address, trade.token.address) == FREE
    world.check_solvent([wallet.address])
