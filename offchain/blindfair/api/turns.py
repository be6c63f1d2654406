"""Taking turns in real time: try, wait, look again. What an agent decides depends on none of it.

A party is told by callbacks what is waited for and what went wrong; nothing here prints.
"""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from blindfair.agents.agent import Agent
from blindfair.agents.waiting import Waiting
from blindfair.protocol.errors import BlindfairError, NodeFailure, OldCopy

Result = TypeVar("Result")

POLL = 1.0
"""Seconds from one look at chain and mail to the next."""

PATIENCE = 60.0
"""Seconds for which a node may fail before a party gives up; all is written down, and it can go on later."""


class TurnTaker(Protocol):
    """A way of waiting: for real time, or for a chain of this process that moves when it is told to."""

    def until(self, attempt: Callable[[], Result]) -> Result:
        """Repeat `attempt` while it raises Waiting, and return what it gives then."""
        ...


class RealTime:
    """Repeats attempts every `poll` seconds. An error of the type `retried` is tried again for `patience` seconds.

    `on_wait` is told the reason of each wait, `on_trouble` each error that is retried.

    >>> RealTime(poll=0.01).until(lambda: 7)
    7
    """

    def __init__(
        self,
        poll: float = POLL,
        *,
        patience: float = PATIENCE,
        retried: type[BlindfairError] = NodeFailure,
        on_wait: Callable[[str], None] = lambda _: None,
        on_trouble: Callable[[BlindfairError], None] = lambda _: None,
    ) -> None:
        self._poll = poll
        self._patience = patience
        self._retried = retried
        self._on_wait = on_wait
        self._on_trouble = on_trouble

    def until(self, attempt: Callable[[], Result]) -> Result:
        """See `TurnTaker`. Raises an error that was retried for too long, and any other at once."""
        failing_since: float | None = None
        while True:
            try:
                return attempt()
            except Waiting as waiting:
                failing_since = None
                self._on_wait(waiting.reason)
            except OldCopy:
                # Nothing that time mends.
                raise
            except self._retried as failure:
                failing_since = time.monotonic() if failing_since is None else failing_since
                if time.monotonic() - failing_since > self._patience:
                    raise
                self._on_trouble(failure)
            time.sleep(self._poll)


def advance(agent: Agent, is_done: Callable[[], bool]) -> None:
    """Step until nothing more can be done now. Raises Waiting unless it is done then, and what the agent raises."""
    while not is_done() and agent.step():
        pass
    if not is_done():
        raise agent.waiting or Waiting("the other side has not answered yet")
