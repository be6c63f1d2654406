"""The demo's world: a chain with the contract on it, mailboxes in a folder, and the agents' turns.

Agents never see this module: they are stepped in turn. Where the chain obeys, and neither has anything to do, blocks
are made and chain time passes until the next moment that one of them waits for; elsewhere (`public`) it is waited for.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from eth_account import Account

from blindfair.agents.agent import Agent
from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.store.directory import SecretStore, private_directory
from blindfair.agents.store.steps import GRANTED
from blindfair.api.obedient import FINAL_DEPTH, run_until
from blindfair.chain.accounts import ether_of
from blindfair.chain.deploy import deploy_once
from blindfair.chain.deterministic import find_or_deploy
from blindfair.chain.development import DevelopmentChain, ObedientChain
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.cli.demo.options import GRANT
from blindfair.protocol.quantities import Address

CASES = ("honest", "corrupted_chunk", "no_reveal", "inflated_scores", "silent_buyer")


class DemoWorld(Protocol):
    """What a case needs."""

    directory: Path
    exchange: DataExchange

    @property
    def cases(self) -> Sequence[str]:
        """The trades that can be shown here."""
        ...

    def context(self, case: str, role: str) -> AgentContext:
        """What an agent of one case gets; `role` is `seller` or `buyer`."""
        ...

    def fund(self, agent: Agent) -> None:
        """See to it that an agent has money, and write down once how much."""
        ...

    def run(self, agents: Sequence[Agent], until: Callable[[], bool]) -> None:
        """Step the agents in turn until `until` holds between two rounds."""
        ...

    def close(self) -> None:
        """Let go of the chain."""
        ...


def note_grant(agent: Agent) -> None:
    """Write down what an agent has, once."""
    agent.journal.once(GRANTED, lambda: str(agent.exchange.balance(agent.address)).encode())


class ObedientWorld:
    """One directory: the embedded chain's log if there is one, the deployer's key, and a folder for every case."""

    def __init__(self, directory: Path, watch: Callable[[Event], None], rpc_url: str | None = None) -> None:
        """`rpc_url` is a node for development, None for an embedded chain.

        Raises what `EmbeddedChain`, `DevelopmentChain` and the deployment raise.
        """
        self.directory = private_directory(directory)
        self.chain: ObedientChain = (
            EmbeddedChain(directory / "chain.sqlite") if rpc_url is None else DevelopmentChain(rpc_url)
        )
        deployer = Account.from_key(
            SecretStore(directory / "secrets").once("deployer", lambda: bytes(Account.create().key))
        )
        self._give(Address(deployer.address.lower()))
        # Others may use a node, too: the contract is where everybody's is.
        deployed = deploy_once if rpc_url is None else find_or_deploy
        self.exchange: DataExchange = deployed(self.chain.web3, deployer)
        self._watch = watch

    @property
    def cases(self) -> Sequence[str]:
        """See `DemoWorld`."""
        return CASES

    def fund(self, agent: Agent) -> None:
        """See `DemoWorld`. A new account gets its grant; one that was ever funded gets nothing."""
        self._give(agent.address)
        note_grant(agent)

    def _give(self, address: Address) -> None:
        if not ether_of(self.chain.web3, address):
            self.chain.fund(address, GRANT)

    def context(self, case: str, role: str) -> AgentContext:
        """See `DemoWorld`. Agents make accounts of their own."""
        mail = self.directory / case / "mail"
        return AgentContext(
            self.exchange, lambda own, _: FolderTransport(mail, own), Finality(FINAL_DEPTH), self._watch
        )

    def run(self, agents: Sequence[Agent], until: Callable[[], bool]) -> None:
        """See `DemoWorld`. Raises StateError if nothing moves."""
        run_until(self.chain, agents, until)

    def close(self) -> None:
        """Let go of the chain's log."""
        self.chain.close()
