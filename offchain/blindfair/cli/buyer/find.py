"""Which listings there are: from the chain, and from manifests where their sellers answer.

Asking leaves no trace in any journal: a manifest is public, and one answer is like the other.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from blindfair.agents.context import AgentContext
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import BlindfairError, InvalidOption, NodeFailure, Undeliverable
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Inquiry, Listing, read, sign
from blindfair.protocol.messages.envelope import ENVELOPE_LIMIT
from blindfair.protocol.quantities import Address, BlockNumber, ListingId
from blindfair.protocol.signing import Domain, sign_message
from blindfair.protocol.words import counted

_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class ChainListing:
    """A listing as the chain has it. `block_number` is None where the node keeps no logs as old as that."""

    listing: ListingId
    seller: Address
    block_number: BlockNumber | None


def find_listings(exchange: DataExchange, listing: ListingId | None) -> tuple[ChainListing, ...]:
    """The named listing, or all of them, oldest first. Raises InvalidOption, NodeFailure."""
    if listing is None:
        return tuple(ChainListing(event.listing, event.seller, event.block_number) for event in exchange.listings())
    found = the_listing(exchange, listing)
    try:
        event = exchange.commitment(listing)
    except NodeFailure:
        return (found,)
    return (found if event is None else replace(found, block_number=event.block_number),)


def the_listing(exchange: DataExchange, listing: ListingId | None) -> ChainListing:
    """The named listing, or the only one that there is. Raises InvalidOption, NodeFailure.

    A named one is found by the contract's state, which every node has, and so without its block.
    """
    if listing is not None:
        seller = exchange.seller_of(listing)
        if seller is None:
            raise InvalidOption(
                "There is no such listing on this chain",
                expected="the number of a committed listing",
                found="0x" + listing.hex(),
                hint="blindfair buyer find shows them",
            )
        return ChainListing(listing, seller, None)
    return the_only(find_listings(exchange, None))


def the_only(events: Sequence[ChainListing]) -> ChainListing:
    """Return the only listing of the chain, or of a service. Raises InvalidOption for none or several."""
    if len(events) != 1:
        raise InvalidOption(
            "It is not clear which listing is meant",
            expected="--listing, or a chain or a service at --at with one listing",
            found=counted(len(events), "listing"),
            hint="blindfair buyer find shows them; with --at URL it shows those of one service",
        )
    return events[0]


def ask_sellers(context: AgentContext, events: Sequence[ChainListing], *, wait: float) -> dict[ListingId, Manifest]:
    """The manifests of those sellers that answer within `wait` seconds.

    What lies in the mailbox is only looked at: it may be another purchase's. Without an account nobody is asked.
    """
    exchange, account = context.exchange, context.account
    if account is None:
        return {}
    own = Address(account.address.lower())
    domain = Domain(exchange.chain_id, exchange.address)
    transport = context.transport(own, lambda kind, body: sign_message(domain, kind, body, bytes(account.key)))
    wanted = {event.listing: event for event in events}
    for event in events:
        inquiry = sign(Inquiry(event.listing), sender=own, domain=domain, private_key=bytes(account.key))
        # Whoever spoils its own mailbox is not asked, and keeps nobody else from being asked.
        with contextlib.suppress(Undeliverable):
            transport.send(event.seller, inquiry.to_bytes())
    found: dict[ListingId, Manifest] = {}
    looked_at: set[str] = set()
    until = time.monotonic() + wait
    while True:
        for handle, size in transport.pending():
            if handle in looked_at or size > ENVELOPE_LIMIT:
                continue
            data = transport.receive(handle)
            if data:
                # Empty is a copy under way: the rest will come.
                looked_at.add(handle)
                found.update(_manifests(data, domain, wanted))
        if len(found) == len(wanted) or time.monotonic() >= until:
            return found
        time.sleep(_PAUSE)


def _manifests(data: bytes, domain: Domain, wanted: dict[ListingId, ChainListing]) -> dict[ListingId, Manifest]:
    """The manifest in a message by its listing, if it is one that the chain vouches for."""
    try:
        envelope, message = read(data, domain=domain)
    except BlindfairError:
        return {}
    if not isinstance(message, Listing):
        return {}
    event, manifest = wanted.get(message.manifest.listing), message.manifest
    if event is None or not envelope.sender == event.seller == manifest.seller:
        return {}
    return {event.listing: manifest}
