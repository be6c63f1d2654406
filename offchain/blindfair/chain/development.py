"""Chains that obey: nodes for development make money and blocks on command. Told by what the node says of itself.

Nothing here works on a public chain, and nothing of a trade relies on it.
"""

from web3 import Web3

from blindfair.chain.node import asking, request
from blindfair.protocol.quantities import Address, Seconds, Wei

_CLIENTS = ("hardhat", "anvil", "ganache")


def is_development(web3: Web3) -> bool:
    """Whether the node is one for development. Raises NodeFailure."""
    with asking("web3_clientVersion"):
        client = str(request(web3, "web3_clientVersion")).lower()
    return client.startswith(_CLIENTS)


def set_balance(web3: Web3, owner: Address, amount: Wei) -> None:
    """Give an account exactly so much ether. Raises NodeFailure."""
    with asking("hardhat_setBalance"):
        request(web3, "hardhat_setBalance", Web3.to_checksum_address(owner), hex(amount))


def mine_every(web3: Web3, pause: Seconds) -> None:
    """Let a block be made every `pause` seconds, besides those for transactions. Raises NodeFailure."""
    with asking("evm_setIntervalMining"):
        request(web3, "evm_setIntervalMining", 1000 * pause)
