"""Reading what a service lists: a busy one is asked again after the time that it names, and not without end."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from served import DOMAIN, Person
from trade import World, make_parties

from blindfair.http import catalogue
from blindfair.http.catalogue import fetch_manifests
from blindfair.http.limits import ServiceLimits
from blindfair.http.problems import busy
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.http.wire import LISTINGS, ServiceInfo
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import MalformedMessage, ServiceBusy
from blindfair.protocol.fields import hex_text
from blindfair.protocol.signing import Domain

SELLER = Person()


def test_a_listing_is_read_of_a_service_that_takes_one_request_a_second(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    parties = make_parties(world)
    manifest = parties.seller.manifest
    try:
        options = ServiceOptions("127.0.0.1:0", limits=ServiceLimits(address_rate=1.0, address_burst=1))
        domain = Domain(world.exchange.chain_id, world.exchange.address)
        listings = {hex_text(manifest.listing): manifest}
        mail = tmp_path / "mail"
        with HttpService(options, mail=mail, seller=manifest.seller, domain=domain, listings=listings) as service:
            found = fetch_manifests(service.url, domain, {manifest.listing: manifest.seller})
    finally:
        parties.close()
        world.close()
    assert (found.manifests, found.left_out) == ({manifest.listing: manifest}, {})


@contextmanager
def always_busy(seconds: float, *, lists: int = 0) -> Iterator[tuple[str, Counter[str]]]:
    """A service that says of every document but of itself to come back after `seconds`; with `lists`, it has a list of
    so many listings, and answers about each the second time. Also how often each path was asked for."""
    asked: Counter[str] = Counter()
    numbers = [f"0x{number:064x}" for number in range(lists)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked[self.path] += 1
            body, status = b"", 429
            if self.path == "/v1/info":
                body, status = canonical(ServiceInfo("x", SELLER.address, DOMAIN).to_document()), 200
            elif lists and self.path == LISTINGS:
                body, status = canonical({"listings": [*numbers]}), 200
            elif lists and asked[self.path] == 2:
                body, status = b"{}", 200
            problem = busy("There are too many requests", expected="fewer", found="more", seconds=seconds)
            self.send_response(status)
            if status == 429:
                body = canonical(problem.to_document())
                self.send_header("Retry-After", str(round(seconds)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("seconds", "times"), [(0, 3), (6, 1)], ids=["at once", "after longer than is waited"])
def test_a_service_that_stays_busy_is_named_after_a_few_tries(seconds: int, times: int) -> None:
    with always_busy(seconds) as (url, asked), pytest.raises(ServiceBusy):
        fetch_manifests(url, DOMAIN, {})
    assert asked[LISTINGS] == times


def test_the_waits_for_all_listings_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a list of a thousand could make its reader wait."""
    with always_busy(0, lists=9) as (url, asked), pytest.raises(MalformedMessage):
        fetch_manifests(url, DOMAIN, {})
    assert sum(asked.values()) == 2 + 2 * 9
    monkeypatch.setattr(catalogue, "BUSY_SECONDS", 2.0)
    with always_busy(1, lists=9) as (url, asked), pytest.raises(ServiceBusy):
        fetch_manifests(url, DOMAIN, {})
    assert sum(asked.values()) == 2 + 2 + 2 + 1
