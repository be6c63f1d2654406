"""Time and bytes of the demo of texts, told before it starts: bytes exactly, times from a step of fine-tuning."""

import time

from blindfair.api.defaults import QUERIES
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.plan import plan
from blindfair.cli.demo.estimate import DemoEstimate
from blindfair.cli.demo.texts.prepared import PreparedTexts
from blindfair.influence.text import TextModel, fine_tune
from blindfair.pricing.texts.directions import STRENGTHS
from blindfair.pricing.texts.utility import ARMS
from blindfair.pricing.texts.valuation import ENTRIES

_STEP = 16
"""Texts of one step of fine-tuning."""

_TRIED = 3
"""Steps that are timed; the first one is slower, and not counted."""

_READ_AGAIN = 5
"""How often a valuation reads each own text besides fine-tuning: losses, a projection, rows, damaged rows."""

_TUNED = len(ARMS) - 1
"""Arms that are fine-tuned."""


def estimate_texts(job: PreparedTexts, model: TextModel, costs: CostModel, steps: int) -> DemoEstimate:
    """Estimate on the machine of `costs`; `steps` are those of each fine-tuned arm."""
    records = len(job.offer)
    dimension = min(ENTRIES, len(job.own))
    chosen = plan(records, dimension, QUERIES)
    blind = estimate(chosen.parameters, records, dimension, QUERIES, costs)
    fine_tune(model, job.own, None, steps=1, seed=0)
    began = time.perf_counter()
    fine_tune(model, job.own, None, steps=_TRIED, seed=0)
    step = (time.perf_counter() - began) / _TRIED
    rows = step * records / _STEP
    question = step * (sum(STRENGTHS) + _READ_AGAIN * len(job.own) / _STEP)
    measured = question + rows + _TUNED * (step * steps + step * len(job.test) / _STEP)
    return DemoEstimate(
        upload_bytes=blind.upload_bytes,
        download_bytes=blind.download_bytes,
        memory_bytes=blind.memory_bytes,
        evaluation_seconds=blind.seconds + rows,
        refit_seconds=question + job.options.divisions * measured,
    )
