"""What is traded of texts: those that come with the package, and who knows what of them.

    offer.jsonl.gz --without copies--> the seller's texts     `source` is the demo's knowledge alone: nobody lists it
    own.jsonl.gz -------------------> the buyer's texts
    test.jsonl.gz ------------------> texts to test on, which nobody trades

Not here: the model (`goods`), texts with labels (`labelled`), and the table (`cli.demo.prepared`). Nothing that is slow
to load is loaded.
"""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.api.defaults import WINDOW
from blindfair.cli.demo.options import DemoOptions
from blindfair.influence.corpus.copies import copies_of_texts
from blindfair.influence.corpus.corpus import TEXT_COLUMN, Corpus
from blindfair.influence.text.extra import check_extra
from blindfair.protocol.documents import json_value
from blindfair.protocol.hashing import sha256
from blindfair.protocol.quantities import Digest

WANTED = "State of the Union"
"""The source of the buyer's own texts, and of those that an oracle would buy."""

COPY = "exact copy"
NONSENSE = ("form text", "shuffled words")
"""Sources that the seller itself knows to be worthless."""

FOLDER = Path(str(files("blindfair.cli.demo") / "data" / "text"))
SETS = ("offer", "own", "test")

MODEL = FOLDER / "model"
"""The base model that both parties hold."""

TRAIN_SHARE = 0.5
"""The share of the buyer's own texts that trains; the rest validates."""


@dataclass(frozen=True, slots=True)
class SourcedText:
    """A text, and where it comes from."""

    text: str
    source: str
    label: str | None = None
    """The label that is listed; None where texts have none."""

    @property
    def kind(self) -> str:
        """The source without its subdivision: `Brown` of `Brown: religion`."""
        return self.source.partition(":")[0]


Labelled = tuple[list[str], list[str] | None]
"""Texts, and their labels if they have any."""


@dataclass(frozen=True, slots=True)
class PreparedTexts:
    """The texts of all parties. `offer` holds no copies: the seller removed `copies` of them.

    `label` is the name of the column of labels, and `own_labels` and `test_labels` are those of the buyer's and of the
    test texts; none where texts have no labels. `model` is the folder of the base model that both parties hold, and
    `model_name` and `title` tell people what it is and what is traded.
    """

    options: DemoOptions
    offer: tuple[SourcedText, ...]
    own: tuple[str, ...]
    test: tuple[str, ...]
    copies: int
    own_labels: tuple[str, ...] = ()
    test_labels: tuple[str, ...] = ()
    label: str | None = None
    wanted_source: str = WANTED
    nonsense: tuple[str, ...] = NONSENSE
    model: Path = MODEL
    model_name: str = "a small GPT-2"
    title: str = "texts of several sources"
    window: int = WINDOW

    @property
    def digest(self) -> Digest:
        """What the directory of a demo remembers of the texts."""
        return sha256(repr((self.offer, self.own, self.test, self.own_labels, self.test_labels)).encode())

    @property
    def corpus(self) -> Corpus:
        """The seller's texts as they are listed: without their sources."""
        if self.label is None:
            return Corpus((TEXT_COLUMN,), tuple((each.text,) for each in self.offer), TEXT_COLUMN)
        rows = tuple((each.text, each.label) for each in self.offer)
        return Corpus((TEXT_COLUMN, self.label), rows, TEXT_COLUMN, self.label)

    @property
    def tested(self) -> Labelled:
        """The test texts."""
        return list(self.test), list(self.test_labels) if self.label else None

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which offered texts an oracle would buy, `n` bool."""
        return np.array([each.source == self.wanted_source for each in self.offer], dtype=np.bool_)

    @property
    def worthless(self) -> tuple[int, ...]:
        """Offered texts that the seller knows to be nonsense."""
        return tuple(number for number, each in enumerate(self.offer) if each.source in self.nonsense)

    def divided(self, seed: int) -> tuple[Labelled, Labelled]:
        """The buyer's own texts, in training and validation texts."""
        order = np.random.default_rng([seed, 0]).permutation(len(self.own))
        cut = round(TRAIN_SHARE * len(order))
        first, rest = sorted(order[:cut].tolist()), sorted(order[cut:].tolist())
        return self._own(first), self._own(rest)

    def _own(self, places: Sequence[int]) -> Labelled:
        labels = [self.own_labels[place] for place in places] if self.label else None
        return [self.own[place] for place in places], labels

    def counted(self, records: Sequence[int]) -> dict[str, int]:
        """How many of these offered texts are of each source, the most frequent first."""
        found: dict[str, int] = {}
        for record in records:
            kind = self.offer[record].kind
            found[kind] = found.get(kind, 0) + 1
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def prepare_texts(options: DemoOptions) -> PreparedTexts:
    """Read the texts of the package. Raises MissingPackage where the extra for texts is not installed."""
    check_extra()
    offer, own, test = (read_texts(name) for name in SETS)
    kept = without_copies([SourcedText(each["text"], each["source"]) for each in offer])
    return PreparedTexts(
        options,
        kept,
        tuple(each["text"] for each in own),
        tuple(each["text"] for each in test),
        len(offer) - len(kept),
    )


def without_copies(texts: Sequence[SourcedText]) -> tuple[SourcedText, ...]:
    """The first of equal texts alone, with the source of the one that is the original."""
    sources = {number: each.source for number, each in enumerate(texts)}
    copies = copies_of_texts([each.text for each in texts])
    for number, first in copies:
        if sources[first] == COPY:
            sources[first] = sources[number]
    later = {number for number, _ in copies}
    return tuple(SourcedText(each.text, sources[number]) for number, each in enumerate(texts) if number not in later)


def read_texts(name: str) -> list[Mapping[str, str]]:
    """Text, source and document of each text of a set of the package."""
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [json_value(line) for line in stream]
