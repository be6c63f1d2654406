"""Texts made of pieces of a buyer's own: alike in kind, and none of them is one that the buyer has."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

LEAST_WORDS = 4
"""Words of a piece: fewer say little, and a language model predicts nothing from one token."""


def pieces(text: str, count: int) -> list[str]:
    """At most `count` pieces of nearly equal numbers of words, one after another; none where the text is too short.

    >>> pieces("one two three four five six seven eight nine", 4)
    ['one two three four five', 'six seven eight nine']
    >>> pieces("one two three four five", 4)
    []
    """
    words = text.split()
    count = min(count, len(words) // LEAST_WORDS)
    ends = [-(-len(words) * number // count) for number in range(count + 1)] if count > 1 else []
    return [" ".join(words[start:end]) for start, end in pairwise(ends)]


def recombined(texts: Sequence[str], count: int, parts: int, rng: np.random.Generator) -> list[str]:
    """`count` texts, each of one piece from each of `parts` texts; none where fewer texts are long enough.

    >>> own = ["a b c d e f g h", "i j k l m n o p"]
    >>> sorted(len(made.split()) for made in recombined(own, 3, 2, np.random.default_rng(0)))
    [8, 8, 8]
    """
    cut = [found for text in texts if (found := pieces(text, parts))]
    if len(cut) < parts:
        return []
    drawn = [[cut[place] for place in rng.permutation(len(cut))[:parts]] for _ in range(count)]
    return [" ".join(found[rng.integers(len(found))] for found in each) for each in drawn]
