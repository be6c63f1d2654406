"""Amounts for people, in ether or as a token counts itself."""

from blindfair.chain.exchange import DataExchange
from blindfair.chain.token_names import token_unit
from blindfair.protocol.decimals import ETHER_PLACES, decimal_digits
from blindfair.protocol.errors import ContractReverted, NodeFailure, WrongContract
from blindfair.protocol.quantities import ETHER, Address, Wei

_MOST_PLACES = 36


def amount_text(exchange: DataExchange, amount: Wei, token: Address) -> str:
    """Return an amount of `token` with its unit, exact; in smallest units where the token or the node does not say."""
    if token == ETHER:
        return f"{decimal_digits(amount, ETHER_PLACES)} ether"
    try:
        places = exchange.token_places(token)
    except (ContractReverted, WrongContract, NodeFailure):
        places = _MOST_PLACES + 1
    if places > _MOST_PLACES:
        return f"{amount:,} smallest units of {token}"
    unit = token_unit(exchange, token)
    return f"{decimal_digits(amount, places)} {unit}" + ("" if unit == token else f" (token {token})")
