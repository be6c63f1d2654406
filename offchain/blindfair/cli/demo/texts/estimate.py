"""Time and bytes of the demo of texts, told before it starts: bytes exactly, times from a step of fine-tuning."""

import time

from blindfair.api.defaults import QUERIES
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.plan import plan
from blindfair.cli.demo.estimate import DemoEstimate
from blindfair.cli.demo.texts.prepared import PreparedTexts
from blindfair.cli.demo.trade_costs import Busy, other_seconds, recomputed_records
from blindfair.influence.text import TextModel, fine_tune
from blindfair.pricing.texts.directions import STRENGTHS
from blindfair.pricing.texts.utility import ARMS
from blindfair.pricing.texts.valuation import most_entries

_STEP = 16
"""Texts of one step of fine-tuning."""

_TRIED = 3
"""Steps that are timed; the first one is slower, and not counted."""

_READ_AGAIN = 8
"""How often a valuation reads each own text besides fine-tuning: losses, projections, rows, damaged rows, pieces."""

_TUNED = len(ARMS) - 1
"""Arms that are fine-tuned."""

_READ_ONCE = 1 / 3
"""The part of a step's time for each text that a pass forward alone takes."""


def estimate_texts(
    job: PreparedTexts, model: TextModel, costs: CostModel, steps: int, threads: int, trades: int, busy: Busy
) -> DemoEstimate:
    """Estimate on the machine of `costs`; `steps` are those of each fine-tuned arm, `threads` divisions run at once.

    `busy` was made at the beginning of work.
    """
    records = len(job.offer)
    train, _ = job.divided(job.options.seed)
    texts = train[0], None if train[1] is None else [0] * len(train[1])
    dimension = most_entries(len(texts[0]), labelled=job.label is not None)
    queries = QUERIES if job.label is None else 1
    chosen = plan(records, dimension, queries)
    blind = estimate(chosen.parameters, records, dimension, queries, costs)
    fine_tune(model, *texts, steps=1, seed=0)
    began = time.process_time()
    fine_tune(model, *texts, steps=_TRIED, seed=0)
    step = (time.process_time() - began) / _TRIED
    rows = step * records / _STEP
    # Texts with labels need a head alone, which is fitted in no time, as a rule.
    tuned = STRENGTHS[0] if job.label is None else 0
    question = step * (tuned + _READ_AGAIN * len(job.own) / _STEP)
    judged = _TUNED * (step * steps + _READ_ONCE * step * len(job.test) / _STEP)
    if job.label is not None:
        # A head is fitted on states that are computed once.
        judged = 0.0
    rounds = -(-job.options.divisions // threads)
    selected = min(job.options.affordable, records)
    audits = rows * recomputed_records(trades, selected) / records
    known = trades * blind.seconds + other_seconds(costs, trades, records, selected)
    trading = trades * rows + audits + known
    # The demo computes the rows of the honest trade once more, and tunes on what it bought.
    review = rows + judged / _TUNED
    return DemoEstimate(
        upload_bytes=blind.upload_bytes,
        download_bytes=blind.download_bytes,
        memory_bytes=blind.memory_bytes,
        evaluation_seconds=blind.seconds + rows,
        # The five buyers are one person, who makes the query once.
        trade_seconds=busy.factor * (question + trading),
        worth_seconds=busy.factor * (review + rounds * (question + rows + judged)),
    )
