"""What `blindfair doctor` asks a node: whether it answers, which contract is there, what the chain's time is."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from blindfair.chain.deployment import Deployment, code_hash, open_exchange
from blindfair.chain.deterministic import escrow_address, is_deployed
from blindfair.chain.development import is_development_client
from blindfair.chain.node import connect, each_node
from blindfair.chain.node_state import NodeState, node_state
from blindfair.cli.doctor.finding import Finding, findings
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Seconds

BEHIND, AHEAD = Seconds(300), Seconds(60)
"""How far the newest block may lie before this machine's clock, and after it: blocks take seconds, windows hours."""


def look_at_node(rpc: str, deployment: Deployment | None, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Look at each node by itself, at the contract by all of them, and at the clock. Raises InvalidOption."""
    chain_id, states = None if deployment is None else deployment.chain_id, list[NodeState]()

    def one(url: str) -> Iterator[Finding]:
        state = node_state(connect(url, chain_id))
        states.append(state)
        found = f"{state.client} at {state.host}, chain {state.chain_id}, block {state.block:,}"
        if state.behind:
            found += f", {state.behind:,} blocks behind the chain"
        yield Finding("node", not state.behind, found, "wait until it has caught up, or use another node")

    for url in each_node(rpc):
        yield from findings("node", partial(one, url))
    if states:
        yield from findings("contract", lambda: _look_at_contract(rpc, deployment))
        behind = round(clock()) - max(state.timestamp for state in states)
        yield _clock(behind, on_command=all(is_development_client(state.client) for state in states))


def _look_at_contract(rpc: str, deployment: Deployment | None) -> Iterator[Finding]:
    """The contract of the deployment file, else the one at the address that this version's has on every chain."""
    if deployment is not None:
        open_exchange(rpc, deployment)
    elif not is_deployed(connect(rpc)):
        yield Finding(
            "contract",
            False,
            f"there is none at {escrow_address()}, where this version's is on every chain",
            "blindfair deploy, or name the file of another with --deployment",
        )
        return
    address = escrow_address() if deployment is None else deployment.address
    told = f"{address}, code hash {hex_text(code_hash(connect(rpc), address))}"
    yield Finding("contract", True, f"{told}, this version's to the last byte")


def _clock(behind: int, *, on_command: bool) -> Finding:
    """The finding for a newest block that is so many seconds behind this machine's clock.

    Where blocks are made `on_command`, an old one says that nobody asked for another, and nothing of the clock.
    """
    where = f"the newest block is {abs(behind):,} s {'old' if behind >= 0 else 'ahead of this clock'}"
    if on_command and behind > BEHIND:
        return Finding("clock", True, f"{where}; a development node may make blocks on command alone")
    if behind > BEHIND:
        hint = "the node is not up to date, no blocks are made, or this clock is fast: check it with timedatectl"
    else:
        hint = "this machine's clock is slow: check it with timedatectl"
    allowed = f"{where}; at most {BEHIND} s old or {AHEAD} s ahead is good"
    return Finding("clock", -AHEAD <= behind <= BEHIND, allowed, hint)
