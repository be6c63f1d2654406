"""The process that answers: `python -m blindfair.http.serving`, started by `service` with a listening socket.

Its first line of input says what it serves. It ends when its input does, so it never outlives the program that started
it, however that program ends.
"""

import asyncio
import json
import logging
import os
import resource
import sys
import threading
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn

from blindfair.http.app import ServiceApp
from blindfair.http.connections import OpenConnections
from blindfair.http.handshakes import with_handshakes
from blindfair.http.limits import ServiceLimits
from blindfair.http.spool import Spool
from blindfair.http.wire import ServiceInfo
from blindfair.protocol.documents import Document

READY = "ready"
_FILES_BESIDE_CONNECTIONS = 200


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that counts TLS handshakes, and does not wait long for one; uvicorn has no option for it."""

    def __init__(self, table: OpenConnections) -> None:
        super().__init__()
        self._table = table

    async def create_server(self, *arguments: Any, **named: Any) -> asyncio.Server:
        context = named.pop("ssl", None)
        if context is not None:
            arguments = with_handshakes(self._table, arguments[0], context), *arguments[1:]
        return await super().create_server(*arguments, **named)


def serve(place: Document, listening: socket) -> None:
    """Answer until standard input ends. `place` is what `service` writes."""
    limits = ServiceLimits.from_document(_sub(place, "limits"))
    info = ServiceInfo.from_document(_sub(place, "info"))
    catalogue = {name: str(text).encode() for name, text in _sub(place, "catalogue").items()}
    spool, pages, proxy = Spool(Path(str(place["mail"])), info.seller), place["pages"], place["proxy"]
    folder = None if pages is None else Path(str(pages))
    app = ServiceApp(spool, info, catalogue, limits, str(place["prefix"]), folder).asgi()
    table = OpenConnections(limits, None if proxy is None else str(proxy))
    config = uvicorn.Config(
        app,
        http=table.protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody else may say where a request comes from.
        proxy_headers=proxy is not None,
        forwarded_allow_ips=[str(proxy)] if proxy is not None else [],
        timeout_keep_alive=int(limits.header_seconds),
        h11_max_incomplete_event_size=limits.header_bytes,
        ssl_certfile=None if place["tls_cert"] is None else str(place["tls_cert"]),
        ssl_keyfile=None if place["tls_key"] is None else str(place["tls_key"]),
    )
    server = uvicorn.Server(config)
    _allow_files(limits.connections + _FILES_BESIDE_CONNECTIONS)
    threading.Thread(target=_end_with_input, daemon=True).start()
    print(READY, flush=True)
    with asyncio.Runner(loop_factory=lambda: _Loop(table)) as runner:
        runner.run(server.serve(sockets=[listening]))


def _sub(place: Document, name: str) -> Document:
    found = place[name]
    if not isinstance(found, dict):
        raise TypeError(f"{name} is no object")
    return found


def _allow_files(wanted: int) -> None:
    """As many open files as the connections need, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _end_with_input() -> None:
    """At once: whatever is under way goes on where it was, and the next process needs the socket."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> None:
    """Read what to serve, and serve it."""
    # What clients do wrong is their business, and not to fill a seller's screen or disk.
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    place = json.loads(sys.stdin.buffer.readline())
    serve(place, socket(fileno=place["socket"]))


if __name__ == "__main__":
    main()
