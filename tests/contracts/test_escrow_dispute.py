"""Which proofs of a fault the contract takes and which it refuses (PROTOCOL 7)."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from both_machines import refusal_name
from escrow_world import BOND, PRICE, Ledger, Sale, World, address_of
from eth_abi.exceptions import EncodingError
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import Web3Exception

from blindfair.chain.calls import Call
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, verify_fault
from blindfair.protocol.errors import NoFault
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.merkle import leaf_hash, node_hash
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "deliveries" / "faults.json").read_text())


def revealed(world: World, sale: Sale) -> Sale:
    world.bring_to(OrderState.REVEALED, sale)
    return sale


def dispute(world: World, sale: Sale, proof: Fault, key: DeliveryKey | None = None) -> Call:
    return world.exchange.dispute(
        sale.offer, sale.key if key is None else key, proof.index, proof.ciphertext, proof.leaf, proof.path
    )


def refused(world: World, sale: Sale, proof: Fault, key: DeliveryKey | None = None) -> tuple[str, dict[str, object]]:
    refusal = world.refusal(address_of(world.other), dispute(world, sale, proof, key))
    return ("", {}) if refusal is None else (refusal.error_name, refusal.values)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(ether_world: World, case: dict[str, Any]) -> None:
    """The same files that the package's own rule is tested with."""
    world, key = ether_world, DeliveryKey(bytes.fromhex(VECTORS["key"]))
    sale = world.sale(
        delivery_root=bytes.fromhex(case["delivery_root"]),
        chunk_count=case["chunk_count"],
        chunk_size=VECTORS["chunk_size"],
        key_commitment=bytes.fromhex(VECTORS["key_commitment"]),
    )
    if case["chunk_count"] == 0:
        refusal = world.refusal(address_of(world.buyer), world.accept(sale.offer))
        assert refusal and refusal.error_name == "NoChunks"
        return
    revealed(world, replace(sale, key=key))
    path = tuple(Digest(bytes.fromhex(node)) for node in case["path"])
    proof = Fault(case["index"], bytes.fromhex(case["ciphertext"]), Digest(bytes.fromhex(case["leaf"])), path)
    try:
        call = dispute(world, sale, proof, DeliveryKey(bytes.fromhex(case["key"])))
    except EncodingError:
        assert case["expect"] == "NoFault", "what cannot be said to a contract proves nothing"
        return
    refusal = world.refusal(address_of(world.other), call)
    assert ("ok" if refusal is None else "NoFault") == case["expect"]
    if refusal:
        offer = sale.offer
        words = (offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
        with pytest.raises(NoFault) as caught:
            verify_fault(proof, DeliveryKey(bytes.fromhex(case["key"])), *words)
        assert refusal_name(caught.value) == refusal.error_name


# --- honest chunks ---------------------------------------------------------------------------------------------------

LENGTHS = (16, 17, 32, 63, 64, 65, 79, 80, 81, 127, 128, 129, 192, 256, 513, 1023, 1024)


def test_invariant_8_an_honest_chunk_of_any_length_cannot_be_disputed(ether_world: World) -> None:
    world, rng = ether_world, random.Random(1)
    plain = [rng.randbytes(length) for length in LENGTHS]
    sale = revealed(world, world.sale_of(plain, [leaf_hash(chunk) for chunk in plain], DeliveryKey(rng.randbytes(32))))
    for index, chunk in enumerate(plain):
        expected = ("ChunkIsHonest", {"index": index, "leafHash": leaf_hash(chunk)})
        assert refused(world, sale, sale.proof(index)) == expected


def test_at_no_limit_of_gas_can_an_honest_chunk_be_disputed(ether_world: World) -> None:
    """A step that fails for want of gas must not count as a hash that differs."""
    world = ether_world
    sale = revealed(world, world.sale())
    honest, faulty = dispute(world, sale, sale.proof(0)), dispute(world, sale, sale.proof(1))
    limits = [*range(36_000, 70_000, 1_000), *range(100_000, 400_000, 20_000)]
    outcomes = []
    for gas in limits:
        assert not succeeds(world, honest, gas)
        outcomes.append(succeeds(world, faulty, gas))
    assert outcomes == sorted(outcomes) and outcomes[-1], "a limit that is enough is enough from there on"


def succeeds(world: World, call: Call, gas: int) -> bool:
    sender = Web3.to_checksum_address(address_of(world.other))
    contract = Web3.to_checksum_address(world.exchange.address)
    try:
        world.web3.eth.call({"from": sender, "to": contract, "data": HexBytes(call.data), "gas": gas})
    except Web3Exception:
        return False
    return True


# --- faulty chunks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", LENGTHS)
def test_a_single_changed_bit_in_a_chunk_of_any_length_is_proven(ether_world: World, length: int) -> None:
    world, rng = ether_world, random.Random(length)
    committed = rng.randbytes(length)
    bit = rng.randrange(8 * length)
    delivered = (int.from_bytes(committed, "big") ^ 1 << bit).to_bytes(length, "big")
    sale = revealed(world, world.sale_of([delivered], [leaf_hash(committed)], DeliveryKey(rng.randbytes(32))))
    assert refused(world, sale, sale.proof(0)) == ("", {})


@pytest.mark.parametrize("size", [4096, 16384])
def test_a_fault_in_a_larger_chunk_is_proven(ether_world: World, size: int) -> None:
    world, rng = ether_world, random.Random(size)
    plain = [rng.randbytes(size), rng.randbytes(17)]
    leaves = [leaf_hash(plain[0][:-1] + b"!"), leaf_hash(plain[1])]
    sale = revealed(world, world.sale_of(plain, leaves, DeliveryKey(rng.randbytes(32)), chunk_size=size))
    ledger = Ledger(world)
    world.send(world.other, dispute(world, sale, sale.proof(0)))
    assert ledger.changes() == {sale.offer.buyer: PRICE + BOND}


@pytest.mark.parametrize("chunks", [1, 2, 3, 6])
def test_every_chunk_of_a_delivery_can_be_the_faulty_one(ether_world: World, chunks: int) -> None:
    """Whatever its place; and the others of the same delivery still cannot be disputed."""
    world = ether_world
    for faulty in range(chunks):
        sale = revealed(world, world.sale(chunks=chunks, faulty=faulty, nonce=faulty, bond=0))
        found = [refused(world, sale, sale.proof(index))[0] for index in range(chunks)]
        assert found == ["" if index == faulty else "ChunkIsHonest" for index in range(chunks)]


def test_a_leaf_that_was_never_committed_is_a_fault(ether_world: World) -> None:
    """A seller that names a leaf hash of its own choosing proves its own fault, not an alibi."""
    world, plain = ether_world, [keccak256(b"delivered")]
    sale = revealed(world, world.sale_of(plain, [sha256(b"made up")], DeliveryKey(keccak256(b"key"))))
    assert refused(world, sale, sale.proof(0)) == ("", {})


def test_a_proof_is_spent_with_its_order(world: World) -> None:
    sale = revealed(world, world.sale())
    world.send(world.other, dispute(world, sale, sale.proof(1)))
    name, values = refused(world, sale, sale.proof(1))
    assert (name, values["expected"], values["found"]) == ("WrongState", 2, 3)


# --- proofs that do not hold -----------------------------------------------------------------------------------------


def test_another_key_is_refused(ether_world: World) -> None:
    sale = revealed(ether_world, ether_world.sale())
    for key in (keccak256(b"else"), bytes(32), sale.key[:-1] + bytes([sale.key[-1] ^ 1])):
        values = {"expected": sale.offer.key_commitment, "found": key_commitment(DeliveryKey(key))}
        assert refused(ether_world, sale, sale.proof(1), DeliveryKey(key)) == ("WrongKey", values)


@pytest.mark.parametrize("index", [3, 4, 2**32, 2**32 + 1, 2**64 + 1, 2**255 + 1, 2**256 - 1])
def test_an_index_outside_of_the_delivery_is_refused(ether_world: World, index: int) -> None:
    sale = revealed(ether_world, ether_world.sale(chunks=3))
    proof = replace(sale.proof(1), index=ChunkIndex(index))
    assert refused(ether_world, sale, proof) == ("ChunkIndexOutOfRange", {"chunkCount": 3, "found": index})


@pytest.mark.parametrize("length", [0, 1, 15, 1025, 2048])
def test_a_chunk_of_a_length_that_cannot_be_is_refused(ether_world: World, length: int) -> None:
    sale = revealed(ether_world, ether_world.sale())
    proof = replace(sale.proof(1), ciphertext=bytes(length))
    assert refused(ether_world, sale, proof) == (
        "ChunkLengthOutOfRange",
        {"min": 16, "max": 1024, "found": length},
    )


@pytest.mark.parametrize("size", [1024, 4096])
def test_the_longest_chunk_is_the_offers(ether_world: World, size: int) -> None:
    sale = revealed(ether_world, ether_world.sale(chunk_size=size))
    assert refused(ether_world, sale, replace(sale.proof(1), ciphertext=bytes(size)))[0] == "WrongRoot"
    assert refused(ether_world, sale, replace(sale.proof(1), ciphertext=bytes(size + 1)))[0] == "ChunkLengthOutOfRange"


def test_a_path_must_have_exactly_the_trees_length(ether_world: World) -> None:
    """Else an inner node could be passed off as a leaf, or a leaf hung below another."""
    sale = revealed(ether_world, ether_world.sale(chunks=6, faulty=5))
    for index in range(6):
        proof = sale.proof(index)
        for path in (proof.path[:-1], proof.path[1:], (*proof.path, proof.path[-1]), (), proof.path * 2):
            expected = ("WrongPathLength", {"expected": len(proof.path), "found": len(path)})
            assert refused(ether_world, sale, replace(proof, path=path)) == expected


def test_everything_on_the_path_counts(ether_world: World) -> None:
    sale = revealed(ether_world, ether_world.sale(chunks=7, faulty=2))
    good = sale.proof(2)
    flipped = [Digest(bytes([node[0] ^ 1]) + node[1:]) for node in good.path]
    wrong = [replace(good, path=(*good.path[:i], node, *good.path[i + 1 :])) for i, node in enumerate(flipped)]
    wrong += [
        replace(good, path=good.path[::-1]),
        replace(good, leaf=sale.leaves[3]),
        replace(good, leaf=sha256(b"made up")),
        replace(good, ciphertext=sale.ciphertexts[3]),
        replace(good, ciphertext=good.ciphertext[:-1]),
        replace(good, ciphertext=good.ciphertext + b"\0"),
        replace(good, index=ChunkIndex(3)),
        replace(good, index=ChunkIndex(0)),
    ]
    for proof in wrong:
        name, values = refused(ether_world, sale, proof)
        assert (name, values.get("expected")) == ("WrongRoot", sale.offer.delivery_root)
    assert refused(ether_world, sale, good) == ("", {})


def test_the_root_found_is_named(ether_world: World) -> None:
    sale = revealed(ether_world, ether_world.sale(chunks=1, faulty=0))
    made_up = sha256(b"made up")
    found = leaf_hash(sha256(sale.ciphertexts[0]) + made_up)
    assert refused(ether_world, sale, replace(sale.proof(0), leaf=made_up)) == (
        "WrongRoot",
        {"expected": sale.offer.delivery_root, "found": found},
    )


def test_the_listings_own_path_is_none_of_the_deliverys(ether_world: World) -> None:
    """Leaves of the two trees differ in form: a committed chunk proves nothing by its path to the listing's root."""
    world, key = ether_world, DeliveryKey(keccak256(b"key"))
    plain = [keccak256(b"%d" % i) * 2 for i in range(2)]
    root = node_hash(leaf_hash(plain[0]), leaf_hash(plain[1]))
    sale = world.sale_of(plain, [leaf_hash(chunk) for chunk in plain], key, delivery_root=root)
    revealed(world, sale)
    proof = Fault(ChunkIndex(0), plain[0], leaf_hash(plain[0]), (leaf_hash(plain[1]),))
    assert refused(world, sale, proof)[0] == "WrongRoot"


def test_a_proof_for_another_order_is_refused(ether_world: World) -> None:
    """Same chunks, same fault, another key and another order: nothing can be carried over."""
    first, second = (revealed(ether_world, ether_world.sale(nonce=n)) for n in (1, 2))
    assert refused(ether_world, second, first.proof(1), first.key)[0] == "WrongKey"
    assert refused(ether_world, second, first.proof(1), second.key)[0] == "WrongRoot"


def test_contract_and_package_judge_alike(ether_world: World) -> None:
    """Proofs put together at random from true and false parts: what one refuses the other does, for the same reason."""
    world, rng = ether_world, random.Random(5)
    sale = revealed(world, world.sale(chunks=5, faulty=3))
    good, verdicts = [sale.proof(index) for index in range(5)], set()
    for _ in range(60):
        one, two = rng.choice([good[3], rng.choice(good)]), rng.choice(good)
        parts: dict[str, Any] = {"ciphertext": two.ciphertext, "leaf": two.leaf, "path": two.path, "index": two.index}
        proof = replace(one, **{name: parts[name] for name in rng.sample(sorted(parts), rng.choice([0, 1, 2]))})
        offer, key = sale.offer, rng.choice([sale.key, sale.key, sale.key, DeliveryKey(bytes(32))])
        try:
            verify_fault(proof, key, offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
            expected = ""
        except NoFault as error:
            expected = refusal_name(error)
        assert refused(world, sale, proof, key)[0] == expected
        verdicts.add(expected)
    assert verdicts == {"", "WrongKey", "WrongPathLength", "WrongRoot", "ChunkIsHonest"}
