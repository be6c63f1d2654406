"""Turns on a chain that obeys: where nobody has anything to do, blocks are made and chain time passes.

So a trade that takes a day of chain time takes seconds. For chains of one's own alone.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from blindfair.agents.waiting import Waiting
from blindfair.chain.development import ObedientChain
from blindfair.protocol.errors import StateError
from blindfair.protocol.quantities import Seconds

FINAL_DEPTH = 2
"""Blocks on top of an accept before the seller takes it as final; the embedded chain never reorganises."""

_IDLE_LIMIT = 64
"""Turns without any progress before it is said that the trade is stuck, instead of running for ever."""


class Stepping(Protocol):
    """A party that takes turns: an agent, or something that acts like one."""

    @property
    def waiting(self) -> Waiting | None:
        """The reason to wait since its last step; None where there is none."""
        ...

    def step(self) -> bool:
        """Do what can be done now; says whether anything was."""
        ...


def run_until(chain: ObedientChain, parties: Sequence[Stepping], is_done: Callable[[], bool]) -> None:
    """Step the parties in turn until `is_done` holds between two rounds. Raises StateError if nothing moves."""
    idle = 0
    while not is_done():
        progress = [party.step() for party in parties]
        if any(progress):
            idle = 0
            continue
        idle += 1
        if idle > _IDLE_LIMIT:
            raise StateError(
                "The trade does not move any more",
                found="; ".join(party.waiting.reason for party in parties if party.waiting),
                hint="run it again in another directory, and report this",
            )
        moments = [party.waiting.until for party in parties if party.waiting and party.waiting.until]
        if idle <= FINAL_DEPTH + 1 or not moments:
            chain.mine(1)
        else:
            chain.advance(Seconds(max(1, min(moments) - chain.now())))
