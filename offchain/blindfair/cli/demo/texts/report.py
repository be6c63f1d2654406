"""What `--report DIR` holds of texts: pictures, the best and the worst bought texts, scores, and a receipt."""

import json
from collections.abc import Mapping

import numpy as np

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.cli.csv_text import csv_bytes
from blindfair.cli.demo.cases import Parties, TradeResult
from blindfair.cli.demo.pictures import draw_gas, draw_scores, draw_sources, draw_text_worth, draw_value_curve
from blindfair.cli.demo.report import json_bytes, make_receipt
from blindfair.cli.demo.texts.prepared import PreparedTexts
from blindfair.cli.demo.texts.review import ReviewedTexts
from blindfair.influence.corpus.corpus import TEXT_COLUMN
from blindfair.pricing.texts.utility import TextUtility

SHOWN = 10
"""The best and the worst bought texts that are shown, each."""

CHARACTERS = 200
"""The first characters of a text, which are shown."""


_WHY = {
    False: "Why not simply the highest scores: bought are the texts that are most probably like the buyer's own, and "
    "whole.\nA score above those of the buyer's own texts is unlike them, too, and a second score tells damaged texts.",
    True: "Bought are the texts whose label is most probably right, the highest scores first.\n"
    "Near-duplicates of earlier texts are left out, whatever their score.",
}
"""How `pricing.texts.choice` chooses, without and with labels, under the picture of the scores."""


def make_text_report(
    job: PreparedTexts,
    trades: Mapping[str, TradeResult],
    reviewed: ReviewedTexts,
    utility: TextUtility,
    parties: Parties[TextValuer],
) -> dict[str, bytes]:
    """All files by name, to be written together."""
    honest = reviewed.honest
    bought = np.zeros(honest.records, dtype=np.bool_)
    bought[[record for record, _ in honest.bought]] = True
    lines = [
        json.dumps({"record": record, "score": float(honest.scores[record]), **_cells(job, record)})
        for record, _ in honest.bought
    ]
    return {
        "scores.png": draw_scores(
            honest.scores, bought, "cosine of row and query times the query's size", _WHY[job.label is not None]
        ),
        "sources.png": draw_sources(reviewed.offered, reviewed.bought),
        "value.png": draw_value_curve(honest.scores, bought),
        "worth.png": draw_text_worth(utility),
        "gas.png": draw_gas(trades),
        "bought.jsonl": "".join(f"{line}\n" for line in lines).encode(),
        "texts.md": _best_and_worst(job, reviewed).encode(),
        "scores.csv": csv_bytes(
            ["record", "score_positive_is_helpful", "bought", "source"],
            (
                [record, repr(float(score)), int(bought[record]), job.offer[record].source]
                for record, score in enumerate(honest.scores)
            ),
        ),
        "receipt.json": json_bytes(make_receipt(trades["honest"], honest, parties)),
    }


def _cells(job: PreparedTexts, record: int) -> dict[str, str]:
    """A record as it was listed."""
    each = job.offer[record]
    return {TEXT_COLUMN: each.text} | ({job.label: each.label} if job.label and each.label else {})


def _best_and_worst(job: PreparedTexts, reviewed: ReviewedTexts) -> str:
    scores = reviewed.honest.scores
    ranked = sorted((record for record, _ in reviewed.honest.bought), key=lambda record: -scores[record])
    half = min(SHOWN, len(ranked) // 2)
    parts = [
        "# Bought texts, by their score\n\nThe number is the score, seen through noise; positive is helpful.\n"
        "The demo alone knows the source.\n"
    ]
    for title, records in (("The best", ranked[:half]), ("The worst", ranked[len(ranked) - half :])):
        parts.append(f"\n## {title} {half}\n")
        for record in records:
            text, source = job.offer[record].text, _named(job, record)
            shown = text[:CHARACTERS] + ("..." if len(text) > CHARACTERS else "")
            parts.append(f"\n**{scores[record]:+.4f}**, record {record}, {source}:\n\n> {shown}\n")
    return "".join(parts)


def _named(job: PreparedTexts, record: int) -> str:
    each = job.offer[record]
    return each.source if each.label is None else f"{each.source}, {each.label}"
