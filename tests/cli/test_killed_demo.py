"""A demo that is killed again and again, and started again each time, ends as one that was never killed."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from lives import lives_until_the_end
from real_tables import LABEL
from whole_demo import QUICK, Demo


def without_chance(result: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on keys, which are drawn anew for every demo: no hashes, times, or costs of random bytes."""
    kept = {key: result[key] for key in ("audit", "seed", "utility")}
    kept["scores"] = {key: value for key, value in result["scores"].items() if key != "seller_us_per_record"}
    kept["trades"] = [
        {
            **{
                key: trade[key]
                for key in ("case", "final", "price_wei", "bond_wei", "buyer_delta_wei", "seller_delta_wei")
            },
            # Which of an audit's checks fails first hangs on the draw.
            "stopped": trade["error"] is not None,
            "steps": sorted(trade["gas"]),
            "sent": sorted(trade["transactions"]),
            "messages": sorted(trade["bytes"]),
        }
        for trade in result["trades"]
    ]
    return kept


@pytest.mark.deep
def test_a_killed_demo_goes_on_and_ends_the_same(demo: Demo, tmp_path: Path) -> None:
    home, result = tmp_path / "home", tmp_path / "result.json"
    arguments = ["demo", "--records", str(demo.table), "--label", LABEL, *QUICK]
    arguments += ["--directory", str(home), "--json", str(result)]
    lives = lives_until_the_end(arguments, tmp_path / "told", random.Random(1))
    assert lives > 2
    assert without_chance(json.loads(result.read_text())) == without_chance(demo.result)
