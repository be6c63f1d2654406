"""What a buyer's side makes of something else at the URL, of a bad certificate, and of a service that cheats."""

import datetime
import hashlib
import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from served import DOMAIN, Person, Served

from blindfair.agents.messaging.downloads import FOLDER_BYTES, Downloads
from blindfair.http import calls
from blindfair.http.catalogue import check_service
from blindfair.http.client import HttpTransport
from blindfair.http.limits import ServiceLimits
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.http.wire import ServiceInfo, service_url
from blindfair.protocol.documents import JsonValue, canonical
from blindfair.protocol.errors import (
    InvalidOption,
    ServiceBusy,
    ServiceUnreachable,
    SessionRefused,
    TransferDamaged,
    Undeliverable,
    UntrustedCertificate,
    WrongService,
)
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealed_message import SEALED_MESSAGE_LIMIT
from blindfair.protocol.signing import Domain
from ports import free_port

BUYER, SELLER = Person(), Person()
Answers = dict[tuple[str, str], tuple[int, dict[str, str], bytes]]


@contextmanager
def answering(answers: Answers) -> Iterator[str]:
    """Something that speaks HTTP, with these answers by method and path, and an info and sessions of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = answers.get((self.command, self.path), (404, {}, b"<h1>not here</h1>"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    ok: Answers = {
        ("GET", "/v1/info"): (200, {}, canonical(ServiceInfo(url, SELLER.address, DOMAIN).to_document())),
        ("POST", "/v1/challenge"): (200, {}, canonical({"nonce": "00", "expires": 5})),
        ("POST", "/v1/session"): (200, {}, canonical({"token": "ab", "seconds": 60})),
    }
    for key, value in ok.items():
        answers.setdefault(key, value)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def speaking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something at a port that does what it likes with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=carry, args=(line,), daemon=True).start()

        def carry(line: socket.socket) -> None:
            try:
                with line:
                    speak(line)
            except OSError:
                return

        threading.Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def client(url: str, folder: Path) -> HttpTransport:
    return HttpTransport(url, BUYER.address, BUYER.sign, DOMAIN, folder)


# --- something else ------------------------------------------------------------------------------------------------


def test_a_page_of_something_else_is_no_service() -> None:
    page = b"<html>\x1b[31mhello\x9b</html>"
    refusal = pytest.raises(WrongService, match="does not answer as a Blindfair service")
    with answering({("GET", "/v1/info"): (200, {}, page)}) as url, refusal:
        check_service(url, DOMAIN)
    with answering({("GET", "/v1/info"): (404, {}, page)}) as url:
        with pytest.raises(WrongService) as caught:
            check_service(url, DOMAIN)
        assert str(caught.value).isprintable() and "404" in str(caught.value)


def test_a_service_that_sends_elsewhere_is_not_followed() -> None:
    elsewhere: Answers = {("GET", "/v1/info"): (302, {"Location": "http://127.0.0.1:1/\x1b"}, b"")}
    with answering(elsewhere) as url, pytest.raises(WrongService, match="sends elsewhere"):
        check_service(url, DOMAIN)


def test_the_service_of_another_contract_is_named() -> None:
    with answering({}) as url, pytest.raises(WrongService, match="another contract"):
        check_service(url, Domain(DOMAIN.chain_id, Address("0x" + "77" * 20)))


def test_another_language_at_the_port_is_named() -> None:
    refusal = pytest.raises(WrongService, match="does not speak http")
    with speaking(lambda line: line.sendall(b"220 mail.example ESMTP\r\n" * 9)) as url, refusal:
        check_service(url, DOMAIN)


def test_nothing_at_the_port_is_named() -> None:
    with pytest.raises(ServiceUnreachable, match="does not answer"):
        check_service(f"http://127.0.0.1:{free_port()}", DOMAIN)
    with pytest.raises(ServiceUnreachable):
        check_service("http://no-such-host.invalid", DOMAIN)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example", "a.example:8440", "http://", "http://user:secret@a.example", "http://a.example/?key=secret",
        "http://a.example/#x", "http://a.example:99999", "http://a b.example", "http://a.example/\n", "", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_url_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(InvalidOption, match="is not the URL of a service") as caught:
        service_url(url)
    assert "user:secret" not in str(caught.value)


def test_a_url_has_one_form() -> None:
    for text in ("HTTP://A.example", "http://a.example/", "http://A.EXAMPLE:80//"):
        assert service_url(text) == "http://a.example"
    assert service_url("https://[2001:DB8::1]:443/x/") == "https://[2001:db8::1]/x"


# --- certificates --------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    try:
        names: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        names = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@contextmanager
def over_tls(home: Path, name: str) -> Iterator[HttpService]:
    made = certificate(home, name)
    options = ServiceOptions("127.0.0.1:0", None, *made)
    with HttpService(options, mail=home / "mail", seller=SELLER.address, domain=DOMAIN, listings={}) as service:
        yield service


def test_over_tls_a_certificate_is_for_the_name_and_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_tls(tmp_path, "127.0.0.1") as service:
        assert service.url.startswith("https://127.0.0.1:")
        with pytest.raises(UntrustedCertificate) as caught:
            check_service(service.url, DOMAIN)
        assert "a certificate for 127.0.0.1" in str(caught.value) and "self-signed" in str(caught.value)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "127.0.0.1.pem"))
        assert check_service(service.url, DOMAIN).seller == SELLER.address
        buyer = client(service.url, tmp_path / "buyer")
        buyer.send(SELLER.address, BUYER.inquiry())
        # As plain HTTP, the same port is something else.
        with pytest.raises((WrongService, ServiceUnreachable)):
            check_service(service.url.replace("https", "http"), DOMAIN)


@pytest.mark.deep
def test_handshakes_that_do_not_end_are_counted_as_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_tls(tmp_path, "127.0.0.1") as service:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "127.0.0.1.pem"))
        place = ("127.0.0.1", int(service.url.rpartition(":")[2]))
        silent = [socket.create_connection(place, 10, ("127.0.0.3", 0)) for _ in range(60)]
        time.sleep(0.5)
        closed = 0
        for line in silent:
            line.setblocking(False)
            try:
                closed += line.recv(1) == b""
            except BlockingIOError:
                continue
            except ConnectionError:
                closed += 1
        assert closed == 60 - ServiceLimits().connections_of_address
        for line in silent:
            line.close()
        time.sleep(0.2)
        # Handshakes that end well, or not, leave their place to others.
        for _ in range(2 * ServiceLimits().connections_of_address):
            with socket.create_connection(place, 10) as line:
                line.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert check_service(service.url, DOMAIN).seller == SELLER.address


def test_a_certificate_of_another_name_is_refused_and_the_name_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with over_tls(tmp_path, "other.example") as service:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.example.pem"))
        with pytest.raises(UntrustedCertificate) as caught:
            check_service(service.url, DOMAIN)
        assert "a certificate for 127.0.0.1" in str(caught.value)
        assert "not valid for '127.0.0.1'" in str(caught.value)


def test_plain_http_is_named_where_tls_was_expected(served: Served) -> None:
    with pytest.raises(WrongService, match="does not speak https"):
        check_service(served.service.url.replace("http", "https"), DOMAIN)


def test_a_certificate_that_cannot_be_used_is_told_before_anything_listens(tmp_path: Path) -> None:
    one, _ = certificate(tmp_path, "one.example")
    _, other = certificate(tmp_path, "two.example")
    for cert, key in ((one, other), (one, tmp_path / "missing"), (tmp_path / "missing", other), (one, None)):
        with pytest.raises(InvalidOption):
            ServiceOptions("127.0.0.1:0", None, cert, key).check_tls()


def test_an_address_that_is_taken_is_told(served: Served, tmp_path: Path) -> None:
    options = ServiceOptions(f"127.0.0.1:{served.port}")
    service = HttpService(options, mail=tmp_path / "mail", seller=SELLER.address, domain=DOMAIN, listings={})
    with pytest.raises(InvalidOption, match="cannot be listened at"), service:
        pass
    for bind in ("8440", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:\N{SUPERSCRIPT TWO}"):
        with pytest.raises(InvalidOption):
            ServiceOptions(bind).place()
    with pytest.raises(InvalidOption, match="public_url"):
        ServiceOptions("0.0.0.0:8440").url(8440)


# --- a service that cheats -----------------------------------------------------------------------------------------


def test_bytes_of_another_message_are_never_given_to_the_agent(tmp_path: Path) -> None:
    name, other = hashlib.sha256(b"B one").hexdigest(), b"B two"
    answers: Answers = {
        ("GET", "/v1/mailbox"): (200, {}, canonical({"messages": [[name, 5]]})),
        ("GET", f"/v1/mailbox/{name}"): (206, {"Content-Range": "bytes 0-4/5"}, other),
    }
    with answering(answers) as url:
        buyer = client(url, tmp_path / "buyer")
        assert list(buyer.pending()) == [(name, 5)]
        with pytest.raises(TransferDamaged, match="other bytes"):
            buyer.receive(name)
        # It is asked for again after a pause, so that the service cannot have it fetched without end.
        assert list(buyer.pending()) == []
        assert not (tmp_path / "buyer" / name).exists()
        answers["GET", f"/v1/mailbox/{name}"] = (206, {"Content-Range": "bytes 0-4/5"}, b"B one")
        assert buyer.receive(name) == b"B one"


@pytest.mark.parametrize(
    "answer",
    [
        (206, {"Content-Range": "bytes 0-8/9"}, b"B one and"),
        (206, {"Content-Range": "bytes 3-7/9"}, b"B one"),
        (206, {}, b"B one"),
        (200, {}, b"B one"),
        (500, {}, b""),
    ],
)
def test_other_answers_than_the_piece_are_named(tmp_path: Path, answer: tuple[int, dict[str, str], bytes]) -> None:
    name = hashlib.sha256(b"B one").hexdigest()
    answers: Answers = {
        ("GET", "/v1/mailbox"): (200, {}, canonical({"messages": [[name, 5]]})),
        ("GET", f"/v1/mailbox/{name}"): answer,
    }
    with answering(answers) as url:
        buyer = client(url, tmp_path / "buyer")
        assert list(buyer.pending()) == [(name, 5)]
        with pytest.raises((TransferDamaged, WrongService)):
            buyer.receive(name)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[["../../x",5]]}', b'{"messages":[["' + b"0" * 64 + b'",-5]]}', b'{"messages":[5]}',
        b'{"messages":{}}', b"[]", b"[" * 100_000, b"x" * (2 * 2**20), b'{"messages": []}',
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_named(tmp_path: Path, body: bytes) -> None:
    with answering({("GET", "/v1/mailbox"): (200, {}, body)}) as url, pytest.raises(WrongService):
        list(client(url, tmp_path / "buyer").pending())


def test_what_a_service_says_is_shown_as_plain_short_text(tmp_path: Path) -> None:
    said = json.dumps({"type": "urn:blindfair:error:ServiceBusy", "detail": "\x1b[2J" + "x" * 10_000, "hint": "\u202e"})
    with answering({("GET", "/v1/mailbox"): (500, {}, said.encode())}) as url, pytest.raises(ServiceBusy) as caught:
        list(client(url, tmp_path / "buyer").pending())
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


def test_a_service_cannot_choose_an_error_that_it_should_not(tmp_path: Path) -> None:
    said = json.dumps({"type": "urn:blindfair:error:FaultProven", "detail": "x"})
    with answering({("GET", "/v1/mailbox"): (500, {}, said.encode())}) as url, pytest.raises(WrongService):
        list(client(url, tmp_path / "buyer").pending())


def test_a_service_that_gives_a_byte_now_and_then_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the header nor in the body: an agent with an open order has other things to do."""

    def in_the_header(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(80):
            line.sendall(b"x")
            time.sleep(0.1)

    def in_the_body(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(80):
            line.sendall(b" ")
            time.sleep(0.1)

    for speak in (in_the_header, in_the_body):
        with speaking(speak) as url:
            began = time.monotonic()
            caller = calls.Caller(url)
            with pytest.raises(ServiceUnreachable), caller.call("GET", "/v1/info", seconds=1.0) as answer:
                calls.read_body(answer, 10**6)
            assert time.monotonic() - began < 4


def test_a_message_larger_than_a_turn_is_fetched_over_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow line: what has come stays, and the agent looks at its orders in between."""
    from blindfair.http import client as client_module

    monkeypatch.setattr(client_module, "TURN_SECONDS", 0.4)
    message = b"B" + bytes(40_000)
    name = hashlib.sha256(message).hexdigest()

    def slowly(line: socket.socket) -> None:
        head = line.recv(4096).decode()
        path = head.split()[1]
        if path == f"/v1/mailbox/{name}":
            start = int(head.lower().partition("range: bytes=")[2].partition("-")[0])
            left = message[start:]
            where = f"Content-Range: bytes {start}-40000/40001\r\nContent-Length: {len(left)}"
            line.sendall(f"HTTP/1.1 206 Part\r\n{where}\r\n\r\n".encode())
            while left:
                line.sendall(left[:2000])
                left = left[2000:]
                time.sleep(0.05)
            return
        port = line.getsockname()[1]
        body = {
            "/v1/info": canonical(ServiceInfo(f"http://127.0.0.1:{port}", SELLER.address, DOMAIN).to_document()),
            "/v1/challenge": canonical({"nonce": "00", "expires": 5}),
            "/v1/session": canonical({"token": "ab", "seconds": 60}),
            "/v1/mailbox": canonical({"messages": [[name, 40_001]]}),
        }[path]
        line.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    with speaking(slowly) as url:
        buyer = client(url, tmp_path / "buyer")
        turns, found = 0, b""
        while not found:
            assert list(buyer.pending()) == [(name, 40_001)]
            began = time.monotonic()
            found = buyer.receive(name)
            assert time.monotonic() - began < 2
            assert found or buyer.incomplete() == name
            turns += 1
        assert found == message and turns > 1


def test_the_largest_message_has_space_on_its_way_in(tmp_path: Path) -> None:
    """On the disk of a buyer, which a service could else fill."""
    downloads = Downloads(tmp_path / "buyer")
    assert downloads.has_space("0" * 64, SEALED_MESSAGE_LIMIT)
    assert FOLDER_BYTES <= 4 * 2**28 and not downloads.has_space("0" * 64, FOLDER_BYTES + 1)


def test_messages_without_their_ends_fill_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindfair.agents.messaging.downloads.FOLDER_BYTES", 100_000)
    names = [hashlib.sha256(bytes([number])).hexdigest() for number in range(6)]
    cut = (206, {"Content-Range": "bytes 0-39999/40000", "Content-Length": "39000"}, bytes(39_000))
    answers: Answers = {("GET", f"/v1/mailbox/{name}"): cut for name in names}
    answers["GET", "/v1/mailbox"] = (200, {}, canonical({"messages": [[name, 40_000] for name in names]}))
    with answering(answers) as url:
        buyer = client(url, tmp_path / "buyer")
        for handle, _ in buyer.pending():
            try:
                assert buyer.receive(handle) == b"" and buyer.incomplete() == handle
            except TransferDamaged:
                continue
        held = sum(path.stat().st_size for path in (tmp_path / "buyer").iterdir())
        assert 70_000 < held < 100_000


def test_many_messages_that_come_slowly_hold_an_agent_no_longer_than_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service lists what it likes: of each message a byte now and then, or no answer when it is put away."""
    monkeypatch.setattr("blindfair.http.client.TURN_SECONDS", 1.0)
    monkeypatch.setattr("blindfair.http.client._REMOVE_SECONDS", 0.3)
    listed: list[JsonValue] = [[hashlib.sha256(bytes([number])).hexdigest(), 40_000] for number in range(12)]

    def slowly(line: socket.socket) -> None:
        head = line.recv(4096).decode()
        path = head.split()[1]
        if path.startswith("/v1/mailbox/"):
            status = "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-39999/40000\r\nContent-Length: 40000\r\n\r\n"
            line.sendall(status.encode() if head.startswith("GET") else b"HTTP/1.1 204 Gone\r\nX-Slow: ")
            for _ in range(60):
                line.sendall(b"x")
                time.sleep(0.1)
            return
        port = line.getsockname()[1]
        body = {
            "/v1/info": canonical(ServiceInfo(f"http://127.0.0.1:{port}", SELLER.address, DOMAIN).to_document()),
            "/v1/challenge": canonical({"nonce": "00", "expires": 5}),
            "/v1/session": canonical({"token": "ab", "seconds": 60}),
            "/v1/mailbox": canonical({"messages": listed}),
        }[path]
        line.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    with speaking(slowly) as url:
        buyer = client(url, tmp_path / "buyer")
        found = list(buyer.pending())
        assert len(found) == len(listed)
        began = time.monotonic()
        assert [buyer.receive(handle) for handle, _ in found] == [b""] * len(found)
        assert time.monotonic() - began < 4
        for handle, _ in found:
            with pytest.raises(ServiceUnreachable):
                buyer.done(handle)
        assert time.monotonic() - began < 8


def test_a_message_to_another_than_the_seller_is_not_sent(served: Served) -> None:
    with pytest.raises(Undeliverable, match="takes no messages to"):
        served.client(BUYER).send(SELLER.address, BUYER.inquiry())


def test_a_wrong_key_is_told(served: Served) -> None:
    with pytest.raises(SessionRefused, match="not signed by the account"):
        list(served.client(BUYER, Person().sign).pending())


def test_no_secret_is_in_a_url_that_travels(tmp_path: Path) -> None:
    """Every request's first line, of a whole conversation: tokens and signatures are in headers and bodies."""
    from cutting import CuttingProxy

    port = free_port()
    proxy = CuttingProxy(port)
    options = ServiceOptions(f"127.0.0.1:{port}", f"http://127.0.0.1:{proxy.port}")
    with HttpService(options, mail=tmp_path / "mail", seller=SELLER.address, domain=DOMAIN, listings={}) as service:
        buyer = client(service.url, tmp_path / "buyer")
        buyer.send(SELLER.address, BUYER.inquiry())
        list(buyer.pending())
        token = str(buyer._session._token)
    proxy.close()
    said = b"".join(proxy.heard)
    assert token.encode() in said
    paths = re.findall(rb"(?:GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1.1\r\n", said)
    assert len(paths) >= 5
    assert not any(token.encode() in path or b"?" in path for path in paths)
