"""A watcher beside a trade: its packages, its account, and what it paid."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_abi_to_4byte_selector
from trade import FINAL_DEPTH, GRANT, Parties, World, fees_of, make_parties

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.context import Event
from blindfair.agents.store.directory import SecretStore
from blindfair.agents.watch.clients import WatchLimits
from blindfair.agents.watch.ending import EndedWatch
from blindfair.agents.watch.making import make_package
from blindfair.agents.watch.package import WatchPackage
from blindfair.agents.watch.watcher import Watcher
from blindfair.chain.abi import exchange_abi
from blindfair.chain.exchange import Finality
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, Seconds, Wei

CEILING = Wei(10**17)


def package_of(buyer: Buyer) -> WatchPackage:
    """The package of a buyer's newest order."""
    return make_package(buyer.journal, buyer.sealing_keys().private, buyer.domain)


def written(package: WatchPackage, folder: Path) -> Path:
    """The file of a package in a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / package.name
    package.write(path)
    return path


@dataclass
class Watch:
    """The watcher of one world, in its directory: it can be closed and opened again."""

    world: World
    ceiling: Wei = CEILING
    money: Wei = GRANT
    limits: WatchLimits = field(default_factory=WatchLimits)
    final_depth: int = FINAL_DEPTH
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        secrets = SecretStore(self.world.directory / "secrets")
        account: LocalAccount = Account.from_key(secrets.once("watcher", lambda: bytes(Account.create().key)))
        self.account = account
        self.address = Address(account.address.lower())
        if self.money:
            self.world.fund(self.address, self.money)
        self.open()

    def open(self) -> None:
        self.watcher = Watcher(
            self.world.directory / "watcher",
            self.world.exchange,
            self.account,
            finality=Finality(self.final_depth),
            gas_ceiling=self.ceiling,
            limits=self.limits,
            on_event=self.told.append,
        )

    def take(self, package: WatchPackage) -> bool:
        return self.watcher.take(written(package, self.world.directory / "handed"))

    def run(self, rounds: int = 40) -> tuple[EndedWatch, ...]:
        """Let it step and the chain mine until every order has ended; where nothing moves, time passes."""
        for idle in itertools.count():
            assert idle < rounds, self.watcher.waiting
            if self.watcher.step():
                continue
            if not self.watcher.open_orders:
                return self.watcher.ended()
            self.world.chain.mine(1)
            waiting = self.watcher.waiting
            if idle > 2 * FINAL_DEPTH and waiting and waiting.until:
                self.world.chain.advance(Seconds(max(1, waiting.until - self.world.chain.now())))
        raise AssertionError

    def paid(self) -> int:
        """What its account is short of, all of it gas."""
        short = self.money - self.world.exchange_balance(self.address)
        assert short == fees_of(self.world, self.address)
        return short

    def texts(self) -> list[str]:
        return [event.text for event in self.told]

    def close(self) -> None:
        self.watcher.close()


def accepted(world: World, *, cheats: bool) -> tuple[Parties, WatchPackage]:
    """A buyer that has paid, and its package; the seller has not revealed."""
    parties = make_parties(world, seller_type=CorruptingSeller) if cheats else make_parties(world)
    parties.run(parties.paid)
    return parties, package_of(parties.buyer)


def reveal(parties: Parties, package: WatchPackage) -> None:
    """Let the seller alone act until its key is public."""
    exchange, order = parties.world.exchange, package.head.order_id
    parties.world.run(parties.seller, until=lambda: exchange.order(order).state is OrderState.REVEALED)


def selector(name: str) -> str:
    """The first four bytes of a call of the contract."""
    (found,) = [entry for entry in exchange_abi() if entry["type"] == "function" and entry["name"] == name]
    return function_abi_to_4byte_selector(dict(found)).hex()  # type: ignore[arg-type]
