"""`--metrics`: numbers for Prometheus and a word of health, on an address of this machine alone.

    GET /metrics    counts of steps, troubles, gas, orders and answers; no account, no number of an order, no price
    GET /health     200 while turns are taken, else 503

It is a listener of its own and never part of the public service: behind a reverse proxy every stranger comes from
127.0.0.1 there. Other users of this machine can read it.
"""

import contextlib
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import blindfair
from blindfair.agents.context import Event
from blindfair.agents.store.steps import step_text
from blindfair.http.counts import ServiceCounts
from blindfair.protocol.errors import BlindfairError, InvalidOption, MissingPackage

STALE_SECONDS = 300.0
"""Seconds without a finished turn after which a party counts as stuck, unless it tells of progress meanwhile."""

_OBSERVED_SECONDS = 10.0
_LOOPBACK_NAMES = {"localhost"}


class Telemetry:
    """What a party counts of itself. All methods but `text` and `age` are for the thread of the party."""

    def __init__(self, role: str, observe: Callable[[], Mapping[str, int]] = dict) -> None:
        """`observe` counts orders by state; it is asked now and then, in the party's own thread.

        Raises MissingPackage.
        """
        self._observe = observe
        self._observed = -_OBSERVED_SECONDS
        self._last = time.monotonic()
        self.last_trouble: str | None = None
        """The error that the last turn ended with."""
        client = _client()
        self._registry = registry = client.CollectorRegistry()
        info = client.Gauge("blindfair_info", "Version and role.", ["version", "role"], registry=registry)
        info.labels(blindfair.__version__, role).set(1)
        age = client.Gauge(
            "blindfair_turn_age_seconds", "Seconds since the party last did something.", registry=registry
        )
        age.set_function(self.age)

        def counter(name: str, text: str, *labels: str) -> Any:
            return client.Counter(f"blindfair_{name}", text, labels, registry=registry)

        self._turns = counter("turns", "Turns that were taken.")
        self._troubles = counter("troubles", "Errors that were told and tried again.", "error")
        self._steps = counter("steps", "Things that the party did.", "step")
        self._gas = counter("gas", "Units of gas of transactions in blocks.", "call")
        self._bytes = counter("sent_bytes", "Bytes of messages that were sent.", "message")
        self._orders = client.Gauge("blindfair_orders", "Orders by state.", ["state"], registry=registry)

    def show_service(self, counts: Callable[[], ServiceCounts]) -> None:
        """Show what an HTTP service beside the party counts, too; it is asked whenever the metrics are read."""
        self._registry.register(_ServiceCollector(counts))

    def event(self, event: Event) -> None:
        """Count one thing that the agent did."""
        self._last = time.monotonic()
        step = step_text(event.step)
        self._steps.labels(step).inc()
        if event.gas is not None:
            self._gas.labels(step).inc(event.gas)
        if event.size is not None:
            self._bytes.labels(step).inc(event.size)

    def progress(self) -> None:
        """Note that a long step goes on."""
        self._last = time.monotonic()

    def trouble(self, error: BlindfairError) -> None:
        """Count an error that is tried again."""
        self._troubles.labels(error.name).inc()
        self.turn()
        self.last_trouble = error.name

    def turn(self) -> None:
        """Count a turn."""
        self._last = time.monotonic()
        self.last_trouble = None
        self._turns.inc()
        if self._last - self._observed >= _OBSERVED_SECONDS:
            self._observed = self._last
            for state, count in self._observe().items():
                self._orders.labels(state).set(count)

    def age(self) -> float:
        """Seconds since the party last did something."""
        return time.monotonic() - self._last

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return bytes(_client().generate_latest(self._registry))


