"""The models that `--model` names, and what the demo says of them before it starts."""

import numpy as np
import pytest

from blindfair.api.defaults import MODELS, QUERIES, TABLE_MODELS
from blindfair.blind.plan import plan
from blindfair.blind.query import query_size
from blindfair.blind.reference_costs import REFERENCE
from blindfair.cli.demo.estimate import estimate_demo
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.trade_costs import Busy
from blindfair.pricing.learners import LEARNERS
from blindfair.pricing.valuation import prepare_valuation
from blindfair.protocol.errors import InvalidOption


def test_every_model_that_is_offered_is_there_and_the_first_is_the_default() -> None:
    assert tuple(LEARNERS) == MODELS
    assert DemoOptions().model == MODELS[0]


@pytest.mark.parametrize("model", TABLE_MODELS)
def test_the_estimate_is_of_the_rows_that_will_be_asked_for(model: str) -> None:
    job, learner = prepare(DemoOptions(model=model)), LEARNERS[model]()
    estimate = estimate_demo(
        job.scenario, job.schema, learner, REFERENCE, seeds=2, shares=(0.3,), trades=5, selected=400, busy=Busy()
    )
    made = prepare_valuation(
        job.scenario.train, job.scenario.validation, job.schema,
        plain_modulus=2**32 - 2**18, rng=np.random.default_rng(0), learner=learner,
    )  # fmt: skip
    # The class may be left out of what is asked.
    m, k = made.queries.shape
    parameters = plan(len(job.scenario.offer), k, QUERIES).parameters
    assert estimate.upload_bytes in {query_size(parameters, k, most) for most in (m, QUERIES)}
    assert estimate.worth_seconds > 0


def test_the_demo_takes_no_model_of_images() -> None:
    with pytest.raises(InvalidOption, match="names no model") as caught:
        DemoOptions(model="cnn")
    assert caught.value.expected == " or ".join(TABLE_MODELS)
