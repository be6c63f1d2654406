"""Base models that travel, by the vectors of the specification."""

import json
from pathlib import Path
from typing import Any

import pytest

import blindfair.protocol.errors as errors
from blindfair.influence.text import BaseModel

VECTORS = Path(__file__).parents[2] / "vectors" / "bases" / "bases.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="ascii"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_base_model_that_travels_is_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["base"])
    if case["expect"] == "ok":
        assert "0x" + BaseModel.from_bytes(data).digest.hex() == case["digest"]
        return
    with pytest.raises(getattr(errors, case["expect"])):
        BaseModel.from_bytes(data)
