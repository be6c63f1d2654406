"""The trades of a demo, one after another on one chain, whatever is traded; and how long each part took.

Not here: one trade (`cases`), and what came of them (`demo`, `texts.demo`).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from blindfair.cli.demo.cases import TradeResult, make_parties, run_case
from blindfair.cli.demo.goods import AnyValuer, Goods
from blindfair.cli.demo.public import DemoAccounts, PublicWorld
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.world import DemoWorld, ObedientWorld
from blindfair.protocol import errors
from blindfair.protocol.documents import Document


@dataclass(frozen=True, slots=True)
class Finished:
    """All results of a demo that came to its end; `files` are the report's, by name, if one was asked for.

    `show` prints them for people.
    """

    document: Document
    files: Mapping[str, bytes]
    show: Callable[[Console], None]


@contextmanager
def opened_world(
    directory: Path, screen: DemoScreen, rpc: str | None, accounts: DemoAccounts | None
) -> Iterator[DemoWorld]:
    """A chain that obeys, or the one of `rpc` where `accounts` are given.

    Raises InvalidOption for a node that is none for development without `accounts`, or for one that is with them.
    """
    if rpc is None or accounts is None:
        world: DemoWorld = ObedientWorld(directory, screen.event, rpc)
    else:
        world = PublicWorld(directory, screen.event, rpc, accounts)
        screen.real_chain()
    try:
        yield world
    finally:
        world.close()


def run_cases(
    world: DemoWorld, screen: DemoScreen, goods: Goods[AnyValuer], seconds: dict[str, float]
) -> dict[str, TradeResult]:
    """Run each trade that can be shown in this world, or on from where it was. Raises what ended the honest one."""
    trades = {}
    for case in world.cases:
        with timed(seconds, case), screen.case(case):
            trades[case] = _trade(world, case, goods)
    return trades


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Write down how long something took."""
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 3)


def _trade(world: DemoWorld, case: str, goods: Goods[AnyValuer]) -> TradeResult:
    parties = make_parties(world, case, goods)
    try:
        result = run_case(world, case, parties)
        outcome = parties.buyer.outcome
    finally:
        parties.close()
    if case == "honest" and outcome is not None and outcome.error is not None:
        # Both are honest here, so this is about the records and the options: the others would end the same way.
        details = outcome.details or {"what": outcome.reason}
        raise getattr(errors, outcome.error)(**details)
    return result
