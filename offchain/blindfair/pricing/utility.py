"""What a purchase by score is good for: the same job done in the clear over several seeds, with the truth at hand.

For each seed the table is divided and troubled (`scenario`), scores are computed on the integers that a blind
evaluation works with and seen through the noise of their bits, a share of the offer is bought, and a model is fitted to
all the buyer's own records (training and validation) and the bought ones. Compared are the same number of records
bought at random from the offer as listed, and of records without wrong labels and duplicates, which nobody could
know: a bound. The judge is a test set that belongs to neither party, by the measure of the label (`quality`). Not here:
the blind evaluation itself, which a test shows to give equal scores.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.table import Table
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.learners import Examples, Learner, LogisticLearner, joined
from blindfair.pricing.quality import Quality, quality_of
from blindfair.pricing.ranks import auc
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.selection import Method, distinct_records, select
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.valuation import DEFAULT_BITS, Valuation, prepare_valuation
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

SEEDS = tuple(range(10))
SHARE = 0.3
"""Share of the offered records that is bought."""

PLAIN_MODULUS = 2**32 - 2**18
"""The largest plaintext modulus that disclosure allows (SCORING requirement 4)."""


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """One seed. The quality after a purchase is one number for each share bought, the mean of several purchases.

    `flipped_label_auc` is how well the score tells right labels from wrong ones (1 perfectly, 0.5 not at all), none
    where none is wrong. `bad_share_bought` is the true share of wrong labels in the purchase by score.
    """

    before: float
    by_score: tuple[float, ...]
    at_random: tuple[float, ...]
    clean: tuple[float, ...]
    bad_share_bought: tuple[float, ...]
    flipped_label_auc: float | None
    bad_share_estimated: float
    bad_share_true: float


@dataclass(frozen=True, slots=True)
class Utility:
    """The outcomes of all seeds for the same shares of the offer bought, by one measure of quality."""

    shares: tuple[float, ...]
    outcomes: tuple[SeedOutcome, ...]
    quality: Quality

    def curve(self, arm: str) -> Floats:
        """A field of every outcome: `n_seeds x n_shares` where it is one for each share bought, else `n_seeds`."""
        return np.array([getattr(outcome, arm) for outcome in self.outcomes], dtype=np.float64)

    def gain_over_random_ci95(self) -> tuple[float, float]:
        """Gain in quality of choosing by score over choosing at random, at the first share.

        It is the 95 % interval, over seeds, of the paired difference.
        """
        return _ci95((self.curve("by_score") - self.curve("at_random"))[:, 0])

    def gain_over_before_ci95(self) -> tuple[float, float]:
        """Gain in quality of buying by score over buying nothing, with the same kind of interval."""
        return _ci95(self.curve("by_score")[:, 0] - self.curve("before"))

    def gain_of_clean_ci95(self) -> tuple[float, float]:
        """Gain in quality of clean records over records at random, with the same kind of interval."""
        return _ci95((self.curve("clean") - self.curve("at_random"))[:, 0])

    def to_document(self) -> Document:
        """The block `utility` of the result file: means over seeds, at the first share.

        Four names begin with the measure: `auc_before` of two classes, `accuracy_before` of more, `r2_before` of a
        number, `d2_before` of a count.
        """
        flipped = [o.flipped_label_auc for o in self.outcomes if o.flipped_label_auc is not None]
        measure = self.quality.key
        return {
            "seeds": len(self.outcomes),
            "share_bought": self.shares[0],
            "measure": measure,
            f"{measure}_before": _mean([o.before for o in self.outcomes]),
            f"{measure}_by_score": _mean([o.by_score[0] for o in self.outcomes]),
            f"{measure}_random": _mean([o.at_random[0] for o in self.outcomes]),
            f"{measure}_clean": _mean([o.clean[0] for o in self.outcomes]),
            "gain_over_before_ci95": list(self.gain_over_before_ci95()),
            "gain_over_random_ci95": list(self.gain_over_random_ci95()),
            "flipped_label_auc": _mean(flipped) if flipped else None,
            "bad_share_bought": _mean([o.bad_share_bought[0] for o in self.outcomes]),
            "bad_share_estimated": _mean([o.bad_share_estimated for o in self.outcomes]),
            "bad_share_true": _mean([o.bad_share_true for o in self.outcomes]),
        }


def mean_and_margin(samples: Floats) -> tuple[Floats, Floats]:
    """Mean of `n_seeds x ...` numbers over seeds, and half of its 95 % interval by Student's t.

    The seeds divide one table differently. The interval tells how sure the mean over such divisions is, not what
    another table would give.
    """
    count = len(samples)
    margin = stdtrit(count - 1, 0.975) * samples.std(axis=0, ddof=1) / np.sqrt(count)
    return samples.mean(axis=0), np.asarray(margin, dtype=np.float64)


def measure_utility(
    table: Table,
    *,
    seeds: Sequence[int] = SEEDS,
    shares: Sequence[float] = (SHARE,),
    flip_share: float = 0.3,
    duplicate_share: float = 0.1,
    categorical: Collection[str] = (),
    label_kind: LabelKind | None = None,
    learner: Learner | None = None,
    bits: Sequence[int] = DEFAULT_BITS,
    max_bits: int = 0,
    on_seed: Callable[[], None] = lambda: None,
) -> Utility:
    """Measure on a table, for 2 seeds or more. Deterministic. `on_seed` is called after each.

    The label is of `label_kind`, or of the kind that `choose_label_kind` finds. `bits` are those of score and class,
    `max_bits` what a class may be asked with (`prepare_valuation`).

    Raises InvalidOption for fewer seeds or a share outside 0 ... 1, and what `make_scenario`, `scenario_schema` and
    `prepare_valuation` raise.
    """
    if len(seeds) < 2:
        raise InvalidOption("An interval needs several seeds", expected="at least 2", found=len(seeds))
    if not shares or not all(0 < share <= 1 for share in shares):
        raise InvalidOption("A share to buy is out of range", expected="above 0, at most 1", found=tuple(shares))
    learner = LogisticLearner() if learner is None else learner
    outcomes = []
    for seed in seeds:
        divided = _divide(table, seed, flip_share, duplicate_share, categorical, label_kind)
        rng = np.random.default_rng([seed, 1])
        outcomes.append(_run(*divided, rng, shares, learner.for_label(divided[1]), bits, max_bits))
        on_seed()
    # The seeds have schemas of their own, all of one kind of label.
    return Utility(tuple(shares), tuple(outcomes), quality_of(divided[1]))


def check_divisions(
    table: Table,
    *,
    seeds: Sequence[int] = SEEDS,
    flip_share: float = 0.3,
    duplicate_share: float = 0.1,
    categorical: Collection[str] = (),
    label_kind: LabelKind | None = None,
    learner: Learner | None = None,
) -> None:
    """Check that a query can be made in every division, before work that is lost if one is refused.

    It takes a small part of the time of `measure_utility`, which takes the same arguments. Raises what
    `make_scenario`, `scenario_schema` and `prepare_valuation` raise.
    """
    learner = LogisticLearner() if learner is None else learner
    for seed in seeds:
        scenario, listed = _divide(table, seed, flip_share, duplicate_share, categorical, label_kind)
        rng = np.random.default_rng([seed, 1])
        _valuation(scenario, listed, rng, learner.for_label(listed), DEFAULT_BITS, 0)


def retrained_quality(own: Examples, bought: Examples, test: Examples, quality: Quality, learner: Learner) -> float:
    """Quality on the test records of a model fitted to the buyer's own and the bought records.

    `learner` is the one for the label (`Learner.for_label`).
    """
    return quality.measure(learner.margins(learner.fit(joined(own, bought)), test[0]), test[1])


def scenario_schema(scenario: Scenario, categorical: Collection[str] = ()) -> FeatureSchema:
    """The preprocessing that a seller of the offer publishes: of its records, copies left out as a listing does.

    Raises what `FeatureSchema.infer` raises.
    """
    rows = list(dict.fromkeys(scenario.offer))
    return FeatureSchema.infer(
        rows, scenario.columns, scenario.label, categorical=categorical, label_kind=scenario.label_kind
    )


def _divide(
    table: Table,
    seed: int,
    flip_share: float,
    duplicate_share: float,
    categorical: Collection[str],
    label_kind: LabelKind | None,
) -> tuple[Scenario, FeatureSchema]:
    scenario = make_scenario(table, seed, flip_share=flip_share, duplicate_share=duplicate_share, label_kind=label_kind)
    return scenario, scenario_schema(scenario, categorical)


def _valuation(
    scenario: Scenario,
    listed: FeatureSchema,
    rng: np.random.Generator,
    learner: Learner,
    bits: Sequence[int],
    max_bits: int,
) -> Valuation:
    return prepare_valuation(
        scenario.train,
        scenario.validation,
        listed,
        plain_modulus=PLAIN_MODULUS,
        rng=rng,
        learner=learner,
        bits=bits,
        max_bits=max_bits,
        # Both parts are of one table: rare values that only one of them names are no other spelling.
        accept_kinds=True,
    )


def _run(
    scenario: Scenario,
    listed: FeatureSchema,
    rng: np.random.Generator,
    shares: Sequence[float],
    learner: Learner,
    bits: Sequence[int],
    max_bits: int,
) -> SeedOutcome:
    valuation = _valuation(scenario, listed, rng, learner, bits, max_bits)
    schema, quality = valuation.model.schema, quality_of(listed)
    own = learner.encode(schema, [*scenario.train, *scenario.validation])
    offer, test = learner.encode(schema, scenario.offer), learner.encode(schema, scenario.test)

    def after(bought: Integers) -> float:
        return retrained_quality(own, (offer[0][bought], offer[1][bought]), test, quality, learner)

    integers = valuation.seen_scores(scenario.offer, rng)
    offered = valuation.read(integers)
    candidates = distinct_records(integers) if valuation.exact else np.arange(len(scenario.offer))
    trust = calibrated_trust(offered.at(candidates), valuation.right, valuation.wrong)
    truth = scenario.truth
    right = np.flatnonzero(~truth.flipped & ~truth.duplicate)
    everything = np.arange(len(scenario.offer))
    by_score, at_random, clean, bad = [], [], [], []
    for share in shares:
        budget = Wei(round(share * len(scenario.offer)))
        purchases = [_purchase(candidates, trust.weights, budget, rng) for _ in range(learner.draws)]
        by_score.append(_mean([after(bought) for bought in purchases]))
        at_random.append(_mean([after(rng.choice(everything, bought.size, replace=False)) for bought in purchases]))
        sizes = [min(bought.size, right.size) for bought in purchases]
        clean.append(_mean([after(rng.choice(right, size, replace=False)) for size in sizes]))
        bad.append(_mean([float(truth.flipped[bought].mean()) if bought.size else 0.0 for bought in purchases]))
    distinct = ~truth.duplicate
    flips = truth.flipped[distinct]
    return SeedOutcome(
        before=after(everything[:0]),
        by_score=tuple(by_score),
        at_random=tuple(at_random),
        clean=tuple(clean),
        bad_share_bought=tuple(bad),
        flipped_label_auc=auc(~flips, offered.scores[distinct]) if flips.any() else None,
        bad_share_estimated=trust.bad_share,
        bad_share_true=float(flips.mean()),
    )


def _purchase(candidates: Integers, weights: Floats, budget: Wei, rng: np.random.Generator) -> Integers:
    # One unit of money a record: the budget is the number of records.
    chosen = select(Method.TRUST, candidates, weights, UniformPricing(Wei(1), Wei(0)), budget, rng)
    return np.array(chosen.records, dtype=np.int64)


def _ci95(gains: Floats) -> tuple[float, float]:
    mean, margin = mean_and_margin(gains)
    return float(mean - margin), float(mean + margin)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
