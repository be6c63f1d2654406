"""A watcher in a simulation: the real one, with the folder that its buyer hands packages to before it pays."""

from pathlib import Path

from eth_account.signers.local import LocalAccount
from simulated_goods import GRANT

from blindfair.agents.context import AgentContext
from blindfair.agents.waiting import Waiting
from blindfair.agents.watch.inbox import PackageInbox
from blindfair.agents.watch.watcher import Watcher
from blindfair.protocol.quantities import Wei


class WatchingAgent:
    """What `blindfair watch --packages` is, with the turns of an agent."""

    def __init__(self, home: Path, context: AgentContext, account: LocalAccount, handed: Path) -> None:
        """`handed` is the folder. Raises what opening the directory raises."""
        handed.mkdir(exist_ok=True)
        self.inbox = PackageInbox((), handed)
        self.watcher = Watcher(
            home,
            context.exchange,
            account,
            finality=context.finality,
            gas_ceiling=Wei(GRANT),
            on_event=context.watch,
        )

    def step(self) -> bool:
        """Take what is new, and do what can be done. Raises the first trouble."""
        before = self.watcher.journal.writes
        known = len(self.watcher.open_orders)
        self.inbox.collect(self.watcher)
        self.watcher.step()
        return self.watcher.journal.writes > before or len(self.watcher.open_orders) > known

    @property
    def idle(self) -> bool:
        """Whether every order has ended."""
        return not self.watcher.open_orders

    @property
    def waiting(self) -> Waiting | None:
        """What it waits for."""
        return self.watcher.waiting

    @property
    def shown_state(self) -> str:
        """How it stands, for people."""
        return str(self.waiting or f"{len(self.watcher.open_orders)} orders")

    def close(self) -> None:
        """Let go of the directory."""
        self.watcher.close()
