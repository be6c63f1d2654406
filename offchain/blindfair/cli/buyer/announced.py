"""What sellers announced on chain, for `buyer find`: which announcements stand, and what is behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blindfair.chain.directory import Announcements, ListingDirectory, has_directory
from blindfair.chain.exchange import DataExchange
from blindfair.cli.buyer.find import ChainListing
from blindfair.cli.lines import Lines
from blindfair.cli.party.screen import PartyScreen
from blindfair.http.announced import AnnouncedListing, Reach, ask_announced
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import NodeFailure
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ListingId
from blindfair.protocol.signing import Domain
from blindfair.protocol.words import counted


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
