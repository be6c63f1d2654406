"""Target domains for the study of purchases: a buyer's own texts, a seller's mixed offer, and a test set of neither.

The demo's domain comes with the package; the others are cut from the documents of a developer's folder. Offer, own
texts and test set of a domain are from different documents. Not here: texts with labels (`labelled`), and what is
bought (`purchases`).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path

import numpy as np

import blindfair
from blindfair.influence.corpus.corpus import Corpus, read_corpus
from blindfair.influence.text import BaseModel
from blindfair.pricing.texts.damage import shuffled_words
from blindfair.pricing.texts.valuation import Texts
from blindfair.studies.texts.corpora import CorpusDocument, load_documents
from blindfair.studies.texts.passages import passages

DEMO_TEXTS = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text"
DEMO_TARGET = "State of the Union"

TARGET, OTHER, SHUFFLED, FORM, NEAR_COPY = "target", "other texts", "shuffled words", "form texts", "near copies"
KINDS = (TARGET, OTHER, SHUFFLED, FORM, NEAR_COPY)

TRAIN, VALIDATION, TEST = 120, 60, 100
OFFERED = {TARGET: 80, OTHER: 150, SHUFFLED: 40, FORM: 40}
"""Texts of a domain that is not the demo's."""


@dataclass(frozen=True, slots=True, eq=False)
class DomainLabels:
    """The class of each text of a domain, counted from 0, or nothing; those of the offer are what the seller says."""

    classes: tuple[str, ...] = ()
    train: Sequence[int] | None = None
    validation: Sequence[int] | None = None
    test: Sequence[int] | None = None
    offer: Sequence[int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TextDomain:
    """Texts, and of each offered one its kind: the first of `all_kinds` is what an oracle buys."""

    train: Sequence[str]
    validation: Sequence[str]
    test: Sequence[str]
    offer: Sequence[str]
    kinds: Sequence[str]
    all_kinds: tuple[str, ...] = KINDS
    labels: DomainLabels = field(default_factory=DomainLabels)

    def with_own(self, places: Iterable[int]) -> Texts:
        """All own texts, and then the offered ones at these places."""
        places, labels = list(places), self.labels
        texts = [*self.train, *self.validation, *(self.offer[place] for place in places)]
        if labels.train is None or labels.validation is None or labels.offer is None:
            return texts, None
        return texts, [*labels.train, *labels.validation, *(labels.offer[place] for place in places)]


def demo_domain(base: BaseModel, seed: int) -> TextDomain:
    """Addresses since 1946: the demo's texts, without exact copies, own texts divided by the seed."""
    own, test, offer = (read_corpus(DEMO_TEXTS / f"{name}.jsonl.gz") for name in ("own", "test", "offer"))
    kept = [place for place, source in enumerate(_sources(offer)) if source != "exact copy"]
    texts, kinds = offer.texts(), [_kind(source) for source in _sources(offer)]
    drawn = np.random.default_rng(seed).permutation(len(own.rows))
    mine = [own.texts()[place] for place in drawn]
    return TextDomain(
        mine[:TRAIN],
        mine[TRAIN : TRAIN + VALIDATION],
        test.texts()[:TEST],
        [texts[place] for place in kept],
        [kinds[place] for place in kept],
    )


def folder_domain(source: str, part: str, base: BaseModel, seed: int) -> TextDomain:
    """A source of the developer's folder, among all others. Raises FileMissing."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{source} {part}".encode())])
    documents = held_out_documents()
    mine = [document for document in documents if (document.source, document.part) == (source, part)]
    order = [mine[place] for place in rng.permutation(len(mine))]

    def drawn(chosen: Sequence[CorpusDocument], count: int) -> list[str]:
        return list(islice(in_turn(chosen, base, rng), count))

    own = drawn(order[0::3], TRAIN + VALIDATION)
    test = drawn(order[1::3], TEST)
    target = drawn(order[2::3], OFFERED[TARGET] + OFFERED[SHUFFLED])
    whole, broken = target[: OFFERED[TARGET]], shuffled_words(target[OFFERED[TARGET] :], rng)
    others = [document for document in documents if (document.source, document.part) != (source, part)]
    other = drawn([others[place] for place in rng.permutation(len(others))[: 2 * OFFERED[OTHER]]], OFFERED[OTHER])
    demo = read_corpus(DEMO_TEXTS / "offer.jsonl.gz")
    forms = [text for text, name in zip(demo.texts(), _sources(demo), strict=True) if _kind(name) == FORM]
    parts = {TARGET: whole, OTHER: other, SHUFFLED: broken, FORM: forms[: OFFERED[FORM]]}
    offer = [(text, kind) for kind, texts in parts.items() for text in texts]
    mixed = [offer[place] for place in rng.permutation(len(offer))]
    return TextDomain(own[:TRAIN], own[TRAIN:], test, [text for text, _ in mixed], [kind for _, kind in mixed])


DOMAINS: Mapping[str, Callable[[BaseModel, int], TextDomain]] = {
    "addresses since 1946": demo_domain,
    "Brown: romance": partial(folder_domain, "Brown", "romance"),
    "mails: ham": partial(folder_domain, "mails", "ham"),
    "Brown: learned": partial(folder_domain, "Brown", "learned"),
    "Moby Dick": partial(folder_domain, "Moby Dick", ""),
    "addresses 1861-1912": partial(folder_domain, "State of the Union", "1861-1912"),
}
"""The demo's first; `--quick` takes the first three."""


@cache
def held_out_documents() -> tuple[CorpusDocument, ...]:
    """Documents of the developer's folder that no model of the study has been trained on. Raises FileMissing."""
    return tuple(document for document in load_documents() if document.held_out)


def in_turn(documents: Sequence[CorpusDocument], base: BaseModel, rng: np.random.Generator) -> Iterator[str]:
    """A text of each document, then a second of each: no document is most of a set."""

    def count_tokens(text: str) -> int:
        return len(base.tokenizer.encode([text])[0]) if text.strip() else 0

    queues = [list(passages(document.text[:20_000], count_tokens)) for document in documents]
    for queue in queues:
        rng.shuffle(queue)
    while any(queues):
        for queue in queues:
            if queue:
                yield queue.pop()


def _sources(corpus: Corpus) -> list[str]:
    place = corpus.columns.index("source")
    return [str(row[place]) for row in corpus.rows]


def _kind(source: str) -> str:
    named = {DEMO_TARGET: TARGET, "shuffled words": SHUFFLED, "form text": FORM, "near copy": NEAR_COPY}
    return named.get(source, OTHER)
