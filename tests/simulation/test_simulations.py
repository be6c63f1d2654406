"""Simulations of trades hold what must hold, whatever goes wrong in them. A seed that fails is printed with the command
that plays it again; `simulate.py` has more."""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from scenario import CALM, BuyerRole, Scenario, SellerRole, scenario_of
from simulate import ROOT, Found, play, play_seed, played, replay
from simulated_chain import PERMIT_TOKEN, PLAIN_TOKEN
from simulated_goods import Wish
from simulated_watch import WatchingAgent
from simulated_world import simulated
from simulation_invariants import Violation, check, require, watch_keys

from blindfair.agents.watch.ending import WatchEnding
from blindfair.protocol.quantities import ETHER, Address

IN_CI = 200
"""Seeds that fit into a minute of one core."""

DEEP = 10_000


def hold(found: Found) -> None:
    """Raises Violation with the command that plays a seed again."""
    require(not found.violation, f"seed {found.seed}: {found.violation}\n  {replay(found.seed)}")


def test_whatever_goes_wrong_every_order_ends_and_the_money_is_right() -> None:
    # Not the first ones: those were looked at most while the simulation was made.
    for found in played(range(5000, 5000 + IN_CI), jobs=1):
        hold(found)


@pytest.mark.deep
def test_ten_thousand_simulations() -> None:
    released = 0
    for found in played(range(DEEP), jobs=os.cpu_count() or 1):
        hold(found)
        released += sum("honest seller: Released" in ending for ending in found.endings)
    assert released > DEEP // 4, "hardly anything is traded: these simulations say nothing"


def alone(*, charges: bool = False, samples: bool = False, by_message: bool = True, token: Address = ETHER) -> Scenario:
    """One honest seller and one honest buyer, in good weather."""
    wanted = Wish((1, 2, 5, 9, 12, 20), samples, pays_fee=charges, by_message=by_message, token=token)
    return Scenario(
        1,
        (SellerRole("honest", charges, 3, 3, token),),
        (BuyerRole("honest", 0, wanted),),
        CALM,
        1,
    )


@pytest.mark.parametrize(
    "way",
    [{}, {"samples": True}, {"charges": True}, {"by_message": False},
     {"charges": True, "samples": True, "token": PERMIT_TOKEN}, {"token": PLAIN_TOKEN}],
)  # fmt: skip
def test_in_good_weather_each_way_to_trade_comes_to_its_good_end(way: dict[str, Any]) -> None:
    """Also while transactions wait for a block: a withdrawal under way is not taken for the next offer's bond."""
    found = play(alone(**way))
    hold(found)
    assert found.endings == ("honest seller: Released",)


@pytest.mark.parametrize(
    ("kind", "token", "end"),
    [
        ("corrupting", PERMIT_TOKEN, WatchEnding.REFUNDED),
        ("secretive", ETHER, WatchEnding.REFUNDED),
        ("honest", ETHER, WatchEnding.GOOD),
    ],
)
def test_a_watcher_ends_the_order_of_a_buyer_that_has_vanished(kind: str, token: Address, end: WatchEnding) -> None:
    scenario = alone(token=token)
    seller, buyer = scenario.sellers[0], scenario.buyers[0]
    scenario = replace(
        scenario,
        sellers=(replace(seller, kind=kind),),
        # It does not see what it gets.
        buyers=(replace(buyer, kind="gone", leaves_paid=True, is_watched=True),),
    )
    with simulated(scenario) as world:
        shown = watch_keys(world)
        world.run()
        check(world, shown)
        watching = world.watchers[0].agent
        assert isinstance(watching, WatchingAgent)
        assert [ended.ending for ended in watching.watcher.ended()] == [end]


def test_a_node_that_is_behind_ends_no_trade() -> None:
    """A commit that the node does not show yet is waited for, and the seller not taken for a cheat."""
    for seed in range(3):
        scenario = alone()
        found = play(replace(scenario, seed=seed, weather=replace(CALM, lag=3), storm=40))
        hold(found)
        assert found.endings == ("honest seller: Released",), seed


def test_what_a_reorganisation_takes_back_is_sent_again() -> None:
    """Deposits, withdrawals and whatever holds up a later number, each lost in one of these seeds."""
    for seed in (3, 6, 7):
        scenario = alone(samples=True)
        found = play(replace(scenario, seed=seed, weather=replace(CALM, reorganisations=0.4), storm=40))
        hold(found)
        assert found.endings == ("honest seller: Released",), seed


FOUND = {
    4501: "a withdrawal that a reorganisation took back was counted as the next bond",
    9623: "a deposit for an offer that had run out came in after the withdrawal, and stayed in the contract",
}
"""Seeds of the ten thousand that found what is mended."""


@pytest.mark.parametrize("seed", FOUND)
def test_what_a_seed_has_found_stays_mended(seed: int) -> None:
    assert play_seed(seed).violation == "", FOUND[seed]


def test_a_seed_decides_everything() -> None:
    """What is told of a seed is the same a second time, word by word."""
    first, again, other = play_seed(5003), play_seed(5003), play_seed(5002)
    assert first.trace and first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.deep
def test_a_seed_decides_everything_in_another_process() -> None:
    """With other hashes of strings, and nothing in memory of earlier simulations."""
    program = "import simulate; print(*[simulate.play_seed(seed).fingerprint for seed in range(30)])"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": number, "PYTHONPATH": str(ROOT / "tests" / "simulation")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2")
    }
    assert len(printed) == 1


def test_a_violation_names_the_command_that_plays_it_again() -> None:
    with pytest.raises(Violation, match=r"simulate.py 7 --trace"):
        hold(Found(7, "something"))
    assert scenario_of(7) == scenario_of(7)
