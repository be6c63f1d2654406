"""Killed anywhere and started again with the same directory, a trade ends the same: right to the wei, nothing paid
twice, and no message ever said in two ways (PROTOCOL 8)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recording import sent_types
from trade import BOND, PRICE, SELECTED, Stages, World, calls_of

from blindfair.chain.abi import encode_call, exchange_abi
from blindfair.protocol.quantities import ETHER, Address

pytestmark = pytest.mark.deep

PROGRAM = Path(__file__).parents[1] / "support" / "killed.py"

CASES = {
    # case: (stage from which it goes on, how it dies)
    "honest": (None, "before-second"),
    "corrupted": ("opened", "1"),
    "no_reveal": ("agreed", "2"),
    "silent_buyer": ("agreed", "3"),
    "sample": ("replied", "4"),
    "fee": (None, "before-second"),
}


@pytest.fixture(scope="module")
def ends(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every case left behind: its directory, the result as written by the last life, the number of lives."""
    root = tmp_path_factory.mktemp("killed")
    plan = []
    for case, (stage, dies) in CASES.items():
        world = World(root / case) if stage is None else stages.copy(stage, root / case)
        plan.append({"directory": str(world.directory), "case": case, "dies": dies})
        world.close()
    run = subprocess.run(
        [sys.executable, str(PROGRAM)], input=json.dumps(plan), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = {}
    for one, lives in zip(plan, json.loads(run.stdout), strict=True):
        directory = Path(one["directory"])
        found[one["case"]] = json.loads((directory / "result.json").read_text()) | {"lives": lives, "at": directory}
    return found


def selector(name: str, *arguments: object) -> str:
    return encode_call(exchange_abi(), name, *arguments)[:4].hex()


def test_an_honest_trade_bears_being_killed_again_and_again(ends: dict[str, Any]) -> None:
    end = ends["honest"]
    # Deep: one life for each write that is not the first of its life.
    assert end["lives"] > 60
    assert end["outcome"][0] == end["ending"] == "Released"
    assert end["deltas"] == [-PRICE, PRICE]
    assert end["bought"] == list(SELECTED)
    assert (end["offers"], end["refusals"]) == (1, [])


def test_no_message_is_ever_said_in_two_ways(ends: dict[str, Any]) -> None:
    assert sent_types(ends["honest"]["at"] / "sent") == [
        "agreement", "delivery", "inquiry", "listing", "openings", "release", "reply", "request", "selection",
    ]  # fmt: skip
    for case in ("corrupted", "no_reveal", "silent_buyer"):
        sent = sent_types(ends[case]["at"] / "sent")
        assert len(set(sent)) == len(sent), case


def test_each_call_of_the_contract_is_made_once(ends: dict[str, Any]) -> None:
    world = World(ends["honest"]["at"])
    try:
        calls = [calls_of(world, Address(address)) for address in ends["honest"]["addresses"]]
    finally:
        world.close()
    seller, buyer = calls
    assert seller[0] == selector("commit", bytes(32), bytes(32))
    assert seller[1] == selector("deposit", ETHER, 0)
    assert seller[4] == selector("withdraw", ETHER, 0, ETHER)
    # Seller: commit, deposit, reveal, release, withdraw. Buyer: accept.
    assert (len(seller), len(buyer)) == (5, 1)


@pytest.mark.parametrize(
    ("case", "final", "deltas"),
    [("corrupted", "Refunded", [BOND, -BOND]), ("no_reveal", "Refunded", [BOND, -BOND]),
     ("silent_buyer", "Released", [-PRICE, PRICE])],
)  # fmt: skip
def test_trades_that_go_wrong_bear_being_killed(ends: dict[str, Any], case: str, final: str, deltas: list[int]) -> None:
    end = ends[case]
    assert end["lives"] > 2
    assert (end["ending"] if case == "silent_buyer" else end["outcome"][0]) == final
    assert end["deltas"] == deltas
    assert end["refusals"] == []


def test_a_trade_in_two_orders_bears_being_killed(ends: dict[str, Any]) -> None:
    end = ends["sample"]
    assert end["lives"] > 4
    assert end["outcome"][0] == end["ending"] == "Released"
    assert end["deltas"] == [-PRICE, PRICE]
    assert end["bought"] == list(SELECTED)
    assert (end["offers"], end["refusals"]) == (2, [])
    assert sent_types(end["at"] / "sent") == [
        "agreement", "agreement", "delivery", "delivery", "openings", "release", "release", "selection",
    ]  # fmt: skip


def test_an_evaluation_that_is_paid_for_bears_being_killed(ends: dict[str, Any]) -> None:
    """The fee is paid once and credited once, and no reply is ever said in two ways."""
    end = ends["fee"]
    assert end["lives"] > 60
    assert end["outcome"][0] == end["ending"] == "Released"
    assert end["outcome"][1].count("the evaluation was paid for with") == 1
    assert end["deltas"] == [-PRICE, PRICE]
    assert end["bought"] == list(SELECTED)
    assert (end["offers"], end["refusals"]) == (2, [])
    assert sent_types(end["at"] / "sent") == [
        "agreement", "delivery", "inquiry", "listing", "openings", "priced", "release", "release", "request",
        "selection",
    ]  # fmt: skip
