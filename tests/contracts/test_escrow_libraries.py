"""The contract's ChaCha20 and RFC 9162 against published vectors, `cryptography` and the RFC's own loop."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from escrow_world import World
from eth_abi.exceptions import EncodingError
from web3 import Web3
from web3.exceptions import Web3RPCError

from blindfair.chain.abi import decode_output
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.merkle import MerkleTree, leaf_hash
from blindfair.protocol.quantities import Digest
from deep import deep

VECTORS = Path(__file__).parents[1] / "vectors"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return found


class Harness:
    """The libraries as calls."""

    def __init__(self, world: World) -> None:
        self._web3 = world.web3
        self._contract = world.new_contract("LibraryHarness")

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object) -> Any:
            data = self._contract.call(name, *arguments).data
            to = Web3.to_checksum_address(self._contract.address)
            answer = self._web3.eth.call({"to": to, "data": Web3.to_hex(data), "gas": 20_000_000})
            values = decode_output(self._contract.abi, name, bytes(answer))
            return values[0] if len(values) == 1 else values

        return call


@pytest.fixture(scope="module")
def harness(worlds: dict[str, World]) -> Harness:
    return Harness(worlds["ether"])


# --- ChaCha20 --------------------------------------------------------------------------------------------------------


DELIVERABLE = [case for case in cases("rfc8439/chacha20") if case["nonce"].startswith("00000000")]
"""The first nonce word is zero in every delivery, and the library takes no other: 2.3.2, where it is 9, is left out."""


def test_one_case_of_the_rfc_is_of_no_delivery() -> None:
    left_out = [case["name"] for case in cases("rfc8439/chacha20") if case not in DELIVERABLE]
    assert left_out == ["2.3.2 block function"]


@pytest.mark.parametrize("case", DELIVERABLE, ids=lambda case: case["name"])
def test_rfc_8439(harness: Harness, case: dict[str, Any]) -> None:
    """The contract's counter begins at 0: the blocks before the vector's are passed over."""
    before = 64 * case["counter"]
    text = bytes(before) + bytes.fromhex(case["plaintext"])
    found = harness.decrypt(bytes.fromhex(case["key"]), int(case["nonce"], 16), text)
    assert found[before:].hex() == case["ciphertext"]


LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 192, 193, 256, 257, 1024]


@pytest.mark.parametrize("length", [*LENGTHS, 4096])
def test_every_length_decrypts_as_in_the_library(harness: Harness, length: int) -> None:
    for index in (length, 0x01020304, 2**32 - 1 if length % 2 else 2**63 + 5):
        key, text = keccak256(b"key %d %d" % (length, index)), random.Random(length).randbytes(length)
        nonce = bytes(8) + index.to_bytes(8, "big")
        expected = Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(text)
        assert harness.decrypt(key, index, text) == expected


def test_the_counter_goes_on_through_the_longest_chunk(harness: Harness) -> None:
    """256 blocks: the counter's second byte."""
    key, text = keccak256(b"long"), random.Random(7).randbytes(16384 + 128)
    expected = Cipher(algorithms.ChaCha20(key, bytes(8) + (9).to_bytes(8, "big")), None).encryptor().update(text)
    assert harness.decrypt(key, 9, text) == expected


# --- RFC 9162 --------------------------------------------------------------------------------------------------------


def holds(harness: Harness, case: dict[str, Any]) -> bool:
    """As the contract puts the library's parts together."""
    index, size, leaf, root = case["index"], case["size"], bytes.fromhex(case["leaf"]), bytes.fromhex(case["root"])
    path = [bytes.fromhex(node) for node in case["path"]]
    if index >= size:
        return False
    try:
        return bool(harness.climb(leaf, index, size, path) == (len(path), root))
    except EncodingError:
        # No number, or no 32 bytes: this cannot be said to a contract.
        return False


@pytest.mark.deep
def test_rfc_9162_paths(harness: Harness) -> None:
    found = {case["name"]: holds(harness, case) for case in cases("rfc9162/paths")}
    assert found == {case["name"]: case["expect"] == "ok" for case in cases("rfc9162/paths")}
    assert sum(found.values()) > 200 and sum(not each for each in found.values()) > 100


@pytest.mark.parametrize("case", cases("rfc9162/certificate_transparency"), ids=lambda case: case["name"])
def test_certificate_transparency(harness: Harness, case: dict[str, Any]) -> None:
    for found in case.get("paths", []):
        leaf = harness.leafHash(bytes.fromhex(case["leaves"][found["index"]]))
        path = [bytes.fromhex(node) for node in found["path"]]
        assert harness.climb(leaf, found["index"], len(case["leaves"]), path) == (
            len(path),
            bytes.fromhex(case["root"]),
        )
    if len(case["leaves"]) == 1:
        assert harness.leafHash(bytes.fromhex(case["leaves"][0])).hex() == case["root"]


def root_by_rfc(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """RFC 9162 section 2.1.3.2, step by step; None for a path of another length than the tree asks for."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = sha256(b"\x01" + p + r)
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            r = sha256(b"\x01" + r + p)
        fn >>= 1
        sn >>= 1
    return r if sn == 0 else None


@pytest.mark.parametrize("size", [67, *deep(66, 68, 69, 70)])
def test_every_path_of_trees_beyond_those_of_the_vectors(harness: Harness, size: int) -> None:
    """With the paths of the vectors, every place of every tree of 1 to 70 leaves; a damaged path leads elsewhere."""
    leaves = [leaf_hash(b"leaf %d" % i) for i in range(size)]
    tree = MerkleTree(leaves)
    for index, leaf in enumerate(leaves):
        path = list(tree.path(index))
        assert harness.climb(leaf, index, size, path) == (len(path), tree.root)
        path[index % len(path)] = Digest(bytes(32))
        assert harness.climb(leaf, index, size, path)[1] != tree.root


SIZES = [2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1]
SIZES += [random.Random(seed).randrange(2, 2**32) for seed in range(8)]


@pytest.mark.parametrize("size", SIZES)
def test_trees_of_up_to_the_largest_delivery(harness: Harness, size: int) -> None:
    """Places at the edges and anywhere: the length is the only one that the RFC's loop takes, and the root is its."""
    rng = random.Random(size)
    for index in (0, 1, size // 2, size - 2, size - 1, rng.randrange(size), rng.randrange(size)):
        nodes = [rng.randbytes(32) for _ in range(40)]
        leaf = rng.randbytes(32)
        lengths = [n for n in range(40) if root_by_rfc(leaf, index, size, nodes[:n]) is not None]
        path = nodes[: lengths[0]]
        assert harness.climb(leaf, index, size, path) == (*lengths, root_by_rfc(leaf, index, size, path))


def test_hashing_for_which_there_is_no_gas_ends_the_call(harness: Harness) -> None:
    """A hash that failed must not be taken for one that was computed. At no limit of gas is there another answer."""
    path = [keccak256(bytes([i])) for i in range(12)]
    leaf = keccak256(b"leaf")
    expected = root_by_rfc(leaf, 1234, 4000, path)
    contract, to = harness._contract, Web3.to_checksum_address(harness._contract.address)
    data = Web3.to_hex(contract.call("climb", leaf, 1234, 4000, path).data)
    answers: set[bytes] = set()
    for gas in range(28_000, 40_000, 197):
        try:
            answers.add(bytes(harness._web3.eth.call({"to": to, "data": data, "gas": gas}))[32:])
        except Web3RPCError:
            answers.add(b"refused")
    assert answers == {expected, b"refused"}
