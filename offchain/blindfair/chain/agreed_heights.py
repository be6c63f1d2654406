"""How far back the block may lie that several nodes agree on: one that lies must not turn the clock back.

Where all that answer are needed to agree, the one that says least decides. So it is looked whether another is far
ahead, and at what was agreed before. Time is counted on the chain and by this machine's steady clock, not by its date.
"""

import time
from collections import deque

from web3.types import RPCEndpoint

from blindfair.chain.answers import number_in
from blindfair.chain.node_poll import AskedNode, NodePoll
from blindfair.protocol.errors import NodeFailure

REMEMBERED = 900.0
"""Seconds. A height that was agreed on before that is never gone back behind: no reorganisation takes so long."""

FAR = 120
"""Seconds of chain time by which one node may be ahead where the others are just enough to agree."""

_PATIENCE = 10.0
"""Seconds for which a node may take to show the time of a block."""

_NEAR = 2
"""Blocks by which honest nodes differ for moments on any chain."""

_STEP = 1 / 64
"""The time between two entries, as a part of what is remembered."""


class AgreedHeights:
    """The heights that were agreed on. `remembered` is how many seconds a reorganisation may take back."""

    def __init__(self, remembered: float = REMEMBERED) -> None:
        self._remembered = remembered
        self._passed: deque[tuple[float, int]] = deque()
        self._floor = 0
        self.highest = 0
        """The highest of them."""

    def note_final(self, height: int) -> None:
        """Remember a block that was agreed to be final."""
        self._floor = max(self._floor, height)

    def agreed(self, height: int) -> int:
        """Take down the height that enough nodes have now, and return it. Raises NodeFailure."""
        now = time.monotonic()
        while self._passed and self._passed[0][0] <= now - self._remembered:
            self._floor = max(self._floor, self._passed.popleft()[1])
        if height < self._floor:
            raise NodeFailure(
                "the nodes go back to old blocks",
                expected=f"block {self._floor} at least, which was agreed on before",
                found=f"block {height}",
                hint="check which node is behind the chain, or name others: `rpc=URL`",
            )
        self.highest = max(self.highest, height)
        if not self._passed or now >= self._passed[-1][0] + _STEP * self._remembered:
            self._passed.append((now, self.highest))
        return height


def check_near(height: int, own: int | None, line: AskedNode, host: str) -> None:
    """Raises NodeFailure where a node whose own height is another one shows that `height` is of long ago, or does not
    show how far it is ahead."""
    if own is None or own <= height + _NEAR:
        return
    times = [_time_of(line, number) for number in (height, own)]
    if None not in times and (times[1] or 0) - (times[0] or 0) <= FAR:
        return
    raise NodeFailure(
        "too few nodes answer to say which block is the latest",
        expected=f"nodes that differ by {FAR} s of chain time at most, or more of them",
        found=f"block {height}, and block {own} at {host}",
        hint="check the nodes that are behind or do not answer, or name others: `rpc=URL`",
    )


def _time_of(line: AskedNode, number: int) -> int | None:
    """The time of a block as one node tells it, None where it does not."""
    asked = NodePoll([line], RPCEndpoint("eth_getBlockByNumber"), [hex(number), False], must_agree=False)
    answers = asked.wait(0.0, most=_PATIENCE)
    block = answers[0].result() if answers else None
    return number_in(block.get("timestamp")) if isinstance(block, dict) else None
