"""Gas of an order's calls, told before anything is paid. A test holds the figures against real calls.

Not here: the limit of a transaction, which the node tries out (`sender`).
"""

from web3 import Web3

from blindfair.chain.node import asking
from blindfair.protocol.quantities import Gas, Wei

COMMIT = Gas(48_000)
ACCEPT = Gas(68_000)
ACCEPT_TOKEN = Gas(130_000)
"""An accept with a permit, in a plain token; other tokens may cost more."""

RELEASE = Gas(66_000)
"""The first of a seller; later ones, to whom something is free already, cost less."""

REVEAL = Gas(50_000)
CLAIM = Gas(75_000)
"""A claim of one order, the first of a seller in a token."""

ANNOUNCE = Gas(26_000)
"""An announcement of a URL of about 40 bytes; longer ones cost more."""

MAKE_DIRECTORY = Gas(150_000)
"""Putting the directory on a chain that lacks it, which anybody does once."""


def dispute_gas(chunk_size: int) -> Gas:
    """Gas of a dispute over a full chunk in the largest delivery."""
    return Gas(75_000 + 105 * chunk_size)


def signed_gas(used: Gas) -> Gas:
    """The limit that is signed at most for a call that uses so much: a node counts it before refunds, of a fifth at
    most, some nodes roughly, and the sender adds a quarter."""
    return Gas(2 * used)


def gas_price(web3: Web3) -> Wei:
    """The price of a unit of gas now, in wei. Raises NodeFailure."""
    with asking("eth_gasPrice"):
        return Wei(int(web3.eth.gas_price))
