"""What a service lists, for anybody: believed only where the chain has the same commitment, of the same seller."""

from collections.abc import Mapping
from dataclasses import dataclass

from blindfair.http.calls import Caller
from blindfair.http.session import BusyWaits, ask_document, read_info
from blindfair.http.wire import DOCUMENT_BYTES, LISTINGS, MANIFEST_BYTES, ServiceInfo, service_url
from blindfair.protocol.errors import (
    BlindfairError,
    FieldMismatch,
    InvalidListing,
    MalformedMessage,
    RootMismatch,
    ServiceBusy,
    ServiceUnreachable,
    UntrustedCertificate,
    WrongService,
)
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Address, ListingId
from blindfair.protocol.signing import Domain

BUSY_SECONDS = 60.0
"""Seconds that are waited for a busy service while its listings are read: as long as one slow answer may take."""

_LISTINGS = 1000
_REASON = 300
_OF_WHOLE_SERVICE = (ServiceUnreachable, ServiceBusy, UntrustedCertificate)
"""Errors after which the other listings are not asked for: each could take a minute."""


@dataclass(frozen=True, slots=True)
class ServiceListings:
    """What a service lists: the manifests that the chain vouches for, and what is wrong with each other listing."""

    manifests: Mapping[ListingId, Manifest]
    left_out: Mapping[ListingId, BlindfairError]


def check_service(at: str, domain: Domain | None) -> ServiceInfo:
    """Check that a URL is that of a service, and for this contract unless it is None.

    Raises InvalidOption, ServiceUnreachable, UntrustedCertificate, WrongService.
    """
    caller = Caller(service_url(at))
    try:
        return read_info(caller, domain)
    finally:
        caller.close()


def fetch_manifests(
    url: str, domain: Domain, sellers: Mapping[ListingId, Address], wanted: ListingId | None = None
) -> ServiceListings:
    """The listings that a service shows, all or the one of `wanted`. `sellers` has who committed what, by the chain.

    One bad listing hides no other. Where none is good, what is wrong with the first is raised: RootMismatch for a
    manifest that does not hash to its listing's number, InvalidListing for one that nobody has committed, FieldMismatch
    for one of another seller. A busy service is asked again after the time that it names. Raises what
    `check_service` raises as soon as it comes, and ServiceBusy of a service that stays busy.
    """
    manifests: dict[ListingId, Manifest] = {}
    left_out: dict[ListingId, BlindfairError] = {}
    caller, waits = Caller(url), BusyWaits(BUSY_SECONDS)
    try:
        info = read_info(caller, domain)
        listed = Fields(ask_document(caller, LISTINGS, DOCUMENT_BYTES, waits), "the service's list")
        try:
            numbers = [ListingId(number) for number in listed.datas("listings", 32, _LISTINGS)]
        except MalformedMessage as error:
            raise WrongService(f"{url} lists something else", expected="listings", found=str(error)[:200]) from error
        for number in numbers if wanted is None else [number for number in numbers if number == wanted]:
            try:
                manifests[number] = _manifest(caller, number, info.seller, sellers, waits)
            except _OF_WHOLE_SERVICE:
                raise
            except BlindfairError as error:
                left_out[number] = error
    finally:
        caller.close()
    if left_out and not manifests:
        raise next(iter(left_out.values()))
    return ServiceListings(manifests, left_out)


def reason_of(error: BlindfairError) -> str:
    """What is wrong with a listing, in short and printable text: a service may have chosen some of the words."""
    found = "" if error.found is None else f"; found {error.found}"
    return "".join(each if each.isprintable() else "?" for each in f"{error.what}{found}"[:_REASON])


def _manifest(
    caller: Caller, number: ListingId, seller: Address, sellers: Mapping[ListingId, Address], waits: BusyWaits
) -> Manifest:
    manifest = Manifest.from_document(ask_document(caller, listing_path(number), MANIFEST_BYTES, waits))
    check_committed(caller.url, manifest, number, seller, sellers)
    return manifest


def listing_path(number: ListingId) -> str:
    """Where a service has the manifest of a listing."""
    return f"{LISTINGS}/{hex_text(number)}"


def check_committed(
    url: str, manifest: Manifest, number: ListingId, seller: Address, sellers: Mapping[ListingId, Address]
) -> None:
    """Check that a manifest is what a listing was committed with, by the `seller` whose service shows it.

    A listing's number is a hash over its seller, its root and its manifest's hash (PROTOCOL 3). Raises RootMismatch,
    InvalidListing, FieldMismatch.
    """
    if manifest.listing != number:
        raise RootMismatch(
            f"A manifest at {url} is not the one that was committed to",
            expected=hex_text(number),
            found=hex_text(manifest.listing),
            hint="do not trade with this service",
        )
    if number not in sellers:
        raise InvalidListing(
            f"A listing at {url} was never committed to",
            expected="a listing of the contract",
            found=hex_text(number),
            hint="check --rpc and --deployment; a commitment may be some blocks away",
        )
    if not manifest.seller == sellers[number] == seller:
        raise FieldMismatch(
            f"A listing at {url} is another seller's",
            expected=sellers[number],
            found=f"{manifest.seller}, {seller}",
        )
