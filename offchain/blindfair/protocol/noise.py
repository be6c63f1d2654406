"""The noise of every score, drawn from what the seller committed to before it was asked (PROTOCOL 4.6).

A record's first chunk begins with a salt that nobody but the seller knows, and that the listing's root commits to. The
salt and the request decide the noise: the seller cannot choose it, because the request comes after the commitment, and
the buyer cannot, because it does not know the salt. Whoever sees the record sees the salt, and can recompute the noise
of its scores exactly. Not here: how wide the noise is, and what it adds to a score (package `blind`).
"""

import hmac
from collections.abc import Sequence

from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.hashing import u64
from blindfair.protocol.quantities import Digest, Salt

DRAW_SIZE = 16
"""Bytes of one draw."""

DRAW_BITS = 8 * DRAW_SIZE


def noise_draw(salts: Sequence[Salt], request_digest: Digest, unit: int, query: int) -> int:
    """The 128 bits that decide the noise of one score, as an integer (PROTOCOL 4.6).

    `HMAC-SHA256(salts, "noise" || request digest || u64(unit) || u64(query))[:16]`, big-endian. `salts` are those of
    the first chunk of each record of the unit, one after the other. Raises `ShapeMismatch` without any.

    >>> noise_draw([Salt(bytes(16))], Digest(bytes(32)), unit=0, query=0).bit_length() <= 128
    True
    """
    if not salts:
        raise ShapeMismatch("The noise of a score has no salt", expected="one a record", found=0)
    message = b"noise" + request_digest + u64(unit) + u64(query)
    return int.from_bytes(hmac.digest(b"".join(salts), message, "sha256")[:DRAW_SIZE], "big")


def noise_of(draw: int, width: int) -> int:
    """The noise, uniform in `-2^(width - 1) ... 2^(width - 1) - 1`: the lower `width` bits of a draw, less half of
    their range (PROTOCOL 4.6). Raises `ShapeMismatch` for a width outside 1 ... 128.

    >>> noise_of(0, 3), noise_of(7, 3), noise_of(8, 3)
    (-4, 3, -4)
    """
    if not 1 <= width <= DRAW_BITS:
        raise ShapeMismatch("Noise has another width than a draw has bits", expected=f"1 ... {DRAW_BITS}", found=width)
    return draw % (1 << width) - (1 << (width - 1))
