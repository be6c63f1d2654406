"""What the escrow's calls cost on the embedded chain: for the test of docs/explanation/escrow.md and `scripts/bench`.

Gas is what the chain's rules say (Prague), so that the figures are those of any node. Sellers, buyers and their token
balances exist before, as in a running market; every figure is of calls that succeed.
"""

import random
from dataclasses import replace
from typing import Literal

from escrow_world import LISTING_ROOT, MONEY, PRICE, Sale, World, address_of
from eth_account.signers.local import LocalAccount

from blindfair.chain.abi import EXCHANGE
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.protocol.cipher import crypt_chunk
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import leaf_hash, node_hash
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ChunkIndex, Digest, Root, Timestamp, Wei

BATCH = 50
"""Orders of the measured batch claim."""

PUBLISHED = {
    "FairSwap (CCS 2018), deploy, lock, reveal, claim": 1_003_555,
    "Fair Data Exchange (2024), 4 transactions": 264_585,
    "one-slot prototype of this protocol, with fewer features": 132_019,
}
"""Gas of an honest sale in ether of other designs: from an earlier measurement on anvil, not measured here."""

Ending = Literal["claim", "release", "releaseBySig"]
"""How the seller of an honest sale is paid."""

SALES: dict[str, Ending] = {
    "`accept`, `reveal`, `claim` by the seller": "claim",
    "`accept`, `reveal`, `release` by the buyer": "release",
    "`accept`, `reveal`, `releaseBySig` by the seller": "releaseBySig",
}
"""Name of a whole sale, as docs/explanation/escrow.md has it, to its ending."""


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
    """Name of the call, as docs/explanation/escrow.md has it, to gas; with a bond, which an order without one saves."""
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
    sale = world.sale(nonce=4)
    world.bring_to(OrderState.REVEALED, sale)
    run("`releaseBySig`", world.seller, exchange.release_by_signature(sale.offer, world.sign_release(sale.offer)))
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


def honest_sale(world: World, ending: Ending = "claim") -> dict[str, int]:
    """Gas of the three calls of a sale without a bond: the seller reveals; the buyer releases, or the seller brings
    the buyer's word or claims."""
    sale, exchange = world.sale(nonce=1, bond=0), world.exchange
    found: dict[str, int] = {
        "accept": world.send(world.buyer, world.accept(sale.offer)).gas_used,
        "reveal": world.send(world.seller, exchange.reveal(sale.offer, sale.key)).gas_used,
    }
    if ending == "release":
        last = world.send(world.buyer, exchange.release(sale.offer))
    elif ending == "releaseBySig":
        signature = world.sign_release(sale.offer)
        last = world.send(world.seller, exchange.release_by_signature(sale.offer, signature))
    else:
        world.next_is(Timestamp(world.deadline(sale.offer) + 1))
        last = world.send(world.seller, exchange.claim([sale.offer]))
    return {**found, ending: last.gas_used}


def sales(world: World) -> dict[str, int]:
    """Name of a whole sale, as docs/explanation/escrow.md has it, to its gas in all; without a bond."""
    found = {}
    for name, ending in SALES.items():
        world.rewind()
        found[name] = sum(honest_sale(world, ending).values())
    return found


def batch_ratio(world: World) -> float:
    """Gas of one claim of `BATCH` orders over that of as many single claims."""
    world.chain.fund(address_of(world.buyer), Wei(MONEY + (BATCH + 1) * PRICE))
    sales = [world.sale(nonce=nonce, bond=0) for nonce in range(BATCH + 1)]
    for sale in sales:
        world.bring_to(OrderState.REVEALED, sale)
    world.next_is(Timestamp(world.deadline(sales[-1].offer) + 1))
    single = world.send(world.seller, world.exchange.claim([sales[0].offer])).gas_used
    batch = world.send(world.seller, world.exchange.claim([sale.offer for sale in sales[1:]]), gas=10_000_000)
    return batch.gas_used / (BATCH * single)


def dispute_gas(world: World, size: int) -> int:
    """Gas of a dispute over a full chunk of `size` bytes among 2^20."""
    sale, dispute = large_sale(world, size, 20)
    world.bring_to(OrderState.REVEALED, sale)
    return world.send(world.other, dispute).gas_used


def deploy_gas(world: World) -> int:
    """Gas of putting the contract on a chain."""
    code = Call("deploy", None, load_artifact(EXCHANGE).bytecode, Wei(0))
    return world.send(world.deployer, code, gas=10_000_000).gas_used


def figures(ether: World, token: World) -> dict[str, float]:
    """The figures that `scripts/bench gas --json` writes."""
    for world in (ether, token):
        world.rewind()
    found: dict[str, float] = {
        "honest_ether": sum(honest_sale(ether).values()),
        "honest_erc20": sum(honest_sale(token).values()),
    }
    ether.rewind()
    found["release_ether"] = sum(honest_sale(ether, "release").values())
    found["dispute_1024_2e20"] = dispute_gas(ether, 1024)
    found["dispute_4096_2e20"] = dispute_gas(ether, 4096)
    ether.rewind()
    found["claim_50_ratio"] = batch_ratio(ether)
    found["deploy"] = deploy_gas(ether)
    return found
