"""Pieces of a buyer's own texts: more gradient rows of the same kind than there are texts."""

from itertools import pairwise

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
