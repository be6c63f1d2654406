"""What a node says of itself, for people who look whether it can be used. Nothing of a trade relies on it."""

from dataclasses import dataclass

from web3 import Web3

from blindfair.chain.node import asking
from blindfair.chain.provider import NodeProvider
from blindfair.protocol.quantities import BlockNumber, Timestamp


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node and its newest block. `behind` are the blocks that it has still to fetch."""

    client: str
    host: str
    chain_id: int
    block: BlockNumber
    timestamp: Timestamp
    behind: int


def node_state(web3: Web3) -> NodeState:
    """Ask a node how it is. Raises NodeFailure."""
    provider = web3.provider
    with asking("its state"):
        newest, syncing = web3.eth.get_block("latest"), web3.eth.syncing
        return NodeState(
            client=str(web3.client_version),
            host=provider.host if isinstance(provider, NodeProvider) else "",
            chain_id=int(web3.eth.chain_id),
            block=BlockNumber(int(newest["number"])),
            timestamp=Timestamp(int(newest["timestamp"])),
            behind=0 if isinstance(syncing, bool) else int(syncing["highestBlock"]) - int(syncing["currentBlock"]),
        )
