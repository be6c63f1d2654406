"""Same inputs, same seed, same result: in another process, with another hash seed and another number of threads."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from blindfair.influence.table import Table, read_table
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.scenario import make_scenario
from blindfair.pricing.selection import Method, distinct_records, select
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import scenario_schema
from blindfair.pricing.valuation import EXACT, prepare_valuation
from blindfair.protocol.documents import canonical
from blindfair.protocol.quantities import Wei

pytestmark = pytest.mark.deep


def digests(table: Table) -> str:
    """Of the schema, the model, the query, the scores and the selection."""
    scenario = make_scenario(table, 5)
    valuation = prepare_valuation(
        scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)),
        plain_modulus=2**32 - 2**18, rng=np.random.default_rng(5), bits=EXACT,
    )  # fmt: skip
    config, weights = valuation.model.to_parts()
    scores = valuation.integer_scores(scenario.offer)
    distinct = distinct_records(scores)
    trust = calibrated_trust(valuation.read(scores[:, distinct]), valuation.right, valuation.wrong)
    pricing = UniformPricing(Wei(7), Wei(0))
    chosen = select(Method.TRUST, distinct, trust.weights, pricing, Wei(2000), np.random.default_rng(5))
    parts = [canonical(config), weights, valuation.queries.tobytes(), scores.tobytes(), repr(chosen).encode()]
    return " ".join(hashlib.sha256(part).hexdigest() for part in parts)


def test_another_process_agrees_on_schema_query_scores_and_selection(trial: Table, trial_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, __file__, str(trial_path)],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert found.split() == digests(trial).split()


if __name__ == "__main__":
    torch.set_num_threads(2)
    print(digests(read_table(Path(sys.argv[1]), "cens", exclude=("pidnum", "days", "cd496", "offtrt", "r"))))
