"""A buyer with a table: a query by what it learns, calibrated trust, a price within the budget."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.valuer import Choice, Question
from blindfair.agents.evaluation.preprocessing import holds_texts, listed_schema
from blindfair.blind.parameters import DEFAULT
from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.own_columns import OwnColumns
from blindfair.influence.own_kinds import check_own_records
from blindfair.influence.seen_values import compare_values
from blindfair.influence.usefulness import compare_losses, compare_shades
from blindfair.influence.written import alike_but_texts, unread_columns
from blindfair.pricing.forecast import ForecastBasis, forecast_gain
from blindfair.pricing.functions import PricingFunction
from blindfair.pricing.gain_forecast import GainForecast
from blindfair.pricing.groups import assess_groups, group_trust
from blindfair.pricing.label_calibration import Scored
from blindfair.pricing.learners import Learner, LogisticLearner
from blindfair.pricing.opened import check_opened_labels
from blindfair.pricing.resampled_forecast import ResampledBasis, resampled_forecast
from blindfair.pricing.selection import Method, distinct_records, select
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.pricing.trust import Trust, calibrated_trust
from blindfair.pricing.valuation import DEFAULT_BITS, Valuation, prepare_valuation
from blindfair.pricing.worth import Worth, assess
from blindfair.protocol.errors import ColumnsDiffer, InvalidOption, LabelUnusable, UnusableModel
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import Row
from blindfair.protocol.terms import PER_RECORD
from blindfair.protocol.units import Units
from blindfair.protocol.words import counted

_FOLDS, _CHOICE, _INTERVAL, _FORECAST = range(4)
"""Random streams of their own: the cross-fitting comes out the same whatever else was drawn."""

_ASKED = ("score", "class")

_NOT_OF_GROUPS = "There is no forecast of the gain: the score of a group does not tell which records it holds"
_NOT_OF_LEARNER = "There is no forecast of the gain: it is made for linear models alone"
_NOT_WITHOUT_CLASS = "There is no forecast of the gain: the class of the records was not asked for"


class TabularValuer:
    """The buyer's own records and its way of choosing. Implements `Valuer`.

    `seed` makes question and choice repeatable. Records are prepared as the listing's manifest says. It learns by the
    linear model of the label unless a `learner` is given. `good_record_value` is what one more good record is worth to
    the buyer, if it says so. `disclosure` is the policy that it asks for: whether records or groups are scored.
    `bits` are those of the score and of the class, 1 ... 32 each; one number asks for no class. A class that takes more
    is asked for with them where the listing tells so many bits of a record, and left out elsewhere; a note says so.
    With `accept_preprocessing` it asks although the listing's preprocessing misleads (`usefulness`), and is warned.
    With `accept_kinds` it asks although columns are written otherwise than the listing's (`own_kinds`).
    Its model reads no column of `left_out`. Records are matched with the listing's columns by name, in any order.
    """

    def __init__(
        self,
        train: Sequence[Row],
        validation: Sequence[Row],
        columns: Sequence[str],
        label: str,
        *,
        pricing: PricingFunction,
        seed: int,
        method: Method = Method.TRUST,
        good_record_value: Wei | None = None,
        learner: Learner | None = None,
        disclosure: str = PER_RECORD,
        bits: tuple[int, ...] = DEFAULT_BITS,
        accept_preprocessing: bool = False,
        left_out: Sequence[str] = (),
        accept_kinds: bool = False,
    ) -> None:
        self._train = train
        self._validation = validation
        self._own = OwnColumns(tuple(columns), label, tuple(left_out))
        self._pricing = pricing
        self._seed = seed
        self._method = method
        self._good_record_value = good_record_value
        self._learner = learner
        self._disclosure = disclosure
        self._bits = bits
        self._accepts_preprocessing = accept_preprocessing
        self._accepts_kinds = accept_kinds
        self._valuations: dict[tuple[int, int, int], Valuation] = {}

    def valuation(self, manifest: Manifest) -> Valuation:
        """Model, query and trusted scores, by the listing's preprocessing; the same each time."""
        modulus = DEFAULT.plain_modulus
        together = self._units(manifest).size
        key = (modulus, together, manifest.terms.bits_per_record)
        if key not in self._valuations:
            self._valuations[key] = prepare_valuation(
                *self._records(manifest),
                self.schema(manifest),
                plain_modulus=modulus,
                rng=self._random(_FOLDS),
                learner=self._learner,
                group_size=together,
                bits=self._bits,
                max_bits=manifest.terms.bits_per_record,
                accept_kinds=self._accepts_kinds,
            )
        return self._valuations[key]

    def schema(self, manifest: Manifest) -> FeatureSchema:
        """The listing's feature schema without the columns that are left out. Raises as `listed_schema`, and
        InvalidOption where nothing would be read."""
        return self._own.read_by(listed_schema(manifest))

    def check_fits(self, manifest: Manifest) -> tuple[str, ...]:
        """Compare columns, kinds, categories and classes with the listing's; return warnings. In milliseconds.

        Raises ColumnsDiffer, KindsDiffer, ClassesDiffer, InvalidOption where the learner does not take the label, and
        what `schema` raises.
        """
        if holds_texts(manifest):
            raise ColumnsDiffer(
                "This listing holds texts, and your records are read as a table or as images",
                expected="texts, and a base model that the listing names",
                found="no texts",
                hint="begin another directory with `text_column` and `base_model`; nothing was asked",
            )
        self._own.check([column.name for column in manifest.schema.columns], manifest.schema.label)
        train, validation = self._records(manifest)
        schema = self.schema(manifest)
        if self._learner is not None:
            self._learner.for_label(schema)
        return check_own_records(schema, [*train, *validation], manifest.schema, accepted=self._accepts_kinds)

    def _records(self, manifest: Manifest) -> tuple[list[Row], list[Row]]:
        """Training and validation records in the order of the listing's columns."""
        names = [column.name for column in manifest.schema.columns]
        return self._own.aligned(names, self._train), self._own.aligned(names, self._validation)

    def _units(self, manifest: Manifest) -> Units:
        return Units.named(self._disclosure, manifest.record_count)

    def question(self, manifest: Manifest) -> Question:
        """Make the question to the listing, as `Valuer` says.

        Raises what `check_fits` raises, PreprocessingMisleads, and what `prepare_valuation` raises.
        """
        misfits = self.check_fits(manifest)
        valuation = self.valuation(manifest)
        judged = compare_losses(*self._records(manifest), self.schema(manifest))
        doubts = judged.check(accepted=self._accepts_preprocessing) if judged is not None else ()
        own = [*chain(*self._records(manifest))]
        doubts += compare_shades(own, self.schema(manifest), accepted=self._accepts_preprocessing)
        config, weights = valuation.model.to_parts()
        projection, basis = valuation.projection.to_parts()
        return Question(
            model_name=valuation.model.name,
            model_config=config,
            weights=weights,
            fidelity=None,
            projection=projection,
            basis=basis,
            row_scale=valuation.rounding.row_scale,
            exponent_bits=valuation.rounding.exponent_bits,
            queries=valuation.queries,
            bits=valuation.bits,
            pricing=self._pricing.to_document(),
            notes=(
                f"measures what its score loses, {valuation.loss.describe()}; "
                f"{counted(valuation.rounding.exponent_bits, 'bit')} of exponent a row",
                *_said_of_bits(valuation),
                *doubts,
                *(note for note in misfits if note not in valuation.warnings),
                *valuation.warnings,
            ),
            disclosure=self._disclosure,
        )

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        """Choose what to buy, as `Valuer` says.

        Only one of several records, or groups, with equal exact scores is a candidate (PROTOCOL 5.1).
        """
        units = self._units(manifest)
        if units.size > 1:
            return self._choose_groups(scores, manifest, units, budget)
        valuation = self.valuation(manifest)
        candidates = _candidates(valuation, scores)
        offer = valuation.read(scores[:, candidates])
        trust = calibrated_trust(offer, valuation.right, valuation.wrong)
        efficacy = trust.weights if self._method is Method.TRUST else offer.scores
        chosen = select(self._method, candidates, efficacy, self._pricing, budget, self._random(_CHOICE))
        places = np.searchsorted(candidates, np.array(chosen.records, dtype=np.int64))
        worth = assess(
            trust,
            offer,
            valuation.right,
            valuation.wrong,
            places,
            chosen.price,
            self._random(_INTERVAL),
            good_record_value=self._good_record_value,
        )
        forecast = self._forecast(valuation, manifest, offer.at(places), trust.clean[places])
        return self._choice(valuation, worth, chosen.records, manifest.record_count - candidates.size, forecast)

    def _choose_groups(self, scores: NDArray[np.int64], manifest: Manifest, units: Units, budget: Wei) -> Choice:
        """Groups are judged by the mean score of their records, and each record of one costs the same."""
        valuation = self.valuation(manifest)
        candidates, sizes, means, trust = self._judged(scores, manifest, units)
        efficacy = trust.weights if self._method is Method.TRUST else means
        rng = self._random(_CHOICE)
        chosen = select(self._method, candidates, efficacy, self._pricing, budget, rng, sizes=sizes)
        places = np.searchsorted(candidates, np.array(chosen.records, dtype=np.int64))
        worth = assess_groups(
            trust,
            means,
            sizes,
            valuation.right,
            valuation.wrong,
            places,
            chosen.price,
            self._random(_INTERVAL),
            good_record_value=self._good_record_value,
            noise=valuation.sum_noise,
        )
        copies = units.count - candidates.size
        return self._choice(valuation, worth, units.members(chosen.records), copies, _NOT_OF_GROUPS)

    def _forecast(self, valuation: Valuation, manifest: Manifest, bought: Scored, clean: Floats) -> GainForecast | str:
        """What these records do to the buyer's model, or a sentence that says why that is not forecast."""
        schema = valuation.model.schema
        has_two_classes = schema.target is None and len(schema.classes) == 2
        if self._learner is not None and not isinstance(self._learner, LogisticLearner):
            return _NOT_OF_LEARNER
        if has_two_classes and not bought.sides.any():
            return _NOT_WITHOUT_CLASS
        train, validation = self._records(manifest)
        read = {feature.column for feature in schema.features} | {schema.label}
        filled = [name in read for name in schema.columns]
        as_listed = [tuple(cell if one else None for cell, one in zip(row, filled, strict=True)) for row in validation]
        try:
            own = self._own.own_schema(schema, [*train, *validation], unread_columns(manifest.schema))
            if has_two_classes:
                encoded = own.encode(train), own.encode(validation), own.encode(as_listed)[0]
                basis = ForecastBasis(*encoded, valuation.right, valuation.wrong)
                return forecast_gain(basis, bought, clean, self._random(_FORECAST))
            found = ResampledBasis.of(valuation, own, train, validation, as_listed)
            return resampled_forecast(found, bought.scores, clean, self._random(_FORECAST))
        except (InvalidOption, LabelUnusable, UnusableModel) as error:
            return f"There is no forecast of the gain. {error}"

    def _judged(
        self, scores: NDArray[np.int64], manifest: Manifest, units: Units
    ) -> tuple[Integers, Integers, Floats, Trust]:
        """The groups that may be bought: their numbers, sizes, mean scores, and the trust in them."""
        valuation = self.valuation(manifest)
        candidates = _candidates(valuation, scores)
        sizes = np.array([len(units.members([unit])) for unit in candidates.tolist()], dtype=np.int64)
        means = valuation.read(scores[:, candidates]).scores / sizes
        return (
            candidates,
            sizes,
            means,
            group_trust(means, sizes, valuation.right.scores, valuation.wrong.scores, noise=valuation.sum_noise),
        )

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """Check that as many labels of groups are right as their scores were taken to say, as `Valuer` says.

        Where each record has its own score, that score has told it before. Warns of columns whose values are never the
        buyer's, and of records that differ in their texts alone. Raises GroupsMislead.
        """
        warnings = (
            *compare_values(manifest.schema, [*chain(*self._records(manifest))], records),
            *_warned_of_texts(alike_but_texts(manifest.schema, records), len(records)),
        )
        asked = self._units(manifest)
        if asked.size == 1:
            return warnings
        candidates, sizes, _, trust = self._judged(scores, manifest, asked)
        places = np.searchsorted(candidates, np.array(units, dtype=np.int64))
        claimed = float(np.average(trust.clean[places], weights=sizes[places]))
        valuation = self.valuation(manifest)
        check_opened_labels(
            valuation.record_scores(records),
            claimed,
            valuation.right,
            valuation.wrong,
            claim_noise=valuation.sum_noise / asked.size,
        )
        return warnings

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """Compare nothing: records of a table that are equal are found by the agent."""
        return None

    def _choice(
        self,
        valuation: Valuation,
        worth: Worth,
        records: tuple[RecordIndex, ...],
        copies: int,
        forecast: GainForecast | str,
    ) -> Choice:
        buys = worth.advises_buying
        told = (forecast,) if isinstance(forecast, str) and buys else ()
        numbers = forecast.numbers() if isinstance(forecast, GainForecast) and buys else {}
        return Choice(
            records=records if buys else (),
            price=worth.price if buys else Wei(0),
            reasons=(*valuation.warnings, *worth.warnings, *told),
            numbers={**worth.numbers(), "duplicates": copies, **numbers},
        )

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, stream])


def _warned_of_texts(alike: int, seen: int) -> tuple[str, ...]:
    if not alike:
        return ()
    return (
        f"{alike:,} of the {seen:,} records that were seen equal another one but for how a number is written, as 250.0 "
        "and 250.00: a model learns nothing more from them",
    )


def _candidates(valuation: Valuation, scores: Integers) -> Integers:
    """One of all with equal scores where these are exact; all of them where every one has noise of its own."""
    return distinct_records(scores) if valuation.exact else np.arange(scores.shape[1], dtype=np.int64)


def _said_of_bits(valuation: Valuation) -> tuple[str, ...]:
    """How many bits a record or group is asked for, and how many scores their noise may wrap around."""
    if valuation.exact:
        return ()
    asked = " and ".join(f"{bits} for the {name}" for bits, name in zip(valuation.bits, _ASKED, strict=False))
    return (
        f"asks for {counted(sum(valuation.bits), 'bit')} each: {asked}; {valuation.wrapped:.1%} of the buyer's own "
        "scores are beyond the range, and may be seen with the wrong sign",
    )
