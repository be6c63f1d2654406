"""Whether opened texts repeat one another, or the buyer's own: one form filled in anew, or copies with small changes.

Scores do not show this: a form may be written like the buyer's own texts. Two texts are alike if of the pairs of
neighbouring words in either, two fifths are in both. Of the demo's texts, passages of different documents share a tenth
at most, and fillings of one form six tenths at least. Not here: copies that a seller finds (`influence.corpus`).
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from blindfair.influence.corpus.copies import normalised
from blindfair.protocol.errors import DuplicatesOpened

ALIKE = 0.4
"""The share of common pairs of words from which on two texts are alike."""

MAX_SHARE = 0.5
"""The share of opened texts that may be like another before the buyer refuses to pay; a third of the demo's are."""

_FEW = 3
"""Fewer texts than this are told of, and refuse nothing."""

_WORD = re.compile(r"[^\W\d_]+")


def repeated_texts(texts: Sequence[str], own: Sequence[str] = ()) -> list[int]:
    """Return the places of texts that are like another one of them, or like one of the buyer's own; ascending.

    >>> repeated_texts(["Dear Ann, you owe us 5 dollars.", "Call me Ishmael.", "Dear Bob, you owe us 90 dollars."])
    [0, 2]
    """
    pairs = [_pairs(text) for text in texts]
    known = [_pairs(text) for text in own]
    return [
        place
        for place, mine in enumerate(pairs)
        if any(_alike(mine, other) for number, other in enumerate(pairs) if number != place)
        or any(_alike(mine, other) for other in known)
    ]


def check_repetition(texts: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """Return warnings about texts that repeat others. Raises DuplicatesOpened for more than `MAX_SHARE` of them."""
    repeated = repeated_texts(texts, own)
    if not repeated:
        return ()
    told = f"{len(repeated):,} of {len(texts):,} opened texts repeat another one or the buyer's own"
    if len(repeated) >= _FEW and len(repeated) > MAX_SHARE * len(texts):
        raise DuplicatesOpened(
            told,
            expected=f"at most {MAX_SHARE:.0%} that share many pairs of words with another text",
            found=f"{len(repeated) / len(texts):.0%}",
            hint="buy of another listing: a model learns little from one form that is filled in again and again",
        )
    return (f"{told}: a model learns little from them",)


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    words = _WORD.findall(normalised(text))
    # A text of one word has no pair, and is compared by the word.
    return frozenset(pairwise(words)) or frozenset((word, word) for word in words)


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    common = len(one & other)
    return bool(common) and common >= ALIKE * (len(one) + len(other) - common)
