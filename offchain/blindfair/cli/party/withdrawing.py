"""`withdraw`, a command of both parties: the free balance to an address, and what is said of it."""

from collections.abc import Iterable

from blindfair.agents.agent import Agent
from blindfair.agents.settlement.withdrawing import withdraw_by_hand
from blindfair.cli.output import Output
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.turns import Turns
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import Address


def bring_home(
    party: Agent, offers: Iterable[Offer], token: Address, to: Address | None, screen: PartyScreen, output: Output
) -> bool:
    """Withdraw to `to`, the party's own account if None; whether there was anything. Raises what `withdraw_by_hand`
    raises but Waiting."""
    made = tuple(offers)
    withdrawn = Turns(screen).until(lambda: withdraw_by_hand(party, made, token, to or party.address))
    screen.still()
    output.lines.item("money", "the free balance was withdrawn" if withdrawn else "nothing is left in the contract")
    return withdrawn
