"""The draw: which records of a selection are opened, settled by both parties' randomness (PROTOCOL 5.2), and how surely
a number of rows catches a cheat (PROTOCOL 5.5).

Not here: the check of what was opened (`audit`).
"""

import math
from collections.abc import Iterator, Sequence

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.hashing import digest_of_records, sha256, tagged, u64
from blindfair.protocol.quantities import Digest, RecordIndex
from blindfair.protocol.selection import check_selection

_WORD = 2**64


def commit_buyer_randomness(randomness: bytes) -> Digest:
    """`D("rB", r_B)`, sent with the request (PROTOCOL 4.1)."""
    return tagged("rB", randomness)


def commit_seller_randomness(randomness: bytes) -> Digest:
    """`D("rS", r_S)`, sent with the reply (PROTOCOL 4.3)."""
    return tagged("rS", randomness)


def draw(
    buyer_randomness: bytes,
    seller_randomness: bytes,
    evaluation: Digest,
    selection: Sequence[RecordIndex],
    t: int,
) -> tuple[RecordIndex, ...]:
    """`t` distinct members of the selection, ascending; all of them if `t` is its size or more (PROTOCOL 5.2).

    `r_B` and `r_S` are 32 bytes each. Raises `MalformedMessage` for a selection that is empty or not ascending.
    """
    check_selection(selection, _WORD)
    if t >= len(selection):
        return tuple(selection)
    seed = tagged("audit", buyer_randomness + seller_randomness + evaluation + digest_of_records(selection))
    places: set[int] = set()
    words = _words(seed)
    # The largest multiple of n that a word can lie below: beyond it some places would come up more often than others.
    bound = len(selection) * (_WORD // len(selection))
    while len(places) < t:
        word = next(words)
        if word < bound:
            places.add(word % len(selection))
    return tuple(selection[place] for place in sorted(places))


def pass_probability(f: float, t: int, n: int) -> float:
    """The chance that an audit of `t` of `n` selected records opens none of the share `f` that is faked.

    Exact for a draw without replacement (hypergeometric), with the faked records rounded up to a whole number; at most
    `(1 - f)^t` (PROTOCOL 5.5). Raises `InvalidOption` for a share outside 0 ... 1, a negative `t` or `n` below 1.
    """
    if not 0 <= f <= 1 or t < 0 or n < 1:
        raise InvalidOption("An audit is of a share of at least one record", expected="0 <= f <= 1, t >= 0, n >= 1")
    # Rounding before the ceiling, because 0.07 * 100 is 7.000000000000001 in floating point.
    faked = math.ceil(round(f * n, 9))
    honest = n - faked
    chance = 1.0
    for opened in range(min(t, n)):
        chance *= max(honest - opened, 0) / (n - opened)
    return chance


def catch_probability(f: float, t: int, n: int) -> float:
    """The chance that the audit opens at least one faked record: `1 - pass_probability`."""
    return 1.0 - pass_probability(f, t, n)


def rows_to_audit(confidence: float, share: float) -> int:
    """The least `t` with `(1 - share)^t <= 1 - confidence`, whatever the selection's size: 59 for 0.95 and 0.05.

    Raises `InvalidOption` unless both lie between 0 and 1, ends excluded.
    """
    if not 0 < confidence < 1 or not 0 < share < 1:
        raise InvalidOption("Confidence and share lie between 0 and 1", found=f"{confidence} and {share}")
    return math.ceil(round(math.log1p(-confidence) / math.log1p(-share), 9))


def _words(seed: Digest) -> Iterator[int]:
    counter = 0
    while True:
        block = sha256(seed + u64(counter))
        for start in range(0, 32, 8):
            yield int.from_bytes(block[start : start + 8], "big")
        counter += 1
