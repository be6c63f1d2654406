"""Connections that cannot be held open: how many an address has, and how long a request's header may take.

uvicorn limits neither; this class adds both to its protocol. Not here: what a request may do (`gate`).
"""

import asyncio
import re
from collections import Counter, OrderedDict
from typing import Any, Protocol

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from blindfair.http.limits import ServiceLimits, network_of

_END_OF_HEADER = re.compile(rb"\n\r?\n")


class Connection(Protocol):
    """What can be closed."""

    transport: asyncio.Transport


class OpenConnections:
    """The connections of one service, and which of them wait for a request, the longest waiting first."""

    def __init__(self, limits: ServiceLimits, proxy: str | None = None) -> None:
        """`proxy` is the address of a reverse proxy, whose connections are those of many clients."""
        self.limits = limits
        self._proxy = None if proxy is None else network_of(proxy)
        self.of_address: Counter[str] = Counter()
        self.waiting: OrderedDict[int, Connection] = OrderedDict()

    def admit(self, connection: Connection, address: str) -> bool:
        """Count a connection, and close it at once where there are too many of its address. Whether it is taken."""
        limits = self.limits
        most = limits.connections if address == self._proxy else limits.connections_of_address
        if self.of_address[address] >= most:
            connection.transport.abort()
            return False
        self.of_address[address] += 1
        if self.of_address.total() > limits.connections and self.waiting:
            self.waiting.popitem(last=False)[1].transport.abort()
        return True

    def leave(self, address: str) -> None:
        """Forget a connection that was admitted."""
        self.of_address -= Counter([address])

    def protocol(self) -> type["BoundedProtocol"]:
        """The class that uvicorn makes for each connection, bound to this table."""
        return type("BoundProtocol", (BoundedProtocol,), {"table": self})


class BoundedRequests(h11.Connection):
    """The requests of one connection. A header is measured before it is parsed, whole or not, and a body has a length:
    h11 takes a larger header that comes at once, and parses chunks of one byte for a second a read."""

    def __init__(self, header_bytes: int) -> None:
        super().__init__(h11.SERVER, header_bytes)
        self._header_bytes = header_bytes

    def next_event(self) -> Any:
        """The next event of the client. Raises RemoteProtocolError for a header or body that is not taken."""
        if self.their_state is h11.IDLE:
            waiting, _ = self.trailing_data
            if len(waiting) > self._header_bytes and _END_OF_HEADER.search(waiting[: self._header_bytes]) is None:
                raise h11.RemoteProtocolError("the header is too long", 431)
        event = super().next_event()
        if isinstance(event, h11.Request) and any(name == b"transfer-encoding" for name, _ in event.headers):
            raise h11.RemoteProtocolError("a body needs a length", 411)
        return event


class BoundedProtocol(H11Protocol):
    """One connection. It is closed where its address has too many, or no whole header comes in time."""

    table: OpenConnections

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = BoundedRequests(self.table.limits.header_bytes)
        self._address: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and close it at once where there are too many of its address."""
        super().connection_made(transport)
        address = network_of(self.client[0] if self.client else "")
        if self.table.admit(self, address):
            self._address = address
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        self._stop_waiting()
        self._cancel_unread()
        if self._address is not None:
            self.table.leave(self._address)
            self._address = None

    def data_received(self, data: bytes) -> None:
        """Take bytes, and wait no longer once there is a request to answer."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request; what is left of this one's body, and the end of the answer, have as long."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._wait()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, as long as for an answer in all; closing alone would wait for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.table.limits.response_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads on."""
        super().resume_writing()
        self._cancel_unread()

    def _wait(self) -> None:
        self._stop_waiting()
        self.table.waiting[id(self)] = self
        self._deadline = self.loop.call_later(self.table.limits.header_seconds, self.transport.abort)

    def _cancel_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _stop_waiting(self) -> None:
        self.table.waiting.pop(id(self), None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
