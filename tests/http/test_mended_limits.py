"""Limits that hold through a proxy, for many accounts of one address, for slow senders, and beyond a restart."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import Person, Served, serving

from blindfair.http.calls import Caller
from blindfair.http.limits import TokenBuckets
from blindfair.http.spool import Spool
from blindfair.http.unfetched import alive_file, remove_unfetched
from blindfair.http.wire import PENDING_SHOWN
from blindfair.protocol.errors import ServiceUnreachable
from blindfair.protocol.quantities import Address

pytestmark = pytest.mark.deep

BUYER = Person()


# --- a time limit through a proxy ----------------------------------------------------------------------------------


@contextmanager
def dripping(first: bytes) -> Iterator[int]:
    """The port of an HTTP proxy that begins an answer, and then gives a byte now and then, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip(line: socket.socket) -> None:
            with contextlib.suppress(OSError), line:
                line.recv(65536)
                line.sendall(first)
                while True:
                    time.sleep(0.3)
                    line.sendall(b"x")

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("http://service.example", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
        ("http://service.example", b"HTTP/1.1 200 OK\r\nX-Slow: "),
        ("https://service.example", b"HTTP/1.1 200 Connection established\r\n\r\n"),
    ],
    ids=["body", "header", "tunnel"],
)
def test_a_call_ends_in_time_through_a_proxy(url: str, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(first) as port:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        began = time.monotonic()

        def ask() -> None:
            with Caller(url).call("GET", "/v1/info", seconds=1.0) as answer:
                answer.raw.read(10**6)

        with pytest.raises(Exception) as caught:
            within(10, ask)
    assert time.monotonic() - began < 5
    assert caught.type.__name__ in ("ServiceUnreachable", "WrongService")


def within(seconds: float, work: Callable[[], None]) -> None:
    """Do it in a thread that is not waited for longer. Raises what it raises, and AssertionError where it is late."""
    raised: list[BaseException] = []

    def done() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=done, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def test_a_private_address_is_asked_through_a_proxy_as_the_proxy_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        with Caller("http://service.example", public_only=True).call("GET", "/", seconds=10.0) as answer:
            assert answer.status_code == 200
        monkeypatch.delenv("HTTP_PROXY")
        monkeypatch.delenv("http_proxy")
        with (
            pytest.raises(ServiceUnreachable, match="private"),
            Caller(f"http://127.0.0.1:{port}", public_only=True).call("GET", "/", seconds=10.0),
        ):
            raise AssertionError("it was asked")


# --- many accounts of one address ----------------------------------------------------------------------------------


def test_accounts_of_one_address_share_a_limit_and_leave_others_alone(tmp_path: Path) -> None:
    with serving(
        tmp_path, account_rate=1.0, account_burst=10, session_address_rate=1.0, session_address_burst=25,
        proof_burst=100, address_burst=500,
    ) as served:  # fmt: skip
        tokens = [served.token(Person()) for _ in range(8)]
        other = served.token(BUYER)

        def look(token: str, source: str) -> int:
            return served.ask("GET", "/v1/mailbox", {"Authorization": f"Bearer {token}"}, source=source).status

        told = [look(token, "127.0.0.3") for token in tokens for _ in range(8)]
        assert 25 <= told.count(200) <= 35 and told.count(429) >= 64 - 35
        assert look(other, "127.0.0.4") == 200


# --- slow senders --------------------------------------------------------------------------------------------------


def test_a_program_that_begins_while_the_service_is_busy_waits(tmp_path: Path) -> None:
    """Also with its very first request, of which no session is there to say who asks."""
    with serving(tmp_path, address_rate=2.0, address_burst=4) as served:
        while served.ask("GET", "/v1/info").status == 200:
            pass
        client = served.client(Person())
        client.hold("a program that was started again")
        assert list(client.pending()) == []


def test_space_that_was_announced_cannot_be_held_by_sending_slowly(tmp_path: Path) -> None:
    """Faster than the slowest that any message may be, and too slow for one of its size."""
    with serving(
        tmp_path, disk=100_000, idle_upload_seconds=1.0, slowest_upload=10.0, longest_upload_seconds=60.0
    ) as served:
        assert holds(served, 100, 8, 0.25) is False


def test_a_fast_beginning_does_not_hold_space_for_long(tmp_path: Path) -> None:
    with serving(
        tmp_path, disk=100_000, idle_upload_seconds=1.0, slowest_upload=500.0, longest_upload_seconds=1e6
    ) as served:
        assert holds(served, 60_000, 10, 0.25) is False


def test_a_message_that_comes_on_keeps_its_space(tmp_path: Path) -> None:
    with serving(
        tmp_path, disk=100_000, idle_upload_seconds=1.0, slowest_upload=10.0, longest_upload_seconds=60.0
    ) as served:
        assert holds(served, 100, 8, 0.25, step=1000) is True


def holds(served: Served, beginning: int, pieces: int, pause: float, step: int = 10) -> bool:
    """Whether a message of 90,000 bytes that goes on in small pieces keeps its space from another."""
    holder, buyer = Person(), Person()
    for person in (holder, buyer):
        served.know(person)
    held, message = holder.sealed(90_000), buyer.sealed(50_000)
    tokens = served.token(holder), served.token(buyer)
    assert served.put(tokens[0], held, piece=held[:beginning]).status == 202
    assert served.put(tokens[1], message).status == 507
    for number in range(pieces):
        time.sleep(pause)
        start = beginning + number * step
        assert served.put(tokens[0], held, start=start, piece=held[start : start + step]).status == 202
    return served.put(tokens[1], message).status == 507


def test_requests_that_wait_leave_space_for_what_settles_an_order(tmp_path: Path) -> None:
    with serving(tmp_path, disk=1_600_000) as served:
        people = [Person() for _ in range(3)]
        for person in people:
            served.know(person)
        tokens = [served.token(person) for person in people]
        for token, person in zip(tokens[:2], people, strict=False):
            assert served.put(token, person.sealed(745_000)).status == 201
        large = people[2].sealed(70_000)
        assert served.put(tokens[2], large, piece=large[:50]).status == 507
        assert served.put(tokens[2], people[2].sealed(60_000)).status == 201


# --- beyond a restart ----------------------------------------------------------------------------------------------


def killed(served: Served) -> None:
    """Kill the process that answers, and wait for the next."""
    before = served.service.pid
    os.kill(before, signal.SIGKILL)
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with contextlib.suppress(OSError, IndexError):
            if served.service.pid != before and served.ask("GET", "/v1/info", source="127.0.0.99").status == 200:
                return
        time.sleep(0.1)
    raise AssertionError("it is not started again")


def test_a_restart_gives_nobody_its_burst_anew(tmp_path: Path) -> None:
    with serving(tmp_path, address_rate=0.2, address_burst=20) as served:
        assert [served.ask("GET", "/v1/info").status for _ in range(25)].count(200) <= 21
        # So that the process has said that it is alive.
        time.sleep(0.2)
        killed(served)
        assert [served.ask("GET", "/v1/info").status for _ in range(15)].count(200) <= 5


def test_a_restart_does_not_forget_whose_messages_wait(tmp_path: Path) -> None:
    with serving(tmp_path, waiting_of_account=2) as served:
        token = served.token(BUYER)
        assert [served.put(token, BUYER.inquiry(number)).status for number in range(3)] == [201, 201, 503]
        served.know(BUYER)
        killed(served)
        # Its requests count from nothing on, too.
        time.sleep(1.5)
        token = served.token(BUYER)
        assert served.put(token, BUYER.inquiry(4)).status == 503
        assert served.put(token, BUYER.sealed(300)).status == 503


def test_a_bucket_after_a_restart_fills_at_its_rate() -> None:
    clock = [100.0]
    buckets = TokenBuckets(2.0, 10, clock=lambda: clock[0], is_restart=True)
    assert [buckets.take("a") > 0 for _ in range(2)] == [False, True]
    clock[0] += 2.0
    assert [buckets.take("b") > 0 for _ in range(6)] == [False] * 5 + [True]
    clock[0] += 100.0
    assert [buckets.take("c") > 0 for _ in range(11)] == [False] * 10 + [True]


def test_more_messages_than_are_shown_at_once_count_in_full(tmp_path: Path) -> None:
    """Else a service that may keep more than these has no limit at all: neither of messages nor of bytes."""
    spool, count = Spool(tmp_path, BUYER.address), PENDING_SHOWN + 7
    (tmp_path / BUYER.address).mkdir()
    for number in range(count):
        (tmp_path / BUYER.address / f"{number:064x}").write_bytes(b"M")
    assert spool.waiting(BUYER.address)[1::2] == (count, count)
    assert len(spool.pending(BUYER.address)) == PENDING_SHOWN


# --- space of accounts that cost nothing ---------------------------------------------------------------------------


def test_ten_accounts_do_not_fill_the_disk(tmp_path: Path) -> None:
    with serving(tmp_path, disk=5_000_000, disk_of_account=100_000, proof_burst=100, waiting_of_account=4) as served:
        greedy = [Person() for _ in range(10)]
        for person in (*greedy, BUYER):
            served.know(person)
        for person in greedy:
            token = served.token(person)
            assert [served.put(token, person.sealed(170_000 + number)).status for number in range(2)] == [201, 201]
            # What is announced counts, so that nothing is sent in vain.
            refused = served.put(token, os.urandom(9), piece=person.sealed(50), total="170000")
            assert (refused.status, refused.error) == (507, "ServiceBusy")
        assert served.put(served.token(BUYER), BUYER.sealed(340_000)).status == 201
        # What settles an order is small, and passes all the same.
        assert served.put(served.token(greedy[0]), greedy[0].sealed(300)).status == 201


def test_what_nobody_fetches_is_removed_by_age_and_then_from_the_largest(tmp_path: Path) -> None:
    ann, bob, seller = (Address(f"0x{digit * 40}") for digit in "abc")
    now = time.time()

    def put(account: str, number: int, size: int, age: float) -> Path:
        path = tmp_path / account / f"{number:064x}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"M" * size)
        os.utime(path, (now - age, now - age))
        return path

    old, small = put(ann, 1, 10, 5000), put(ann, 2, 100, 900)
    large = [put(bob, number, 400, 1000 - number) for number in range(4)]
    own, beside = put(seller, 1, 10_000, 9000), put("notes", 1, 10_000, 9000)
    (tmp_path / ("0x" + "d" * 40)).symlink_to(tmp_path / "notes")
    # Another seller's, whose service shares the folder and does not run now.
    other = put(Address("0x" + "e" * 40), 1, 10_000, 9000)
    alive_file(tmp_path, Address("0x" + "e" * 40)).touch()
    assert remove_unfetched(tmp_path, seller, 1000, 3600.0, now) == 3
    assert [path.exists() for path in (old, small, own, beside, other)] == [False, True, True, True, True]
    assert [path.exists() for path in large] == [False, False, True, True]


def test_a_service_removes_what_nobody_fetches(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.know(BUYER)
        path = served.mail / BUYER.address / ("1" * 64)
        path.write_bytes(b"M")
        os.utime(path, (1, 1))
        # At once when it begins, and at times.
        os.kill(served.service.pid, signal.SIGKILL)
        ends = time.monotonic() + 60
        while path.exists():
            assert time.monotonic() < ends
            time.sleep(0.05)
