"""What is behind the URIs that sellers announced on chain: asked at bounded cost, believed only where the chain agrees.

A seller chose each URI, and anybody can be a seller: it may lead to a machine that never answers, to one of somebody
else, or into the buyer's own network. So services are asked for a bounded time, newest first, a bounded number of them,
at public addresses alone unless told otherwise, and never where they send on to.
"""

import math
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from blindfair.chain.directory import Announcement
from blindfair.http.calls import NOT_PUBLIC, Caller, read_body
from blindfair.http.catalogue import check_committed, listing_path, reason_of
from blindfair.http.session import parse_answer, read_info
from blindfair.http.wire import service_url
from blindfair.protocol.errors import (
    BlindfairError,
    InvalidOption,
    ServiceBusy,
    ServiceFailed,
    ServiceUnreachable,
    UntrustedCertificate,
)
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Address, ListingId
from blindfair.protocol.signing import Domain

SERVICES = 64
"""Services that are asked at most, those of the newest announcements."""

AT_ONCE = 16

LISTINGS_OF_SERVICE = 100
"""Listings that one service is asked for at most."""

SERVICE_BYTES = 4 * 2**20
"""Bytes of manifests that are read from one service at most."""

_SHOWN = 100
_NOT_TO_REACH = (ServiceUnreachable, ServiceBusy, ServiceFailed, UntrustedCertificate)


class Reach(StrEnum):
    """What came of an announcement."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    NOT_BELIEVED = "not believed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class AnnouncedListing:
    """An announcement of a listing's seller, and what is behind it: a manifest only where it is reachable.

    `url` and `reason` can be printed: they hold no control characters, and are short.
    """

    listing: ListingId
    url: str
    reach: Reach
    reason: str = ""
    manifest: Manifest | None = None


def announced_url(uri: bytes) -> str | None:
    """The URL of a service in an announcement; None for anything else."""
    try:
        return service_url(uri.decode("ascii"))
    except (UnicodeDecodeError, InvalidOption):
        return None


def ask_announced(
    announcements: Sequence[Announcement],
    domain: Domain,
    sellers: Mapping[ListingId, Address],
    *,
    seconds: float,
    private: bool = False,
) -> tuple[AnnouncedListing, ...]:
    """Ask every announced service for its listings, in at most `seconds` each; in the order of the announcements.

    `announcements` are of the listings' own sellers, which `sellers` has by the chain's word. With `private`, services
    at private addresses are asked as well. Raises nothing: what goes wrong is said with each announcement.
    """
    services: dict[str, list[Announcement]] = {}
    found: dict[ListingId, AnnouncedListing] = {}
    for announcement in announcements:
        url = announced_url(announcement.uri)
        if url is None:
            reason = "what was announced is not the URL of a service"
            found[announcement.listing] = _settled(announcement, Reach.NOT_BELIEVED, reason)
        elif url in services or len(services) < SERVICES:
            services.setdefault(url, []).append(announcement)
        else:
            reason = f"{SERVICES} services are asked at most, the newest; name the listing to ask its own"
            found[announcement.listing] = _settled(announcement, Reach.NOT_ASKED, reason)
    asking = _Asking(domain, sellers, seconds, private=private)
    answers = asking.all(services)
    for url, listed in services.items():
        late = [_settled(one, Reach.UNREACHABLE, f"no whole answer within {seconds:g} seconds") for one in listed]
        found |= {one.listing: one for one in answers.get(url, late)}
    return tuple(found[announcement.listing] for announcement in announcements)


class _Asking:
    """The questions of one search, in threads that end by themselves."""

    def __init__(self, domain: Domain, sellers: Mapping[ListingId, Address], seconds: float, *, private: bool) -> None:
        self._domain = domain
        self._sellers = sellers
        self._seconds = seconds
        self._private = private

    def all(self, services: Mapping[str, Sequence[Announcement]]) -> dict[str, list[AnnouncedListing]]:
        """What the services answer, by URL, of those that answer in time."""
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for url in services:
            waiting.put(url)
        answers: dict[str, list[AnnouncedListing]] = {}

        def work() -> None:
            while True:
                try:
                    url = waiting.get_nowait()
                except queue.Empty:
                    return
                answers[url] = self._service(url, services[url])

        # The lookup of a name has no time limit of its own: a thread that hangs in one is not waited for.
        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(services)))]
        ends = time.monotonic() + (self._seconds + 1.0) * math.ceil(len(services) / AT_ONCE)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return dict(answers)

    def _service(self, url: str, announced: Sequence[Announcement]) -> list[AnnouncedListing]:
        """Ask one service for each of its listings."""
        caller = Caller(url, public_only=not self._private)
        ends, left = time.monotonic() + self._seconds, SERVICE_BYTES
        found: list[AnnouncedListing] = []
        try:
            info = read_info(caller, self._domain, self._seconds, tries=1)
            for announcement in announced[:LISTINGS_OF_SERVICE]:
                try:
                    manifest, size = self._manifest(caller, announcement, info.seller, left, ends)
                except BlindfairError as error:
                    found.append(_failed(announcement, error))
                    continue
                left -= size
                found.append(AnnouncedListing(announcement.listing, url, Reach.REACHABLE, "", manifest))
        except BlindfairError as error:
            return [_failed(announcement, error) for announcement in announced]
        finally:
            caller.close()
        reason = f"{LISTINGS_OF_SERVICE} listings of a service are asked for at most; --at shows all"
        return found + [_settled(one, Reach.NOT_ASKED, reason) for one in announced[LISTINGS_OF_SERVICE:]]

    def _manifest(
        self, caller: Caller, announcement: Announcement, seller: Address, left: int, ends: float
    ) -> tuple[Manifest, int]:
        """The manifest of a listing and its size in bytes. Raises what is wrong with it."""
        number = announcement.listing
        seconds = ends - time.monotonic()
        if seconds <= 0:
            raise ServiceUnreachable(
                f"The service at {caller.url} is slow",
                expected=f"all its listings within {self._seconds:g} seconds",
                found="more",
            )
        with caller.call("GET", listing_path(number), seconds=seconds) as answer:
            body = read_body(answer, left)
        manifest = Manifest.from_document(parse_answer(caller.url, answer.status_code, body, max(left, 1)))
        check_committed(caller.url, manifest, number, seller, self._sellers)
        return manifest, len(body)


def _failed(announcement: Announcement, error: BlindfairError) -> AnnouncedListing:
    if error.found == NOT_PUBLIC:
        return _settled(announcement, Reach.NOT_ASKED, f"{NOT_PUBLIC}; --private asks there all the same")
    reach = Reach.UNREACHABLE if isinstance(error, _NOT_TO_REACH) else Reach.NOT_BELIEVED
    return _settled(announcement, reach, reason_of(error))


def _settled(announcement: Announcement, reach: Reach, reason: str) -> AnnouncedListing:
    url = announced_url(announcement.uri)
    shown = ascii(announcement.uri[:_SHOWN])[2:-1] if url is None else url
    plain = "".join(character if character.isprintable() else "?" for character in reason[:300])
    return AnnouncedListing(announcement.listing, shown, reach, plain)
