"""Proofs of many leaves at once: the fewest nodes that lead from them to the root of their tree (PROTOCOL 6.8).

A tree over leaves `low` ... `high - 1` splits at the largest power of two below their number (RFC 9162 section 2.1.1).
A part without a chosen leaf is one node of the proof; a part of chosen leaves alone needs none. The nodes stand in the
order in which a walk from left to right meets them.

Not here: a proof of one leaf (`merkle`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from blindfair.protocol.errors import PathInvalid
from blindfair.protocol.merkle import DIGEST_SIZE, node_hash, root_of
from blindfair.protocol.quantities import Digest, Root


def prove_leaves(chosen: Sequence[int], size: int, node: Callable[[int, int], Digest]) -> bytes:
    """The proof of ascending leaves in a tree of `size`; `node(low, high)` is the root over leaves of the tree.

    Raises `PathInvalid` for no leaves, or leaves outside the tree.
    """
    _check_chosen(chosen, size)
    return b"".join(_proof(chosen, 0, len(chosen), 0, size, node))


def _proof(
    chosen: Sequence[int], start: int, stop: int, low: int, high: int, node: Callable[[int, int], Digest]
) -> Iterator[Digest]:
    if start == stop:
        yield node(low, high)
    elif stop - start < high - low:
        middle = low + _split(high - low)
        half = bisect_left(chosen, middle, start, stop)
        yield from _proof(chosen, start, half, low, middle, node)
        yield from _proof(chosen, half, stop, middle, high, node)


def check_leaves(chosen: Sequence[int], leaves: bytes, size: int, proof: bytes, root: Root) -> None:
    """Check that `leaves`, 32 bytes each, are those at the ascending places `chosen` of the tree of `size` with `root`.

    Raises `PathInvalid`, also for a proof with nodes left over or missing.
    """
    _check_chosen(chosen, size)
    if len(leaves) != DIGEST_SIZE * len(chosen):
        raise PathInvalid(
            "Other leaves are proven than were chosen", expected=f"{len(chosen)} leaves", found=f"{len(leaves)} bytes"
        )
    walk = _Walk(chosen, leaves, proof)
    found = Root(walk.root(0, len(chosen), 0, size))
    if walk.at != len(proof):
        raise PathInvalid("A proof of leaves has nodes left over", found=f"{len(proof) - walk.at} bytes")
    if found != root:
        raise PathInvalid("A proof of leaves does not lead to the root", expected=root.hex(), found=found.hex())


class _Walk:
    def __init__(self, chosen: Sequence[int], leaves: bytes, proof: bytes) -> None:
        self._chosen = chosen
        self._leaves = leaves
        self._proof = proof
        self.at = 0

    def root(self, start: int, stop: int, low: int, high: int) -> Digest:
        if start == stop:
            node = self._proof[self.at : self.at + DIGEST_SIZE]
            if len(node) != DIGEST_SIZE:
                raise PathInvalid("A proof of leaves is cut off", expected=f"{DIGEST_SIZE} bytes more", found=len(node))
            self.at += DIGEST_SIZE
            return Digest(node)
        if stop - start == high - low:
            return Digest(root_of(self._leaves[DIGEST_SIZE * start : DIGEST_SIZE * stop]))
        middle = low + _split(high - low)
        half = bisect_left(self._chosen, middle, start, stop)
        return node_hash(self.root(start, half, low, middle), self.root(half, stop, middle, high))


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return int(2 ** ((size - 1).bit_length() - 1))


def _check_chosen(chosen: Sequence[int], size: int) -> None:
    last = -1
    for index in chosen:
        if not last < index < size:
            raise PathInvalid("Leaves are not ascending, or outside the tree", expected=f"below {size}", found=index)
        last = index
    if last < 0:
        raise PathInvalid("A proof is of no leaf", expected="at least 1", found=0)
