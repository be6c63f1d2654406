"""What a service counts is what it did: real requests, honest and refused, and then `/metrics`."""

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from served import Answered, Person, Served, serving

from blindfair.cli.party.telemetry import Telemetry, served_metrics
from blindfair.http.counts import COUNTS, ServiceCounts
from ports import free_port

_STRANGER = "127.0.0.9"
_BURST = 20


class Metrics:
    """The metrics of a service, and the answers that its clients got."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answers: Counter[int] = Counter()
        self.received = 0
        self.sent = 0

    def text(self) -> str:
        return requests.get(f"{self._url}/metrics", timeout=10).text

    def found(self) -> dict[str, float]:
        lines = re.findall(r"^blindfair_http_(\S+) (\S+)$", self.text(), re.MULTILINE)
        return {name: float(value) for name, value in lines}

    def wait_for(self, **numbers: int) -> None:
        """Wait until they tell what clients saw, and the `numbers`."""
        wanted: dict[str, float] = {
            **{f'answers_total{{status="{status}"}}': count for status, count in self.answers.items()},
            "received_bytes_total": self.received,
            "sent_bytes_total": self.sent,
            "connections": 0,
        }
        for name, number in numbers.items():
            kind, _, state = name.partition("_of_")
            wanted[f'{kind}{{state="{state}"}}' if state else kind] = number
        until = time.monotonic() + 60
        while (found := self.found()) != wanted:
            assert time.monotonic() < until, (found, wanted)
            time.sleep(0.1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, header_seconds=300, address_rate=0.01, address_burst=_BURST) as found:
        yield found


@pytest.fixture
def metrics(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    telemetry = Telemetry("seller")
    telemetry.show_service(lambda: served.service.counts)
    ask = served.ask

    def noting(
        method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"", source: str = "127.0.0.1"
    ) -> Answered:
        answer = ask(method, path, headers, body, source)
        found.answers[answer.status] += 1
        found.sent += len(answer.body)
        # A message that is not taken from an account is refused before its bytes are read.
        found.received += 0 if answer.status == 413 else len(body)
        return answer

    with served_metrics(telemetry, f"127.0.0.1:{free_port()}") as url:
        assert url is not None
        found = Metrics(url)
        monkeypatch.setattr(served, "ask", noting)
        yield found


NONE = {
    "sessions": 0,
    "messages_of_unread": 0,
    "messages_of_arriving": 0,
    "message_bytes_of_unread": 0,
    "message_bytes_of_arriving": 0,
}


def test_a_service_tells_what_it_answered_and_what_waits(served: Served, metrics: Metrics) -> None:
    metrics.wait_for(**NONE)
    stranger, buyer = Person(), Person()
    served.know(buyer)
    inquiry, message = stranger.inquiry(), buyer.sealed(100_000)
    own, other = served.token(stranger), served.token(buyer)
    assert served.put(own, inquiry).status == 201
    assert served.put(other, message, piece=message[:30_000]).status == 202
    waiting = {
        "messages_of_unread": 1,
        "messages_of_arriving": 1,
        "message_bytes_of_unread": len(inquiry),
        "message_bytes_of_arriving": 30_000,
    }
    metrics.wait_for(sessions=2, **waiting)

    # Refusals are told as what they are, and change nothing of what waits.
    assert served.put(own, inquiry[:-1] + b"?", handle="ab" * 32).status == 422
    assert served.put(own, stranger.sealed(5000)).status == 413
    assert served.ask("GET", "/v1/mailbox").status == 401
    assert served.ask("GET", "/nothing").status == 404
    assert served.ask("PUT", "/v1/info").status == 405
    assert served.ask("POST", "/v1/challenge", body=b"nonsense").status == 400
    statuses = [served.ask("GET", "/v1/info", source=_STRANGER).status for _ in range(_BURST + 2)]
    assert statuses[:_BURST] == [200] * _BURST and statuses[-1] == 429
    metrics.wait_for(sessions=2, **waiting)

    # No account, no message and no path is a label of anything.
    text = metrics.text()
    for secret in ("0x", stranger.address[2:], buyer.address[2:], "ab" * 32, "/v1", "nothing", _STRANGER):
        assert secret.lower() not in text.lower()

    # What is read, whole or over does not wait any more.
    for path in (served.mail / served.seller.address).iterdir():
        path.unlink()
    assert served.put(other, message, start=30_000).status == 201
    assert served.ask("DELETE", "/v1/session", {"Authorization": f"Bearer {own}"}).status == 204
    metrics.wait_for(**{**NONE, "sessions": 1, "messages_of_unread": 1, "message_bytes_of_unread": len(message)})


def test_open_connections_are_told_until_they_are_closed(served: Served, metrics: Metrics) -> None:
    lines = [socket.create_connection(("127.0.0.1", served.port), 30) for _ in range(3)]
    metrics.wait_for(**NONE, connections=3)
    for line in lines:
        line.close()
    metrics.wait_for(**NONE)


def test_counts_go_on_where_the_process_starts_again(served: Served, metrics: Metrics) -> None:
    buyer = Person()
    served.know(buyer)
    message = buyer.sealed(50_000)
    assert served.put(served.token(buyer), message, piece=message[:20_000]).status == 202
    arriving = {**NONE, "messages_of_arriving": 1, "message_bytes_of_arriving": 20_000}
    metrics.wait_for(**{**arriving, "sessions": 1})
    before = served.service.pid
    served.service.reload()
    until = time.monotonic() + 60
    while served.service.pid == before:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert served.ask("GET", "/v1/info").status == 200
    # Sessions are in the memory of the process that ended.
    metrics.wait_for(**arriving)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"[" * 4000,
        b"{}",
        ServiceCounts().to_line().replace(b'"sent":0', b'"sent":-1'),
        ServiceCounts().to_line().replace(b'"sent":0', b'"sent":"0x12"'),
        ServiceCounts().to_line().replace(b'"sent":0', b'"sent":NaN'),
        ServiceCounts().to_line().replace(b'"answers":{}', b'"answers":{"0x12":1}'),
        ServiceCounts().to_line().replace(b'"answers":{}', b'"answers":{"1000":1}'),
        ServiceCounts().to_line().replace(b'"answers":{}', b'"answers":7'),
    ],
)
def test_a_process_that_was_taken_over_tells_no_other_names(line: bytes) -> None:
    with pytest.raises(ValueError):
        ServiceCounts.from_line(COUNTS + line.removeprefix(COUNTS))
