"""Trees and paths are those of RFC 9162 section 2.1, for every size, and nothing but the right path is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.errors import InvalidListing, PathInvalid
from blindfair.protocol.merkle import MerkleTree, leaf_hash, node_hash, verify_path
from blindfair.protocol.quantities import Digest, Root
from protocol.vector_files import Case, each, load, outcome


def tree_of(size: int) -> MerkleTree:
    return MerkleTree([leaf_hash(i.to_bytes(4, "big")) for i in range(size)])


def from_hex(texts: list[str]) -> tuple[Digest, ...]:
    return tuple(Digest(bytes.fromhex(text)) for text in texts)


@each("rfc9162/certificate_transparency.json")
def test_published_roots_and_paths(case: Case) -> None:
    tree = MerkleTree([leaf_hash(data) for data in from_hex(case["leaves"])])
    assert tree.root.hex() == case["root"]
    for published in case.get("paths", []):
        assert tree.path(published["index"]) == from_hex(published["path"])


@each("rfc9162/trees.json")
def test_roots_of_all_sizes(case: Case) -> None:
    tree = tree_of(case["size"])
    assert tree.root.hex() == case["root"]
    assert tree.size == case["size"]


@each("rfc9162/paths.json", "ok")
def test_paths_are_those_of_the_recursive_definition(case: Case) -> None:
    assert tree_of(case["size"]).path(case["index"]) == from_hex(case["path"])


@each("rfc9162/paths.json")
def test_only_the_right_path_is_accepted(case: Case) -> None:
    (leaf,), (root,) = from_hex([case["leaf"]]), from_hex([case["root"]])
    outcome(case, lambda: verify_path(leaf, case["index"], case["size"], from_hex(case["path"]), Root(root)))


def test_every_path_of_every_size_leads_to_the_root_and_no_other_place() -> None:
    for size in range(1, 66):
        tree = tree_of(size)
        for index in range(size):
            leaf, path = leaf_hash(index.to_bytes(4, "big")), tree.path(index)
            verify_path(leaf, index, size, path, tree.root)
            for other in {(index + 1) % size, size - 1 - index} - {index}:
                with pytest.raises(PathInvalid):
                    verify_path(leaf, other, size, path, tree.root)


def test_an_inner_node_is_no_leaf() -> None:
    # Without the prefix bytes, the two children of a node would be leaf data with the same hash.
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_tree_has_a_leaf() -> None:
    with pytest.raises(InvalidListing):
        MerkleTree([])


@pytest.mark.parametrize("index", [-1, 3, 100])
def test_a_path_is_of_a_leaf_of_the_tree(index: int) -> None:
    with pytest.raises(IndexError):
        tree_of(3).path(index)


def test_a_hundred_thousand_leaves() -> None:
    tree = tree_of(100_000)
    for index in (0, 65_535, 65_536, 99_999):
        verify_path(leaf_hash(index.to_bytes(4, "big")), index, 100_000, tree.path(index), tree.root)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_any_alteration_of_a_path_is_refused(leaves: list[bytes], data: st.DataObject) -> None:
    tree = MerkleTree([leaf_hash(leaf) for leaf in leaves])
    index = data.draw(st.integers(0, len(leaves) - 1))
    leaf, path = leaf_hash(leaves[index]), list(tree.path(index))
    verify_path(leaf, index, len(leaves), path, tree.root)
    place = data.draw(st.integers(0, len(path)))
    altered = bytearray(b"".join([leaf, *path]))
    altered[32 * place + data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    nodes = [Digest(bytes(altered[i : i + 32])) for i in range(0, len(altered), 32)]
    with pytest.raises(PathInvalid):
        verify_path(nodes[0], index, len(leaves), nodes[1:], tree.root)


@given(st.integers(-5, 70), st.integers(-5, 70), st.lists(st.binary(min_size=32, max_size=32), max_size=8))
def test_random_paths_are_refused(index: int, size: int, path: list[bytes]) -> None:
    with pytest.raises(PathInvalid):
        verify_path(leaf_hash(b"leaf"), index, size, [Digest(node) for node in path], Root(bytes(32)))


def test_the_anchor_of_the_vectors_has_all_small_sizes() -> None:
    assert [len(case["leaves"]) for case in load("rfc9162/certificate_transparency.json")["cases"]] == list(range(1, 9))
    assert [case["size"] for case in load("rfc9162/trees.json")["cases"]] == list(range(1, 66))
