"""A buyer with texts: a query by its own fine-tuning, trust by likeness to its own texts, a price within the budget."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.sent_base import check_travels, packed
from blindfair.agents.buyer.valuer import Choice, Question
from blindfair.agents.evaluation.preprocessing import listed_texts
from blindfair.blind.parameters import DEFAULT
from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.own_kinds import check_classes
from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.base_files import SentBase
from blindfair.influence.text.scoring import class_codes
from blindfair.pricing.functions import PricingFunction
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.selection import Method, select
from blindfair.pricing.texts.adapted import asked_difference, check_fits, named_form
from blindfair.pricing.texts.choice import share_interval, text_trust
from blindfair.pricing.texts.delivered import DeliveredRepetition, compared_places, delivered_repetition
from blindfair.pricing.texts.repetition import check_repetition
from blindfair.pricing.texts.valuation import DEFAULT_BITS, Texts, TextValuation, prepare_text_valuation
from blindfair.pricing.worth import Worth, warnings_of_offer, warnings_of_purchase
from blindfair.protocol.delivery import decode_delivery
from blindfair.protocol.errors import FieldMismatch, InvalidOption, LabelUnusable
from blindfair.protocol.fields import hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import Cell, Row
from blindfair.protocol.terms import PER_RECORD

NO_FORECAST = "No gain is forecast for texts: no forecast that was tried was reliable"
NO_FORECAST_OF_LABELLED = "No gain is forecast for texts with a label: no such forecast was measured yet"
"""Why `Choice.forecast` is None: said wherever something is bought."""

_FOLDS, _CHOICE, _INTERVAL = range(3)
"""Random streams of their own: the question comes out the same whatever else was drawn."""


class TextValuer:
    """The buyer's own texts and its base model. Implements `Valuer`.

    `train` and `validation` are texts, with their labels if the listing has any. `seed` makes question and choice
    repeatable. `bits` are those of the score and of the contrast with damaged texts, 1 ... 32 each; one number asks for
    no contrast. `method` is the order in which wanted texts are bought, the most trusted first by default.
    `good_record_value` is what one more good text is worth to the buyer, if it says so. With `show_query` the query's
    directions are put into the projection, which the seller sees (docs/explanation/privacy.md). `fine_tuned` is how the
    buyer's own fine-tuned model differs from the base: texts are scored there, and the seller sees it. `sent_base` is
    the base model as it travels to a seller that does not hold it and takes any; without it, it does not.
    """

    def __init__(
        self,
        base: BaseModel,
        train: tuple[Sequence[str], Sequence[Cell] | None],
        validation: tuple[Sequence[str], Sequence[Cell] | None],
        *,
        pricing: PricingFunction,
        seed: int,
        bits: tuple[int, ...] = DEFAULT_BITS,
        method: Method = Method.TOP,
        good_record_value: Wei | None = None,
        show_query: bool = False,
        fine_tuned: Difference | None = None,
        sent_base: SentBase | None = None,
    ) -> None:
        self._base = base
        self._train = train
        self._validation = validation
        self._pricing = pricing
        self._seed = seed
        self._bits = bits
        self._method = method
        self._good_record_value = good_record_value
        self._show_query = show_query
        self._fine_tuned = fine_tuned
        self._sent_base = sent_base
        self._made: TextValuation | None = None

    def check_fits(self, manifest: Manifest) -> None:
        """Check that the listing is one of texts, names the base model or takes any, and has a label where the buyer's
        texts do; and that the fine-tuned model fits.

        Raises UnusableModel, MessageTooLarge for a base model that is too large to travel, FieldMismatch,
        ColumnNotScored, LabelUnusable, ClassesDiffer.
        """
        listed = listed_texts(manifest)
        listed.check_base(self._base.digest)
        if self._travels(listed):
            check_travels(self._base, self._sent_base, listed.base_models, self._fine_tuned)
        if (listed.label is None) != (self._train[1] is None):
            raise LabelUnusable(
                "The listing and the buyer's own texts differ in having a label",
                expected="no label" if listed.label is None else f"the label {listed.label!r}",
                found="labels" if listed.label is None else "none",
                hint="give texts as the listing has them",
            )
        for _, labels in (self._train, self._validation):
            if labels is not None and listed.label is not None:
                check_classes(listed.label, listed.classes, labels)
        if self._fine_tuned is not None:
            check_fits(self._base, len(listed.classes), self._fine_tuned)

    def check_listing(self, manifest: Manifest) -> None:
        """See `ChecksListing`. Raises as `check_fits`."""
        self.check_fits(manifest)

    def valuation(self, manifest: Manifest) -> TextValuation:
        """Model, queries and trusted scores; the same each time. Raises what `prepare_text_valuation` raises."""
        if self._made is None:
            self.check_fits(manifest)
            listed = listed_texts(manifest)

            def coded(texts: tuple[Sequence[str], Sequence[Cell] | None]) -> Texts:
                return texts[0], None if texts[1] is None else class_codes(texts[1], listed.classes)

            self._made = prepare_text_valuation(
                self._base,
                listed,
                [column.name for column in manifest.schema.columns],
                coded(self._train),
                coded(self._validation),
                plain_modulus=DEFAULT.plain_modulus,
                rng=self._random(_FOLDS),
                seed=self._seed,
                bits=self._bits,
                show_query=self._show_query,
                fine_tuned=self._fine_tuned,
            )
        return self._made

    def check_asked(self, request: Request, manifest: Manifest) -> None:
        """See `ChecksAsked`: base model, fine-tuned model, and the untrained head that the seed gives."""
        classes = len(listed_texts(manifest).classes)
        difference = asked_difference(self._base, classes, self._seed, self._fine_tuned)
        asked = request.model_config.get("model")
        found = (asked.get("base"), asked.get("difference")) if isinstance(asked, dict) else (None, None)
        document, weights = difference.to_parts()
        given = "no fine-tuned model" if self._fine_tuned is None else f"this {named_form(self._fine_tuned)}"
        if (*found, request.weights) != (hex_text(self._base.digest), document, weights):
            raise InvalidOption(
                "The question was asked at another model than this one",
                expected="the base model, the `adapter` or `fine_tuned` model and the `seed` that it was asked with",
                found=f"{given} on base 0x{self._base.digest.hex()[:16]}",
                hint="give the same again to go on, or begin in another directory",
            )

    def question(self, manifest: Manifest) -> Question:
        """See `Valuer`. Raises what `valuation` raises, and FieldMismatch where the listing scores groups alone."""
        if PER_RECORD not in manifest.terms.disclosures:
            raise FieldMismatch(
                "Texts are scored one by one", expected=PER_RECORD, found=", ".join(manifest.terms.disclosures)
            )
        valuation = self.valuation(manifest)
        config, weights = valuation.scoring.to_parts()
        projection, basis = valuation.projection.to_parts()
        base, notes = b"", valuation.notes
        if self._sent_base is not None and self._travels(listed_texts(manifest)):
            base = packed(self._base, self._sent_base)
            notes = (*notes, f"the request sends the seller your whole base model, {len(base):,} bytes")
        return Question(
            model_name=valuation.scoring.name,
            model_config=config,
            weights=weights,
            fidelity=None,
            projection=projection,
            basis=basis,
            row_scale=valuation.scales[0].row_scale,
            exponent_bits=0,
            queries=valuation.queries,
            bits=valuation.bits,
            pricing=self._pricing.to_document(),
            notes=notes,
            base=base,
        )

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        """See `Valuer`."""
        valuation = self.valuation(manifest)
        offer = valuation.read(scores)
        trust = text_trust(offer, valuation)
        candidates = np.arange(offer.shape[1], dtype=np.int64)
        chosen = select(self._method, candidates, trust.weights, self._pricing, budget, self._random(_CHOICE))
        worth = self._worth(offer, trust.good, trust.share, chosen.records, chosen.price, valuation)
        buys = worth.advises_buying
        no_forecast = NO_FORECAST if self._train[1] is None else NO_FORECAST_OF_LABELLED
        return Choice(
            records=chosen.records if buys else (),
            price=worth.price if buys else Wei(0),
            reasons=(*worth.warnings, no_forecast) if buys else worth.warnings,
            numbers=worth.numbers(),
        )

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """Warn of opened texts that repeat one another or the buyer's own, as `Valuer` says. Raises DuplicatesOpened.

        Labels add nothing here: the audit has compared each text and its label with their scores. Near-duplicates that
        the listing names were not hidden.
        """
        listed = listed_texts(manifest)
        place = [column.name for column in manifest.schema.columns].index(listed.column)
        named = set(listed.near_duplicates)
        unnamed = [str(row[place]) for unit, row in zip(units, records, strict=True) if unit not in named]
        return check_repetition(unnamed, [*self._train[0], *self._validation[0]], listed.compared_runs)

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """Compare the delivered texts with one another and the buyer's own, but for near-duplicates that the listing
        names. Raises CommittedGarbage."""
        listed = listed_texts(manifest)
        named = set(listed.near_duplicates)
        unnamed = [place for place, number in enumerate(numbers) if number not in named]
        column = [column.name for column in manifest.schema.columns].index(listed.column)

        def text(place: int) -> str:
            (row,) = decode_delivery([records[place]], manifest.encoding, manifest.schema)
            return str(row[column])

        drawn = compared_places(map(text, unnamed), len(unnamed), self._seed, listed.compared_runs)
        compared = [unnamed[place] for place in drawn]
        return delivered_repetition(
            [numbers[place] for place in compared],
            [text(place) for place in compared],
            [*self._train[0], *self._validation[0]],
            len(numbers),
            listed.compared_runs,
        )

    def real_scores(self, scores: NDArray[np.int64], manifest: Manifest) -> Floats:
        """Decrypted scores, `n` int64, as real ones: cosines of rows and query, times the query's size."""
        return self.valuation(manifest).scales[0].real(scores)

    def _travels(self, listed: TextPreprocessing) -> bool:
        return listed.any_base_model and self._base.digest not in listed.base_models

    def _worth(
        self,
        offer: Floats,
        good: Floats,
        share: float,
        chosen: tuple[RecordIndex, ...],
        price: Wei,
        valuation: TextValuation,
    ) -> Worth:
        low, high = share_interval(offer, valuation, self._random(_INTERVAL))
        bought = good[list(chosen)]
        good_net = float((2.0 * bought - 1.0).sum())
        value = None if self._good_record_value is None else Wei(max(0, int(self._good_record_value * good_net)))
        nothing = "Nothing here is worth its price: no text that the budget could pay is like the buyer's own"
        zeros = np.zeros(valuation.trusted.shape[1])
        warnings = warnings_of_purchase(len(chosen), value, price, nothing)
        warnings += warnings_of_offer(
            share, low, high, Scored(valuation.trusted[-1], zeros), Scored(valuation.damaged[-1], zeros)
        )
        expected = float(bought.mean()) if bought.size else 0.0
        return Worth(len(chosen), price, share, low, high, expected, good_net, value, tuple(warnings))

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, stream])
