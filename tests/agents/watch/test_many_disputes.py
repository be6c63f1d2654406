"""Every one of many wrong deliveries is disputed in time, with no buyer anywhere: real offers, chunks and proofs."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from eth_account import Account
from trade import FINAL_DEPTH, GRANT, World
from watched import Watch, written

from blindfair.agents.watch.ending import WatchEnding
from blindfair.agents.watch.package import WatchHead, WatchPackage
from blindfair.chain.calls import Call
from blindfair.chain.sender import Receipt, Sender
from blindfair.protocol.cipher import crypt_chunk, key_commitment, new_delivery_key
from blindfair.protocol.delivery import delivery_tree
from blindfair.protocol.merkle import leaf_hash
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    ChunkIndex,
    DeliveryKey,
    Digest,
    ListingId,
    Root,
    Seconds,
    Timestamp,
    Wei,
)
from blindfair.protocol.signing import Domain

PRICE, BOND = Wei(10**13 + 7), Wei(10**12)
WINDOW = Seconds(12 * 3600)
BATCH = 50
"""Keys that become public between two turns of the watcher."""


@dataclass
class Party:
    """An account that only sends transactions."""

    world: World

    def __post_init__(self) -> None:
        self.account = Account.create()
        self.address = Address(self.account.address.lower())
        self.world.fund(self.address, Wei(100 * GRANT))
        self._sender = Sender(self.world.chain.web3, self.account)

    def send(self, call: Call) -> Receipt:
        prepared = self._sender.prepare(call)
        self._sender.broadcast(prepared.raw)
        return self._sender.wait(prepared.hash, polls=1)


@dataclass(frozen=True)
class Cheat:
    """One order with one wrong chunk among one to nine."""

    package: WatchPackage
    key: DeliveryKey


def cheat(rng: random.Random, seller: Party, buyer: Party, listing: ListingId, number: int) -> Cheat:
    exchange = seller.world.exchange
    key, count = new_delivery_key(), rng.randint(1, 9)
    chunks = [rng.randbytes(rng.choice((40, 300, 1024))) for _ in range(count)]
    leaves = [leaf_hash(chunk) for chunk in chunks]
    wrong = rng.randrange(count)
    chunks[wrong] = bytes([chunks[wrong][0] ^ 1]) + chunks[wrong][1:]
    ciphertexts = [crypt_chunk(key, ChunkIndex(index), chunk) for index, chunk in enumerate(chunks)]
    offer = Offer(
        listing=listing,
        evaluation=Digest(bytes(32)),
        delivery_root=delivery_tree(ciphertexts, leaves).root,
        key_commitment=key_commitment(key),
        chunk_count=count,
        chunk_size=1024,
        seller=seller.address,
        buyer=buyer.address,
        token=ETHER,
        price=PRICE,
        bond=BOND,
        reveal_window=Seconds(7 * 24 * 3600),
        dispute_window=WINDOW,
        expiry=Timestamp(exchange.now() + 10**6),
        nonce=number,
    )
    domain = Domain(exchange.chain_id, exchange.address)
    signature = sign_offer(offer, domain, bytes(seller.account.key))
    return Cheat(WatchPackage(WatchHead(domain, offer, signature), tuple(leaves), tuple(ciphertexts)), key)


@pytest.fixture(
    params=[pytest.param(12, id="12"), pytest.param(1000, id="1000", marks=pytest.mark.deep)],
)
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
