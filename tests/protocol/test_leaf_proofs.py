"""Proofs of many leaves are the fewest nodes, and only the right ones lead to the root (PROTOCOL 6.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import InvalidListing, PathInvalid
from blindfair.protocol.leaf_proofs import check_leaves, prove_leaves
from blindfair.protocol.merkle import MerkleTree, SegmentedTree, leaf_hash, root_of
from blindfair.protocol.quantities import Root
from protocol.vector_files import Case, each, outcome


def leaves_of(size: int) -> bytes:
    return b"".join(leaf_hash(i.to_bytes(4, "big")) for i in range(size))


def segmented(size: int, bits: int) -> SegmentedTree:
    leaves, width = leaves_of(size), 32 * 2**bits
    roots = b"".join(root_of(leaves[start : start + width]) for start in range(0, len(leaves), width))
    return SegmentedTree(roots, size, bits, lambda number: leaves[number * width : (number + 1) * width])


@each("deliveries/leaf_proofs.json", "ok")
def test_a_proof_has_the_fewest_nodes(case: Case) -> None:
    tree = MerkleTree.of_bytes(leaves_of(case["size"]))
    assert prove_leaves(case["chosen"], case["size"], tree.node).hex() == case["proof"]
    assert prove_leaves(case["chosen"], case["size"], segmented(case["size"], 3).node).hex() == case["proof"]


@each("deliveries/leaf_proofs.json")
def test_only_the_right_leaves_and_nodes_are_accepted(case: Case) -> None:
    leaves, proof, root = (bytes.fromhex(case[name]) for name in ("leaves", "proof", "root"))
    outcome(case, lambda: check_leaves(case["chosen"], leaves, case["size"], proof, Root(root)))


@given(st.integers(1, 70), st.data())
def test_any_leaves_of_any_tree_are_proven_and_one_is_its_path(size: int, data: st.DataObject) -> None:
    chosen = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    leaves, tree = leaves_of(size), MerkleTree.of_bytes(leaves_of(size))
    proof = prove_leaves(chosen, size, tree.node)
    some = b"".join(leaves[32 * i : 32 * i + 32] for i in chosen)
    check_leaves(chosen, some, size, proof, tree.root)
    if len(chosen) == 1:
        assert sorted(proof[i : i + 32] for i in range(0, len(proof), 32)) == sorted(tree.path(chosen[0]))


@pytest.mark.parametrize("bits", [0, 1, 3, 12])
def test_a_tree_in_segments_is_the_same_tree(bits: int) -> None:
    for size in (1, 2, 7, 8, 9, 31, 65):
        whole, tree = MerkleTree.of_bytes(leaves_of(size)), segmented(size, bits)
        assert (tree.root, tree.size) == (whole.root, size)
        assert all(tree.path(index) == whole.path(index) for index in range(size))
        with pytest.raises(IndexError):
            tree.path(size)


def test_a_tree_in_segments_has_the_roots_of_all_of_them() -> None:
    with pytest.raises(InvalidListing):
        SegmentedTree(bytes(64), 3, 2, lambda _: b"")
    with pytest.raises(InvalidListing):
        SegmentedTree(b"", 0, 2, lambda _: b"")
    for leaves in (b"", bytes(33)):
        with pytest.raises(InvalidListing):
            MerkleTree.of_bytes(leaves)
        with pytest.raises(InvalidListing):
            root_of(leaves)


def test_no_leaf_is_proven() -> None:
    with pytest.raises(PathInvalid):
        prove_leaves([], 4, MerkleTree.of_bytes(leaves_of(4)).node)
