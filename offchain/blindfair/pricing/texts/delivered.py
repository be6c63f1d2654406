"""Whether delivered texts are what the listing says of near-duplicates, and whether they repeat the buyer's own.

An audit opens few texts and seldom both of two that are alike; a delivery shows all that were bought. The listing names
its near-duplicates, so texts that are alike and not named show that its list is false. Not here: when texts are alike
(`influence.corpus`), and what is done about it (`agents.buyer.order`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.corpus.near_duplicates import RUNS, PairsOfWords, near_duplicates_of_texts
from blindfair.pricing.texts.repetition import MIN_REPEATED, UNNAMED_SHARE
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import DuplicatesOpened
from blindfair.protocol.quantities import RecordIndex

COMPARED_LIMIT = 4_000
"""Delivered texts that are compared; of more, as many are drawn. Of four windows each they take half a minute."""

_PRIME = 2**61 - 1

TOLD = 50
"""Clusters, and texts like the buyer's own, that a document lists at most."""


@dataclass(frozen=True, slots=True)
class DeliveredRepetition:
    """What was found among delivered texts.

    `clusters` are the numbers of delivered texts that are alike, directly or through others, and that the listing does
    not name as near-duplicates; each ascending. `like_own` are those that are alike with one of the buyer's own texts.
    """

    delivered: int
    compared: int
    clusters: tuple[tuple[RecordIndex, ...], ...]
    like_own: tuple[RecordIndex, ...]

    @property
    def unnamed(self) -> int:
        """How many compared texts are like another one, unnamed."""
        return sum(map(len, self.clusters))

    @property
    def superfluous(self) -> int:
        """How many of these were paid for although another of their cluster was bought."""
        return self.unnamed - len(self.clusters)

    @property
    def share(self) -> float:
        """The share of compared texts that are like another one, unnamed."""
        return self.unnamed / max(1, self.compared)

    @property
    def is_false_list(self) -> bool:
        """Whether that is more than a seller's search can have missed, so that the listing's list is false."""
        return self.unnamed >= MIN_REPEATED and self.share > UNNAMED_SHARE

    def check(self) -> None:
        """Raise DuplicatesOpened where the listing's list of near-duplicates is false."""
        if self.is_false_list:
            raise DuplicatesOpened(
                f"{self.unnamed:,} of {self.compared:,} delivered texts are near-duplicates of one another, such as "
                f"{_numbers(self.clusters[0])}, and the listing does not name them: its list is false",
                expected=f"at most {UNNAMED_SHARE:.0%}, which a seller's search may miss",
                found=f"{self.share:.0%}; {self.superfluous:,} were paid for and add little",
                hint="drop all but the first of each cluster before training, and buy of another seller",
            )

    def warnings(self) -> tuple[str, ...]:
        """Return sentences for the buyer's own people: what was found, and what it means."""
        told = []
        if self.clusters:
            told.append(
                f"{self.unnamed:,} of {self.compared:,} delivered texts are near-duplicates of one another, such as "
                f"{_numbers(self.clusters[0])}, and the listing does not name them: "
                f"{self.superfluous:,} of them add little to a model"
            )
        if self.like_own:
            told.append(
                f"{len(self.like_own):,} of {self.compared:,} delivered texts repeat the buyer's own, such as "
                f"{_numbers(self.like_own)}: a model learns little from them"
            )
        return tuple(told)

    def to_document(self) -> Document:
        """For the journal and `--json`; of clusters and texts like the buyer's own the first `TOLD`."""
        clusters: list[JsonValue] = [list(cluster) for cluster in self.clusters[:TOLD]]
        return {
            "clusters": clusters,
            "compared": self.compared,
            "delivered": self.delivered,
            "like_own": len(self.like_own),
            "like_own_records": list(self.like_own[:TOLD]),
            "list_is_false": self.is_false_list,
            "superfluous": self.superfluous,
            "unnamed": self.unnamed,
            "unnamed_share": round(self.share, 4),
            "warnings": list(self.warnings()),
        }


def compared_places(texts: Iterable[str], count: int, seed: int, runs: int = RUNS) -> list[int]:
    """Return the places of `count` delivered texts that are compared, ascending: all of them, or a draw.

    Texts are drawn by the least of their pairs of words in an order by chance (Broder 1997): two that are alike have
    the same least pair about as often as they share pairs, and so are drawn together. Each text is read once, and none
    where all are compared.

    >>> compared_places(["a", "b", "c"], 3, 0)
    [0, 1, 2]
    """
    if count <= COMPARED_LIMIT:
        return list(range(count))
    words, rng = PairsOfWords(runs), np.random.default_rng(seed)
    times, more = (int(number) | 1 for number in rng.integers(0, _PRIME, 2))
    least = np.array(
        [min(((pair * times + more) % _PRIME for pair in words.of(text)), default=_PRIME) for text in texts]
    )
    return [int(place) for place in np.sort(np.argsort(least, kind="stable")[:COMPARED_LIMIT])]


def delivered_repetition(
    numbers: Sequence[RecordIndex], texts: Sequence[str], own: Sequence[str], delivered: int, runs: int = RUNS
) -> DeliveredRepetition:
    """Compare delivered texts, none of which the listing names as a near-duplicate, with one another and the buyer's.

    `numbers` are theirs in the listing, ascending; `delivered` is how many there are in all. The first `runs` runs of
    each text are compared.

    >>> texts = ["Ann, you owe us 5 dollars.", "Call me Ishmael.", "Bob, you owe us 90 dollars."]
    >>> found = delivered_repetition([3, 4, 9], texts, ["call me ishmael"], 3)
    >>> found.clusters, found.like_own
    (((3, 9),), (4,))
    """
    mine = len(own)
    joined: dict[int, list[int]] = {}
    for later, first in near_duplicates_of_texts([*own, *texts], runs):
        joined.setdefault(first, [first]).append(later)
    like_own, clusters = [], []
    for members in joined.values():
        places = [member - mine for member in members if member >= mine]
        if len(places) == len(members):
            clusters.append(places)
            continue
        # Each of these repeats what the buyer has; which of them are alike without it is searched again.
        like_own += places
        again: dict[int, list[int]] = {}
        for later, first in near_duplicates_of_texts([texts[place] for place in places], runs):
            again.setdefault(first, [places[first]]).append(places[later])
        clusters += again.values()
    numbered = sorted(tuple(numbers[place] for place in sorted(places)) for places in clusters)
    return DeliveredRepetition(
        delivered, len(texts), tuple(numbered), tuple(numbers[place] for place in sorted(like_own))
    )


def _numbers(records: Sequence[RecordIndex]) -> str:
    told = ", ".join(map(str, records[:3]))
    return f"records {told}{', ...' if len(records) > 3 else ''}" if len(records) > 1 else f"record {told}"
