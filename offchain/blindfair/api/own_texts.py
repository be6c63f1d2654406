"""The buyer's own texts: one source, divided into training and validation, or one for each; and its base model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.agents.buyer.valuer import Choice, Question
from blindfair.agents.evaluation.rows import BaseModels
from blindfair.api.own_records import OWN, TRAIN, VALIDATION
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.corpus import Corpus, read_corpus
from blindfair.influence.frames import Frame
from blindfair.influence.reading import ColumnReading
from blindfair.influence.text import BaseModel
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.texts.valuation import DEFAULT_BITS
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Wei
from blindfair.protocol.records import Cell, Row

_TRAIN_SHARE = 0.5
"""Training texts make the query, validation texts measure trust: both need as many as they can get."""

Labelled = tuple[Sequence[str], Sequence[Cell] | None]


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """How the buyer's texts are read, and the folder of its base model."""

    column: str
    label: str | None
    base_model: str
    seed: int

    def read(self, sources: Mapping[str, Path | str | Frame]) -> tuple[Labelled, Labelled]:
        """Read one source named `OWN`, or two named `TRAIN` and `VALIDATION`. Raises what `read_corpus` raises."""
        read = {name: read_corpus(each, text=self.column, label=self.label) for name, each in sources.items()}
        if OWN not in read:
            return _labelled(read[TRAIN]), _labelled(read[VALIDATION])
        corpus = read[OWN]
        order = np.random.default_rng(self.seed).permutation(len(corpus.rows))
        cut = round(_TRAIN_SHARE * len(order))
        first, rest = sorted(order[:cut].tolist()), sorted(order[cut:].tolist())
        return _labelled(corpus, first), _labelled(corpus, rest)

    def base(self) -> BaseModel:
        """Load the base model. Raises what `BaseModel.load` raises."""
        return BaseModel.load(Path(self.base_model))


class ListingTextValuer:
    """A buyer with texts whose price depends on the listing. Implements `Valuer` for one listing."""

    def __init__(self, base: BaseModel, own: tuple[Labelled, Labelled], purchase: PurchaseOptions, seed: int) -> None:
        self._base = base
        self._own = own
        self._purchase = purchase
        self._seed = seed
        self._made: TextValuer | None = None

    @property
    def base_models(self) -> BaseModels:
        """The buyer's base model, by its digest."""
        return {self._base.digest: self._base}

    @property
    def readings(self) -> Mapping[str, Sequence[ColumnReading]]:
        """How columns were read: of texts there is nothing to tell."""
        return {}

    def question(self, manifest: Manifest) -> Question:
        """See `Valuer`. Raises InvalidOption for an offer under the reserve, and what `TextValuer` raises."""
        reserve, offered = manifest.terms.reserve_price, self._purchase.offered
        if offered is not None and offered < reserve:
            raise InvalidOption(
                "The offered price of a record is under what the seller takes",
                expected=f"at least {self._purchase.prices.show(reserve)}",
                found=self._purchase.prices.show(offered),
                hint="offer more in another directory, or buy elsewhere; nothing was asked",
            )
        return self._valuer(manifest).question(manifest)

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        """See `Valuer`."""
        return self._valuer(manifest).choose(scores, manifest, budget)

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """See `Valuer`."""
        return self._valuer(manifest).check_opened(units, records, scores, manifest)

    def real_scores(self, scores: NDArray[np.int64], manifest: Manifest) -> Floats:
        """Decrypted scores, `n` int64, as real numbers; positive = helpful."""
        return self._valuer(manifest).real_scores(scores, manifest)

    def _valuer(self, manifest: Manifest) -> TextValuer:
        if self._made is None:
            reserve, offered = manifest.terms.reserve_price, self._purchase.offered
            most = manifest.terms.bits_per_record
            self._made = TextValuer(
                self._base,
                *self._own,
                pricing=UniformPricing(reserve if offered is None else offered, reserve),
                seed=self._seed,
                bits=DEFAULT_BITS if sum(DEFAULT_BITS) <= most else (max(1, most - 1), 1) if most > 1 else (1,),
                good_record_value=self._purchase.good_record_value,
            )
        return self._made


def _labelled(corpus: Corpus, places: Sequence[int] | None = None) -> Labelled:
    kept = range(len(corpus.rows)) if places is None else places
    texts, labels = corpus.texts(), corpus.labels()
    return [texts[place] for place in kept], None if labels is None else [labels[place] for place in kept]
