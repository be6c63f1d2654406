"""Whether opened texts repeat one another, or the buyer's own: one form filled in anew, or copies with small changes.

Scores do not show this: a form may be written like the buyer's own texts. A listing names its near-duplicates, and a
buyer wants none of them; opened texts show whether all were named. Not here: when texts are alike (`influence.corpus`).
"""

from collections.abc import Sequence
from itertools import combinations

from blindfair.influence.corpus.near_duplicates import RUNS, Pairs, PairsOfWords, alike
from blindfair.protocol.errors import DuplicatesOpened

UNNAMED_SHARE = 0.05
"""The share of opened texts that may be like another, unnamed: a seller's search may miss a few."""

OWN_SHARE = 0.5
"""The share of opened texts that may be like one of the buyer's own before it refuses to pay."""

MIN_REPEATED = 3
"""Fewer texts than this are told of, and refuse nothing."""


def repeated_texts(texts: Sequence[str]) -> list[int]:
    """Return the places of texts that are like another one of them; ascending.

    >>> repeated_texts(["Dear Ann, you owe us 5 dollars.", "Call me Ishmael.", "Dear Bob, you owe us 90 dollars."])
    [0, 2]
    """
    words = PairsOfWords()
    return _like_another([words.of(text) for text in texts])


def check_repetition(texts: Sequence[str], own: Sequence[str], runs: int = RUNS) -> tuple[str, ...]:
    """Return warnings about opened texts, of which the listing names none as a near-duplicate, that repeat others.

    The first `runs` runs of each are compared (`PairsOfWords`).

    Raises DuplicatesOpened where more are like one another than a seller can have missed, or more than half like the
    buyer's own.
    """
    words = PairsOfWords(runs)
    pairs, known = [words.of(text) for text in texts], [words.of(text) for text in own]
    unnamed = len(_like_another(pairs))
    like_own = sum(any(alike(mine, other) for other in known) for mine in pairs)
    return (
        *_judged(
            unnamed,
            len(texts),
            "repeat one another, and the listing does not name them as near-duplicates",
            UNNAMED_SHARE,
            "buy of another seller: this one offers one form that is filled in again and again as different texts",
        ),
        *_judged(
            like_own,
            len(texts),
            "repeat the buyer's own",
            OWN_SHARE,
            "buy of another listing: a model learns little from texts that it has learned from",
        ),
    )


def _judged(found: int, opened: int, what: str, share: float, hint: str) -> tuple[str, ...]:
    if not found:
        return ()
    told = f"{found:,} of {opened:,} opened texts {what}"
    if found >= MIN_REPEATED and found > share * opened:
        raise DuplicatesOpened(told, expected=f"at most {share:.0%}", found=f"{found / opened:.0%}", hint=hint)
    return (f"{told}: a model learns little from them",)


def _like_another(pairs: Sequence[Pairs]) -> list[int]:
    found = {
        place
        for one, other in combinations(range(len(pairs)), 2)
        if alike(pairs[one], pairs[other])
        for place in (one, other)
    }
    return sorted(found)
