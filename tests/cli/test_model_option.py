"""The models that `--model` names, and what the demo says of them before it starts."""

import numpy as np
import pytest

from blindfair.blind.estimate import estimate as estimate_blind
from blindfair.blind.parameters import exact_sets
from blindfair.cli.demo.cases import PRECISION_BITS
from blindfair.cli.demo.estimate import estimate_demo
from blindfair.cli.demo.options import MODELS, DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.pricing.learners import LEARNERS
from blindfair.pricing.valuation import prepare_valuation


def test_every_model_that_is_offered_is_there_and_the_first_is_the_default() -> None:
    assert tuple(LEARNERS) == MODELS
    assert DemoOptions().model == MODELS[0]


@pytest.mark.parametrize("model", MODELS)
def test_the_estimate_is_of_the_rows_that_will_be_asked_for(model: str) -> None:
    job, learner = prepare(DemoOptions(model=model)), LEARNERS[model]()
    estimate = estimate_demo(job.scenario, job.schema, learner, seeds=2, shares=(0.3,))
    made = prepare_valuation(
        job.scenario.train, job.scenario.validation, job.scenario.columns, job.scenario.label,
        plain_modulus=2**32 - 2**18, rng=np.random.default_rng(0), categorical=job.codes, learner=learner,
    )  # fmt: skip
    asked = estimate_blind(exact_sets(PRECISION_BITS)[0], len(job.scenario.offer), made.queries.shape[1], len(made.queries))
    assert estimate.upload_bytes == asked.upload_bytes
    assert estimate.refit_seconds > 0
