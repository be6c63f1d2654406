"""Messages over lines that break, at every byte of a short one, anywhere in a long one, and with the service killed.

Everything arrives once and whole, and what had arrived is not sent again.
"""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cutting import CuttingProxy
from served import DOMAIN, Person

from blindfair.agents.messaging.transport import FolderTransport
from blindfair.http import client as client_module
from blindfair.http import session as session_module
from blindfair.http.client import HttpTransport
from blindfair.http.limits import ServiceLimits
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.protocol.errors import StateError
from deep import deep
from ports import free_port

LARGE = 24 * 2**20
ENDLESS = (-1, -1)
UNLIMITED = ServiceLimits(
    account_rate=1e6, account_burst=10**6, address_rate=1e6, address_burst=10**6, proof_rate=1e6,
    session_address_rate=1e6, session_address_burst=10**6,
)  # fmt: skip


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries: thousands of cuts are to take seconds."""
    monkeypatch.setattr(client_module, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(session_module, "_PAUSE_SECONDS", 0.001)


class Line:
    """A buyer and a seller with a breaking line between them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seller, self.buyer = Person(), Person()
        port = free_port()
        self.proxy = CuttingProxy(port)
        mail = home / "mail"
        for person in (self.seller, self.buyer):
            (mail / person.address).mkdir(mode=0o700, parents=True)
            (mail / person.address).chmod(0o700)
        mail.chmod(0o700)
        options = ServiceOptions(f"127.0.0.1:{port}", f"http://127.0.0.1:{self.proxy.port}", limits=UNLIMITED)
        self.service = HttpService(
            options, mail=mail, seller=self.seller.address, domain=DOMAIN, listings={}, on_trouble=lambda _: None
        )
        self.inbox = FolderTransport(mail, self.seller.address)

    def client(self) -> HttpTransport:
        folder = self.home / "buyer"
        return HttpTransport(self.service.url, self.buyer.address, self.buyer.sign, DOMAIN, folder)

    def took(self) -> list[bytes]:
        """What the seller has; it is taken."""
        found = []
        for handle, _ in list(self.inbox.pending()):
            found.append(self.inbox.receive(handle))
            self.inbox.done(handle)
        return found

    def cut_once(self, up: int, down: int) -> None:
        """Cut the next connection alone."""
        budgets = iter([(up, down)])
        self.proxy.budget = lambda: next(budgets, ENDLESS)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    found = Line(tmp_path)
    with found.service:
        yield found
    found.proxy.close()


def patiently(attempt: Callable[[], bytes | None], tries: int = 200) -> bytes:
    """As an agent does: what waits is tried again, with the same bytes."""
    for _ in range(tries):
        try:
            found = attempt()
        except StateError:
            continue
        if found is None or found:
            return found or b""
    raise AssertionError("it never comes through")


def counted(line: Line, action: Callable[[], object]) -> tuple[int, int]:
    """Bytes that an action takes on a connection of its own, out and in."""
    sent, fetched = line.proxy.sent, line.proxy.fetched
    action()
    return line.proxy.sent - sent, line.proxy.fetched - fetched


EVERY = pytest.mark.parametrize("step", [23, *deep(1)], ids=["some bytes", "every byte"])


@EVERY
def test_a_short_message_out_arrives_once_wherever_the_line_is_cut(line: Line, hasty: None, step: int) -> None:
    """Before, in and after bytes of the requests and of the answers."""
    client = line.client()
    list(client.pending())

    def fresh() -> None:
        # The next call opens a connection of its own, in the session that is there.
        client._session._caller.close()

    fresh()
    up, down = counted(line, lambda: client.send(line.seller.address, line.buyer.sealed(120)))
    line.took()
    places = [(n, -1) for n in range(0, up, step)] + [(-1, n) for n in range(0, down, step)]
    for bytes_up, bytes_down in places:
        fresh()
        line.cut_once(bytes_up, bytes_down)
        message = line.buyer.sealed(120)
        client.send(line.seller.address, message)
        assert line.took() == [message], (bytes_up, bytes_down)
    assert line.proxy.cuts >= len(places) - 2
    assert [*(line.home / "mail").glob(".incoming-*/*")] == []


