"""The gas that docs/escrow.md names is what the calls take."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from escrow_world import LISTING_ROOT, Sale, World
from eth_account.signers.local import LocalAccount

from blindfair.chain.calls import Call
from blindfair.protocol.cipher import crypt_chunk
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import leaf_hash, node_hash
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ChunkIndex, Digest, Root, Timestamp, Wei

DOCUMENT = Path(__file__).parents[2] / "docs" / "escrow.md"


def documented() -> dict[str, tuple[int, int]]:
    """Name of the row to gas in ether and in a token."""
    rows = re.findall(r"^\| ([^|]+) \| ([\d ]+) \| ([\d ]+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {name.strip(): (int(ether.replace(" ", "")), int(token.replace(" ", ""))) for name, ether, token in rows}


def large_sale(world: World, size: int, levels: int) -> tuple[Sale, Call]:
    """An order of 2^levels chunks of `size` bytes, one of them faulty, and its dispute. The others need not exist."""
    rng, small = random.Random(size), world.sale(nonce=size)
    ciphertext = crypt_chunk(small.key, ChunkIndex(0), rng.randbytes(size))
    path = [Digest(rng.randbytes(32)) for _ in range(levels)]
    committed = sha256(b"committed")
    root = leaf_hash(sha256(ciphertext) + committed)
    for sibling in path:
        root = node_hash(root, sibling)
    offer = replace(small.offer, delivery_root=Root(root), chunk_count=2**levels, chunk_size=size)
    return replace(small, offer=offer), world.exchange.dispute(
        offer, small.key, ChunkIndex(0), ciphertext, committed, path
    )


def measure(world: World) -> dict[str, int]:
    exchange = world.exchange
    found: dict[str, int] = {}

    def run(name: str, account: LocalAccount, call: Call) -> None:
        found[name] = world.send(account, call).gas_used

    run("`commit`", world.other, exchange.commit(LISTING_ROOT, sha256(b"manifest of 2^20 chunks")))
    run("`deposit`", world.seller, exchange.deposit(world.token, Wei(10**18)))
    sale = world.sale(nonce=1)
    run("`accept`", world.buyer, world.accept(sale.offer))
    run("`reveal`", world.seller, exchange.reveal(sale.offer, sale.key))
    run("`release`", world.buyer, exchange.release(sale.offer))
    run("`cancel`", world.seller, exchange.cancel(world.sale(nonce=2).offer))
    sale = world.sale(nonce=3)
    world.bring_to(OrderState.LOCKED, sale)
    world.next_is(Timestamp(world.deadline(sale.offer) + 1))
    run("`refund`", world.other, exchange.refund(sale.offer))
    sales = [world.sale(nonce=nonce) for nonce in range(10, 14)]
    for sale in sales:
        world.bring_to(OrderState.REVEALED, sale)
    world.next_is(Timestamp(world.deadline(sales[-1].offer) + 1))
    run("`claim` of one order", world.other, exchange.claim([sales[0].offer]))
    run("`claim` of three orders", world.other, exchange.claim([sale.offer for sale in sales[1:]]))
    for size in (1024, 4096, 16384):
        sale, dispute = large_sale(world, size, 20)
        world.bring_to(OrderState.REVEALED, sale)
        run(f"`dispute` of {size} bytes among 2^20 chunks", world.other, dispute)
    run("`withdraw`", world.seller, exchange.withdraw(world.token, Wei(10**18), sale.offer.seller))
    return found


def test_the_documented_gas_is_the_gas(worlds: dict[str, World]) -> None:
    measured = {}
    for name in ("ether", "token"):
        worlds[name].rewind()
        measured[name] = measure(worlds[name])
    rows = {row: (measured["ether"][row], measured["token"][row]) for row in measured["ether"]}
    assert {row: pytest.approx(gas, rel=0.01) for row, gas in rows.items()} == documented()
