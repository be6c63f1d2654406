"""How one ciphertext becomes one for each coordinate, as plain numbers: the tree, its keys, its noise.

A query's entries lie in the coefficients of one polynomial. Level `i` of a binary tree splits every ciphertext in two
by an automorphism `x -> x^g` with g = 1 + N/2^i modulo 2N/2^i, which turns the sign of the odd multiples of 2^i: the
sum of the two holds the even ones, twice, the difference, times x^(-2^i), the odd ones (Angel, Chen, Laine, Setty, "PIR
with compressed queries and amortized query processing", 2018, section 3.3). A leaf holds one entry, 2^depth times.

The square of an automorphism of level `i` is one of level `i - 1`. So a few keys do for all levels: a level without a
key of its own applies the next deeper one several times, which costs time and noise, and saves the upload of a key.
Not here: doing it (`expand.py`).
"""

from functools import cache

LARGEST_PIECE = 512
"""Entries of a query in one ciphertext, at most; a longer query comes in several."""

_KEY_STEPS = (1, 2, 4)
"""Levels that have a key, counted from the deepest. The deeper a level the more ciphertexts it has, so the more a key
of its own saves: at depth 9 these three keys take 704 automorphisms where nine would take 511."""


def depth(k: int) -> int:
    """Levels of the tree for queries of `k` coordinates, at least 1."""
    return max(1, (min(k, LARGEST_PIECE) - 1).bit_length())


def pieces(k: int) -> int:
    """Ciphertexts in which a query of `k` coordinates comes."""
    return -(-k // (1 << depth(k)))


def key_levels(levels: int) -> tuple[int, ...]:
    """The levels that have a key, deepest first, for a tree of that depth."""
    return tuple(levels - step for step in _KEY_STEPS if step <= levels)


def key_level(levels: int, level: int) -> int:
    """The level whose key serves `level`: the nearest one that is not shallower."""
    return min(each for each in key_levels(levels) if each >= level)


def applications(levels: int, level: int) -> int:
    """How often a level applies its key's automorphism."""
    return 1 << (key_level(levels, level) - level)


def galois_element(ring_degree: int, level: int) -> int:
    """`g` of the automorphism whose key a level has."""
    return (ring_degree >> level) + 1


@cache
def automorphisms(k: int) -> int:
    """Automorphisms, so key switches, that the expansion of a query of `k` coordinates takes."""
    levels = depth(k)
    return sum(
        applications(levels, level) * min(1 << level, min(k - start, 1 << levels))
        for start in range(0, k, 1 << levels)
        for level in range(levels)
    )


def leaf_noise(levels: int, fresh: int, switching: int) -> int:
    """The largest noise of a leaf: each level adds a ciphertext to its image, whose noise grew by every key switch."""
    noise = fresh
    for level in range(levels):
        noise = 2 * noise + applications(levels, level) * switching
    return noise
