"""Taking an agent's turns in real time: try, wait, look again. What the agent decides depends on none of it."""

import time
from collections.abc import Callable
from typing import TypeVar

from blindfair.agents.agent import Agent
from blindfair.agents.waiting import Waiting
from blindfair.cli.options import POLL
from blindfair.cli.party.screen import PartyScreen
from blindfair.protocol.errors import BlindfairError, NodeFailure

Result = TypeVar("Result")

PATIENCE = 60.0
"""Seconds for which a node may fail before a command gives up; all is written down, and it can go on later."""


class Turns:
    """Repeats attempts with `poll` seconds in between. Errors of the kind `bears` are borne for `patience` seconds."""

    def __init__(
        self,
        screen: PartyScreen,
        poll: float = POLL,
        *,
        patience: float = PATIENCE,
        bears: type[BlindfairError] = NodeFailure,
    ) -> None:
        self._screen = screen
        self._poll = poll
        self._patience = patience
        self._bears = bears

    def until(self, attempt: Callable[[], Result]) -> Result:
        """What `attempt` gives once it raises Waiting no more. Raises what was retried so long, all else at once."""
        failing_since: float | None = None
        while True:
            try:
                return attempt()
            except Waiting as waiting:
                failing_since = None
                self._screen.waiting(waiting.reason)
            except self._bears as failure:
                failing_since = time.monotonic() if failing_since is None else failing_since
                if time.monotonic() - failing_since > self._patience:
                    raise
                self._screen.trouble(failure)
            time.sleep(self._poll)


def advance(agent: Agent, is_done: Callable[[], bool]) -> None:
    """Step until nothing more can be done now. Raises Waiting unless it is done then, and what the agent raises."""
    while not is_done() and agent.step():
        pass
    if not is_done():
        raise agent.waiting or Waiting("the other side has not answered yet")
