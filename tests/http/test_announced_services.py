"""What is behind the URIs that sellers announced: strangers cost nothing, liars are not believed, and nobody can make a
search long, large or dangerous."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from served import DOMAIN
from test_hostile_services import Answers, answering, speaking
from test_trades_over_http import HttpWorld, catalogue
from trade import Parties, make_parties

from blindfair.chain.directory import Announcement, newest_of_sellers
from blindfair.http import announced
from blindfair.http.announced import AnnouncedListing, Reach, announced_url, ask_announced
from blindfair.http.calls import is_public, is_public_url
from blindfair.http.wire import ServiceInfo
from blindfair.protocol.documents import canonical
from blindfair.protocol.quantities import Address, BlockNumber, ListingId, TransactionHash
from blindfair.protocol.signing import Domain
from ports import free_port

SELLER, STRANGER = Address("0x" + "51" * 20), Address("0x" + "66" * 20)


def said(listing: ListingId, uri: str | bytes, announcer: Address = SELLER) -> Announcement:
    data = uri if isinstance(uri, bytes) else uri.encode()
    return Announcement(listing, announcer, data, BlockNumber(1), TransactionHash(bytes(32)))


def number(count: int) -> ListingId:
    return ListingId(count.to_bytes(32, "big"))


def asked(*uris: str | bytes, seconds: float = 5.0, private: bool = True) -> list[AnnouncedListing]:
    """What is found behind these URIs, of one seller's listings."""
    all_said = [said(number(count), uri) for count, uri in enumerate(uris)]
    sellers = dict.fromkeys((one.listing for one in all_said), SELLER)
    return list(ask_announced(all_said, DOMAIN, sellers, seconds=seconds, private=private))


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    world = HttpWorld(tmp_path_factory.mktemp("announced"))
    parties = make_parties(world, funded=False)
    yield parties
    parties.seller.close()
    parties.buyer.close()
    world.close()


def behind(listed: Parties, answers: Answers, domain: Domain) -> AnnouncedListing:
    """What is found of the listing where these answers are."""
    manifest = listed.seller.manifest
    with answering(answers) as url:
        (found,) = ask_announced(
            [said(manifest.listing, url, manifest.seller)], domain, {manifest.listing: manifest.seller},
            seconds=5.0, private=True,
        )  # fmt: skip
    assert (found.reach is Reach.REACHABLE) == (found.manifest is not None)
    return found


def test_a_committed_manifest_is_reachable(listed: Parties) -> None:
    found = behind(listed, *catalogue(listed))
    assert (found.reach, found.reason, found.manifest) == (Reach.REACHABLE, "", listed.seller.manifest)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"description": "better"}, "not the one that was committed to"),
        ({"seller": STRANGER}, "not the one that was committed to"),
        ({"record_count": -1}, "record_count"),
    ],
)
def test_a_manifest_that_does_not_hash_is_not_believed(listed: Parties, changed: dict[str, object], word: str) -> None:
    found = behind(listed, *catalogue(listed, **changed))
    assert found.reach is Reach.NOT_BELIEVED and word in found.reason


def test_the_service_of_another_seller_or_contract_is_not_believed(listed: Parties) -> None:
    """It shows the true manifest: a URL that somebody copied must not send buyers to a stranger's mailbox."""
    answers, domain = catalogue(listed)
    copied = canonical(ServiceInfo("x", STRANGER, domain).to_document())
    stolen = behind(listed, {**answers, ("GET", "/v1/info"): (200, {}, copied)}, domain)
    assert stolen.reach is Reach.NOT_BELIEVED and "another seller's" in stolen.reason
    other = behind(listed, answers, Domain(domain.chain_id, STRANGER))
    assert other.reach is Reach.NOT_BELIEVED and "another contract" in other.reason


def test_something_else_at_the_uri_is_told_apart_from_nothing() -> None:
    page: Answers = {("GET", "/v1/info"): (200, {}, b"<html>\x1b]0;owned\x07\xe2\x80\xae</html>")}
    away: Answers = {("GET", "/v1/info"): (302, {"Location": "http://10.0.0.1/\x1b[2J"}, b"")}
    with (
        answering(page) as other,
        answering(away) as elsewhere,
        speaking(lambda line: line.sendall(b"220\r\n")) as mail,
    ):
        found = asked(other, elsewhere, mail, f"http://127.0.0.1:{free_port()}", "http://no-such-host.invalid")
    assert [one.reach for one in found] == [Reach.NOT_BELIEVED] * 3 + [Reach.UNREACHABLE] * 2
    assert all(one.reason and one.reason.isprintable() and one.url.isprintable() for one in found)
    assert "sends elsewhere" in found[1].reason


