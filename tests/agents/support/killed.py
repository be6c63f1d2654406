"""A program that trades in directories and kills itself (SIGKILL), again and again, until each trade has ended.

    killed.py < PLAN        a list of {"directory", "case", "dies"} in JSON

Each life is a process of its own, forked after one trade that warms everything up; it dies at a write of a journal, of
whichever agent. "dies" is "before-second": after one write and all that is done up to the next one, whose traces are
lost; or a seed, from which both the number of writes and the side of the last one are drawn. The parent prints how many
lives each trade took. Not a test: `test_killed` reads what is left in the directories.
"""

import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch
from fees import paying
from recording import recorded
from trade import AUDITED, BUYER_POLICY, Parties, World, make_parties

from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.journal import Journal
from blindfair.cli.demo.hostile import CorruptingSeller

LIVES = 400
SELLERS: dict[str, type[Seller]] = {"corrupted": CorruptingSeller}


def die_at_write(number: int, *, before: bool) -> None:
    """Kill this process at the `number`-th write from now on, of whichever journal."""
    write = Journal._write
    left = number

    def counted(journal: Journal, sql: str, *values: object) -> int:
        nonlocal left
        if before and left == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        rows = write(journal, sql, *values)
        left -= rows
        if not before and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return rows

    Journal._write = counted  # type: ignore[assignment,method-assign]


def live(directory: Path, case: str) -> None:
    """Trade to the end, and write down how it ended."""
    world = World(directory)
    world.wrap = recorded(directory / "sent")
    # More rows than the listing opens free of charge: the sample is bought first.
    rows = AUDITED + 2 if case == "sample" else AUDITED
    policy = replace(BUYER_POLICY, audit_rows=rows, max_sample_share=Fraction(1))
    if case == "fee":
        parties = paying(world)
    else:
        parties = make_parties(world, seller_type=SELLERS.get(case, Seller), buyer_policy=policy)
    run(case, parties)
    outcome = parties.buyer.outcome
    result = {
        "outcome": None if outcome is None else [outcome.final, outcome.reason],
        "ending": parties.seller.ending,
        "deltas": parties.deltas(),
        "refusals": [*parties.buyer.refusals(), *parties.seller.refusals()],
        "bought": [number for number, _ in parties.buyer.bought()],
        "offers": len(parties.seller.offers),
        "addresses": [agent.address for agent in parties.both],
    }
    (directory / "result.json").write_text(json.dumps(result))


def run(case: str, parties: Parties) -> None:
    world, ended = parties.world, lambda: parties.buyer.outcome is not None
    if case == "no_reveal":
        if not parties.paid():
            world.run(*parties.both, until=parties.paid)
        world.run(parties.buyer, until=ended)
    elif case == "silent_buyer":
        if not parties.paid():
            world.run(*parties.both, until=parties.paid)
        world.run(parties.seller, until=lambda: parties.seller.idle)
    else:
        parties.run()


def in_child(work: Callable[[], None]) -> int:
    """Do `work` in a forked process; its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def warm_up() -> None:
    """One trade in this process, so that no life has to load and build what all of them use."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory) / "world")
        parties = make_parties(world)
        parties.run()
        parties.close()
        world.close()


def trade_and_die(directory: Path, case: str, dies: str) -> int:
    """How many lives it took."""
    rng = random.Random(dies)
    for number in range(LIVES):
        writes, before = (2, True) if dies == "before-second" else (rng.randint(5, 12), bool(rng.randint(0, 1)))

        def life(writes: int = writes, before: bool = before) -> None:
            die_at_write(writes, before=before)
            live(directory, case)

        status = in_child(life)
        if status == 0:
            return number + 1
        if status != -signal.SIGKILL:
            raise SystemExit(f"life {number} of {case} ended with {status}")
    raise SystemExit(f"the trade {case} never comes to an end")


if __name__ == "__main__":
    warm_up()
    print(json.dumps([trade_and_die(Path(one["directory"]), one["case"], one["dies"]) for one in json.load(sys.stdin)]))
