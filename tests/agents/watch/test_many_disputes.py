"""Every one of many wrong deliveries is disputed in time, with no buyer anywhere: real offers, chunks and proofs."""

import os
import random
import time
from collections.abc import Callable

import pytest
from cheating_orders import BOND, PRICE, WINDOW, Party, cheat
from trade import FINAL_DEPTH, GRANT, World
from watched import Watch, written

from blindfair.agents.watch.ending import WatchEnding
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import (
    ETHER,
    Digest,
    Root,
    Wei,
)

pytestmark = pytest.mark.deep

BATCH = 50
"""Keys that become public between two turns of the watcher."""


@pytest.fixture(params=[12, 1000])
def count(request: pytest.FixtureRequest) -> int:
    return int(os.environ.get("BLINDFAIR_DISPUTES", request.param))


def test_every_wrong_delivery_is_disputed_in_time(
    world: World, count: int, record_property: Callable[[str, object], None]
) -> None:
    rng, exchange = random.Random(1), world.exchange
    seller, buyer = Party(world), Party(world)
    seller.send(exchange.commit(Root(bytes(32)), Digest(bytes(32))))
    listing = exchange.listings()[-1].listing
    seller.send(exchange.deposit(ETHER, Wei(count * BOND)))
    watch = Watch(world, ceiling=Wei(GRANT))
    cheats = [cheat(rng, seller, buyer, listing, number) for number in range(count)]
    for each in cheats:
        buyer.send(exchange.accept(each.package.head.offer, each.package.head.signature))
        assert watch.watcher.take(written(each.package, world.directory / "handed"))
    # The buyer sends nothing from here on.
    had = world.exchange_balance(buyer.address)
    began = time.monotonic()
    watch.watcher.step()
    turn = time.monotonic() - began
    in_time = 0
    began = time.monotonic()
    for start in range(0, count, BATCH):
        batch = cheats[start : start + BATCH]
        deadlines = {}
        for each in batch:
            seller.send(exchange.reveal(each.package.head.offer, each.key))
            deadlines[each.package.head.order_id] = exchange.order(each.package.head.order_id).deadline
        # Another life for every batch.
        watch.close()
        watch.open()
        watch.watcher.step()
        now = exchange.now()
        for order, deadline in deadlines.items():
            refunded = exchange.order(order).state is OrderState.REFUNDED
            in_time += refunded and now <= deadline - WINDOW // 2
    seconds = time.monotonic() - began
    assert in_time == count
    assert world.exchange_balance(buyer.address) - had == count * (PRICE + BOND)
    world.chain.mine(FINAL_DEPTH)
    ends = watch.run()
    assert len(ends) == count
    assert {end.ending for end in ends} == {WatchEnding.REFUNDED}
    assert all("this watcher proved it" in end.reason for end in ends)
    paid = watch.paid()
    assert paid == watch.watcher.wallet.gas_costs()
    watch.close()
    for name, value in (("in time", in_time), ("turn, s", turn), ("all, s", seconds), ("gas, wei", paid)):
        record_property(name, value)
    print(f"{in_time} of {count} in time; a turn over all open orders {turn:.2f} s; all {seconds:.0f} s; {paid} wei")