@pytest.mark.parametrize(
    "uri",
    [
        b"\xff\xfe", b"\x1b[2Jhttps://a.example", "https://a.example/\u202egnp.exe".encode(), b"https://a.example/\x07",
        b"file:///etc/passwd", b"https://user:secret@a.example", b"https://a.example/?q=1", b"gopher://a.example",
        b"u" * 512, b"https://\xd0\xb0.example", b"http://[::1", b"http://a:99999999", b"https:// a.example",
        b"\n" * 512,
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_service_is_never_asked_nor_shown_raw(uri: bytes) -> None:
    assert announced_url(uri) is None
    (found,) = asked(uri)
    assert found.reach is Reach.NOT_BELIEVED and "not the URL of a service" in found.reason
    assert found.url.isascii() and found.url.isprintable() and len(found.url) <= 400


@contextmanager
def counting() -> Iterator[tuple[str, list[int]]]:
    """Something at a port that counts bytes and says nothing."""
    got: list[int] = []

    def take(line: socket.socket) -> None:
        got.append(len(line.recv(65536)))

    with speaking(take) as url:
        yield url, got


def test_no_byte_goes_to_a_private_address_unless_asked_for() -> None:
    """A stranger's announcement must not make the buyer's machine call its router, whatever name leads there."""
    with counting() as (url, got):
        port = url.rpartition(":")[2]
        names = [url, f"http://localhost:{port}", f"http://[::ffff:127.0.0.1]:{port}", f"http://127.1:{port}"]
        names += [f"http://0.0.0.0:{port}", f"http://2130706433:{port}"]
        for found in asked(*names, private=False):
            assert found.reach in (Reach.NOT_ASKED, Reach.UNREACHABLE), found
            assert found.reach is Reach.UNREACHABLE or "--private" in found.reason
        assert asked(url, private=False)[0].reach is Reach.NOT_ASKED
        assert sum(got) == 0
        asked(url, private=True, seconds=1.0)
        assert sum(got) > 0


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("192.168.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.1.2.3", False), ("::1", False), ("fe80::1%eth0", False),
        ("fd00::1", False), ("::ffff:10.0.0.1", False), ("2002:0a00:0001::1", False), ("224.0.0.1", False),
    ],
)  # fmt: skip
def test_a_public_address_is_told_from_a_private_one(address: str, public: bool) -> None:
    assert is_public(address) is public
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    assert is_public_url(f"https://{host}:8440/a") is public


def test_names_are_public_until_they_are_looked_up() -> None:
    assert is_public_url("https://data.example.org") and not is_public_url("http://localhost:8440")


def test_thousands_of_strangers_are_dropped_before_anything_is_asked() -> None:
    with counting() as (url, got):
        own = said(number(0), url)
        spam = [said(number(count % 50), f"{url}/{count}", STRANGER) for count in range(20_000)]
        began = time.monotonic()
        found = newest_of_sellers([own, *spam], {number(count): SELLER for count in range(50)})
        assert (found.standing, found.strangers) == ((own,), 20_000)
        ask_announced(found.standing, DOMAIN, {number(0): SELLER}, seconds=1.0, private=True)
        assert time.monotonic() - began < 3
    assert len(got) == 1


def test_slow_services_cost_a_bounded_time_and_do_not_hide_an_honest_one(
    listed: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More services than are asked at once, each giving a byte now and then."""
    monkeypatch.setattr(announced, "AT_ONCE", 4)
    monkeypatch.setattr(announced, "SERVICES", 8)
    ends = threading.Event()

    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while not ends.wait(0.1):
            line.sendall(b"{")

    answers, domain = catalogue(listed)
    manifest = listed.seller.manifest
    with speaking(drip) as slow, answering(answers) as url:
        mine = said(manifest.listing, url, manifest.seller)
        others = [said(number(count), f"{slow}/{count}") for count in range(12)]
        sellers = {one.listing: one.announcer for one in [mine, *others]}
        began = time.monotonic()
        first, *rest = ask_announced([mine, *others], domain, sellers, seconds=0.7, private=True)
        took = time.monotonic() - began
        ends.set()
    assert first.reach is Reach.REACHABLE
    assert [one.reach for one in rest] == [Reach.UNREACHABLE] * 7 + [Reach.NOT_ASKED] * 5
    assert took < 4


def test_a_name_that_is_never_looked_up_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own lookup has no time limit that a program could set."""
    looked_up, ends = socket.getaddrinfo, threading.Event()

    def hanging(host: Any, *rest: Any, **named: Any) -> Any:
        if host == "hangs.example":
            ends.wait(20)
        return looked_up(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    began = time.monotonic()
    (found,) = asked("http://hangs.example", seconds=0.5)
    took = time.monotonic() - began
    ends.set()
    assert found.reach is Reach.UNREACHABLE and "within 0.5 seconds" in found.reason
    assert took < 5


def test_one_service_cannot_fill_the_memory(listed: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced, "SERVICE_BYTES", 2000)
    answers, domain = catalogue(listed)
    large = behind(listed, {**answers, ("GET", path_of(listed)): (200, {}, b"[" * 5000)}, domain)
    assert large.reach is Reach.NOT_BELIEVED and "larger than it may be" in large.reason


def test_one_service_is_asked_for_so_many_listings_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced, "LISTINGS_OF_SERVICE", 3)
    paths: list[str] = []

    class Noting(Answers):
        def get(self, key: Any, default: Any = None) -> Any:
            paths.append(key[1])
            return super().get(key, default)

    with answering(Noting()) as url:
        found = asked(*[url] * 5)
    assert paths == ["/v1/info", *(f"/v1/listings/0x{number(count).hex()}" for count in range(3))]
    assert [one.reach for one in found] == [Reach.NOT_BELIEVED] * 3 + [Reach.NOT_ASKED] * 2
    assert "404" in found[0].reason


def path_of(listed: Parties) -> str:
    return f"/v1/listings/0x{listed.seller.listing.hex()}"
