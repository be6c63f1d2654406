"""Buyers of texts, and one offer of many sellers: a seller for each source, and five that take pains to look like one.

Offered texts are cut from documents that the base model has not been trained on. Own texts, test texts and the target
part of the offer are from different documents. Not here: what is bought (`values`).
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from blindfair.influence.arrays import Integers
from blindfair.influence.corpus.corpus import read_corpus
from blindfair.influence.corpus.near_duplicates import RUNS, near_duplicates_of_texts
from blindfair.influence.text import BaseModel
from blindfair.pricing.texts.damage import shuffled_words
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.quantities import RecordIndex
from blindfair.studies.texts.corpora import CorpusDocument, load_documents
from blindfair.studies.texts.domains import DEMO_TEXTS
from blindfair.studies.texts.passages import passages

SPAM, FORM, SHUFFLED, NEAR, EXACT = "mails: spam", "form texts", "shuffled words", "near copies", "exact copies"
BAD = (SPAM, FORM, SHUFFLED, NEAR, EXACT)
"""Sellers that sell nothing written with care, or what others wrote."""

CHANGED_SHARE = 0.06
"""The share of words that a near copy leaves out."""

_READ = 8_000
"""Characters of a document that are cut into texts."""


@dataclass(frozen=True, slots=True)
class CorpusBuyer:
    """A buyer of texts like those of one source; `parts` are its parts, `all` of them where there are none."""

    name: str
    source: str
    parts: tuple[str, ...]

    def wants(self, document: CorpusDocument) -> bool:
        """Whether a document is of the buyer's domain."""
        return document.source == self.source and document.part in self.parts


BUYERS = (
    CorpusBuyer("addresses since 1946", "State of the Union", ("1946-2021",)),
    CorpusBuyer("fiction", "Brown", ("fiction", "mystery", "science fiction", "adventure", "romance")),
    CorpusBuyer("ham mails", "mails", ("ham",)),
)


@dataclass(frozen=True, slots=True)
class MarketSize:
    """Texts of the buyer and of each seller. `each` of a source, by its name; `bad` for each bad seller but spam."""

    train: int
    validation: int
    test: int
    each: dict[str, int]
    bad: int


FULL = MarketSize(120, 60, 100, {"State of the Union": 40, "Brown": 22, "Moby Dick": 40, "ham": 420, "spam": 300}, 50)
SMALL = MarketSize(24, 40, 12, {"State of the Union": 6, "Brown": 3, "Moby Dick": 6, "ham": 20, "spam": 20}, 8)


@dataclass(frozen=True, slots=True, eq=False)
class CorpusMarket:
    """Texts of a buyer, and the offer; of each offered text its seller, its tokens and whether the buyer wants it."""

    train: Sequence[str]
    validation: Sequence[str]
    test: Sequence[str]
    offer: Sequence[str]
    sellers: Sequence[str]
    tokens: Integers
    wanted: Sequence[bool]
    documents: int
    """Different documents that offered texts are cut from."""

    near_duplicates: tuple[RecordIndex, ...]
    """Offered texts, ascending, that are near-duplicates of an earlier one of their seller, as its listing says."""


def make_market(base: BaseModel, buyer: CorpusBuyer, seed: int, size: MarketSize = FULL) -> CorpusMarket:
    """One division of the documents of the developer's folder. Raises FileMissing, NoRecords."""
    rng = np.random.default_rng([seed, zlib.crc32(buyer.name.encode())])
    documents = [document for document in _documents() if document.held_out]
    mine = [document for document in documents if buyer.wants(document)]
    order = [mine[place] for place in rng.permutation(len(mine))]
    own = _texts(order[0::3], base, size.train + size.validation, rng)
    test = _texts(order[1::3], base, size.test, rng)
    kept = {document.name for document in (*order[0::3], *order[1::3])}
    by_seller: dict[str, list[CorpusDocument]] = {}
    for document in documents:
        if document.name not in kept:
            by_seller.setdefault(seller_of(document), []).append(document)
    found: list[tuple[str, str, bool]] = []
    names: set[str] = set()
    for seller, theirs in by_seller.items():
        wanted = buyer.wants(theirs[0])
        mixed = [theirs[place] for place in rng.permutation(len(theirs))]
        drawn = list(_in_turn(mixed, base, _size_of(theirs[0], size), rng))
        names |= {name for name, _ in drawn}
        found += [(text, seller, wanted) for _, text in drawn]
    found += _bad(found, base, size.bad, rng)
    mixed_up = [found[place] for place in rng.permutation(len(found))]
    offer = [text for text, _, _ in mixed_up]
    by_text = [seller for _, seller, _ in mixed_up]
    return CorpusMarket(
        own[: size.train],
        own[size.train :],
        test,
        offer,
        by_text,
        np.array([len(tokens) for tokens in base.tokenizer.encode(offer)], dtype=np.int64),
        [wanted for _, _, wanted in mixed_up],
        len(names),
        named_near_duplicates(offer, by_text, base.context),
    )


