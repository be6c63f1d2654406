"""The process that answers: `python -m blindfair.http.serving`, started by `service` with a listening socket.

Its first line of input says what it serves. It ends when its input does, so it never outlives the program that started
it, however that program ends. Its first line of output says that it serves; each further one has its counts, or tells
of an error.
"""

import asyncio
import contextlib
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn

from blindfair.http.app import ServiceApp
from blindfair.http.connections import OpenConnections
from blindfair.http.counts import ServiceCounts
from blindfair.http.failures import Failures
from blindfair.http.handshakes import with_handshakes
from blindfair.http.limits import ServiceLimits
from blindfair.http.spool import Spool
from blindfair.http.unfetched import alive_file, remove_unfetched
from blindfair.http.wire import ServiceInfo
from blindfair.protocol.documents import Document, json_value
from blindfair.protocol.quantities import Address

READY = "ready"

LATELY_SECONDS = 60.0
"""A service that was alive within this is being started again: bursts are not given anew."""

_ALIVE_SECONDS = 2.0
_COUNT_SECONDS = 2.0
_TIDY_SECONDS = 600.0
_FILES_BESIDE_CONNECTIONS = 200


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that counts TLS handshakes, and does not wait long for one; uvicorn has no option for it.

    `failures` is told of errors outside of requests."""

    def __init__(self, table: OpenConnections, failures: Failures) -> None:
        super().__init__()
        self._table = table
        self.set_exception_handler(failures.note_of_loop)

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
    mail, pages, proxy = Path(str(place["mail"])), place["pages"], place["proxy"]
    folder = None if pages is None else Path(str(pages))
    alive, failures = Alive(alive_file(mail, info.seller)), Failures(lambda text: _tell(text.encode(errors="replace")))
    service = ServiceApp(
        Spool(mail, info.seller),
        info,
        catalogue,
        limits,
        failures,
        str(place["prefix"]),
        folder,
        is_restart=alive.was_lately,
    )
    threading.Thread(target=alive.show, daemon=True).start()
    table = OpenConnections(limits, None if proxy is None else str(proxy))
    config = uvicorn.Config(
        service.asgi(),
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
    try:
        print(READY, flush=True)
    except BrokenPipeError:
        # Killed meanwhile: the seller's next process starts another.
        os._exit(0)
    # A parent that does not read must not stop the answers.
    os.set_blocking(sys.stdout.fileno(), False)
    threading.Thread(target=_tidy, args=(mail, info.seller, limits, failures), daemon=True).start()
    with asyncio.Runner(loop_factory=lambda: _Loop(table, failures)) as runner:
        runner.run(_answer(server, listening, lambda: service.counts(table.of_address.total()), failures))


async def _answer(
    server: uvicorn.Server, listening: socket, counts: Callable[[], ServiceCounts], failures: Failures
) -> None:
    telling = asyncio.create_task(_tell_counts(counts, failures))
    await server.serve(sockets=[listening])
    telling.cancel()


async def _tell_counts(counts: Callable[[], ServiceCounts], failures: Failures) -> None:
    """Tell the counts now and then, in the loop whose objects they are of."""
    while True:
        try:
            _tell(counts().to_line())
        except Exception as error:
            failures.note(error)
        await asyncio.sleep(_COUNT_SECONDS)


def _tell(line: bytes) -> None:
    """Tell the program that started this one. What it does not read is lost."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), line + b"\n")


def _tidy(mail: Path, seller: Address, limits: ServiceLimits, failures: Failures) -> None:
    """Remove what nobody fetches, as long as this process lives."""
    while True:
        try:
            remove_unfetched(mail, seller, limits.unfetched, limits.unfetched_seconds, time.time())
        except Exception as error:
            failures.note(error)
        time.sleep(_TIDY_SECONDS)


class Alive:
    """A file beside the mailboxes whose time says when a service was last alive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.was_lately = False
        """Whether another process served here lately: it may have given much to some already."""
        with contextlib.suppress(OSError):
            self.was_lately = abs(time.time() - self._path.lstat().st_mtime) < LATELY_SECONDS

    def show(self) -> None:
        """Say so, as long as this process lives."""
        while True:
            with contextlib.suppress(OSError):
                descriptor = os.open(
                    self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
                )
                os.utime(descriptor)
                os.close(descriptor)
            time.sleep(_ALIVE_SECONDS)


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
    # What clients do wrong is their business, and not to fill a seller's screen or disk. Errors are for `Failures`.
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    line = sys.stdin.buffer.readline()
    if not line:
        # Killed before it said what to serve.
        return
    place = json_value(line)
    serve(place, socket(fileno=place["socket"]))


if __name__ == "__main__":
    main()
