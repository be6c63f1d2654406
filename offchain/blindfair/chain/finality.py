"""When something on the chain counts as final: by the node's own word, or by a number of blocks on top (PROTOCOL 7)."""

from dataclasses import dataclass

from web3 import Web3
from web3.exceptions import BlockNotFound, Web3RPCError

from blindfair.chain.node import asking, message_of
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.quantities import BlockNumber

_WHAT = "the node names no final block"
_EXPECTED = 'an answer for the block "finalized"'
_HINT = "add `finality_depth=64`: a block then counts as final once so many blocks lie on top of it"


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
        found = _named_final(web3)
        if isinstance(found, str):
            # A node that named one before may do so again: whoever waits for it may go on waiting.
            raise NodeFailure(_WHAT, expected=_EXPECTED, found=found, hint=_HINT)
        return BlockNumber(found)
    with asking("eth_blockNumber"):
        height = int(web3.eth.block_number) - policy.depth
    return BlockNumber(height) if height >= 0 else None


def check_finality(web3: Web3, policy: Finality) -> None:
    """Check before anything is begun that the node can tell what is final. Raises InvalidOption, NodeFailure."""
    found = 0 if policy.depth is not None else _named_final(web3)
    if isinstance(found, str):
        raise InvalidOption(_WHAT, expected=_EXPECTED, found=found, hint=_HINT)


def _named_final(web3: Web3) -> int | str:
    """The number of the node's final block, or what it says instead of one."""
    with asking("the finalized block"):
        try:
            return int(web3.eth.get_block("finalized")["number"])
        except BlockNotFound:
            return "no block"
        except Web3RPCError as error:
            return message_of(error.rpc_response)
