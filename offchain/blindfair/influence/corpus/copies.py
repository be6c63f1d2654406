"""Copies among texts: the same text but for case and blanks, and texts that share most of their runs of words.

    texts --copies_of_texts-->       every text that equals an earlier one after normalisation, and that one
    texts --near_copies_of_texts-->  pairs of different texts whose runs of five words are mostly the same

The first are one record for a model, and are grouped. The second are only reported: a new edition may be worth its
price. Near copies are found by the smallest hashes of a text's runs of words (Broder 1997), so a pair may be missed.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b

NEAR = 0.7
"""From this share of common runs of words on, two texts are near copies."""

_RUN = 5
_SKETCH = 64
_COMMON = 200
"""A run of words that more texts than this have in common is a template's, and brings no pair together by itself."""

_BLANKS = re.compile(r"\s+")


def normalised(text: str) -> str:
    """Return a text without differences of case, blanks and Unicode form.

    >>> normalised("  The\\n same ") == normalised("the Same")
    True
    """
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def copies_of_texts(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Every text that is the same as an earlier one after normalisation, with the first that is."""
    first: dict[str, int] = {}
    both = ((number, first.setdefault(normalised(text), number)) for number, text in enumerate(texts))
    return [(number, earlier) for number, earlier in both if earlier < number]


def near_copies_of_texts(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of texts, the earlier first, that differ and share at least `NEAR` of their runs of five words."""
    found, seen = [], set[str]()
    sketches: list[frozenset[int]] = []
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        plain = normalised(text)
        # A copy is told of as one, and would be near to all that its first one is near to.
        sketch = _sketch(plain) if plain not in seen else frozenset()
        seen.add(plain)
        shared: defaultdict[int, int] = defaultdict(int)
        for run in sketch:
            if len(holders[run]) < _COMMON:
                for other in holders[run]:
                    shared[other] += 1
                holders[run].append(number)
        for other, count in sorted(shared.items()):
            # A cheap bound first: the sketch of the union holds at most what both sketches hold.
            if (
                2 * count >= NEAR * min(len(sketch), len(sketches[other]))
                and _likeness(sketches[other], sketch) >= NEAR
            ):
                found.append((other, number))
        sketches.append(sketch)
    return found


def _sketch(plain: str) -> frozenset[int]:
    words = plain.split()
    runs = {" ".join(words[start : start + _RUN]) for start in range(max(1, len(words) - _RUN + 1))}
    hashes = sorted(int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs)
    return frozenset(hashes[:_SKETCH])


def _likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of common runs, estimated from the smallest hashes of the union."""
    union = sorted(one | other)[:_SKETCH]
    return sum(run in one and run in other for run in union) / len(union)
