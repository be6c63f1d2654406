"""A demo that is killed again and again, and started again each time, ends as one that was never killed."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from lives import lives_until_the_end
from real_tables import LABEL
from whole_demo import ENDINGS, QUICK, Demo, check_money


def without_chance(result: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on keys and noise, which are drawn anew for every demo: no hashes, times, or costs of random
    bytes, and not how many records noisy scores choose."""
    kept = {key: result[key] for key in ("seed", "utility")}
    kept["audit"] = {key: result["audit"][key] for key in ("passed", "rows")}
    chance = ("seller_us_per_record", "spearman_float64")
    kept["scores"] = {key: value for key, value in result["scores"].items() if key not in chance}
    kept["trades"] = [
        {
            **{key: trade[key] for key in ("case", "final")},
            # Which of an audit's checks fails first depends on the draw.
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
    killed = json.loads(result.read_text())
    assert without_chance(killed) == without_chance(demo.result)
    for trade in killed["trades"]:
        check_money(trade, killed)


@pytest.mark.deep
def test_a_killed_demo_of_texts_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    result = tmp_path / "result.json"
    arguments = ["demo", "--modality", "text", "--divisions", "2"]
    arguments += ["--directory", str(tmp_path / "home"), "--json", str(result)]
    lives = lives_until_the_end(arguments, tmp_path / "told", random.Random(1))
    assert lives > 2
    ended = json.loads(result.read_text())
    assert {trade["case"]: trade["final"] for trade in ended["trades"]} == ENDINGS
    assert ended["scores"]["as_committed"] is True
