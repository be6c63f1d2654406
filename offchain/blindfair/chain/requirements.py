"""What a chain and its node must have before a trade begins there: a base fee, and a word on what is final."""

from web3 import Web3

from blindfair.chain.fees import base_fee
from blindfair.chain.finality import Finality, check_finality


def check_chain(web3: Web3, finality: Finality) -> None:
    """Check that trades can be begun and ended. Raises InvalidOption with what to do instead, and NodeFailure."""
    base_fee(web3)
    check_finality(web3, finality)