class _ServiceCollector:
    """The metrics of an HTTP service. They are counted in its process, so there is nothing here to count up."""

    def __init__(self, counts: Callable[[], ServiceCounts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Any]:
        """Each metric with its values now."""
        families, counts = _client().metrics_core, self._counts()
        answers = families.CounterMetricFamily(
            "blindfair_http_answers", "Answers of the HTTP service by status.", labels=["status"]
        )
        for status, count in counts.answers.items():
            answers.add_metric([str(status)], count)
        yield answers
        for name, text, value in (
            ("received_bytes", "Bytes of bodies of requests.", counts.received),
            ("sent_bytes", "Bytes of bodies of answers.", counts.sent),
        ):
            yield families.CounterMetricFamily(f"blindfair_http_{name}", text, value)
        for name, text, value in (
            ("connections", "Open connections.", counts.connections),
            ("sessions", "Sessions of accounts that are not over.", counts.sessions),
        ):
            yield families.GaugeMetricFamily(f"blindfair_http_{name}", text, value)
        for name, text, unread, arriving in (
            ("messages", "Messages to the seller by state.", counts.unread, counts.arriving),
            (
                "message_bytes",
                "Bytes on the disk of messages to the seller.",
                counts.unread_bytes,
                counts.arriving_bytes,
            ),
        ):
            messages = families.GaugeMetricFamily(f"blindfair_http_{name}", text, labels=["state"])
            messages.add_metric(["unread"], unread)
            messages.add_metric(["arriving"], arriving)
            yield messages


def metrics_place(text: str) -> tuple[str, int]:
    """Return host and port of `--metrics`. Raises InvalidOption for what is no address of this machine alone."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    try:
        is_own = host in _LOOPBACK_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidOption(
            "`metrics` is no address of this machine alone",
            expected="127.0.0.1:PORT, such as 127.0.0.1:9440",
            found=text[:100],
            hint="read it through a tunnel, or with a collector on this machine",
        )
    return host, int(port)


@contextlib.contextmanager
def served_metrics(telemetry: Telemetry | None, place: str | None) -> Iterator[str | None]:
    """Answer at the address in the block, where one is given; give the URL. Raises InvalidOption."""
    if telemetry is None or place is None:
        yield None
        return
    host, port = metrics_place(place)
    try:
        server = _Server((host, port), telemetry)
    except OSError as error:
        raise InvalidOption(
            f"`metrics` cannot be listened at: {place}",
            expected="a free port",
            found=error.strerror,
            hint="end what listens there, or name another port",
        ) from error
    worker = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    worker.start()
    try:
        yield f"http://{place.rpartition(':')[0]}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        worker.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], telemetry: Telemetry) -> None:
        if ":" in place[0]:
            import socket

            self.address_family = socket.AF_INET6
        self.telemetry = telemetry
        super().__init__(place, _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that went away is nobody's trouble."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server
    server_version = "blindfair"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request for metrics or health."""
        if not _is_own_name(self.headers.get("host", "")):
            # A page in a browser here could make a name of its own lead to this address.
            self._answer(403, "text/plain", b"this is read by the name of this machine alone\n")
        elif self.path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", self.server.telemetry.text())
        elif self.path == "/health":
            telemetry = self.server.telemetry
            age = telemetry.age()
            body = {
                "seconds_since_turn": round(age, 1),
                "status": "ok" if age < STALE_SECONDS else "stuck",
                "trouble": telemetry.last_trouble,
            }
            self._answer(200 if age < STALE_SECONDS else 503, "application/json", json.dumps(body).encode())
        else:
            self._answer(404, "text/plain", b"/metrics or /health\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: whoever collects asks every few seconds."""


def _is_own_name(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    name = name.strip("[]")
    try:
        return name in _LOOPBACK_NAMES or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _client() -> Any:
    """The library of the metrics. Raises MissingPackage."""
    try:
        import prometheus_client
    except ImportError as error:
        raise MissingPackage(
            "Metrics need prometheus_client",
            expected="prometheus_client",
            found="none",
            hint="pip install 'blindfair[operation]'",
        ) from error
    # A second line for each counter, which says when this process began to count.
    client: Any = prometheus_client
    client.disable_created_metrics()
    return client
