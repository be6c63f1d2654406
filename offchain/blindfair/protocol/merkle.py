"""Merkle trees as in RFC 9162 section 2.1: SHA-256, leaf prefix 00, node prefix 01, any number of leaves from one.

Not here: what the leaves are; listings, deliveries and rows each say so themselves.
"""

import hashlib
from collections.abc import Sequence

from blindfair.protocol.errors import InvalidListing, PathInvalid
from blindfair.protocol.quantities import Digest, Root


def leaf_hash(data: bytes) -> Digest:
    """`H(00 || data)` (RFC 9162 section 2.1.1)."""
    return Digest(hashlib.sha256(b"\x00" + data).digest())


def node_hash(left: Digest, right: Digest) -> Digest:
    """`H(01 || left || right)` (RFC 9162 section 2.1.1)."""
    return Digest(hashlib.sha256(b"\x01" + left + right).digest())


class MerkleTree:
    """A tree over leaf hashes, all levels kept, so that a path costs no hashing.

    Built in pairs from the leaves up, a last node without partner rising unchanged: the same tree as the RFC's
    recursive definition, which splits at the largest power of two below the size.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Sequence[Digest]) -> None:
        """Raises `InvalidListing` without leaves: PROTOCOL 1 knows no empty tree."""
        if not leaf_hashes:
            raise InvalidListing("A tree needs a leaf", expected="at least 1 leaf", found=0)
        level = list(leaf_hashes)
        self._levels = [level]
        while len(level) > 1:
            above = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            if len(level) % 2:
                above.append(level[-1])
            level = above
            self._levels.append(level)

    @property
    def root(self) -> Root:
        """The Merkle Tree Hash of all leaves."""
        return Root(self._levels[-1][0])

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def path(self, index: int) -> tuple[Digest, ...]:
        """The audit path of one leaf, from leaf to root (RFC 9162 section 2.1.3.1). Raises `IndexError`."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)


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