def named_near_duplicates(offer: Sequence[str], by_text: Sequence[str], runs: int = RUNS) -> tuple[RecordIndex, ...]:
    """Offered texts that the listings name as near-duplicates: each seller looks among its own texts alone.

    >>> forms = ["You owe us 5 dollars.", "you owe us 9 dollars", "You owe us 7 dollars."]
    >>> named_near_duplicates(forms, ["a", "b", "a"])
    (2,)
    """
    theirs: dict[str, list[int]] = {}
    for place, seller in enumerate(by_text):
        theirs.setdefault(seller, []).append(place)
    later = (
        places[late]
        for places in theirs.values()
        for late, _ in near_duplicates_of_texts([offer[place] for place in places], runs)
    )
    return tuple(RecordIndex(place) for place in sorted(later))


def seller_of(document: CorpusDocument) -> str:
    """The seller of a document: one for each part of a source."""
    return f"{document.source}: {document.part}" if document.part else document.source


def sellers(size: MarketSize = FULL) -> list[str]:
    """All sellers, those of sources first, in an order that no draw changes. Raises FileMissing."""
    found = dict.fromkeys(seller_of(document) for document in _documents() if document.held_out)
    return [*(seller for seller in found if seller not in BAD), *BAD]


def near_copy(text: str, rng: np.random.Generator) -> str:
    """A text with a few of its words left out."""
    words = text.split()
    left_out = set(rng.choice(len(words), max(1, round(CHANGED_SHARE * len(words))), replace=False).tolist())
    return " ".join(word for place, word in enumerate(words) if place not in left_out)


def _bad(
    honest: Sequence[tuple[str, str, bool]], base: BaseModel, count: int, rng: np.random.Generator
) -> Iterator[tuple[str, str, bool]]:
    """Texts of the bad sellers, who take those of others, of whatever domain; none of them is wanted."""
    prose = [text for text, seller, _ in honest if seller != SPAM]
    order = rng.permutation(len(prose))
    taken = [[prose[place] for place in order[start * count : (start + 1) * count]] for start in range(3)]
    forms = [text for text, source in _demo_offer() if source == "form text"][:count]
    yield from ((text, FORM, False) for text in forms)
    yield from ((text, SHUFFLED, False) for text in shuffled_words(taken[0], rng))
    yield from ((near_copy(text, rng), NEAR, False) for text in taken[1])
    yield from ((text, EXACT, False) for text in taken[2])


def _texts(documents: Sequence[CorpusDocument], base: BaseModel, count: int, rng: np.random.Generator) -> list[str]:
    found = [text for _, text in _in_turn(documents, base, count, rng)]
    if len(found) < count:
        raise NoRecords("The documents of the buyer's domain are too few", expected=count, found=len(found))
    return found


def _in_turn(
    documents: Sequence[CorpusDocument], base: BaseModel, count: int, rng: np.random.Generator
) -> Iterator[tuple[str, str]]:
    """At most `count` texts with their documents' names: one of each document, then a second of each, and so on."""

    def count_tokens(text: str) -> int:
        return len(base.tokenizer.encode([text])[0]) if text.strip() else 0

    queues: list[tuple[str, list[str]]] = []
    for document in documents:
        texts = list(passages(document.text[:_READ], count_tokens))
        if texts:
            rng.shuffle(texts)
            queues.append((document.name, texts))
        if len(queues) == count:
            break
    left = count
    while left and any(texts for _, texts in queues):
        for name, texts in queues:
            if texts and left:
                left -= 1
                yield name, texts.pop()


def _size_of(document: CorpusDocument, size: MarketSize) -> int:
    return size.each[document.part if document.source == "mails" else document.source]


@cache
def _documents() -> tuple[CorpusDocument, ...]:
    return load_documents()


@cache
def _demo_offer() -> tuple[tuple[str, str], ...]:
    offer = read_corpus(DEMO_TEXTS / "offer.jsonl.gz")
    place = offer.columns.index("source")
    return tuple(zip(offer.texts(), (str(row[place]) for row in offer.rows), strict=True))
