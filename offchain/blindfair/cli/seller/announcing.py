"""`seller announce`, and `seller serve --announce`: the cost, and trouble that must not stop serving."""

import time

from blindfair.agents.seller.announcing import announce, announcing_gas, is_announced
from blindfair.agents.waiting import Waiting
from blindfair.api.amounts import show_ether
from blindfair.api.listing_options import ListingOptions
from blindfair.api.parties import SellerParty
from blindfair.chain.costs import ANNOUNCE, gas_price
from blindfair.chain.directory import URI_LIMIT, directory_address
from blindfair.cli.options import Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import resumed_settings
from blindfair.cli.party.turns import Turns
from blindfair.http.calls import is_public_url
from blindfair.http.wire import service_url
from blindfair.protocol.errors import BlindfairError, InvalidOption, NodeFailure
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Wei

_AGAIN_SECONDS = 60.0


def announceable(url: str, option: str) -> str:
    """The URL in the form that is announced. Raises InvalidOption for what is none, and for one that is too long."""
    found = service_url(url, option)
    if len(found) > URI_LIMIT:
        raise InvalidOption(
            f"`{option}` is too long to be announced",
            expected=f"at most {URI_LIMIT} bytes",
            found=f"{len(found):,}",
            hint="use a URL with a shorter path",
        )
    return found


def run_announce(resumed: Resumed, url: str | None, output: Output, *, withdraw: bool) -> None:
    """Announce a directory's listing at `url`, or withdraw it. Raises InvalidOption, and what `announce` and opening
    the directory raise but Waiting."""
    if (url is None) is not withdraw:
        raise InvalidOption(
            "It is not clear what is to be announced",
            expected="--url URL or --withdraw",
            found="neither" if url is None else "both",
            hint="--url says where buyers ask; --withdraw says that they can ask nowhere",
        )
    uri = "" if url is None else announceable(url, "url")
    settings = resumed_settings(ListingOptions, resumed)
    from blindfair.cli.seller.opened import opened_seller

    with (
        PartyScreen() as screen,
        opened_seller(resumed.directory, settings, resumed.password_file, screen, Turns(screen)) as party,
    ):
        tell_cost(party, uri, screen)
        sent = Turns(screen).until(lambda: announce(party.agent, party.listing, uri))
        screen.still()
        listing = hex_text(party.listing)
    said = f"at {uri}" if uri else "no longer"
    output.lines.item("announced", f"{listing} {said}" + ("" if sent else ": the chain said so already"))
    output.document({"directory": directory_address(), "listing": listing, "sent": sent, "url": uri or None})


def tell_cost(party: SellerParty, uri: str, screen: PartyScreen) -> None:
    """Say what an announcement takes before it is made, and where buyers will not ask. Raises NodeFailure."""
    if not _is_said(party, uri):
        gas = announcing_gas(party.agent)
        cost = show_ether(Wei(gas * gas_price(party.agent.exchange.web3)))
        made = "" if gas == ANNOUNCE else ", most of it for the listing directory, which this chain lacks"
        screen.lines.item("takes", f"an announcement of about {gas:,} gas, {cost} ether now{made}")
    if uri and not is_public_url(uri):
        screen.notices.item("but", "buyers ask at an address of a private network only with --private", style="yellow")


def _is_said(party: SellerParty, uri: str) -> bool:
    try:
        return is_announced(party.agent, party.listing, uri)
    except NodeFailure:
        return False


class Announcing:
    """An announcement that is made beside serving: no trouble with it holds up an order."""

    def __init__(self, party: SellerParty, uri: str, screen: PartyScreen) -> None:
        self._party = party
        self._uri = uri
        self._screen = screen
        self._is_done = False
        self._not_before = 0.0
        self._told = ""

    def turn(self) -> None:
        """Go on with it if it is not done. Raises nothing but what is a bug: trouble is shown, and tried again."""
        if self._is_done or time.monotonic() < self._not_before:
            return
        party, lines = self._party, self._screen.lines
        try:
            if not self._told:
                tell_cost(party, self._uri, self._screen)
                self._told = "cost"
            announce(party.agent, party.listing, self._uri)
        except Waiting:
            return
        except BlindfairError as error:
            self._not_before = time.monotonic() + _AGAIN_SECONDS
            if self._told != str(error):
                self._told = str(error)
                self._screen.trouble(error)
            return
        self._is_done = True
        lines.item("announced", f"on chain at {self._uri}: buyers find it without --at")
