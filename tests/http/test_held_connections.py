"""What a stranger does to hold connections, places or space, or to keep the service busy, with few bytes."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Person, Served, is_alive, serving

from blindfair.http.limits import ServiceLimits

pytestmark = pytest.mark.deep

NOBODYS = b"PUT /v1/messages/" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, header_seconds=1.0, response_seconds=1.0) as found:
        yield found


def connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), 10)


def is_closed(line: socket.socket, seconds: float) -> bool:
    """Whether the other side closes a connection within so many seconds; what comes before is read."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            line.settimeout(max(0.01, until - time.monotonic()))
            if not line.recv(65536):
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return False


def test_a_header_is_as_long_as_the_limit_however_it_comes(hasty: Served) -> None:
    """Whole in one read, in two, and behind a request that is whole."""
    most, first = ServiceLimits().header_bytes, b"GET /v1/info HTTP/1.1\r\nHost: x\r\n"
    for before in (b"", first + b"\r\n"):
        for size, is_taken in ((most, True), (most + 1, False)):
            filled = first + b"a: " + b"b" * (size - len(first) - 7) + b"\r\n\r\n"
            assert len(filled) == size
            with connected(hasty) as line:
                line.sendall(before + filled)
                said = b""
                while block := line.recv(65536):
                    said += block
            assert said.count(b"HTTP/1.1 200") == is_taken + bool(before)
            assert said.count(b"HTTP/1.1 400") == (not is_taken)


def test_bytes_of_a_body_that_has_no_length_are_not_parsed(hasty: Served) -> None:
    """Chunks of one byte cost a second of all answers for each 256 KiB."""
    with connected(hasty) as line:
        line.sendall(NOBODYS + b"Transfer-Encoding: chunked\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 400")
        assert is_closed(line, 5)
    assert is_alive(hasty)


def test_a_body_that_goes_on_after_its_answer_is_cut_off(hasty: Served) -> None:
    with connected(hasty) as line:
        line.sendall(NOBODYS + b"Content-Length: 4000000\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 401")
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 8:
                line.sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - began < 5


def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    """It holds its address's only connection no longer than an answer may take."""
    with serving(tmp_path, header_seconds=1.0, response_seconds=1.0, connections_of_address=1) as served:
        buyer = Person()
        served.know(buyer)
        (served.mail / buyer.address / ("a" * 64)).write_bytes(bytes(2**25))
        head = f"GET /v1/mailbox/{'a' * 64} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.token(buyer)}\r\n"
        for number, ending in enumerate(("\r\n", "Connection: close\r\n\r\n"), 3):
            source = f"127.0.0.{number}"
            with socket.create_connection(("127.0.0.1", served.port), 10, (source, 0)) as line:
                line.sendall((head + ending).encode())
                time.sleep(5)
                assert served.ask("GET", "/v1/info", source=source).status == 200


def test_messages_that_strangers_begin_are_few_and_displace_no_trade(tmp_path: Path) -> None:
    with serving(tmp_path, waiting=10, proof_burst=100, address_burst=500) as served:
        buyer = Person()
        served.know(buyer)
        token, message = served.token(buyer), buyer.sealed(8000)
        assert served.put(token, message, piece=message[:5000]).status == 202
        for _ in range(20):
            stranger = Person()
            inquiry = stranger.inquiry()
            assert served.put(served.token(stranger), inquiry, piece=inquiry[:9]).status == 202
        assert len([path for path in served.mail.glob(".incoming-*/*/*")]) <= 10
        # What strangers send whole takes half of the places, and who trades has the others.
        told = []
        for _ in range(8):
            stranger = Person()
            told.append(served.put(served.token(stranger), stranger.inquiry()).status)
        assert told == [201] * 5 + [503] * 3
        assert served.put(token, message, start=5000).status == 201


def test_a_message_that_only_holds_its_space_gives_way(tmp_path: Path) -> None:
    """Its length was announced, and a byte now and then keeps it from being idle."""
    with serving(tmp_path, disk=100_000, idle_upload_seconds=1.0, slowest_upload=100.0) as served:
        holder, buyer = Person(), Person()
        for person in (holder, buyer):
            served.know(person)
        held, message = holder.sealed(90_000), buyer.sealed(50_000)
        tokens = served.token(holder), served.token(buyer)
        assert served.put(tokens[0], held, piece=held[:50]).status == 202
        assert served.put(tokens[1], message).status == 507
        for place in range(50, 55):
            time.sleep(0.3)
            assert served.put(tokens[0], held, start=place, piece=held[place : place + 1]).status == 202
        assert served.put(tokens[1], message).status == 201
