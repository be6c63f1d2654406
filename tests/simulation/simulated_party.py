"""One party of a simulation: an agent with its own disk, node and mailbox, that dies and is started again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from simulated_disk import Killed, SimulatedDisk
from simulated_mail import SimulatedMailbox
from simulated_node import SimulatedNode
from simulated_watch import WatchingAgent

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.buyer import Buyer
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.quantities import Address


@dataclass
class Party:
    """An agent and what is around it."""

    name: str
    kind: str
    """`honest`, or the name of what it does instead."""

    address: Address
    key: bytes
    home: Path
    random: Random
    disk: SimulatedDisk
    node: SimulatedNode
    mailbox: SimulatedMailbox
    start: Callable[[], Agent | WatchingAgent]
    agent: Agent | WatchingAgent | None = None
    down_until: int = 0
    leaves_at: int | None = None
    """When it goes away for good."""

    leaves_paid: bool = False
    """Whether it goes away once it has paid."""

    lives: int = 0
    turned_at: int = -1
    """When it had its latest turn."""

    error: BaseException | None = None
    """What the latest step raised."""

    errors: list[str] = field(default_factory=list)

    @property
    def is_honest(self) -> bool:
        return self.kind == "honest"

    def is_gone(self, tick: int) -> bool:
        """Whether it never acts again."""
        return self.leaves_at is not None and tick >= self.leaves_at

    def will_leave(self, tick: int) -> bool:
        """Whether it is there now, and may go away for good."""
        if self.leaves_at is None:
            return self.leaves_paid and not self.has_ended
        return tick < self.leaves_at

    def turn(self, tick: int) -> bool:
        """One step, in a new life if need be; whether anything was done. Raises what is no error of this project."""
        self.error = None
        self.turned_at = tick
        try:
            if self.agent is None:
                self.lives += 1
                self.agent = self.start()
            done = self.agent.step()
            if self.leaves_paid and isinstance(self.agent, Buyer) and self.agent.has_paid:
                self.leaves_at = tick + 1
            return done
        except Killed:
            self.down_until = tick + 1 + self.random.randrange(1, 12)
            self.stop()
            return True
        except BlindfairError as error:
            self.error = error
            self.errors.append(f"{error.name}: {error}")
            return False
        except Exception as error:
            # A hostile program may be as broken as it likes.
            if self.is_honest:
                raise
            self.errors.append(type(error).__name__)
            return False

    def stop(self) -> None:
        """Let go of the agent, as the operating system does when a process ends."""
        if self.agent is not None:
            self.agent.close()
            self.agent = None
        self.disk.settle()

    @property
    def has_ended(self) -> bool:
        """Whether a buyer's trade has ended."""
        return isinstance(self.agent, Buyer) and self.agent.outcome is not None
