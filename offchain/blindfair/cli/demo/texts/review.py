"""The honest trade of texts as the demo sees it: what was bought by source, and what it did to the buyer's model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.cli.demo.cases import Parties, TradeResult
from blindfair.cli.demo.honest import HonestTrade, honest_document, look_into, trade_document
from blindfair.cli.demo.texts.prepared import PreparedTexts
from blindfair.influence.quantise import quantise_rows
from blindfair.pricing.ranks import rank_correlation
from blindfair.pricing.texts.utility import TextUtility, tuned_loss
from blindfair.pricing.texts.valuation import ROW_SCALE
from blindfair.protocol.documents import Document

_DISCLOSES = (
    "nothing of a text in the request but what a projection tells: the base model is named, not changed, and the "
    "projection's directions are made of the buyer's texts"
)


@dataclass(frozen=True, slots=True)
class ReviewedTexts:
    """The honest trade of texts.

    `offered` and `bought` count texts by source, which neither party knows. `estimated` is the share of the offer that
    the buyer thought like its own, before it paid. Losses are those of the test texts, in nats a token: of the base
    model, fine-tuned on own texts, and on these with the purchase. `direction` says what the buyer asked by.
    """

    honest: HonestTrade
    offered: Mapping[str, int]
    bought: Mapping[str, int]
    direction: str
    loss_base: float
    loss_own: float
    loss_after: float


def review_texts(parties: Parties[TextValuer], job: PreparedTexts, steps: int) -> ReviewedTexts:
    """Look into the ended honest trade from both sides; fine-tuning takes so many steps."""
    evaluated = parties.buyer.review()
    valuation = parties.valuer.valuation(parties.seller.manifest)
    float_rows = valuation.scoring.rows([(each.text,) for each in job.offer], valuation.projection)
    unrounded = float_rows @ valuation.queries[0].astype(np.float64)
    honest = look_into(
        parties,
        evaluated,
        quantise_rows(float_rows, ROW_SCALE),
        scores=valuation.read(evaluated.scores)[0],
        spearman=rank_correlation(evaluated.scores[0].astype(np.float64), unrounded),
        discloses=_DISCLOSES,
    )
    model, seed = valuation.scoring.model, job.options.seed
    bought = [record for record, _ in honest.bought]
    added = [job.offer[record].text for record in bought]
    before = tuned_loss(model, job.own, [], job.test, steps=steps, seed=seed)
    return ReviewedTexts(
        honest=honest,
        offered=job.counted(range(len(job.offer))),
        bought=job.counted(bought),
        direction=valuation.direction.describe(),
        loss_base=float(model.losses(job.test, None).mean()),
        loss_own=before,
        loss_after=tuned_loss(model, job.own, added, job.test, steps=steps, seed=seed) if added else before,
    )


def texts_document(
    trades: Mapping[str, TradeResult],
    reviewed: ReviewedTexts,
    utility: TextUtility,
    seconds: Mapping[str, float],
    seed: int,
) -> Document:
    """The result file."""
    return {
        **honest_document(trades, reviewed.honest),
        "modality": "text",
        "seconds": dict(seconds),
        "seed": seed,
        "sources": {"offered": dict(reviewed.offered), "bought": dict(reviewed.bought)},
        "trade": {
            "direction": reviewed.direction,
            "numbers": dict(reviewed.honest.choice.numbers),
            "test_loss_base": reviewed.loss_base,
            "test_loss_own": reviewed.loss_own,
            "test_loss_after": reviewed.loss_after,
        },
        "trades": [trade_document(trade) for trade in trades.values()],
        "utility": utility.to_document(),
    }
