"""What was told or sold beside the bits that a listing counts, until it was mended: the lengths of records, and choices
by preprocessing that tells nothing.

Not here: thieves that read scores (`digits`, `askers`, `chosen`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import NumberFeature
from blindfair.influence.usefulness import compare_losses
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.information import entropy
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.pricing.selection import Method, select
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.valuation import prepare_valuation
from blindfair.protocol.quantities import Wei
from blindfair.protocol.records import encode_row, encode_rows
from blindfair.studies.theft.channel import CLASS_BITS, IDENTIFIERS, MODULUS, SCORE_BITS, Target

SHARE = 0.3
"""Share of the offer that a buyer buys."""

FLIPPED = 0.3
"""Share of the offered labels that are wrong."""

STRONG = frozenset({"days", "cd420", "cd496", "cd40", "offtrt"})
"""The columns that tell most of the outcome."""


def length_bits(target: Target) -> tuple[float, float]:
    """Bits a record that the lengths of a listing's records hold: each of its own length, and as they are listed."""
    rows = target.table.rows
    return entropy(len(encode_row(row)) for row in rows), entropy(len(record) for record in encode_rows(rows))


@dataclass(frozen=True, slots=True)
class Misled:
    """What a buyer buys by one preprocessing, over several divisions of the table.

    `wrong` is the share of wrong labels among the bought records, `offered` in the offer, both means. `told` is in how
    many divisions the buyer is told before it asks.
    """

    name: str
    wrong: float
    offered: float
    told: int


def _each(change: Callable[[NumberFeature], NumberFeature]) -> Callable[[FeatureSchema], FeatureSchema]:
    def changed(schema: FeatureSchema) -> FeatureSchema:
        return replace(
            schema,
            features=tuple(change(each) if isinstance(each, NumberFeature) else each for each in schema.features),
        )

    return changed


def _reading(reads: Callable[[str], bool]) -> Callable[[FeatureSchema], FeatureSchema]:
    return lambda schema: replace(schema, features=tuple(each for each in schema.features if reads(each.column)))


PREPROCESSINGS: Mapping[str, Callable[[FeatureSchema], FeatureSchema]] = {
    "of the records": lambda schema: schema,
    "scales of a million": _each(lambda feature: replace(feature, scale=1e6)),
    "without the columns that tell most": _reading(lambda column: column not in STRONG),
}
"""Misleading preprocessings that a seller may publish."""


def divided(target: Target, seed: int) -> Scenario:
    """The trial between a buyer and a seller."""
    return make_scenario(target.table, seed, flip_share=FLIPPED, duplicate_share=0.0)


def measure_misled(target: Target, seeds: int) -> list[Misled]:
    """Let a buyer of the trial choose records by each preprocessing, with the defaults, although it is warned."""
    scenarios = [divided(target, seed) for seed in range(seeds)]
    found = []
    for name, change in PREPROCESSINGS.items():
        runs = [_buy(scenario, change, np.random.default_rng(seed)) for seed, scenario in enumerate(scenarios)]
        wrong, offered, told = zip(*runs, strict=True)
        found.append(Misled(name, float(np.mean(wrong)), float(np.mean(offered)), sum(told)))
    return found


def _buy(
    scenario: Scenario, change: Callable[[FeatureSchema], FeatureSchema], rng: np.random.Generator
) -> tuple[float, float, bool]:
    schema = change(FeatureSchema.infer(scenario.offer, scenario.columns, scenario.label, excluded=IDENTIFIERS))
    judged = compare_losses(scenario.train, scenario.validation, schema)
    valuation = prepare_valuation(
        scenario.train,
        scenario.validation,
        schema,
        plain_modulus=MODULUS,
        rng=rng,
        bits=(SCORE_BITS, CLASS_BITS),
        max_bits=SCORE_BITS + CLASS_BITS,
    )
    offer = valuation.read(valuation.seen_scores(scenario.offer, rng))
    weights = calibrated_trust(offer, valuation.right, valuation.wrong).weights
    budget = Wei(round(SHARE * len(scenario.offer)))
    everybody = np.arange(len(scenario.offer), dtype=np.int64)
    bought = select(Method.TRUST, everybody, weights, UniformPricing(Wei(1), Wei(0)), budget, rng).records
    flipped = scenario.truth.flipped
    wrong = float(flipped[np.array(bought, dtype=np.int64)].mean()) if bought else float("nan")
    return wrong, float(flipped.mean()), judged is not None and judged.misleads
