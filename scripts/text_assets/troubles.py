"""Texts that a buyer should not pay for twice, or at all: shuffled words, and copies with a few words changed.

Not here: filled-in forms (`form_texts`).
"""

import numpy as np

CHANGED_SHARE = 0.06
"""Of the words of a near-copy: each is left out, doubled or swapped with the next."""


def shuffled(text: str, draws: np.random.Generator) -> str:
    """The words of a text in another order: what counts words alone takes it for the text."""
    words = text.split()
    return " ".join(words[place] for place in draws.permutation(len(words)))


def nearly_copied(text: str, draws: np.random.Generator) -> str:
    """The text with a few words left out, doubled or swapped; never the text itself."""
    words = text.split()
    copied = list(words)
    count = max(2, round(CHANGED_SHARE * len(words)))
    for place in sorted(draws.choice(len(words) - 1, count, replace=False).tolist(), reverse=True):
        kind = int(draws.integers(3))
        if kind == 0:
            del copied[place]
        elif kind == 1:
            copied.insert(place, copied[place])
        else:
            copied[place : place + 2] = reversed(copied[place : place + 2])
    return " ".join(copied) if copied != words else " ".join(words[:-1])
