"""What sellers announced on chain, for `buyer find`: which announcements stand, and what is behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from blindfair.api.connection import read_deployment
from blindfair.chain.deployment import open_exchange
from blindfair.chain.directory import Announcements, ListingDirectory, has_directory
from blindfair.chain.exchange import DataExchange
from blindfair.cli.buyer.find import ChainListing, the_listing
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.lines import Lines
from blindfair.cli.options import WAIT, BuyerBegun
from blindfair.cli.party.begun import is_begun
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import load
from blindfair.http.announced import AnnouncedListing, Reach, ask_announced
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import BlindfairError, InvalidOption, NodeFailure, ServiceUnreachable, WrongService
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ListingId
from blindfair.protocol.signing import Domain
from blindfair.protocol.words import counted

_ERRORS: Mapping[Reach, type[BlindfairError]] = {
    Reach.UNREACHABLE: ServiceUnreachable,
    Reach.NOT_BELIEVED: WrongService,
    Reach.NOT_ASKED: InvalidOption,
}


@dataclass(frozen=True, slots=True)
class AnnouncedFindings:
    """What came of the announcements, by listing; how many events of strangers were dropped. `is_known` is false where
    the node keeps no logs as old as the named listing."""

    by_listing: Mapping[ListingId, AnnouncedListing] = field(default_factory=dict)
    strangers: int = 0
    is_known: bool = True

    @property
    def manifests(self) -> dict[ListingId, Manifest]:
        """The manifests that the chain vouches for."""
        return {number: one.manifest for number, one in self.by_listing.items() if one.manifest is not None}


def find_announced(
    exchange: DataExchange,
    events: Sequence[ChainListing],
    screen: PartyScreen,
    *,
    is_named: bool,
    wait: float,
    private: bool,
) -> AnnouncedFindings:
    """Read the directory, and ask the services of the listings' own sellers, each for `wait` seconds at most.

    With `is_named`, `events` is the one listing that was asked for. Raises WrongContract for another program in the
    directory's place, and NodeFailure for a node that fails.
    """
    if not has_directory(exchange.web3):
        return AnnouncedFindings()
    directory = ListingDirectory(exchange)
    sellers = {event.listing: event.seller for event in events}
    try:
        if is_named:
            found = [directory.standing_of(listing, seller) for listing, seller in sellers.items()]
            announced = Announcements(tuple(one for one in found if one is not None))
        else:
            announced = directory.standing(sellers)
    except NodeFailure:
        if not is_named:
            raise
        return AnnouncedFindings(is_known=False)
    if announced.standing:
        screen.waiting(f"the services of {counted(len(announced.standing), 'announced listing')}")
    domain = Domain(exchange.chain_id, exchange.address)
    answers = ask_announced(announced.standing, domain, sellers, seconds=wait, private=private)
    return AnnouncedFindings({one.listing: one for one in answers}, announced.strangers)


def announced_document(found: AnnouncedFindings, listing: ListingId) -> Document | None:
    """What came of a listing's announcement; null where it was not announced by its seller."""
    one = found.by_listing.get(listing)
    return None if one is None else {"reason": one.reason or None, "status": one.reach.value, "url": one.url}


def show_one_announced(lines: Lines, found: AnnouncedFindings, listing: ListingId) -> None:
    """The same for people."""
    one = found.by_listing.get(listing)
    if one is not None:
        reason = f": {one.reason}" if one.reason else ""
        style = "" if one.reach is Reach.REACHABLE else "yellow"
        lines.item("", f"announced at {one.url}", style=style)
        lines.item("", f"{one.reach.value}{reason}", style=style)


def show_left_out(lines: Lines, found: AnnouncedFindings) -> None:
    """Say what is not shown."""
    if found.strangers:
        left_out = counted(found.strangers, "announcement")
        lines.item("left out", f"{left_out} by others than the listing's seller: nobody was asked", style="dim")
    if not found.is_known:
        lines.item("but", "the node keeps too few logs to say where it was announced; ask its seller", style="yellow")


def with_announced(begun: BuyerBegun, listing: ListingId | None, *, private: bool) -> BuyerBegun:
    """Where to begin, with the service that the seller announced if no way to it was named.

    A directory that was begun over HTTP goes on there. Raises ServiceUnreachable, WrongService for an announced service
    that is not believed, InvalidOption for one that was not asked, and what finding the listing raises.
    """
    if begun.mail is not None or begun.at is not None:
        return begun
    if is_begun(begun.directory):
        return replace(begun, at=load(begun.directory, BuyerOptions).at)
    exchange = open_exchange(begun.rpc, read_deployment(begun.deployment))
    event = the_listing(exchange, listing)
    with PartyScreen() as screen:
        found = find_announced(exchange, [event], screen, is_named=True, wait=WAIT, private=private)
        one = found.by_listing.get(event.listing)
        if one is None:
            return begun
        if one.reach is not Reach.REACHABLE:
            raise _ERRORS[one.reach](
                f"The service that the seller announced is {one.reach.value}",
                expected="a service that shows the committed manifest",
                found=f"{one.url}: {one.reason}",
                hint="name the service yourself with --at URL, or try again later",
            )
        screen.lines.item("service", f"{one.url}, as the seller announced it on chain")
    return replace(begun, at=one.url)