@EVERY
def test_a_short_message_in_arrives_wherever_the_line_is_cut(line: Line, hasty: None, step: int) -> None:
    client = line.client()
    message = os.urandom(100)
    line.inbox.send(line.buyer.address, b"B" + message)
    [(handle, size)] = client.pending()

    def fetch() -> bytes:
        client._downloads.remove(handle)
        client._session._caller.close()
        # All fetches would share the time of one turn, which a busy machine may need for a few of them.
        client._left = 60.0
        return client.receive(handle)

    assert fetch() == b"B" + message
    up, down = counted(line, fetch)
    for bytes_up, bytes_down in [(n, -1) for n in range(0, up, step)] + [(-1, n) for n in range(0, down, step)]:
        line.cut_once(bytes_up, bytes_down)
        assert fetch() == b"B" + message, (bytes_up, bytes_down)
    assert size == 101


@pytest.mark.deep
@pytest.mark.parametrize(("seed", "resets"), [(1, False), (2, True)])
def test_a_long_message_over_a_line_that_is_cut_anywhere_is_not_sent_again(
    line: Line, hasty: None, seed: int, resets: bool
) -> None:
    rng = random.Random(seed)
    line.proxy.resets = resets
    client, message = line.client(), line.buyer.sealed(LARGE)
    line.proxy.budget = lambda: (rng.choice([rng.randrange(2000), rng.randrange(3 * 2**20)]), -1)
    patiently(lambda: client.send(line.seller.address, message))
    assert line.took() == [message]
    assert line.proxy.cuts > 10
    # What was in hand when a cut came, and the headers; a reset loses what waits in buffers of the system besides.
    most = line.proxy.cuts * (4 * 2**20 if resets else 2**19)
    assert line.proxy.sent < LARGE + most

    back = b"B" + os.urandom(LARGE)
    line.inbox.send(line.buyer.address, back)
    line.proxy.budget = lambda: (-1, rng.choice([rng.randrange(2000), rng.randrange(3 * 2**20)]))
    fetched, cuts = line.proxy.fetched, line.proxy.cuts
    client._session._caller.close()

    def receive() -> bytes:
        [(handle, _)] = client.pending()
        return client.receive(handle)

    assert patiently(receive) == back
    assert line.proxy.cuts > cuts + 5
    assert line.proxy.fetched - fetched < LARGE + (line.proxy.cuts - cuts) * (4 * 2**20 if resets else 2**19)


@pytest.mark.deep
def test_a_buyer_that_is_started_again_goes_on_with_both_ways(line: Line, hasty: None) -> None:
    message, back = line.buyer.sealed(LARGE), b"B" + os.urandom(LARGE)
    line.proxy.resets = False
    line.inbox.send(line.buyer.address, back)
    line.proxy.budget = lambda: (5 * 2**20, 5 * 2**20)

    def send() -> None:
        line.client().send(line.seller.address, message)

    def receive() -> bytes:
        client = line.client()
        [(handle, _)] = client.pending()
        return client.receive(handle)

    patiently(send)
    assert line.took() == [message]
    assert patiently(receive) == back
    # A piece is sent again at most: the next process may ask before all of the last one's bytes are read.
    assert line.proxy.sent < LARGE + line.proxy.cuts * 4 * 2**20


@pytest.mark.deep
def test_a_service_that_is_killed_again_and_again_loses_nothing(line: Line) -> None:
    """Each time with SIGKILL, in the middle of a message; the next process goes on with what is on disk."""
    message, back = line.buyer.sealed(LARGE), b"B" + os.urandom(LARGE)
    line.inbox.send(line.buyer.address, back)
    client = line.client()
    kills: list[int] = []

    def budget() -> tuple[int, int]:
        # A service dies while a connection is under way.
        if len(kills) < 6 and line.proxy.sent + line.proxy.fetched > len(kills) * 6 * 2**20:
            kills.append(line.service.pid)
            threading.Timer(0.03, os.kill, (line.service.pid, signal.SIGKILL)).start()
        return 2 * 2**20, 2 * 2**20

    line.proxy.budget = budget
    patiently(lambda: client.send(line.seller.address, message))
    assert line.took() == [message]
    client._session._caller.close()

    def receive() -> bytes:
        [(handle, _)] = client.pending()
        return client.receive(handle)

    assert patiently(receive) == back
    assert len(set(kills)) >= 4


@pytest.mark.deep
def test_the_same_message_again_is_the_same_as_once(line: Line) -> None:
    client, message = line.client(), line.buyer.sealed(3000)
    client.send(line.seller.address, message)
    client.send(line.seller.address, message)
    assert line.took() == [message]
