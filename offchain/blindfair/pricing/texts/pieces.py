"""Texts made of pieces of a buyer's own: alike in kind, and none of them is one that the buyer has.

Pieces are short, and drawn anew each time: whoever knows a text could compute the row of a piece that is always cut
alike, and see it among the directions.
"""

import re
from collections.abc import Sequence

import numpy as np

LONG_PIECES, SHORT_PIECES = (4, 8), (2, 3)
"""Words of a piece, least and most: long ones say more, and short ones tell less of whose they are. A piece is half of
a shorter text at most."""

MADE_WORDS = 1024
"""Words of a made text at most: no model reads more of it."""

UNSPACED = 12
"""Characters of a word in the mean beyond which a text is one of a script without blanks, and two are a word of it."""


def recombined(
    texts: Sequence[str], count: int, rng: np.random.Generator, sizes: tuple[int, int] = LONG_PIECES
) -> list[str]:
    """`count` texts of pieces of `texts`, each about as long as those are in the mean; none where all are empty.

    `sizes` are the least and the most words of a piece.

    >>> own = ["a b c d e f g h", "i j k l m n o p"]
    >>> [len(made.split()) for made in recombined(own, 3, np.random.default_rng(0))]
    [8, 8, 8]
    """
    cut = [words for text in texts if (words := _words(text))]
    if not cut:
        return []
    length = min(MADE_WORDS, round(sum(map(len, cut)) / len(cut)))
    return [_made(cut, length, sizes, rng) for _ in range(count)]


def _words(text: str) -> list[str]:
    """Words with the blanks that follow them."""
    words = re.findall(r"\S+\s*", text)
    return words if len(text) <= UNSPACED * len(words) else re.findall(r"\S{1,2}\s*", text)


def _made(cut: Sequence[Sequence[str]], length: int, sizes: tuple[int, int], rng: np.random.Generator) -> str:
    """So many words, in pieces from texts that are drawn evenly, none from the same as the one before it."""
    found: list[str] = []
    place = int(rng.integers(len(cut)))
    while length > 0:
        place = (place + 1 + int(rng.integers(max(1, len(cut) - 1)))) % len(cut)
        words = cut[place]
        size = min(int(rng.integers(sizes[0], sizes[1] + 1)), -(-len(words) // 2), length)
        start = int(rng.integers(len(words) - size + 1))
        found.append("".join(words[start : start + size]).strip())
        length -= size
    return " ".join(found)
