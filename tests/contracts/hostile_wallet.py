"""A contract wallet that trades and misbehaves when it is paid, and orders that are overdue."""

from escrow_world import BOND, LISTING_ROOT, MANIFEST_HASH, PRICE, Contract, Sale, World, member

from blindfair.chain.calls import Call
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.quantities import ETHER, Timestamp, Wei


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


def overdue(world: World, *sales: Sale) -> None:
    """The next block is after all deadlines of these orders."""
    world.next_is(Timestamp(max(world.deadline(sale.offer) for sale in sales) + 1))
