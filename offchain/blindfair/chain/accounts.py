"""What a node says of an account: its number and its ether.

Asked without web3's own reading of addresses: agents ask each second, and it took a tenth of the simulations' time.
"""

from web3 import Web3

from blindfair.chain.node import asking, number_of, request
from blindfair.protocol.quantities import Address, BlockNumber, Wei

_LATEST = "latest"


def transactions_of(web3: Web3, account: Address, block: BlockNumber | None = None) -> int:
    """How many transactions of an account are in blocks, up to `block` (None: the latest). Raises NodeFailure."""
    with asking("eth_getTransactionCount"):
        height = _LATEST if block is None else hex(block)
        return number_of(request(web3, "eth_getTransactionCount", account.lower(), height))


def ether_of(web3: Web3, account: Address) -> Wei:
    """The ether of an account in the latest block. Raises NodeFailure."""
    with asking("eth_getBalance"):
        return Wei(number_of(request(web3, "eth_getBalance", account.lower(), _LATEST)))
