"""What the seller's flooding noise leaves of an exact score (PROTOCOL 4): every query states its bits.

    seen = centred residue of (score + noise) modulo t      noise: uniform over one part in 2^bits of t, for each score

With t = 100 and 2 bits the noise is an integer from -12 to 11, so a score of 30 is seen as 18 to 41. One of 45 may be
seen as -43, because 45 + 11 = 56 wraps around. Scores within 38 of zero, the *usable range*, never wrap around.
Not here: how a query is scaled to that range (`quantise`), and drawing the noise under encryption (`blind`).
"""

from collections.abc import Sequence

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.protocol.errors import InvalidOption, ShapeMismatch

EXACT_BITS = 32
"""Bits at which a score is exact: noise does not change it."""


def noise_bound(plain_modulus: int, bits: int) -> int:
    """Return `w` in score units: the noise is an integer from `-w` to `w - 1`, and none at 32 bits.

    Raises InvalidOption for bits outside 1 ... 32.
    """
    if not 1 <= bits <= EXACT_BITS:
        raise InvalidOption("The bits of a query are out of range", expected=f"1 ... {EXACT_BITS}", found=bits)
    return plain_modulus >> (bits + 1)


def usable_range(plain_modulus: int, bits: int) -> int:
    """Return the largest absolute score, in score units, that no noise can wrap around. Raises as `noise_bound`."""
    return (plain_modulus - 1) // 2 - noise_bound(plain_modulus, bits)


def noise_variance(plain_modulus: int, bits: int) -> float:
    """Return the variance of the noise, in squared score units: about `w^2 / 3`. Raises as `noise_bound`."""
    bound = noise_bound(plain_modulus, bits)
    return ((2 * bound) ** 2 - 1) / 12 if bound else 0.0


def centred(scores: Integers, plain_modulus: int) -> Integers:
    """Return the residues of scores of any shape modulo `t`, within `-t/2` and `t/2`."""
    half = (plain_modulus - 1) // 2
    return np.asarray((scores + half) % plain_modulus - half, dtype=np.int64)


def seen_scores(scores: Integers, bits: Sequence[int], plain_modulus: int, rng: np.random.Generator) -> Integers:
    """Return `m x n` exact integer scores as the buyer of `m` queries of these bits sees them.

    The noise of every record and query is drawn on its own, so equal records are seen with different scores. Raises
    ShapeMismatch where scores and bits differ in number, InvalidOption as `noise_bound`.
    """
    if scores.ndim != 2 or len(scores) != len(bits):
        raise ShapeMismatch("Scores and bits differ in number", expected=len(bits), found=scores.shape)
    seen = np.empty_like(scores, dtype=np.int64)
    for place, (row, each) in enumerate(zip(scores, bits, strict=True)):
        bound = noise_bound(plain_modulus, each)
        noise = rng.integers(-bound, bound, row.size) if bound else 0
        seen[place] = centred(row + noise, plain_modulus)
    return seen


def wrapped_share(scores: Integers, bits: int, plain_modulus: int) -> float:
    """Return the share of exact scores beyond the usable range, which noise may wrap around; 0 of no scores."""
    beyond = np.abs(scores) > usable_range(plain_modulus, bits)
    return float(beyond.mean()) if beyond.size else 0.0


def sign_survival(scores: Integers, bits: int, plain_modulus: int) -> Floats:
    """Return the chance that each of `n` exact scores is seen with its own sign; 0 counts as positive.

    At one bit a score of a quarter of `t` always keeps its sign, one of an eighth does in 3 of 4 draws.
    """
    bound = noise_bound(plain_modulus, bits)
    half = (plain_modulus - 1) // 2
    at = centred(scores, plain_modulus)
    positive = scores >= 0
    if not bound:
        return np.asarray((at >= 0) == positive, dtype=np.float64)
    # Of the 2 w values from `at - w` to `at + w - 1`: those that stay at zero or above, and those that wrap to it.
    low, high = at - bound, at + bound - 1
    above = np.clip(np.minimum(high, plain_modulus - 1 - half) - np.maximum(low, 0) + 1, 0, None)
    wrapped = np.clip(-half - low, 0, None)
    chance = (above + wrapped) / (2 * bound)
    return np.asarray(np.where(positive, chance, 1.0 - chance), dtype=np.float64)
