"""A world of agents in which one seed decides everything: whose turn it is, what is lost, who dies, what time it is.

A tick is a turn of each party that is up and one block. The storm ends after some ticks; then nothing goes wrong any
more, and whoever is honest must come to an end. Time jumps to the next moment that matters only while nothing is on its
way and every honest party is up, as time passes for agents that are left running.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from eth_account import Account
from hostile_parties import BUYERS, SELLERS
from meddler import Meddler
from remembered import remembered
from scenario import BuyerRole, Scenario, SellerRole
from seeded_randomness import private_key, randomness_of, stream
from simulated_chain import BLOCK_TIME, CHAIN_ID, CONTRACT, DEFAULT_FEE, ChainTransaction, SimulatedChain
from simulated_disk import SimulatedDisk, disks
from simulated_goods import GRANT, SELLING, goods
from simulated_mail import Post, SimulatedMailbox
from simulated_node import SimulatedNode
from simulated_party import Party
from simulated_watch import WatchingAgent
from stand_in_scoring import scoring_in_the_clear
from web3 import Web3

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.context import AgentContext, Event
from blindfair.agents.seller.seller import Seller
from blindfair.chain.exchange import DataExchange
from blindfair.chain.finality import Finality
from blindfair.protocol.quantities import Address, ListingId, Seconds
from blindfair.protocol.signing import Domain

FINAL_DEPTH = 2
PATIENCE = 6
"""Ticks in which nobody does anything, before time jumps."""

LEAP = 960
"""Seconds that time jumps at most, so that a question is asked again before patience with it ends."""

TICKS = 600
"""After so many a simulation that has not ended never will."""


class NeverEnds(AssertionError):
    """An honest party does not come to an end although nothing goes wrong any more."""


class SimulatedWorld:
    """Chain, post and parties of one scenario."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.weather = scenario.weather
        self.folder = folder
        self.tick = 0
        self.acting = "nobody"
        self.random = stream(scenario.seed, "world")
        self.chain = SimulatedChain(Domain(CHAIN_ID, CONTRACT))
        self.post = Post(stream(scenario.seed, "post"), scenario.weather.post)
        self.told: list[tuple[str, Event]] = []
        self.seen: list[Callable[[Party, str, bytes], None]] = []
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()
        self.is_calm = False
        self._outages: dict[str, int] = {}
        self._spike_until = 0
        self._stale_until = 0
        self._jumps = 2
        self._idle = 0
        self.sellers = [self._seller(number, role) for number, role in enumerate(scenario.sellers)]
        self.listings: dict[int, ListingId] = {}
        self.buyers = [self._buyer(number, role) for number, role in enumerate(scenario.buyers)]
        self.watchers = {
            number: self._watcher(number) for number, role in enumerate(scenario.buyers) if role.is_watched
        }
        self.parties = [*self.sellers, *self.buyers, *self.watchers.values()]
        self.meddler = Meddler(self.chain, stream(scenario.seed, "meddler"), GRANT)

    # --- parties ---------------------------------------------------------------------------------------------------

    def _party(self, name: str, kind: str, leaves_at: int | None, start: Callable[["Party"], Any]) -> Party:
        key = private_key(name)
        address = Address(Account.from_key(key).address.lower())
        home = self.folder / name
        disk = SimulatedDisk(home, stream(self.scenario.seed, "disk", name), self.weather.kills)
        random = stream(self.scenario.seed, "node", name)

        def fault(method: str) -> str:
            if self.is_calm:
                return ""
            if self._outages.get(f"node of {name}", 0) > self.tick:
                return "unreachable"
            if not self.weather.node or random.random() >= self.weather.node:
                return ""
            self.counts["node"] += 1
            return random.choice(("unreachable", "unanswered", "refused", "nonsense"))

        def sees(method: str, data: bytes) -> None:
            for look in self.seen:
                look(party, method, data)

        node = SimulatedNode(self.chain, fault, sees)
        mailbox = SimulatedMailbox(self.post, address, disk)
        party = Party(
            name, kind, address, key, home, stream(self.scenario.seed, "party", name), disk, node, mailbox,
            start=lambda: start(party), leaves_at=leaves_at,
        )  # fmt: skip
        self.chain.fund(address, GRANT)
        return party

    def _context(self, party: Party) -> AgentContext:
        def watch(event: Event) -> None:
            self.told.append((party.name, event))
            self.trace.append(f"{self.tick} {party.name} {event.step}: {event.text}")

        web3 = Web3(party.node, middleware=[])
        account = Account.from_key(party.key)
        exchange = DataExchange(web3, CONTRACT)
        return AgentContext(exchange, lambda *_: party.mailbox, Finality(FINAL_DEPTH), watch, account)

    def _seller(self, number: int, role: SellerRole) -> Party:
        spec = goods(f"listing {number}", evaluations=role.evaluations, audits=role.audits, charges=role.charges,
                     token=role.token)  # fmt: skip
        kind = SELLERS.get(role.kind, Seller)
        return self._party(
            f"seller{number}", role.kind, role.leaves_at,
            lambda party: kind(party.home, self._context(party), spec, SELLING),
        )  # fmt: skip

    def _buyer(self, number: int, role: BuyerRole) -> Party:
        kind = BUYERS.get(role.kind, Buyer)

        def start(party: Party) -> Buyer:
            policy = role.wish.policy()
            if role.is_watched:
                self.handed(number).mkdir(exist_ok=True)
                policy = replace(policy, watch_folder=self.handed(number))
            return kind(
                party.home, self._context(party), role.wish.valuer(), policy,
                seller=self.sellers[role.seller].address, listing=self.listings[role.seller],
            )  # fmt: skip

        party = self._party(f"buyer{number}", role.kind, role.leaves_at, start)
        party.leaves_paid = role.leaves_paid
        return party

    def _watcher(self, number: int) -> Party:
        def start(party: Party) -> WatchingAgent:
            context = self._context(party)
            assert context.account is not None
            return WatchingAgent(party.home, context, context.account, self.handed(number))

        return self._party(f"watcher{number}", "honest", None, start)

    def handed(self, number: int) -> Path:
        """The folder in which a buyer hands its packages over."""
        return self.folder / f"handed{number}"

    # --- running ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run to the end. Raises NeverEnds, and whatever an agent raises that is no error of this project."""
        ending = 0
        for self.tick in range(TICKS):
            if self.tick == self.scenario.storm:
                self._clear_up()
            self._disturb()
            progress = self._turns()
            self._idle = 0 if progress else self._idle + 1
            ending = ending + 1 if self._all_ended() else 0
            if ending > FINAL_DEPTH + 2:
                return
            self._mine()
        raise NeverEnds(f"after {TICKS} ticks: {self._states()}")

    def _states(self) -> dict[str, str]:
        return {
            party.name: str(party.error or (party.agent.shown_state if party.agent else "down"))
            for party in self.parties
            if party.is_honest
        }

    def _turns(self) -> bool:
        progress = False
        self.post.tick = self.tick
        self.post.deliver()
        for party in self.random.sample(self.parties, len(self.parties)):
            if party.down_until > self.tick or party.is_gone(self.tick) or self._happens("sleep", self.weather.sleep):
                continue
            if not self._has_begun(party):
                continue
            self.acting = party.name
            lives = party.lives
            done = party.turn(self.tick)
            self.acting = "nobody"
            progress |= done
            if done or party.error is not None or party.lives > lives:
                state = party.error or (party.agent.shown_state if party.agent else "killed: " + party.disk.deaths[-1])
                self.trace.append(f"{self.tick} {party.name} {type(party.error).__name__} {state}")
            self._learn_listing(party)
        return progress

    def _has_begun(self, party: Party) -> bool:
        """Whether there is anything to do for a party: a buyer needs a listing that somebody has made."""
        if party in self.sellers:
            return True
        if party in self.buyers:
            return self.scenario.buyers[self.buyers.index(party)].seller in self.listings
        # A package, of which a watcher is told when it is made.
        return any(self.handed(number).is_dir() for number, watcher in self.watchers.items() if watcher is party)

    def _learn_listing(self, party: Party) -> None:
        """A listing's number is known from elsewhere, once its seller is there."""
        if isinstance(party.agent, Seller) and self.sellers.index(party) not in self.listings:
            self.listings[self.sellers.index(party)] = party.agent.listing

    def _all_ended(self) -> bool:
        if not self.is_calm:
            return False
        watched = [self.buyers[number] for number in self.watchers]
        if any(self._has_begun(buyer) and buyer.will_leave(self.tick) for buyer in watched):
            # Until then it may hand over more.
            return False
        for party in self.parties:
            if not party.is_honest or not self._has_begun(party):
                continue
            if party.agent is None or party.error is not None:
                return False
            if party in self.buyers and not party.has_ended:
                return False
            if isinstance(party.agent, Seller | WatchingAgent) and not party.agent.idle:
                return False
        return True

    def _mine(self) -> None:
        if self._idle > PATIENCE and self._is_quiet():
            # What one that is gone waited for is over, and would keep time from jumping.
            there = [party.agent for party in self.parties if party.agent and not party.is_gone(self.tick)]
            moments = [agent.waiting.until for agent in there if agent.waiting]
            until = min((moment for moment in moments if moment), default=self.chain.now() + BLOCK_TIME)
            self.chain.mine(Seconds(max(BLOCK_TIME, min(until - self.chain.now(), LEAP))))
            return
        step = BLOCK_TIME
        if self._jumps and self._happens("clock_jump", self.weather.clock_jump):
            self._jumps -= 1
            step = Seconds(self.random.randrange(60, 300))
        self.chain.mine(step, self._lets_in)

    def _lets_in(self, _: ChainTransaction) -> bool:
        return not self._happens("stuck", self.weather.stuck)

    def _is_quiet(self) -> bool:
        if self.chain.mempool or self.post.under_way or any(end > self.tick for end in self._outages.values()):
            return False
        return all(
            party.is_gone(self.tick)
            or not (party.is_honest and self._has_begun(party))
            or (party.agent is not None and party.error is None and party.turned_at >= self.tick - 1)
            for party in self.parties
        )

    # --- faults ----------------------------------------------------------------------------------------------------

    def _happens(self, what: str, chance: float) -> bool:
        happens = not self.is_calm and chance > 0 and self.random.random() < chance
        self.counts[what] += happens
        return happens

    def _clear_up(self) -> None:
        self.is_calm = self.post.is_calm = True
        self.chain.base_fee = DEFAULT_FEE
        for party in self.parties:
            party.disk.is_calm, party.disk.is_full, party.mailbox.is_out = True, False, False
            party.node.lag, party.node.stale, party.down_until = 0, None, 0

    def _disturb(self) -> None:
        if self.is_calm:
            return
        weather = self.weather
        for party in self.parties:
            for what, chance in (
                ("disk", weather.full_disk),
                ("node", weather.node_outage),
                ("mail", weather.mail_outage),
            ):
                name = f"{what} of {party.name}"
                if self._happens(what, chance):
                    self._outages[name] = self.tick + self.random.randrange(1, 10)
            party.disk.is_full = self._outages.get(f"disk of {party.name}", 0) > self.tick
            party.mailbox.is_out = self._outages.get(f"mail of {party.name}", 0) > self.tick
            party.node.lag = self.random.randrange(weather.lag + 1)
            if self.tick >= self._stale_until:
                party.node.stale = None
        if self._happens("gas_spike", weather.gas_spike):
            self._spike_until = self.tick + self.random.randrange(1, 8)
        self.chain.base_fee = 100 * DEFAULT_FEE if self._spike_until > self.tick else DEFAULT_FEE
        if self._happens("reorganisation", weather.reorganisations):
            self._reorganise()
        if self._happens("meddling", weather.meddling):
            self.meddler.act()
        for transaction in list(self.chain.mempool.values()):
            if self._happens("forgotten", weather.forgets):
                del self.chain.mempool[transaction.hash]

    def _reorganise(self) -> None:
        """Replace the newest blocks, no more than may be: what is final stays. Some nodes notice later."""
        depth = self.random.randrange(1, FINAL_DEPTH + 1)
        if len(self.chain.blocks) <= FINAL_DEPTH + 1:
            return
        before = list(self.chain.blocks)
        self._idle = 0
        self._stale_until = self.tick + self.random.randrange(3)
        for party in self.parties:
            if self.random.random() < 0.3:
                party.node.stale = before
        self.chain.reorganise(depth, lambda _: self.random.random() < 0.7)
        for _ in range(depth + 1):
            self.chain.mine(Seconds(self.random.choice((1, 12, 20))), lambda _: self.random.random() < 0.5)

    def close(self) -> None:
        """Let go of everything."""
        for party in self.parties:
            party.disk.torn = None
            party.stop()


@contextmanager
def simulated(scenario: Scenario) -> Iterator[SimulatedWorld]:
    """The world of a scenario, in a folder that is there no longer afterwards."""
    memory = Path("/dev/shm")  # noqa: S108 - a disk that need not be waited for, where there is one
    folder = Path(tempfile.mkdtemp(prefix="blindfair-simulation-", dir=memory if memory.is_dir() else None))
    world: SimulatedWorld | None = None
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        held.enter_context(scoring_in_the_clear())
        held.enter_context(remembered())
        held.enter_context(randomness_of(scenario.seed, lambda: world.acting if world else "nobody"))
        world = SimulatedWorld(scenario, folder)
        held.enter_context(disks({party.home: party.disk for party in world.parties}))
        held.callback(world.close)
        yield world
