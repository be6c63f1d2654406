"""The committed part of a score's noise, drawn from what the seller committed to before it was asked (PROTOCOL 4.6).

A record's first chunk begins with a salt that nobody but the seller knows, and that the listing's root commits to. The
salt and the request decide in which of 16 equal parts of its range the noise lies. The seller cannot choose the part,
because the request comes after the commitment, and the buyer cannot, because it does not know the salt. Whoever sees
the record sees the salt, and can hold its score against the record. Where in its part the noise lies stays secret for
good: what is seen of one record must not lift the noise off others that a hostile ciphertext put into the same score.
Not here: how wide the noise is, and what it adds to a score (package `blind`).
"""

import hmac
from collections.abc import Sequence

from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.hashing import u64
from blindfair.protocol.quantities import Digest, Salt

COMMITTED_BITS = 4
"""Bits of the noise of a score that follow from the commitment, at most: 16 parts of its range."""


def noise_draw(salts: Sequence[Salt], request_digest: Digest, unit: int, query: int) -> int:
    """The part of its range in which the noise of one score lies, 0 ... 15 (PROTOCOL 4.6).

    The first four bits of `HMAC-SHA256(salts, "noise" || request digest || u64(unit) || u64(query))`. `salts` are those
    of the first chunk of each record of the unit, one after the other. Raises `ShapeMismatch` without any.

    >>> 0 <= noise_draw([Salt(bytes(16))], Digest(bytes(32)), unit=0, query=0) <= 15
    True
    """
    if not salts:
        raise ShapeMismatch("The noise of a score has no salt", expected="one a record", found=0)
    message = b"noise" + request_digest + u64(unit) + u64(query)
    return hmac.digest(b"".join(salts), message, "sha256")[0] >> (8 - COMMITTED_BITS)


def noise_middle(draw: int, width: int, committed: int = COMMITTED_BITS) -> int:
    """The middle of the part in which noise lies that is uniform in `-2^(width - 1) ... 2^(width - 1) - 1`.

    `draw` is of `COMMITTED_BITS` bits, of which the first `committed` count; the noise lies at most
    `2^(width - committed - 1)` from the middle. Raises `ShapeMismatch` for values out of range.

    >>> [noise_middle(draw, 8) for draw in (0, 7, 8, 15)]
    [-120, -8, 8, 120]
    >>> noise_middle(15, 8, committed=0)
    0
    """
    if not (0 <= draw < 1 << COMMITTED_BITS and 0 <= committed <= COMMITTED_BITS < width):
        raise ShapeMismatch(
            "A part of noise is out of range",
            expected=f"a draw of {COMMITTED_BITS} bits, of which up to all count, and wider noise",
            found=f"draw {draw}, {committed} bits, width {width}",
        )
    part = draw >> (COMMITTED_BITS - committed)
    size = 1 << (width - committed)
    return part * size + size // 2 - (1 << (width - 1))
