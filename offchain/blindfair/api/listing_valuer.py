"""A buyer with a table whose price depends on the listing: what it offers for a record is known once the manifest
is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.buyer.valuer import Choice, Question
from blindfair.agents.evaluation.own_models import ASK_THE_SELLER
from blindfair.api.amounts import Money
from blindfair.api.defaults import MODELS
from blindfair.api.own_records import OwnRecords, TableOptions
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.arrays import Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.reading import ColumnReading
from blindfair.influence.scoring_model import ScoringModel
from blindfair.influence.untrained import untrained_model
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.learners import LEARNERS
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import Row


class ListingValuer:
    """Implements `Valuer` for one listing."""

    def __init__(
        self,
        own: OwnRecords,
        tables: TableOptions,
        purchase: PurchaseOptions,
        before_asking: Callable[[Manifest], None],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """`before_asking` is told of the manifest right before a question is made, the only time in a trade. `warn`
        shows each column that is written otherwise than the listing's; without it, the question's notes tell of it."""
        self._own = own
        self._tables = tables
        self._purchase = purchase
        self._before_asking = before_asking
        self._warn = warn
        self._made: TabularValuer | None = None

    @property
    def money(self) -> Money:
        """The money that the buyer's amounts are in."""
        return self._purchase.prices

    @property
    def readings(self) -> Mapping[str, Sequence[ColumnReading]]:
        """How the columns of the buyer's own tables were read, by the table's name."""
        return self._own.readings

    def check_listing(self, manifest: Manifest) -> None:
        """See `ChecksListing`. Raises InvalidOption for an offer under the reserve, for a disclosure policy that is not
        offered and for a model that the listing does not take, as `TabularValuer.check_fits`, and what `before_asking`
        raises."""
        reserve = manifest.terms.reserve_price
        offered = self._purchase.offered
        if offered is not None and offered < reserve:
            raise InvalidOption(
                "The offered price of a record is under what the seller takes",
                expected=f"at least {self._purchase.prices.show(reserve)}",
                found=self._purchase.prices.show(offered),
                hint="offer more in another directory, or buy elsewhere; nothing was asked",
            )
        if self._purchase.disclosure not in manifest.terms.disclosures:
            raise InvalidOption(
                "The listing does not offer this disclosure",
                expected=" or ".join(f"`disclosure={name!r}`" for name in manifest.terms.disclosures),
                found=self._purchase.disclosure,
                hint="begin another directory with one that it offers; nothing was asked",
            )
        if self._purchase.model != MODELS[0] and not manifest.terms.own_models:
            raise InvalidOption(
                "The listing takes no `model` of your own",
                expected=f"`model={MODELS[0]!r}`",
                found=self._purchase.model,
                hint=f"begin another directory with it, or {ASK_THE_SELLER}; nothing was asked",
            )
        # First: what does not fit is told before what asking would take.
        misfits = self._valuer(manifest).check_fits(manifest)
        if self._warn is not None:
            for misfit in misfits:
                self._warn(misfit)
        self._before_asking(manifest)

    def question(self, manifest: Manifest) -> Question:
        """See `Valuer`. Raises what `TabularValuer.question` raises."""
        valuer = self._valuer(manifest)
        question = valuer.question(manifest)
        if self._warn is None:
            return question
        told = valuer.check_fits(manifest)
        return replace(question, notes=tuple(note for note in question.notes if note not in told))

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

    def schema(self, manifest: Manifest) -> FeatureSchema:
        """Return the features that the buyer's model reads of this listing. Raises as `TabularValuer.schema`."""
        return self._valuer(manifest).schema(manifest)

    def known_model(self, manifest: Manifest) -> ScoringModel | None:
        """Return the scoring model that this listing is asked at; None if the buyer trains it first.

        Raises as `schema`.
        """
        return untrained_model(self.schema(manifest)) if self._purchase.model == MODELS[0] else None

    def real_scores(self, scores: NDArray[np.int64], manifest: Manifest) -> Floats:
        """Decrypted scores, `n` int64, of records or of groups; positive = helpful.

        They are in the unit of the label's loss (`pricing.gain_forecast.LOSS_UNITS`): nats where the label has classes.
        """
        return np.asarray(self._valuer(manifest).valuation(manifest).scale.real(scores), dtype=np.float64)

    def _valuer(self, manifest: Manifest) -> TabularValuer:
        if self._made is None:
            reserve, offered = manifest.terms.reserve_price, self._purchase.offered
            own = self._own.beside(manifest.schema)
            self._made = TabularValuer(
                own.train,
                own.validation,
                own.columns,
                own.label,
                pricing=UniformPricing(reserve if offered is None else offered, reserve),
                seed=self._tables.seed,
                good_record_value=self._purchase.good_record_value,
                learner=LEARNERS[self._purchase.model](),
                disclosure=self._purchase.disclosure,
                bits=self._purchase.bits,
                accept_preprocessing=self._purchase.accept_preprocessing,
                left_out=self._own.left_out,
                accept_kinds=self._purchase.accept_kinds,
            )
        return self._made
