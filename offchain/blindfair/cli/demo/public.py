"""The demo where clock and money are real: the honest trade alone, between two accounts of the owner's, in real time.

The dishonest trades would have to wait a day for the clock, and would cost bonds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.agent import Agent
from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.store.directory import private_directory
from blindfair.api.keystore import address_of, unlock
from blindfair.chain.deterministic import creation_block, escrow_address, is_deployed
from blindfair.chain.development import is_development
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.node import connect
from blindfair.chain.requirements import check_chain
from blindfair.cli.demo.world import note_grant
from blindfair.cli.options import POLL
from blindfair.cli.password import read_password
from blindfair.protocol.errors import InvalidOption, NodeFailure, WrongContract
from blindfair.protocol.quantities import BlockNumber

PATIENCE = 60.0
"""Seconds for which the node may fail."""


@dataclass(frozen=True, slots=True)
class DemoAccounts:
    """Keystores of two accounts with money, the file that opens both, and what counts as final."""

    seller: Path
    buyer: Path
    password_file: Path | None
    finality_depth: int | None


class PublicWorld:
    """Implements `DemoWorld`."""

    def __init__(
        self, directory: Path, watch: Callable[[Event], None], rpc: str, accounts: DemoAccounts, poll: float = POLL
    ) -> None:
        """Raises FileMissing, MalformedFile, WrongPassword, NodeFailure, InvalidOption (also for a node for
        development), and WrongContract where the escrow was not deployed."""
        web3 = connect(rpc)
        if is_development(web3):
            raise InvalidOption(
                "The node is one for development, where the demo makes accounts of its own",
                expected="no keystores",
                found="--seller-keystore and --buyer-keystore",
                hint="leave them out; all five trades are shown there",
            )
        finality = Finality(accounts.finality_depth)
        check_chain(web3, finality)
        for path in (accounts.seller, accounts.buyer):
            address_of(path)
        if not is_deployed(web3):
            raise WrongContract(
                "The escrow is not on this chain",
                expected=f"a contract at {escrow_address()}",
                found="none",
                hint=f"blindfair deploy --rpc URL --chain-id {web3.eth.chain_id} --keystore FILE puts it there",
            )
        self._accounts = {
            role: unlock(path, read_password(accounts.password_file, path))
            for role, path in (("seller", accounts.seller), ("buyer", accounts.buyer))
        }
        seller, buyer = (account.address for account in self._accounts.values())
        if seller == buyer:
            raise InvalidOption(
                "Seller and buyer are one account",
                expected="two accounts",
                found=seller,
                hint="name another keystore with --buyer-keystore",
            )
        self.directory = private_directory(directory)
        self.exchange = DataExchange(web3, escrow_address(), first_block=creation_block(web3) or BlockNumber(0))
        self._watch = watch
        self._poll = poll
        self._finality = finality

    @property
    def cases(self) -> Sequence[str]:
        """See `DemoWorld`."""
        return ("honest",)

    def context(self, case: str, role: str) -> AgentContext:
        """See `DemoWorld`."""
        mail = self.directory / case / "mail"
        account = self._accounts[role]
        return AgentContext(
            self.exchange, lambda own, _: FolderTransport(mail, own), self._finality, self._watch, account
        )

    def fund(self, agent: Agent) -> None:
        """See `DemoWorld`. Nobody is given anything."""
        note_grant(agent)

    def run(self, agents: Sequence[Agent], until: Callable[[], bool]) -> None:
        """See `DemoWorld`. Raises what the agents raise; NodeFailure only after `PATIENCE`."""
        failing_since: float | None = None
        while not until():
            try:
                moved = any([agent.step() for agent in agents])
                failing_since = None
            except NodeFailure:
                failing_since = time.monotonic() if failing_since is None else failing_since
                if time.monotonic() - failing_since > PATIENCE:
                    raise
                moved = False
            if not moved:
                time.sleep(self._poll)

    def close(self) -> None:
        """The chain stays as it is."""
