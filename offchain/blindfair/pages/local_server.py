"""Listening on this machine alone, until interrupted."""

import asyncio
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from blindfair.http.connections import OpenConnections
from blindfair.http.limits import ServiceLimits
from blindfair.protocol.errors import InvalidOption

LOOPBACK = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Listen on the loopback address; port 0 is any that is free. Raises InvalidOption where it is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(64)
    except OSError as error:
        listening.close()
        raise InvalidOption(
            f"`port` cannot be listened at: {port}",
            expected="a free port of this machine",
            found=error.strerror,
            hint="name another one, or end what listens there",
        ) from error
    return listening


def answer(app: ASGIApp, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until Ctrl-C or SIGTERM; `ready` is called once requests are taken. Returns after either."""
    # What a browser does wrong is told on its page.
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=OpenConnections(ServiceLimits()).protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    asyncio.run(_until_interrupted(_Quiet(config), listening, ready))


class _Quiet(uvicorn.Server):
    """Ends on a signal, and does not raise the signal again: being ended is how this command ends well."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the requests that are under way."""
        self.should_exit = True


async def _until_interrupted(server: uvicorn.Server, listening: socket.socket, ready: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    ready()
    await serving
