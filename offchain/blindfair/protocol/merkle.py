"""Merkle trees as in RFC 9162 section 2.1: SHA-256, leaf prefix 00, node prefix 01, any number of leaves from one.

Not here: what the leaves are; listings, deliveries and rows each say so themselves.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

from blindfair.protocol.errors import InvalidListing, PathInvalid
from blindfair.protocol.quantities import Digest, Root

DIGEST_SIZE = 32


def leaf_hash(data: bytes) -> Digest:
    """`H(00 || data)` (RFC 9162 section 2.1.1)."""
    return Digest(hashlib.sha256(b"\x00" + data).digest())


def node_hash(left: Digest, right: Digest) -> Digest:
    """`H(01 || left || right)` (RFC 9162 section 2.1.1)."""
    return Digest(hashlib.sha256(b"\x01" + left + right).digest())


class MerkleTree:
    """A tree over leaf hashes, all levels kept, so that a path costs no hashing.

    Built in pairs from the leaves up, a last node without partner rising unchanged: the same tree as the RFC's
    recursive definition, which splits at the largest power of two below the size. It takes 64 bytes a leaf.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Sequence[Digest]) -> None:
        """Raises `InvalidListing` without leaves: PROTOCOL 1 knows no empty tree."""
        self._levels = _levels_of(b"".join(leaf_hashes))

    @classmethod
    def of_bytes(cls, leaf_hashes: bytes) -> "MerkleTree":
        """The tree over leaf hashes that stand one after the other in one byte string. Raises `InvalidListing`."""
        tree = cls.__new__(cls)
        tree._levels = _levels_of(leaf_hashes)
        return tree

    @property
    def root(self) -> Root:
        """The Merkle Tree Hash of all leaves."""
        return Root(self._levels[-1])

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) // DIGEST_SIZE

    def path(self, index: int) -> tuple[Digest, ...]:
        """The audit path of one leaf, from leaf to root (RFC 9162 section 2.1.3.1). Raises `IndexError`."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        path = []
        for level in self._levels[:-1]:
            start = (index ^ 1) * DIGEST_SIZE
            if start < len(level):
                path.append(Digest(level[start : start + DIGEST_SIZE]))
            index >>= 1
        return tuple(path)

    def node(self, low: int, high: int) -> Digest:
        """The root over leaves `low` ... `high - 1`, which must be a part of the tree (RFC 9162 section 2.1.1)."""
        level, width = 0, high - low
        while width > 1 and width & 1 == 0 and low & 1 == 0:
            low, width, level = low >> 1, width >> 1, level + 1
        if width == 1:
            return Digest(self._levels[level][DIGEST_SIZE * low : DIGEST_SIZE * (low + 1)])
        return Digest(root_of(self._levels[level][DIGEST_SIZE * low : DIGEST_SIZE * (low + width)]))


def root_of(leaf_hashes: bytes) -> Root:
    """The root over leaf hashes that stand one after the other; one level at a time is kept. Raises `InvalidListing`.

    Of an aligned subtree, it is the node that the whole tree has there.
    """
    level = leaf_hashes
    _check_leaves(level)
    while len(level) > DIGEST_SIZE:
        level = _level_above(level)
    return Root(level)


class SegmentedTree:
    """The same tree, of leaves that are not kept in memory: aligned subtrees of `2^bits` leaves, and a tree of their
    roots, which is the upper part of the whole tree. A path costs the hashing of one subtree.
    """

    def __init__(self, roots: bytes, size: int, bits: int, leaves: Callable[[int], bytes]) -> None:
        """`roots` are those of the subtrees; `leaves(s)` gives the leaf hashes of subtree `s`, `size` is of all leaves.

        Raises `InvalidListing` for another number of roots.
        """
        if size < 1 or len(roots) != DIGEST_SIZE * -(-size // 2**bits):
            raise InvalidListing(
                "A tree has another number of subtrees", expected=-(-size // 2**bits), found=len(roots) // DIGEST_SIZE
            )
        self._upper = MerkleTree.of_bytes(roots)
        self._bits = bits
        self._leaves = leaves
        self._latest: tuple[int, MerkleTree] | None = None
        self.size = size
        """The number of leaves."""

    @property
    def root(self) -> Root:
        """The Merkle Tree Hash of all leaves."""
        return self._upper.root

    def path(self, index: int) -> tuple[Digest, ...]:
        """The audit path of one leaf, as of `MerkleTree`. Raises `IndexError`."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        number = index >> self._bits
        return self._lower(number).path(index & (2**self._bits - 1)) + self._upper.path(number)

    def node(self, low: int, high: int) -> Digest:
        """The root over leaves `low` ... `high - 1`, as of `MerkleTree`."""
        number, width = low >> self._bits, 2**self._bits
        if high <= (number + 1) * width:
            return self._lower(number).node(low - number * width, high - number * width)
        return self._upper.node(number, -(-high // width))

    def _lower(self, number: int) -> MerkleTree:
        if self._latest is None or self._latest[0] != number:
            self._latest = number, MerkleTree.of_bytes(self._leaves(number))
        return self._latest[1]


Tree: TypeAlias = MerkleTree | SegmentedTree
"""A tree that gives its root and its paths."""


def _levels_of(leaf_hashes: bytes) -> list[bytes]:
    _check_leaves(leaf_hashes)
    levels = [leaf_hashes]
    while len(levels[-1]) > DIGEST_SIZE:
        levels.append(_level_above(levels[-1]))
    return levels


def _check_leaves(leaf_hashes: bytes) -> None:
    if not leaf_hashes or len(leaf_hashes) % DIGEST_SIZE:
        raise InvalidListing(
            "A tree needs a leaf, and whole ones", expected="32 bytes each, at least 1", found=len(leaf_hashes)
        )


def _level_above(level: bytes) -> bytes:
    pair, sha256 = 2 * DIGEST_SIZE, hashlib.sha256
    paired = len(level) - len(level) % pair
    above = [sha256(b"\x01" + level[start : start + pair]).digest() for start in range(0, paired, pair)]
    # A last node without partner rises unchanged.
    return b"".join([*above, level[paired:]])


def verify_path(leaf: Digest, index: int, size: int, path: Sequence[Digest], root: Root) -> None:
    """Check that `path` leads from the leaf hash at `index` to `root` in a tree of `size` leaves, as RFC 9162 section
    2.1.3.2 does, its final check included: a path that is too short or too long is refused.

    Raises `PathInvalid`.
    """
    found = root_of_path(leaf, index, size, path)
    if found != root:
        raise PathInvalid("A path does not lead to the root", expected=root.hex(), found=found.hex())


def root_of_path(leaf: Digest, index: int, size: int, path: Sequence[Digest]) -> Root:
    """Where `path` leads from the leaf hash at `index` in a tree of `size` leaves (RFC 9162 section 2.1.3.2).

    Raises `PathInvalid` for a leaf outside the tree and for a path that is not as long as this leaf's is.
    """
    if not 0 <= index < size:
        raise PathInvalid("A path is of a leaf outside the tree", expected=f"0 ... {size - 1}", found=index)
    fn, sn = index, size - 1
    node = leaf
    for sibling in path:
        if sn == 0:
            raise PathInvalid("A path is too long for its tree", found=f"{len(path)} digests in {size} leaves")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            node = node_hash(node, sibling)
        fn >>= 1
        sn >>= 1
    if sn != 0:
        raise PathInvalid("A path is too short for its tree", found=f"{len(path)} digests in {size} leaves")
    return Root(node)
