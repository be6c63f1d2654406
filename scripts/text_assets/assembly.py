"""The texts of the demo: one seller's mixed offer, the buyer's own texts, and a test set; all from held-out documents.

Offer, own texts and test set come from different addresses, and no text shares a run of words with what the small GPT-2
was trained on or with a text of another set. Not here: reading documents (`documents`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from documents import BROWN, MAILS, MOBY, TARGET_ERA, UNION, draw
from form_texts import form_text
from troubles import nearly_copied, shuffled

from blindfair.studies.texts.corpora import CorpusDocument
from blindfair.studies.texts.passages import MAX_TOKENS, MIN_TOKENS, passages, word_runs

SEED = 15
OWN, TEST = 180, 150
TARGET, EACH_CATEGORY, CHAPTERS, SHUFFLED, FORMS = 120, 11, 50, 50, 50
NEAR_COPIES, EXACT_COPIES = 25, 25
TARGET_SHARE_OF_COPIES = 0.6
MADE = "made"
"""In place of a document's name where a text comes from a program."""

MAX_ODD_SHARE = 0.08
"""Of a text's characters that are neither prose nor common punctuation: tables and formulas have more."""

_STRAY = re.compile(r"[*{}|]|\bAf\b| ['\"] | [,.;]")


@dataclass(frozen=True, slots=True)
class DemoText:
    """A text, what it is, and the document that it was cut from."""

    text: str
    source: str
    document: str


@dataclass(frozen=True, slots=True)
class DemoTexts:
    """What the demo trades and tests on."""

    offer: list[DemoText]
    own: list[DemoText]
    test: list[DemoText]


def assembled(documents: Sequence[CorpusDocument], count_tokens: Callable[[str], int]) -> DemoTexts:
    """Draw all texts of the demo; the same documents and tokenizer give the same texts."""
    draws = np.random.default_rng(SEED)
    taken = _runs(document.text for document in documents if not document.held_out)
    held_out = [document for document in documents if document.held_out and document.source != MAILS]
    addresses = [document for document in held_out if document.part == TARGET_ERA]
    years = sorted({_year(document) for document in addresses})
    roles = [[document for document in addresses if _year(document) in years[start::3]] for start in range(3)]

    def pool(chosen: Iterable[CorpusDocument]) -> Iterator[DemoText]:
        return _pool(chosen, count_tokens, taken)

    test = list(islice(pool(roles[0]), TEST))
    own = list(islice(pool(roles[1]), OWN))
    target = pool(roles[2])
    offer = list(islice(target, TARGET))
    prose: dict[str, Iterator[DemoText]] = {}
    for category in sorted({document.part for document in held_out if document.source == BROWN}):
        prose[category] = pool(
            document for document in held_out if (document.source, document.part) == (BROWN, category)
        )
        offer += islice(prose[category], EACH_CATEGORY)
    chapters = pool(document for document in held_out if document.source == MOBY)
    offer += islice(chapters, CHAPTERS)

    def fits(text: str) -> bool:
        return MIN_TOKENS <= count_tokens(text) <= MAX_TOKENS

    originals = _copied(offer, draws)
    near, exact = originals[:NEAR_COPIES], originals[NEAR_COPIES:]
    more = [target, prose["learned"], prose["essays"], prose["reportage"]]
    made = list(_mixed(more, SHUFFLED, draws, fits))
    made += [DemoText(text, "form text", MADE) for text in _different(partial(form_text, draws), FORMS, fits)]
    for original in near:
        (text,) = _different(partial(nearly_copied, original.text, draws), 1, fits)
        made.append(DemoText(text, "near copy", original.document))
    made += [DemoText(original.text, "exact copy", original.document) for original in exact]
    offer += made
    return DemoTexts([offer[place] for place in draws.permutation(len(offer))], own, test)


def prose_by_source(
    documents: Iterable[CorpusDocument], count_tokens: Callable[[str], int], at_most: int = 200
) -> dict[str, list[str]]:
    """Texts of held-out documents to measure a loss on, by source and part."""
    groups: dict[str, list[CorpusDocument]] = defaultdict(list)
    for document in documents:
        if document.held_out:
            groups[f"{document.source}: {document.part}" if document.part else document.source].append(document)
    return {
        source: [text.text for text in islice(_pool(group, count_tokens, set()), at_most)]
        for source, group in groups.items()
    }


def _source(document: CorpusDocument) -> str:
    return f"{document.source}: {document.part}" if document.source == BROWN else document.source


def _pool(
    documents: Iterable[CorpusDocument], count_tokens: Callable[[str], int], taken: set[int]
) -> Iterator[DemoText]:
    """Texts of the documents in turn, in drawn order; whatever has been given out is taken."""
    queues: list[list[DemoText]] = []
    for document in sorted(documents, key=lambda document: draw(document.name)):
        found = [DemoText(text, _source(document), document.name) for text in passages(document.text, count_tokens)]
        queues.append(sorted(found, key=lambda text: draw(text.text)))
    while any(queues):
        for queue in queues:
            while queue:
                candidate = queue.pop()
                runs = _runs([candidate.text])
                if _is_prose(candidate.text) and runs and not runs & taken:
                    taken |= runs
                    yield candidate
                    break


def _copied(offer: Sequence[DemoText], draws: np.random.Generator) -> list[DemoText]:
    """Texts of the offer, each at most once, of which copies are offered besides."""
    by_kind: dict[bool, list[DemoText]] = defaultdict(list)
    for text in offer:
        by_kind[text.source == UNION].append(text)
    total = NEAR_COPIES + EXACT_COPIES
    count = round(TARGET_SHARE_OF_COPIES * total)
    chosen = [
        by_kind[kind][int(place)]
        for kind, size in ((True, count), (False, total - count))
        for place in draws.choice(len(by_kind[kind]), size, replace=False)
    ]
    return [chosen[place] for place in draws.permutation(total)]


def _mixed(
    pools: Sequence[Iterator[DemoText]], count: int, draws: np.random.Generator, fits: Callable[[str], bool]
) -> Iterator[DemoText]:
    """Shuffled texts, half of them from the first pool and the rest from the others in turn; none is offered itself."""
    left = count
    while left:
        place = 0 if left % 2 else 1 + left // 2 % (len(pools) - 1)
        original = next(pools[place])
        text = shuffled(original.text, draws)
        if fits(text):
            yield DemoText(text, "shuffled words", original.document)
            left -= 1


def _different(make: Callable[[], str], count: int, fits: Callable[[str], bool]) -> list[str]:
    """The first texts of a generator that fit and differ from each other."""
    found: dict[str, None] = {}
    for _ in range(100 * count):
        text = make()
        if fits(text):
            found[text] = None
        if len(found) == count:
            return list(found)
    raise RuntimeError("the generator makes too few texts of the right size")


def _is_prose(text: str) -> bool:
    """Whether a text reads well: no table, no formula (which the Brown corpus writes `Af`), no stray mark."""
    odd = sum(not (character.isalpha() or character in " .,;:'\"-?!()") for character in text)
    return odd <= MAX_ODD_SHARE * len(text) and text.isascii() and not _STRAY.search(text)


def _runs(texts: Iterable[str]) -> set[int]:
    """Runs of words by their hashes, which take a tenth of the memory and hold in this process only."""
    return {hash(run) for text in texts for run in word_runs(text)}


def _year(document: CorpusDocument) -> str:
    return document.name[: len("sotu-1790")]
