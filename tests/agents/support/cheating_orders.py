"""Orders with one wrong chunk, made by hand, of any number of buyers: real offers, chunks and proofs."""

import random
from dataclasses import dataclass

from eth_account import Account
from trade import GRANT, World

from blindfair.agents.watch.package import WatchHead, WatchPackage, sign_order
from blindfair.chain.calls import Call
from blindfair.chain.sender import Receipt, Sender
from blindfair.protocol.cipher import crypt_chunk, key_commitment, new_delivery_key
from blindfair.protocol.delivery import delivery_tree
from blindfair.protocol.merkle import leaf_hash
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    ChunkIndex,
    DeliveryKey,
    Digest,
    ListingId,
    Seconds,
    Timestamp,
    Wei,
)
from blindfair.protocol.signing import Domain

PRICE, BOND = Wei(10**13 + 7), Wei(10**12)
WINDOW = Seconds(12 * 3600)


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
    handed = sign_order(offer.struct_hash(), domain, bytes(buyer.account.key))
    return Cheat(WatchPackage(WatchHead(domain, offer, signature, handed), tuple(leaves), tuple(ciphertexts)), key)
