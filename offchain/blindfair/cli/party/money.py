"""What a party's prices are in: ether, or a token that is asked how people count it."""

from pathlib import Path

from blindfair.api.addresses import parse_address
from blindfair.api.amounts import IN_ETHER, MAX_PLACES, Money
from blindfair.api.connection import read_deployment
from blindfair.chain.deployment import open_exchange
from blindfair.chain.exchange import DataExchange
from blindfair.chain.token_names import token_unit
from blindfair.protocol.errors import ContractReverted, InvalidOption, WrongContract
from blindfair.protocol.quantities import ETHER, Address


def chosen_money(token: str | None, rpc: str, deployment: Path) -> Money:
    """The money of `--token`, ether without it, for which no node is asked.

    Raises InvalidOption for an address that is none or where no token is, and what `open_exchange` raises.
    """
    if token is None or parse_address(token, "token") == ETHER:
        return IN_ETHER
    return money_of(open_exchange(rpc, read_deployment(deployment)), parse_address(token, "token"))


def money_of(exchange: DataExchange, token: Address) -> Money:
    """Return how a token is counted and called. Raises InvalidOption where it does not say, NodeFailure."""
    try:
        places = exchange.token_places(token)
    except (ContractReverted, WrongContract) as error:
        raise InvalidOption(
            "There is no token at this address",
            expected="an ERC-20 token that says how many decimals it has",
            found=token,
            hint="check --token and the chain",
        ) from error
    if places > MAX_PLACES:
        raise InvalidOption("The token has too many decimals", expected=f"<= {MAX_PLACES}", found=places)
    return Money(token, places, token_unit(exchange, token))
