"""A watcher that is killed before every single write of its journal still disputes once, and the buyer has its money.

Each life is a process that ends by SIGKILL before its second write, so that all it did up to there is lost but what is
on the disk and on the chain; the next one begins again.
"""

import os
import signal
from collections.abc import Callable

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from killed import die_at_write, in_child
from trade import BOND, Parties, World, calls_of, make_parties, transactions_of
from watched import Watch, package_of, written

from blindfair.agents.watch.ending import WatchEnding
from blindfair.chain.abi import exchange_abi
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.order import OrderState

pytestmark = pytest.mark.deep

LIVES = 30


@pytest.mark.parametrize("cheat", ["wrong chunk", "no key"])
def test_a_watcher_killed_before_every_write_acts_once(at: Callable[[str], World], cheat: str) -> None:
    parties = make_parties(at("opened"), seller_type=CorruptingSeller)
    parties.run(parties.paid)
    package = package_of(parties.buyer)
    world, buyer, seller = parties.world, parties.buyer.address, parties.seller.address
    exchange, order = world.exchange, package.head.order_id
    if cheat == "wrong chunk":
        world.run(parties.seller, until=lambda: exchange.order(order).state is OrderState.REVEALED)
    path = written(package, world.directory / "handed")
    parties.close()
    world.close()

    def life() -> None:
        again = World(world.directory)
        die_at_write(2, before=True)
        watch = Watch(again)
        watch.watcher.take(path)
        watch.run()
        os._exit(7)

    statuses: list[int] = []
    while not statuses or statuses[-1] == -signal.SIGKILL:
        statuses.append(in_child(life))
        assert len(statuses) < LIVES
    assert statuses[-1] == 7
    # Account, contract, verdict, exposed, signed (intent and value), receipt, end: each of them was a death.
    assert len(statuses) > (7 if cheat == "wrong chunk" else 5)
    ended(World(world.directory), buyer, seller, "dispute" if cheat == "wrong chunk" else "refund")


def ended(world: World, buyer: str, seller: str, call: str) -> None:
    """One transaction of the watcher's, the right one, and the money where it belongs."""
    watch = Watch(world)
    (end,) = watch.run()
    assert end.ending is WatchEnding.REFUNDED
    assert "this watcher" in end.reason
    (found,) = [entry for entry in exchange_abi() if entry["type"] == "function" and entry["name"] == call]
    assert calls_of(world, watch.address) == [function_abi_to_4byte_selector(dict(found)).hex()]  # type: ignore[arg-type]
    assert len([*transactions_of(world, watch.address)]) == 1
    parties: Parties = make_parties(world, seller_type=CorruptingSeller)
    assert (parties.buyer.address, parties.seller.address) == (buyer, seller)
    assert (parties.delta(parties.buyer), parties.delta(parties.seller)) == (BOND, -BOND)
    parties.close()
    watch.close()
    world.close()
