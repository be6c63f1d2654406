"""Reorganisations of the embedded chain, under the feet of agents that go on: the newest blocks are replaced by others.

What was in them is lost, or lies in later blocks. No agent is told, and none is opened again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from trade import Parties, World
from watched import Watch

from blindfair.agents.agent import Agent
from blindfair.agents.context import AgentContext
from blindfair.agents.watch.watcher import Watcher
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.embedded_backend import BLOCK_TIME, Rejected
from blindfair.chain.exchange import Finality
from blindfair.chain.sender import PreparedTransaction
from blindfair.protocol.quantities import BlockNumber, OrderId, Seconds, Timestamp

_OTHER_TIME = Seconds(BLOCK_TIME + 1)
"""Between the blocks of another branch, so that they are other blocks."""


def _height(chain: EmbeddedChain) -> int:
    return int(chain._backend.latest().number)


def reorganise(chain: EmbeddedChain, depth: int, *, longer: int = 1) -> list[bytes]:
    """Replace the newest `depth` blocks by `depth + longer` empty ones; the signed transactions that were in them."""
    log = chain._log
    assert log is not None
    entries: list[tuple[str, bytes]] = log._db.execute("SELECT kind, payload FROM entries ORDER BY number").fetchall()
    fork = _height(chain) - depth
    assert fork > 0
    log._db.execute("DELETE FROM entries")
    log._last = b""
    chain._backend = chain._begun(Timestamp(int.from_bytes(entries[0][1], "big")))
    chain._write(*entries[0])
    lost = []
    for kind, payload in entries[1:]:
        left = fork - _height(chain)
        if kind == "transaction" and left:
            try:
                chain._submit(payload)
            except Rejected:
                continue
        elif kind == "transaction":
            lost.append(payload)
        elif left:
            count, step = int.from_bytes(payload[:8], "big"), int.from_bytes(payload[8:], "big")
            chain._mine(min(left, count), Seconds(step))
    cast("Any", chain.web3.provider).ethereum_tester.backend = chain._backend
    assert _height(chain) == fork
    chain._mine(depth + longer, _OTHER_TIME)
    return lost


def put_back(chain: EmbeddedChain, transactions: Sequence[bytes]) -> None:
    """Include what a reorganisation took out, as nodes do that kept it, so far as it is still possible."""
    for raw in transactions:
        try:
            chain._submit(raw)
        except Rejected:
            continue


class DeepWorld(World):
    """A world in which a block is final once `depth` lie on top, and in which each showing of a key is looked at."""

    depth = 2

    def context(self) -> AgentContext:
        context = super().context()
        return AgentContext(context.exchange, context.transport, Finality(self.depth), context.watch)


@dataclass
class Unfolding:
    """A trade that goes on while the chain is reorganised."""

    parties: Parties
    depth: int
    """Blocks that make final."""

    watch: Watch | None = None
    """A watcher beside them."""

    shown: list[tuple[OrderId, BlockNumber | None, int]] = field(default_factory=list)
    """Each showing of a key to a node: the order, the block of its accept then, the height then."""

    def __post_init__(self) -> None:
        exchange = self.world.exchange
        real = exchange.reveal

        def watched(offer: Any, key: Any) -> Any:
            accepted = exchange.accepted_at(offer.struct_hash())
            self.shown.append(
                (offer.struct_hash(), None if accepted is None else accepted.block_number, exchange.height())
            )
            return real(offer, key)

        exchange.reveal = watched  # type: ignore[method-assign]

    @property
    def world(self) -> World:
        return self.parties.world

    @property
    def agents(self) -> tuple[Agent | Watcher, ...]:
        """Those that are there: the parties that were not closed, and the watcher."""
        watchers = () if self.watch is None else (self.watch.watcher,)
        return (*(agent for agent in self.parties.both if not agent.is_closed), *watchers)

    def until(self, done: Callable[[], bool], *agents: Agent | Watcher, rounds: int = 400) -> None:
        """Steps of these agents, of all that are there if none is named.

        Where nobody moves there is a block, and, once all that may become final is final, the next moment that somebody
        waits for.
        """
        agents = agents or self.agents
        idle = 0
        for _ in range(rounds):
            if done():
                return
            idle = 0 if self.world.round(*agents) else idle + 1
            moments = [agent.waiting.until for agent in agents if agent.waiting and agent.waiting.until]
            if idle > self.depth + 1 and moments:
                self.world.chain.advance(Seconds(max(1, min(moments) - self.world.chain.now())))
                idle = 0
        waits = [agent.waiting.reason for agent in agents if agent.waiting]
        raise AssertionError(f"the trade does not come to an end: {waits}")

    def has(self, agent: Agent | Watcher, call: str, part: str = "") -> Callable[[], bool]:
        """Whether a transaction of a step whose name begins so, and ends with the part, is in a block."""
        return lambda: any(step.startswith(call) and step.endswith(part) for step in agent.wallet.receipts())

    def is_settled(self) -> bool:
        """Whether the trade has ended for all that are there."""
        seller, buyer = self.parties.both
        return (
            (seller.is_closed or seller.idle)
            and (buyer.is_closed or buyer.outcome is not None)
            and not (self.watch and self.watch.watcher.open_orders)
        )

    def settle(self) -> None:
        """Go on to the end."""
        self.until(self.is_settled)

    def check_signed(self) -> None:
        """No two calls at one number, and no key shown before the accept was final."""
        for agent in self.agents:
            by_number: dict[int, set[str]] = {}
            for name in agent.wallet.hashes():
                prepared: PreparedTransaction = agent.wallet._prepared(name)  # type: ignore[arg-type]
                by_number.setdefault(prepared.nonce, set()).add(name.partition("+")[0])
            assert all(len(names) == 1 for names in by_number.values()), by_number
        for _, accepted, height in self.shown:
            assert accepted is not None
            assert height >= accepted + self.depth

    def close(self) -> None:
        """Let go of all, the world too."""
        self.parties.close()
        if self.watch is not None:
            self.watch.close()
        self.world.close()
