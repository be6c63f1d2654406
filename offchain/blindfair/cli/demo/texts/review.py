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
from blindfair.pricing.texts.judges import HeadJudge, Judged, TextJudge, TuningJudge
from blindfair.pricing.texts.utility import KnownValuation, TextTask, TextUtility
from blindfair.pricing.texts.valuation import ROW_SCALE
from blindfair.protocol.documents import Document

_DISCLOSES = (
    "nothing of a text in the request but what a projection tells: the base model is named, not changed, and the "
    "projection's directions are made of the buyer's texts, and tell a seller that has a text whether it is one of them"
)
_OF_QUERY = "before the selection, of the query only the space of directions in which it lies"


@dataclass(frozen=True, slots=True)
class ReviewedTexts:
    """The honest trade of texts.

    `offered` and `bought` count texts by source, which neither party knows. Judged are the test texts: by the base
    model, by one that learned from own texts, and from these with the purchase. `direction` says what the buyer asked
    by.
    """

    honest: HonestTrade
    offered: Mapping[str, int]
    bought: Mapping[str, int]
    direction: str
    base: Judged
    own: Judged
    after: Judged


def known_valuation(parties: Parties[TextValuer], job: PreparedTexts) -> KnownValuation:
    """The honest buyer's valuation, and the rows of all offered texts, which the demo alone can see."""
    valuation = parties.valuer.valuation(parties.seller.manifest)
    return KnownValuation(valuation, valuation.scoring.rows(job.corpus.rows, valuation.projection))


def review_texts(
    parties: Parties[TextValuer],
    job: PreparedTexts,
    task: TextTask,
    made: KnownValuation,
    head: HeadJudge | None,
    utility: TextUtility,
    steps: int,
) -> ReviewedTexts:
    """Look into the ended honest trade from both sides; fine-tuning takes so many steps."""
    evaluated = parties.buyer.review()
    valuation, seed = made.valuation, job.options.seed
    unrounded = made.rows @ valuation.queries[0].astype(np.float64)
    honest = look_into(
        parties,
        evaluated,
        quantise_rows(made.rows, ROW_SCALE),
        scores=valuation.read(evaluated.scores)[0],
        spearman=rank_correlation(evaluated.scores[0].astype(np.float64), unrounded),
        discloses=f"{_DISCLOSES}{'' if job.label is None else ', and an untrained head comes with it'}; {_OF_QUERY}",
    )
    judge: TextJudge = head or TuningJudge(valuation.scoring.model, task.test[0], steps, seed)
    bought = [record for record, _ in honest.bought]
    # The same own texts in the same order as where the worth was measured, if it was for this seed.
    own = utility.judged(seed, "own") or judge.after(task.own(seed))
    return ReviewedTexts(
        honest=honest,
        offered=job.counted(range(len(job.offer))),
        bought=job.counted(bought),
        direction=valuation.direction.describe(),
        base=utility.judged(seed, "base") or judge.base(),
        own=own,
        after=judge.after(task.with_own(seed, bought)) if bought else own,
    )


def texts_document(
    trades: Mapping[str, TradeResult],
    reviewed: ReviewedTexts,
    utility: TextUtility,
    seconds: Mapping[str, float],
    job: PreparedTexts,
) -> Document:
    """The result file."""
    judged = {"base": reviewed.base, "own": reviewed.own, "after": reviewed.after}
    accuracies = {f"test_accuracy_{name}": found.accuracy for name, found in judged.items()}
    return {
        **honest_document(trades, reviewed.honest),
        "modality": job.options.modality,
        "seconds": dict(seconds),
        "seed": job.options.seed,
        "sources": {"offered": dict(reviewed.offered), "bought": dict(reviewed.bought)},
        "trade": {
            "direction": reviewed.direction,
            "numbers": dict(reviewed.honest.choice.numbers),
            **{f"test_loss_{name}": found.loss for name, found in judged.items()},
            **{name: value for name, value in accuracies.items() if value is not None},
        },
        "trades": [trade_document(trade) for trade in trades.values()],
        "utility": utility.to_document(),
    }
