"""TLS handshakes that are counted as connections: a client that never speaks holds nothing beyond its share.

asyncio tells a protocol of a connection only after its handshake, so the handshake is made by a protocol of its own.
"""

import asyncio
import ssl
from collections.abc import Callable

from blindfair.http.connections import OpenConnections
from blindfair.http.limits import network_of


class Handshake(asyncio.Protocol):
    """A connection until TLS is agreed on; then `made` is its protocol."""

    def __init__(self, table: OpenConnections, made: asyncio.Protocol, context: ssl.SSLContext) -> None:
        self._table = table
        self._made = made
        self._context = context
        self._early = b""
        self._task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and begin."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection is a stream")
        self.transport = transport
        client = transport.get_extra_info("peername")
        address = network_of(str(client[0]) if client else "")
        if self._table.admit(self, address):
            # The first bytes are for TLS, which begins with the next turn of the loop.
            transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._agree(address))

    def data_received(self, data: bytes) -> None:
        """Keep what comes with the end of the handshake."""
        self._early += data

    async def _agree(self, address: str) -> None:
        seconds = self._table.limits.header_seconds
        loop = asyncio.get_running_loop()
        self._table.waiting[id(self)] = self
        try:
            secure = await loop.start_tls(
                self.transport, self, self._context, server_side=True, ssl_handshake_timeout=seconds
            )
        except OSError:
            self.transport.abort()
            return
        finally:
            self._table.waiting.pop(id(self), None)
            self._table.leave(address)
        if secure is None or secure.is_closing():
            return
        secure.set_protocol(self._made)
        self._made.connection_made(secure)
        if self._early:
            self._made.data_received(self._early)


def with_handshakes(
    table: OpenConnections, make: Callable[[], asyncio.Protocol], context: ssl.SSLContext
) -> Callable[[], Handshake]:
    """What makes the protocol of each connection, where `make` makes that of each after its handshake."""
    return lambda: Handshake(table, make(), context)
