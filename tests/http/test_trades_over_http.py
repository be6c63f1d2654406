"""Whole trades between agents that share no folder, over a real service; agent code does not know it."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_hostile_services import Answers, answering
from trade import BOND, PRICE, SELECTED, Parties, World, make_parties, offered_records

from blindfair.agents.context import AgentContext
from blindfair.agents.messaging.transport import FolderTransport, Signer, Transport
from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.http.catalogue import fetch_manifests, reason_of
from blindfair.http.client import HttpTransport
from blindfair.http.limits import ServiceLimits
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.http.wire import ServiceInfo
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import BlindfairError, FieldMismatch, InvalidListing, RootMismatch
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Address, ListingId
from blindfair.protocol.signing import Domain

PATIENT = ServiceLimits(
    account_rate=1e4, account_burst=10**4, address_rate=1e4, address_burst=10**4,
    session_address_rate=1e4, session_address_burst=10**4,
)  # fmt: skip
"""Simulated parties look thousands of times a second."""


class HttpWorld(World):
    """The seller's agent has a mail folder of its own, and the others a service before it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.held = contextlib.ExitStack()
        self.service: HttpService | None = None

    def context(self) -> AgentContext:
        domain = Domain(self.exchange.chain_id, self.exchange.address)

        def transport(own: Address, sign: Signer) -> Transport:
            mail = self.directory / "seller's mail"
            if self.service is None:
                options = ServiceOptions("127.0.0.1:0", limits=PATIENT)
                service = HttpService(options, mail=mail, seller=own, domain=domain, listings={})
                self.service = self.held.enter_context(service)
                return FolderTransport(mail, own)
            return HttpTransport(self.service.url, own, sign, domain, self.directory / f"{own}'s mail")

        return replace(super().context(), transport=transport)

    def close(self) -> None:
        self.held.close()
        super().close()


@pytest.fixture
def over_http(tmp_path: Path) -> Iterator[HttpWorld]:
    world = HttpWorld(tmp_path / "world")
    yield world
    world.close()


def test_an_honest_trade_over_http_is_right_to_the_wei(over_http: HttpWorld) -> None:
    parties = make_parties(over_http)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == (Ending.RELEASED, None, Ending.RELEASED)
    assert parties.deltas() == (-PRICE, PRICE)
    records = offered_records()
    assert parties.buyer.bought() == tuple((number, records[number]) for number in SELECTED)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    # Everything was dealt with, on both sides, and nothing is on its way.
    mail = over_http.directory / "seller's mail"
    assert [path for path in mail.rglob("*") if path.is_file() and len(path.name) == 64] == []
    assert {path.name for path in (over_http.directory / f"{parties.buyer.address}'s mail").iterdir()} == {"program"}
    parties.close()


@pytest.mark.deep
def test_a_corrupted_chunk_is_proven_over_http_as_well(over_http: HttpWorld) -> None:
    parties = make_parties(over_http, seller_type=CorruptingSeller)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, parties.seller.ending) == (Ending.REFUNDED, Ending.REFUNDED)
    assert parties.deltas() == (BOND, -BOND)
    parties.close()


@pytest.mark.deep
def test_a_buyer_with_an_open_order_takes_its_money_back_while_the_service_is_gone(over_http: HttpWorld) -> None:
    parties = make_parties(over_http)
    parties.run(until=parties.paid)
    over_http.held.close()
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.reason) == (Ending.REFUNDED, "the seller did not reveal the key in time")
    assert parties.delta(parties.buyer) == BOND
    parties.close()


# --- catalogues ----------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Parties]:
    world = World(tmp_path / "world")
    parties = make_parties(world)
    yield parties
    parties.close()
    world.close()


def catalogue(parties: Parties, **changed: object) -> tuple[Answers, Domain]:
    """A service that lists the manifest, with some fields changed."""
    domain = Domain(parties.world.exchange.chain_id, parties.world.exchange.address)
    manifest = parties.seller.manifest
    number = hex_text(manifest.listing)
    document = {**manifest.to_document(), **changed}
    return {
        ("GET", "/v1/info"): (200, {}, canonical(ServiceInfo("x", manifest.seller, domain).to_document())),
        ("GET", "/v1/listings"): (200, {}, json.dumps({"listings": [number]}, separators=(",", ":")).encode()),
        ("GET", f"/v1/listings/{number}"): (200, {}, canonical(document)),  # type: ignore[arg-type]
    }, domain


def test_a_manifest_is_believed_where_it_is_what_its_seller_committed_to(listed: Parties) -> None:
    manifest = listed.seller.manifest
    answers, domain = catalogue(listed)
    with answering(answers) as url:
        found = fetch_manifests(url, domain, {manifest.listing: manifest.seller})
    assert (found.manifests, found.left_out) == ({manifest.listing: manifest}, {})


@pytest.mark.parametrize(
    ("changed", "sellers", "error"),
    [
        ({"description": "better"}, lambda parties: {parties.seller.listing: parties.seller.address}, RootMismatch),
        ({"seller": "0x" + "77" * 20}, lambda parties: {parties.seller.listing: parties.seller.address}, RootMismatch),
        ({}, lambda _: {}, InvalidListing),
        ({}, lambda parties: {parties.seller.listing: parties.buyer.address}, FieldMismatch),
        ({"record_count": -1}, lambda parties: {parties.seller.listing: parties.seller.address}, BlindfairError),
    ],
    ids=["altered", "of another seller", "never committed", "committed by another", "malformed"],
)
def test_a_manifest_that_the_chain_does_not_vouch_for_is_named(
    listed: Parties,
    changed: dict[str, object],
    sellers: Callable[[Parties], dict[object, object]],
    error: type[BlindfairError],
) -> None:
    answers, domain = catalogue(listed, **changed)
    with answering(answers) as url, pytest.raises(error):
        fetch_manifests(url, domain, sellers(listed))  # type: ignore[arg-type]


def test_bad_listings_hide_no_good_one(listed: Parties) -> None:
    """One that is not committed yet, one that is no manifest, one that is not there; the good one comes last."""
    answers, domain = catalogue(listed)
    manifest = listed.seller.manifest
    early = replace(manifest, description="not committed yet")
    broken, missing = ListingId(b"\1" * 32), ListingId(b"\2" * 32)
    numbers = [hex_text(number) for number in (early.listing, broken, missing, manifest.listing)]
    answers["GET", "/v1/listings"] = (200, {}, canonical({"listings": [*numbers]}))
    answers["GET", f"/v1/listings/{numbers[0]}"] = (200, {}, canonical(early.to_document()))
    answers["GET", f"/v1/listings/{numbers[1]}"] = (200, {}, b'"\x1b[2J"')
    sellers = {manifest.listing: manifest.seller}
    with answering(answers) as url:
        found = fetch_manifests(url, domain, sellers)
        assert fetch_manifests(url, domain, sellers, manifest.listing).left_out == {}
        with pytest.raises(InvalidListing):
            fetch_manifests(url, domain, sellers, early.listing)
    assert found.manifests == {manifest.listing: manifest}
    assert [*found.left_out] == [early.listing, broken, missing]
    assert isinstance(found.left_out[early.listing], InvalidListing)
    assert all(reason_of(error).isprintable() for error in found.left_out.values())
