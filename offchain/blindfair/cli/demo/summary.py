"""The honest trade of a table as the demo sees it, and the result of the demo as one document (`--json`)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.cli.demo.cases import Parties, TradeResult
from blindfair.cli.demo.honest import HonestTrade, honest_document, look_into, trade_document
from blindfair.pricing.gain_forecast import LOSS_UNITS
from blindfair.pricing.learners import Learner
from blindfair.pricing.loss import ScoreLoss
from blindfair.pricing.quality import quality_of
from blindfair.pricing.ranks import rank_correlation
from blindfair.pricing.scenario import Scenario
from blindfair.pricing.utility import Utility, retrained_quality
from blindfair.protocol.documents import Document
from blindfair.protocol.records import decode_row


@dataclass(frozen=True, slots=True)
class ReviewedTable:
    """The honest trade of a table, and what it did to the buyer's model.

    `flipped` is the share of the offer, without copies, whose label is wrong. `before` and `after` are qualities of
    this one purchase, on the test set (`pricing.quality`). `unit` is that of the scores.
    """

    honest: HonestTrade
    loss: ScoreLoss
    flipped: float
    before: float
    after: float
    unit: str


def review(parties: Parties[TabularValuer], scenario: Scenario, learner: Learner) -> ReviewedTable:
    """Look into the ended honest trade from both sides; `learner` is the one for the label (`Learner.for_label`)."""
    evaluated = parties.buyer.review()
    valuation = parties.valuer.valuation(parties.seller.manifest)
    float_rows = valuation.model.rows(scenario.offer, valuation.projection)
    honest = look_into(
        parties,
        evaluated,
        valuation.rounding.apply(float_rows),
        scores=valuation.read(evaluated.scores).scores,
        spearman=rank_correlation(evaluated.scores[0].astype(np.float64), float_rows @ valuation.real_query),
        discloses=f"{learner.discloses}; of the query nothing before the selection",
    )
    schema = valuation.model.schema
    own = learner.encode(schema, [*scenario.train, *scenario.validation])
    test = learner.encode(schema, scenario.test)
    added = learner.encode(schema, [decode_row(record) for _, record in honest.bought])
    nothing = learner.encode(schema, [])
    quality = quality_of(schema)
    return ReviewedTable(
        honest=honest,
        loss=valuation.loss,
        flipped=float(scenario.truth.flipped[~scenario.truth.duplicate].mean()),
        before=retrained_quality(own, nothing, test, quality, learner),
        after=retrained_quality(own, added, test, quality, learner),
        unit=LOSS_UNITS[schema.label_kind],
    )


def to_document(
    trades: Mapping[str, TradeResult],
    reviewed: ReviewedTable,
    utility: Utility,
    seconds: Mapping[str, float],
    seed: int,
) -> Document:
    """The result file."""
    found = honest_document(trades, reviewed.honest)
    return {
        **found,
        "scores": {**found["scores"], "loss": reviewed.loss.to_document()},
        "seconds": dict(seconds),
        "seed": seed,
        "trade": _trade(reviewed, utility.quality.key),
        "trades": [trade_document(trade) for trade in trades.values()],
        "utility": utility.to_document(),
    }


def _trade(reviewed: ReviewedTable, measure: str) -> Document:
    """What this one purchase came to; `utility` has the means over divisions."""
    numbers = reviewed.honest.choice.numbers
    return {
        "records_bought": len(reviewed.honest.bought),
        f"{measure}_before": reviewed.before,
        f"{measure}_after": reviewed.after,
        "trust": numbers["clean_share"],
        "trust_ci95": [numbers["clean_share_low"], numbers["clean_share_high"]],
        "bad_share_estimated": 1 - numbers["clean_share"],
        "bad_share_true": reviewed.flipped,
    }
