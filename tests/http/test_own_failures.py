"""An error of the service's own is answered, told to its owner without what may be secret, and ends nothing."""

import json
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Answered, Person, Served, is_alive, serving

STYLE = "style.css"
ADDRESS_SPACE, TOO_LARGE = 8 * 2**30, 64 * 2**30
"""Bytes that a process may have, and those of a file that holds nothing and takes no disk."""


@pytest.fixture
def showing(tmp_path: Path) -> Iterator[Served]:
    """A service with a page."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / STYLE).write_text("body {}")
    with serving(tmp_path, pages=tmp_path / "pages") as served:
        yield served


def told(served: Served, count: int = 1) -> list[str]:
    """What the owner was told, once it is so many things or after a while."""
    until = time.monotonic() + 20
    while len(served.troubles) < count and time.monotonic() < until:
        time.sleep(0.05)
    # Whatever else is told has had its time, too.
    time.sleep(0.5)
    return served.troubles


def style(served: Served) -> Answered:
    return served.ask("GET", f"/{STYLE}")


def test_an_error_that_nobody_expected_is_a_problem_document_and_told_once(showing: Served) -> None:
    """A page that no memory holds."""
    page = showing.home / "pages" / STYLE
    before = page.read_bytes()
    resource.prlimit(showing.service.pid, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    os.truncate(page, TOO_LARGE)
    for _ in range(3):
        answer = style(showing)
        assert (answer.status, answer.error) == (500, "ServiceFailed")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "MemoryError" not in json.dumps(answer.problem) and ".py" not in json.dumps(answer.problem)
    (line,) = told(showing)
    assert "MemoryError at blindfair/http/pages.py:" in line
    assert str(showing.home) not in line and STYLE not in line
    page.write_bytes(before)
    assert style(showing).body == before
    assert is_alive(showing)


def test_trouble_of_the_disk_is_told_as_well(showing: Served) -> None:
    page = showing.home / "pages" / STYLE
    page.unlink()
    page.mkdir()
    for _ in range(3):
        assert (style(showing).status, style(showing).error) == (507, "ServiceBusy")
    (line,) = told(showing)
    assert "IsADirectoryError (EISDIR) at blindfair/http/pages.py:" in line
    assert str(showing.home) not in line and STYLE not in line
    assert is_alive(showing)


def test_a_message_that_becomes_shorter_while_it_is_sent_is_told(served: Served) -> None:
    """The answer has begun: its connection is closed, and the client asks again from where it was."""
    buyer = Person()
    before = len(served.troubles)
    served.inbox.send(buyer.address, os.urandom(64 * 2**20))
    token = served.token(buyer)
    own = {"Authorization": f"Bearer {token}"}
    ((handle, size),) = json.loads(served.ask("GET", "/v1/mailbox", own).body)["messages"]
    with socket.create_connection(("127.0.0.1", served.port), 30) as line:
        line.sendall(f"GET /v1/mailbox/{handle} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        found = len(line.recv(1000))
        os.truncate(served.mail / buyer.address / handle, 1000)
        while block := line.recv(2**20):
            found += len(block)
    assert found < size
    (trouble,) = told(served, before + 1)[before:]
    assert "EOFError at blindfair/http/app.py:" in trouble
    assert is_alive(served)


def test_what_clients_do_wrong_is_not_told(served: Served) -> None:
    """Requests that end in the middle, nonsense after a request, answers that nobody reads."""
    before = [*served.troubles]
    buyer = Person()
    served.inbox.send(buyer.address, os.urandom(8 * 2**20))
    own = f"Host: x\r\nAuthorization: Bearer {served.token(buyer)}\r\n"
    (handle,) = (path.name for path in (served.mail / buyer.address).iterdir())
    for request in (
        "POST /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
        "GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n\0\0nonsense\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        f"GET /v1/mailbox/{handle} HTTP/1.1\r\n{own}\r\n\0\0nonsense\r\n\r\n",
        f"GET /v1/mailbox/{handle} HTTP/1.1\r\n{own}\r\n",
        f"PUT /v1/messages/{'0' * 64} HTTP/1.1\r\n{own}Content-Range: bytes 0-99/100\r\nContent-Length: 100\r\n\r\nx",
    ):
        for is_rude in (False, True):
            line = socket.create_connection(("127.0.0.1", served.port), 30)
            line.sendall(request.encode())
            if is_rude:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            else:
                line.recv(100) if "mailbox" in request else time.sleep(0.1)
            line.close()
    assert is_alive(served)
    time.sleep(1)
    assert served.troubles == before
