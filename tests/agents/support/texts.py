"""What the tests of texts share: tiny base models, a listing of small texts, and a question made by hand.

The question has a random projection and no fine-tuning, so that it costs nothing. Texts are of the words that the tiny
tokenizer was trained on; a few are what owners really have: line breaks, emoji, a zero character, a very long text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tiny_bases
from numpy.typing import NDArray
from text_models import random_projection
from trade import (
    BUYER_POLICY,
    PER_RECORD,
    SELLER_POLICY,
    TERMS,
    UNIFORM,
    Parties,
    World,
    make_buyer,
)

from blindfair.agents.buyer.valuer import Choice, Question, Valuer
from blindfair.agents.context import AgentContext
from blindfair.agents.evaluation.rows import BaseModels
from blindfair.agents.policy import BuyerPolicy, SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.influence.text import BaseModel, Difference, TextModel, TextScoring
from blindfair.influence.text.scoring import unit_rows, windows_of
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest, RecordIndex, Wei
from blindfair.protocol.records import Row

OFFERED = 60
WINDOW, MAX_WINDOWS = 16, 2
K = 24
ROW_SCALE = 2047.0
BITS = (4, 2)

PICKED = tuple(RecordIndex(number) for number in range(0, OFFERED, 3))
"""Records that a buyer takes by hand: the odd ones below are among them."""

ODD = {
    0: "the cat\nsat on\r\n\ta mat\n\n  and ran \u2028 ",
    3: "a dog 🐕‍🦺 saw the moon 🌕 in é and e\u0301",
    6: "the sun\0is\0red\0and big",
    9: " ".join(["the moon saw a small house and ran to it", "he was blue", "of red"] * 120),
}
"""Texts that a program easily spoils, by their number. The last one has several chunks and many more windows than are
scored."""


@cache
def offered() -> tuple[str, ...]:
    """The texts of the listing, all different."""
    found = tiny_bases.texts(OFFERED, 11, longest=60)
    for number, text in ODD.items():
        found[number] = text
    assert len(set(found)) == OFFERED
    return tuple(found)


def corpus(*, alone: bool) -> Corpus:
    """The texts by themselves, or with two columns beside them that no model reads."""
    if alone:
        return Corpus(("text",), tuple((text,) for text in offered()), "text")
    rows: list[Row] = [
        (number, text, None if number % 7 == 0 else f"from {number % 5}") for number, text in enumerate(offered())
    ]
    return Corpus(("number", "text", "source"), tuple(rows), "text")


def preprocessing(*bases: BaseModel) -> TextPreprocessing:
    return TextPreprocessing(
        "text", None, (), WINDOW, MAX_WINDOWS, tuple(sorted(Digest(base.digest) for base in bases))
    )


def text_goods(base: BaseModel, *, alone: bool = True, **terms: Any) -> ListingSpec:
    """What the seller lists; `terms` replace those of the tests of tables."""
    made = corpus(alone=alone)
    return ListingSpec(
        name="texts",
        description="small texts",
        licence="any",
        consent="made up",
        encoding=made.encoding,
        schema=made.schema(),
        preprocessing=preprocessing(base).to_document(),
        records=made.encoded(1024),
        terms=replace(TERMS, **terms),
    )


def scoring_of(base: BaseModel, columns: Sequence[str] = ("text",), **changes: Any) -> TextScoring:
    read = preprocessing(base)
    model = TextModel(base, Difference(), windows_of(read, base))
    return replace(TextScoring(model, read, tuple(columns), normalised=True), **changes)


def rows_of(base: BaseModel, projection: Projection, texts: Sequence[str] = (), **changes: Any) -> Floats:
    """Rows of length 1 in the clear, of the offered texts if no others are named."""
    model = replace(scoring_of(base).model, **changes)
    return unit_rows(model.rows(texts or offered(), None, projection))


@dataclass(frozen=True)
class HandTextValuer:
    """A buyer of texts that knows beforehand what it wants, and at which price."""

    base: BaseModel
    records: tuple[RecordIndex, ...] = PICKED
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def price(self) -> Wei:
        return Wei(len(self.records) * PER_RECORD)

    def asked(self, columns: Sequence[str] = ("text",)) -> TextScoring:
        """The model that is asked at, of records of these columns."""
        return scoring_of(self.base, columns)

    def projection(self) -> Projection:
        return random_projection(self.asked().model, k=K)

    def question(self, manifest: Manifest) -> Question:
        scoring = self.asked([column.name for column in manifest.schema.columns])
        config, weights = scoring.to_parts()
        projection, basis = self.projection().to_parts()
        query = np.random.default_rng(8).integers(-40_000, 40_000, (len(BITS), K), dtype=np.int64)
        question = Question(
            model_name=scoring.name,
            model_config=config,
            weights=weights,
            fidelity=None,
            projection=projection,
            basis=basis,
            row_scale=ROW_SCALE,
            exponent_bits=0,
            queries=query,
            bits=BITS,
            pricing=UNIFORM.to_document(),
            notes=(),
        )
        return replace(question, **self.changes)

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        return Choice(self.records, self.price, ("chosen by hand",), {})

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """It reads nothing from scores."""
        return ()

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """It compares nothing."""
        return None


class TextWorld(World):
    """A world whose next party holds these base models."""

    bases: BaseModels

    def context(self) -> AgentContext:
        return replace(super().context(), base_models=self.bases)


def text_parties(
    directory: Path,
    base: BaseModel,
    *,
    seller_type: Callable[..., Seller] = Seller,
    seller_base: BaseModel | None = None,
    goods: ListingSpec | None = None,
    valuer: Valuer | None = None,
    seller_policy: SellerPolicy = SELLER_POLICY,
    buyer_policy: BuyerPolicy = BUYER_POLICY,
) -> Parties:
    """Seller and buyer of texts. A seller may hold another base model than it says: `seller_base` under `base`'s name.

    Called again for the same directory, they go on.
    """
    world = TextWorld(directory)
    world.bases = {base.digest: base if seller_base is None else seller_base}
    spec = text_goods(base) if goods is None else goods
    seller = seller_type(world.directory / "seller", world.context(), spec, seller_policy)
    world.bases = {base.digest: base}
    buyer = make_buyer(world, seller, "buyer", valuer=valuer or HandTextValuer(base), policy=buyer_policy)
    world.fund(seller.address)
    return Parties(world, seller, buyer)


class OtherRowsSeller(Seller):
    """Commits to, and scores, the rows that `made` gives it for `worthless` records; set both before its first step."""

    worthless: tuple[int, ...] = ()
    made: Callable[[Request], QuantisedRows]

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        honest, other = super()._rows(digest, request), self.made(request)
        entries = np.array(honest.entries)
        entries[list(self.worthless)] = other.entries[list(self.worthless)]
        return replace(honest, entries=entries)


def rounded(rows: Floats) -> QuantisedRows:
    return quantise_rows(rows, ROW_SCALE)
