"""Near-duplicates among texts: one form filled in anew, and copies with small changes.

Two texts are alike if of the pairs of neighbouring words in either, two fifths are in both. Of the demo's texts,
passages of different documents share a tenth at most, and fillings of one form six tenths at least. Texts that are
alike, and those alike with them, are one cluster: a model learns little from the second of it. Of a long text only as
much is compared as is scored: a form would hide behind other words that nobody scores.

Not here: the same texts but for case and blanks (`copies`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice, pairwise

from blindfair.influence.corpus.copies import normalised

ALIKE = 0.4
"""The share of common pairs of words from which on two texts are alike."""

RUNS = 512
"""Runs of a text that are compared, if nobody says how many are scored: four windows of 128 tokens."""

_HELD = 200
"""Texts that are compared because of one pair of words; a form's later fillings are alike with its first ones."""

_COMPARED = 500
"""Texts that one is compared with at most: texts made to share rare words would take the square of their number."""

_RUN = re.compile(r"([^\W\d_]+)|[\d_]+|[^\w\s]+")
"""A word, a number, or marks between blanks: a token at least."""

Pairs = frozenset[int]


class PairsOfWords:
    """The pairs of neighbouring words of texts, without case, digits and punctuation, each a number.

    Words are those of the first `runs` runs of alphabetic characters, of digits or of marks.

    >>> pairs = PairsOfWords()
    >>> alike(pairs.of("You owe us 5 dollars."), pairs.of("you owe us 90 dollars!"))
    True
    """

    def __init__(self, runs: int = RUNS) -> None:
        self._runs = runs
        self._numbers: dict[str, int] = {}

    def of(self, text: str) -> Pairs:
        """The pairs of a text."""
        found = (run[1] for run in islice(_RUN.finditer(normalised(text)), self._runs))
        words = [self._numbers.setdefault(word, len(self._numbers)) for word in found if word]
        # A text of one word has no pair, and is compared by the word.
        pairs = pairwise(words) if len(words) > 1 else [(word, word) for word in words]
        return frozenset(one << 32 | other for one, other in pairs)


def alike(one: Pairs, other: Pairs) -> bool:
    """Whether two texts share `ALIKE` of their pairs of words; those without words are alike with none."""
    if min(len(one), len(other)) < ALIKE * max(len(one), len(other)):
        return False
    common = len(one & other)
    return bool(common) and common >= ALIKE * (len(one) + len(other) - common)


def near_duplicates_of_texts(texts: Sequence[str], runs: int = RUNS) -> list[tuple[int, int]]:
    """Every text that is alike with an earlier one, directly or through others, with the first of its cluster.

    Candidates share one of their rarest pairs of words (prefix filtering: Bayardo, Ma and Srikant 2007), and are at
    most `_COMPARED`, so time grows with the texts and not with their square.

    >>> near_duplicates_of_texts(["Ann, you owe us 5 dollars.", "Call me Ishmael.", "Bob, you owe us 90 dollars."])
    [(2, 0)]
    """
    words = PairsOfWords(runs)
    pairs = [words.of(text) for text in texts]
    counts = Counter(pair for each in pairs for pair in each)
    first = list(range(len(texts)))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = place = first[first[place]]
        return place

    held: defaultdict[int, list[int]] = defaultdict(list)
    for place, mine in enumerate(pairs):
        # Two texts that are alike share one of these: the others are too few.
        rare = sorted(mine, key=lambda pair: (counts[pair], pair))[: int((1 - ALIKE) * len(mine)) + 1]
        shared = [pair for pair in rare if counts[pair] > 1]
        candidates = dict.fromkeys(other for pair in shared for other in held[pair])
        for other in islice((other for other in candidates if root(other) != root(place)), _COMPARED):
            if alike(mine, pairs[other]):
                first[max(root(place), root(other))] = min(root(place), root(other))
        for pair in shared:
            if len(held[pair]) < _HELD:
                held[pair].append(place)
    return [(place, root(place)) for place in range(len(texts)) if root(place) != place]
