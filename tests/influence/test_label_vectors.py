"""Targets and untrained rows are those of the vectors, which were made without the package (PROTOCOL 2, 4.1, 4.2)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind, NumberTarget
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.untrained import untrained_bound, untrained_model
from blindfair.pricing.rounding import known_scale
from blindfair.protocol.errors import LabelUnusable

VECTORS = Path(__file__).parents[1] / "vectors" / "rows"


def cases(name: str) -> list[Any]:
    found: list[Any] = json.loads((VECTORS / name).read_text(encoding="ascii"))["cases"]
    assert len(found) >= 5
    return found


@pytest.mark.parametrize("case", cases("targets.json"), ids=lambda case: case["name"])
def test_a_target_is_that_of_the_vector(case: Any) -> None:
    kind = LabelKind(case["kind"])
    if case["expect"] == "ok":
        assert NumberTarget.infer(kind, case["labels"], "y").to_document() == case["target"]
    else:
        assert case["expect"] == LabelUnusable.__name__
        with pytest.raises(LabelUnusable):
            NumberTarget.infer(kind, case["labels"], "y")


@pytest.mark.parametrize("case", cases("untrained.json"), ids=lambda case: case["name"])
def test_untrained_rows_are_those_of_the_vector(case: Any) -> None:
    schema = FeatureSchema.from_document(case["preprocessing"])
    assert schema.to_document() == case["preprocessing"]
    model = untrained_model(schema)
    assert model.name == case["scoring_model"]
    assert known_scale(untrained_bound(schema), 1) == pytest.approx(case["row_scale"], rel=1e-12)
    rows = quantise_rows(model.rows(case["records"]), case["row_scale"])
    assert np.array_equal(rows.entries, case["rows"]) and rows.clipped == 0
