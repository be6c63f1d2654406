"""Chains that obey: nodes for development make money and blocks on command. Told by what the node says of itself.

Nothing here works on a public chain, and nothing of a trade relies on it.
"""

from typing import Protocol

from web3 import Web3

from blindfair.chain.node import asking, connect, request
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Address, Seconds, Timestamp, Wei

_CLIENTS = ("hardhat", "anvil", "ganache")


def is_development(web3: Web3) -> bool:
    """Whether this is a development node. Raises NodeFailure."""
    with asking("web3_clientVersion"):
        return is_development_client(str(request(web3, "web3_clientVersion")))


def is_development_client(client: str) -> bool:
    """Whether this is what a development node says of itself in `web3_clientVersion`.

    >>> is_development_client("HardhatNetwork/3.1.0/@nomicfoundation/edr"), is_development_client("Geth/v1.16.7")
    (True, False)
    """
    return client.lower().startswith(_CLIENTS)


def set_balance(web3: Web3, owner: Address, amount: Wei) -> None:
    """Give an account exactly so much ether. Raises NodeFailure."""
    with asking("hardhat_setBalance"):
        request(web3, "hardhat_setBalance", Web3.to_checksum_address(owner), hex(amount))


def mine_every(web3: Web3, pause: Seconds) -> None:
    """Let a block be made every `pause` seconds, besides those for transactions. Raises NodeFailure."""
    with asking("evm_setIntervalMining"):
        request(web3, "evm_setIntervalMining", 1000 * pause)


class ObedientChain(Protocol):
    """A chain whose clock and money obey: `EmbeddedChain` and `DevelopmentChain`."""

    web3: Web3

    def now(self) -> Timestamp:
        """The time of the latest block."""
        ...

    def advance(self, duration: Seconds) -> None:
        """Let time pass: one empty block, `duration` after the latest at least."""
        ...

    def mine(self, blocks: int) -> None:
        """Make empty blocks."""
        ...

    def fund(self, address: Address, amount: Wei) -> None:
        """Give an account ether out of nowhere."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class DevelopmentChain:
    """A development node as an `ObedientChain`. Every method raises NodeFailure."""

    def __init__(self, rpc_url: str) -> None:
        """Raises InvalidOption for a malformed URL, and for a node whose time and money are real."""
        self.web3 = connect(rpc_url)
        if not is_development(self.web3):
            raise InvalidOption(
                "The node is not a development node",
                expected="Hardhat's node, anvil or Ganache, whose clock and money obey",
                found="another",
                hint="elsewhere name accounts with money, `seller_keystore` and `buyer_keystore`, for the honest trade "
                "alone; or trade with blindfair seller and blindfair buyer",
            )

    def now(self) -> Timestamp:
        """See `ObedientChain`."""
        with asking("the latest block"):
            return Timestamp(int(self.web3.eth.get_block("latest")["timestamp"]))

    def advance(self, duration: Seconds) -> None:
        """See `ObedientChain`."""
        with asking("evm_increaseTime"):
            request(self.web3, "evm_increaseTime", hex(duration))
            request(self.web3, "evm_mine")

    def mine(self, blocks: int) -> None:
        """See `ObedientChain`."""
        with asking("hardhat_mine"):
            request(self.web3, "hardhat_mine", hex(blocks))

    def fund(self, address: Address, amount: Wei) -> None:
        """See `ObedientChain`. The account has exactly so much then."""
        set_balance(self.web3, address, amount)

    def close(self) -> None:
        """The node stays as it is."""
