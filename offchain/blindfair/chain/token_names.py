"""What people call a token: it chooses its own symbol, and another may have the same."""

import re

from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import ContractReverted, NodeFailure, WrongContract
from blindfair.protocol.quantities import Address

_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9.$_-]{0,10}")


def token_unit(exchange: DataExchange, token: Address) -> str:
    """Return a token's symbol where that is a plain word, and is not taken for ether; else the token's address."""
    try:
        symbol = exchange.token_symbol(token)
    except (ContractReverted, WrongContract, NodeFailure):
        return token
    return symbol if _SYMBOL.fullmatch(symbol) and symbol.lower() not in ("eth", "ether", "wei") else token
