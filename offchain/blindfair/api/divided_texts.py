"""The buyer's own texts on two sides: training texts make the query, validation texts measure trust.

No text is on both sides, and of texts that are the same but for case and blanks the first alone counts: scores of
validation texts that were trained on say nothing of an offer's. Not here: reading them (`own_texts`), and tables
(`own_records`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.api.own_records import OWN, TRAIN, VALIDATION
from blindfair.influence.corpus.copies import copies_of_texts, other_labels_of_copies
from blindfair.influence.corpus.corpus import Corpus
from blindfair.pricing.domain_trust import MIN_TRUSTED
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.records import Cell

_TRAIN_SHARE = 0.5
"""Training texts make the query, validation texts measure trust: both need as many as they can get."""

Labelled = tuple[Sequence[str], Sequence[Cell] | None]
"""Texts, and their labels if they have any."""


@dataclass(frozen=True, slots=True)
class DividedTexts:
    """Training and validation texts without copies. `notes` are sentences about what was left out."""

    train: Labelled
    validation: Labelled
    notes: tuple[str, ...] = ()


def divided_texts(read: Mapping[str, Corpus], seed: int) -> DividedTexts:
    """Divide one corpus named `OWN`, each class alike, or leave two named `TRAIN` and `VALIDATION` where they are.

    Of a text that is in both, the training text counts. The same for the same texts and seed. Raises NoRecords for too
    few texts that differ.
    """
    sources = [OWN] if OWN in read else [TRAIN, VALIDATION]
    texts = [text for name in sources for text in read[name].texts()]
    labels = _all_labels([read[name] for name in sources])
    copies = dict(copies_of_texts(texts))
    kept = [place for place in range(len(texts)) if place not in copies]
    without = f", without {len(copies)} copies" if copies else ""
    if OWN in read:
        _check_enough(len(kept), 2 * MIN_TRUSTED, f"texts, of which half validate{without}")
        trained = _train_places(kept, labels, seed)
        train = [place for place in kept if place in trained]
        validation = [place for place in kept if place not in trained]
    else:
        first = len(read[TRAIN].rows)
        train = [place for place in kept if place < first]
        validation = [place for place in kept if place >= first]
    # Of classes of one text each none is left to validate.
    _check_enough(len(validation), MIN_TRUSTED, f"validation texts{without}")
    return DividedTexts(
        _labelled(texts, labels, train), _labelled(texts, labels, validation), _notes(read, texts, labels, copies)
    )


def _all_labels(corpora: Sequence[Corpus]) -> list[Cell] | None:
    labels: list[Cell] = []
    for corpus in corpora:
        found = corpus.labels()
        if found is None:
            return None
        labels += found
    return labels


def _train_places(places: Sequence[int], labels: Sequence[Cell] | None, seed: int) -> set[int]:
    """Half of the places, and of each class half or one more or less: one at least, or no head could learn it.

    Rare classes come first, so that common ones make up for an odd number.
    """
    rng = np.random.default_rng(seed)
    sizes = Counter(None if labels is None else labels[place] for place in places)
    train: set[int] = set()
    seen = 0
    for value in sorted(sizes, key=lambda each: (sizes[each], repr(each))):
        members = [place for place in places if labels is None or labels[place] == value]
        seen += len(members)
        wanted = round(_TRAIN_SHARE * seen) - len(train)
        count = max(1, len(members) // 2, min(wanted, (len(members) + 1) // 2))
        train.update(rng.permutation(members)[:count].tolist())
    return train


def _notes(
    read: Mapping[str, Corpus], texts: Sequence[str], labels: Sequence[Cell] | None, copies: Mapping[int, int]
) -> tuple[str, ...]:
    if not copies:
        return ()
    said = (
        f"{len(copies):,} of {len(texts):,} own texts are left out: each is the same as an earlier one but for case "
        "and blanks"
    )
    others = other_labels_of_copies(labels, copies)
    if not others:
        return (said,)
    number, earlier = others[0]
    first = 0 if OWN in read else len(read[TRAIN].rows)

    def named(place: int) -> str:
        if OWN in read:
            return f"text {place}"
        return f"training text {place}" if place < first else f"validation text {place - first}"

    return (
        said,
        f"{len(others):,} of the texts left out {'has' if len(others) == 1 else 'have'} another label than the earlier "
        "one, whose label counts: "
        f"{named(number)} and {named(earlier)}, for example, counted from 0",
    )


def _check_enough(found: int, least: int, which: str) -> None:
    if found < least:
        raise NoRecords(
            "There are too few texts to judge an offer by",
            expected=f"at least {least} {which}",
            found=found,
            hint="give more texts of the kind that you want",
        )


def _labelled(texts: Sequence[str], labels: Sequence[Cell] | None, places: Sequence[int]) -> Labelled:
    return [texts[place] for place in places], None if labels is None else [labels[place] for place in places]
