"""When something on the chain counts as final: by the node's own word, or by a number of blocks on top (PROTOCOL 7)."""

from dataclasses import dataclass

from web3 import Web3

from blindfair.chain.node import asking
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import BlockNumber


@dataclass(frozen=True, slots=True)
class Finality:
    """A party's own rule. Raises InvalidOption for a negative depth."""

    depth: int | None = None
    """Blocks that must lie on top; None takes the node's "finalized" block, which not every chain has."""

    def __post_init__(self) -> None:
        if self.depth is not None and self.depth < 0:
            raise InvalidOption("a depth of finality is a number of blocks", expected="at least 0", found=self.depth)


def final_height(web3: Web3, policy: Finality) -> BlockNumber | None:
    """The newest block that is final, or None while none is. Raises NodeFailure."""
    if policy.depth is None:
        with asking("the finalized block"):
            return BlockNumber(int(web3.eth.get_block("finalized")["number"]))
    with asking("eth_blockNumber"):
        height = int(web3.eth.block_number) - policy.depth
    return BlockNumber(height) if height >= 0 else None
