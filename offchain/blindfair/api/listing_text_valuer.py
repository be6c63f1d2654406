"""A buyer with texts whose price depends on the listing: what it offers for a record is known once the manifest is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.agents.buyer.valuer import Choice, Question
from blindfair.agents.evaluation.preprocessing import listed_texts
from blindfair.agents.evaluation.rows import BaseModels
from blindfair.api.divided_texts import DividedTexts
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.arrays import Floats
from blindfair.influence.reading import ColumnReading
from blindfair.influence.text import BaseModel, Difference, TextScoring
from blindfair.influence.text.base_files import SentBase
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.pricing.texts.valuation import DEFAULT_BITS, blank_model
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import Row


class ListingTextValuer:
    """A buyer with texts whose price depends on the listing. Implements `Valuer` for one listing."""

    def __init__(
        self,
        base: BaseModel,
        own: DividedTexts,
        purchase: PurchaseOptions,
        seed: int,
        before_asking: Callable[[Manifest], None] = lambda _: None,
        *,
        show_query: bool = False,
        fine_tuned: Difference | None = None,
        sent_base: SentBase | None = None,
    ) -> None:
        """`before_asking` is told of the manifest right before a question is made, the only time in a trade."""
        self._base = base
        self._own = own
        self._purchase = purchase
        self._seed = seed
        self._before_asking = before_asking
        self._show_query = show_query
        self._fine_tuned = fine_tuned
        self._sent_base = sent_base
        self._made: TextValuer | None = None

    @property
    def base_models(self) -> BaseModels:
        """The buyer's base model, by its digest."""
        return {self._base.digest: self._base}

    @property
    def readings(self) -> Mapping[str, Sequence[ColumnReading]]:
        """How columns were read: of texts there is nothing to tell."""
        return {}

    def check_listing(self, manifest: Manifest) -> None:
        """See `ChecksListing`. Raises InvalidOption for an offer under the reserve, and as `TextValuer.check_fits` and
        `before_asking`."""
        reserve, offered = manifest.terms.reserve_price, self._purchase.offered
        if offered is not None and offered < reserve:
            raise InvalidOption(
                "The offered price of a record is under what the seller takes",
                expected=f"at least {self._purchase.prices.show(reserve)}",
                found=self._purchase.prices.show(offered),
                hint="offer more in another directory, or buy elsewhere; nothing was asked",
            )
        # First: what does not fit is told before what asking would take.
        self._valuer(manifest).check_fits(manifest)
        self._before_asking(manifest)

    def question(self, manifest: Manifest) -> Question:
        """See `Valuer`. Raises what `TextValuer.question` raises."""
        found = self._valuer(manifest).question(manifest)
        return replace(found, notes=(*self._own.notes, *found.notes))

    def check_asked(self, request: Request, manifest: Manifest) -> None:
        """See `ChecksAsked`."""
        self._valuer(manifest).check_asked(request, manifest)

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        """See `Valuer`."""
        return self._valuer(manifest).choose(scores, manifest, budget)

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """See `Valuer`."""
        return self._valuer(manifest).check_opened(units, records, scores, manifest)

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """See `Valuer`."""
        return self._valuer(manifest).check_delivered(numbers, records, manifest)

    def known_model(self, manifest: Manifest) -> TextScoring | None:
        """Return the scoring model that this listing is asked at; None if the buyer tries one of its own first."""
        if self._fine_tuned is not None:
            return None
        listed, columns = listed_texts(manifest), tuple(column.name for column in manifest.schema.columns)
        return TextScoring(blank_model(self._base, listed, self._seed), listed, columns, normalised=True)

    def real_scores(self, scores: NDArray[np.int64], manifest: Manifest) -> Floats:
        """Decrypted scores, `n` int64, as real numbers; positive = helpful."""
        return self._valuer(manifest).real_scores(scores, manifest)

    def _valuer(self, manifest: Manifest) -> TextValuer:
        if self._made is None:
            reserve, offered = manifest.terms.reserve_price, self._purchase.offered
            most = manifest.terms.bits_per_record
            self._made = TextValuer(
                self._base,
                self._own.train,
                self._own.validation,
                pricing=UniformPricing(reserve if offered is None else offered, reserve),
                seed=self._seed,
                bits=DEFAULT_BITS if sum(DEFAULT_BITS) <= most else (max(1, most - 1), 1) if most > 1 else (1,),
                good_record_value=self._purchase.good_record_value,
                show_query=self._show_query,
                fine_tuned=self._fine_tuned,
                sent_base=self._sent_base,
            )
        return self._made
