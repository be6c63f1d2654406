"""Run simulations of trades, each decided by its seed:

    .venv/bin/python tests/simulation/simulate.py 17            one seed
    .venv/bin/python tests/simulation/simulate.py 17 --trace    what happened in it, tick by tick
    .venv/bin/python tests/simulation/simulate.py 0-10000       many, on all cores

A seed that fails is printed with the command that plays it again.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
for _folder in ("offchain", "tests/agents/support", "tests/simulation"):
    sys.path.insert(0, str(ROOT / _folder))
# Each core has a simulation: threads of one would only wait for those of another.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import pytest  # noqa: E402
from scenario import Scenario, scenario_of  # noqa: E402
from seeded_bugs import BUGS  # noqa: E402
from simulated_world import simulated  # noqa: E402
from simulation_invariants import check, watch_keys  # noqa: E402
from simulation_messages import check_messages  # noqa: E402

from blindfair.agents.buyer.buyer import Buyer  # noqa: E402


@dataclass(frozen=True)
class Found:
    """What came of one simulation."""

    seed: int
    violation: str = ""
    endings: tuple[str, ...] = ()
    """Of each honest buyer."""

    faults: dict[str, int] = field(default_factory=dict)
    ticks: int = 0
    seconds: float = 0.0
    trace: tuple[str, ...] = ()
    """What was told and done, in order: two runs of a seed have the same."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that happened."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def replay(seed: int, bug: str = "") -> str:
    """The command that plays a seed again."""
    return f".venv/bin/python tests/simulation/simulate.py {seed} --trace{f' --bug {bug}' if bug else ''}"


def play(scenario: Scenario) -> Found:
    """Run a simulation and check it. What agents raise that is no error of this project is a violation, too."""
    began = time.process_time()
    violation, endings = "", []
    with simulated(scenario) as world:
        shown = watch_keys(world)
        try:
            world.run()
            check(world, shown)
            check_messages(world, shown)
        except Exception as error:
            violation = f"{type(error).__name__}: {error}"
        for role, buyer in zip(scenario.buyers, world.buyers, strict=True):
            outcome = buyer.agent.outcome if buyer.is_honest and isinstance(buyer.agent, Buyer) else None
            if outcome is not None:
                kind = world.sellers[role.seller].kind
                endings.append(f"{kind} seller: {outcome.final}{f' {outcome.error}' if outcome.error else ''}")
        faults = world.counts + Counter(world.post.counts)
        faults["deaths"] = sum(len(party.disk.deaths) for party in world.parties)
        return Found(
            scenario.seed,
            violation,
            tuple(endings),
            dict(faults),
            world.tick,
            time.process_time() - began,
            tuple(line.replace(str(world.folder), "") for line in world.trace),
        )


def play_seed(seed: int, bug: str = "") -> Found:
    """Run the simulation of a seed, with a bug of `seeded_bugs` if it is named."""
    with pytest.MonkeyPatch.context() as patch:
        if bug:
            BUGS[bug](patch)
        return play(scenario_of(seed))


def played(seeds: range, jobs: int, bug: str = "") -> Iterator[Found]:
    """Run the simulations of all these seeds, in their order."""
    one = partial(play_seed, bug=bug)
    if jobs == 1 or len(seeds) == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, seeds, chunksize=4)


def _seeds(text: str) -> range:
    first, _, end = text.partition("-")
    return range(int(first), int(end) if end else int(first) + 1)


def main() -> int:
    """Run what the command line asks for; 1 if anything was violated."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("seeds", type=_seeds, help="a seed, or FIRST-END without the end")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--trace", action="store_true", help="print what happened")
    arguments.add_argument("--json", action="store_true", help="print the counts as JSON")
    arguments.add_argument("--bug", choices=sorted(BUGS), default="", help="put this bug into the agents first")
    asked = arguments.parse_args()
    began, failed = time.monotonic(), 0
    endings: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    seconds = 0.0
    for found in played(asked.seeds, asked.jobs, asked.bug):
        endings.update(found.endings)
        faults.update(found.faults)
        seconds += found.seconds
        if asked.trace:
            print("\n".join(found.trace))
        if found.violation:
            failed += 1
            print(f"seed {found.seed}: {found.violation}\n  {replay(found.seed, asked.bug)}", flush=True)
    summary = {
        "seeds": len(asked.seeds),
        "failed": failed,
        "elapsed_s": round(time.monotonic() - began, 1),
        "core_s_a_seed": round(seconds / len(asked.seeds), 3),
        "endings": dict(endings.most_common()),
        "faults": dict(faults.most_common()),
    }
    print(json.dumps(summary, indent=None if asked.json else 2))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
