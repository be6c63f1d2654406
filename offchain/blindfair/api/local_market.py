"""A market inside this process: a chain with the escrow on it, mailboxes in a folder, sellers and buyers in turn.

Nothing here has worth: no node, no network, no money. The parties are the same as on a real chain, and share nothing
but bytes in mailboxes and the chain. For trying, teaching and testing, in a notebook too.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Generic, Self, TypeVar, cast

from eth_account import Account

from blindfair.agents.agent import Agent
from blindfair.agents.context import AgentContext, Event
from blindfair.agents.evaluation.rows import BaseModels
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.store.directory import SecretStore, private_directory
from blindfair.agents.waiting import Waiting
from blindfair.api.buying import PreparedPurchase
from blindfair.api.listing import PreparedListing
from blindfair.api.obedient import FINAL_DEPTH, run_until
from blindfair.api.parties import BuyerParty, SellerParty, open_buyer, open_seller
from blindfair.chain.accounts import ether_of
from blindfair.chain.deploy import deploy_once
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.finality import Finality
from blindfair.protocol.quantities import Address, Wei

GRANT = Wei(10 * 10**18)
"""The money that each party is given: ten ether without worth."""

Result = TypeVar("Result")


class LocalMarket:
    """Sellers and buyers of one process. Use it in a `with` block, or `close` it.

    >>> with LocalMarket() as market:
    ...     market.chain.now() > 0
    True
    """

    def __init__(self, directory: Path | str | None = None, *, on_event: Callable[[Event], None] | None = None) -> None:
        """Begin a market in a directory, or go on with the one that is there; in a temporary one if None.

        To go on, open the same sellers and buyers in the same order. `on_event` is told each thing that a party did.
        Raises InsecureStore, and JournalVersion, JournalDamaged or StoreInUse where the directory cannot be used.
        """
        with ExitStack() as held:
            if directory is None:
                directory = held.enter_context(tempfile.TemporaryDirectory(prefix="blindfair-"))
            self.directory = private_directory(Path(directory))
            self.chain = EmbeddedChain(self.directory / "chain.sqlite")
            held.callback(self.chain.close)
            make = SecretStore(self.directory / "secrets").once
            deployer = Account.from_key(make("deployer", lambda: bytes(Account.create().key)))
            self._grant(Address(deployer.address.lower()))
            self._exchange = deploy_once(self.chain.web3, deployer)
            self._watch = on_event or (lambda _: None)
            self._sellers: list[SellerParty] = []
            self._buyers: list[BuyerParty] = []
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LocalMarket({str(self.directory)!r}, {len(self._sellers)} sellers, {len(self._buyers)} buyers)"

    def close(self) -> None:
        """Let go of all parties, the chain, and a temporary directory."""
        self._held.close()

    def sell(self, listing: PreparedListing) -> SellerParty:
        """Open a seller with an account of its own, and commit its listing. It answers whenever a buyer waits.

        Raises what `open_seller` and `SellerParty.commit` raise.
        """
        turns = _MarketTurns(self)
        where = self.directory / f"seller-{len(self._sellers) + 1}"
        # Held once it is listed: a seller that could not commit is closed, and may be tried again.
        with ExitStack() as opened:
            party = opened.enter_context(
                open_seller(where, self._context(listing.base_models), listing.spec, listing.policy, turns=turns)
            )
            self._begin(party.agent, turns)
            party.commit()
            self._held.enter_context(opened.pop_all())
        self._sellers.append(party)
        return party

    def buyer(self, seller: SellerParty, purchase: PreparedPurchase) -> BuyerParty:
        """Open a buyer of a listing, with an account of its own. Raises what `open_buyer` raises."""
        turns = _MarketTurns(self)
        where = self.directory / f"buyer-{len(self._buyers) + 1}"
        party = self._held.enter_context(
            open_buyer(
                where,
                self._context(purchase.base_models),
                purchase.valuer,
                purchase.policy,
                seller=seller.address,
                listing=seller.listing,
                turns=turns,
            )
        )
        self._begin(party.agent, turns)
        self._buyers.append(party)
        return party

    def run(self, attempt: "_Attempt[Result]") -> Result:
        """Let everybody take turns until the attempt has a result. Raises what the attempt and the sellers raise, and
        StateError where nothing moves."""
        run_until(self.chain, [attempt, *(seller.agent for seller in self._sellers)], lambda: attempt.is_done)
        return cast("Result", attempt.result)

    def _begin(self, agent: Agent, turns: "_MarketTurns") -> None:
        turns.agent = agent
        self._grant(agent.address)

    def _grant(self, address: Address) -> None:
        if not ether_of(self.chain.web3, address):
            self.chain.fund(address, GRANT)

    def _context(self, base_models: BaseModels) -> AgentContext:
        mail = self.directory / "mail"
        return AgentContext(
            self._exchange,
            lambda own, _: FolderTransport(mail, own),
            Finality(FINAL_DEPTH),
            self._watch,
            base_models=base_models,
        )


class _Attempt(Generic[Result]):
    """An attempt of one party, as a step among those of the sellers."""

    def __init__(self, agent: Agent, action: Callable[[], Result]) -> None:
        self._agent = agent
        self._action = action
        self.waiting: Waiting | None = None
        self.is_done = False
        self.result: Result | None = None

    def step(self) -> bool:
        """Try it; says whether anything was done."""
        before = self._agent.journal.writes
        try:
            self.result = self._action()
        except Waiting as waiting:
            self.waiting = waiting
            return self._agent.journal.writes > before
        self.is_done = True
        return True


class _MarketTurns:
    """The turns of one party of the market. Implements `TurnTaker`."""

    agent: Agent

    def __init__(self, market: LocalMarket) -> None:
        self._market = market

    def until(self, attempt: Callable[[], Result]) -> Result:
        """See `TurnTaker`."""
        return self._market.run(_Attempt(self.agent, attempt))
