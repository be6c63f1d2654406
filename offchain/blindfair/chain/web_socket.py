"""Requests to a node over a WebSocket: one at a time, each with the next message as its answer.

Nothing is subscribed to, so that a node sends nothing unasked. A connection on which an answer is missing is closed: it
could come late, and be taken for the answer to something else.
"""

import threading
import time
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect

from blindfair.chain.http_trouble import UNAVAILABLE, AnswerTooLong, HttpAnswer, NodeSilent
from blindfair.chain.node_address import NodeAddress

_JSON = "application/json"
_TOO_BIG = 1009
"""The code by which a connection is closed for a message that is too large (RFC 6455 section 7.4.1)."""


class _HttpSaid(Exception):
    """The node answers by HTTP in place of opening a WebSocket."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class _Unredirected(ClientConnection):
    """A connection to the address that was named: the library would follow a redirect to any other."""

    def handshake(self, *arguments: Any, **named: Any) -> None:
        """Open the WebSocket. Raises _HttpSaid."""
        try:
            super().handshake(*arguments, **named)
        except InvalidStatus as error:
            raise _HttpSaid(error.response) from None


class WebSocketLine:
    """The connection to one node, made when it is first needed and again when it was lost."""

    def __init__(self, address: NodeAddress, timeout: float, largest: int) -> None:
        """`timeout` is in seconds, for connecting and for a whole answer; `largest` in bytes, for an answer."""
        self._address = address
        self._timeout = timeout
        self._largest = largest
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._kept: ClientConnection | None = None

    def ask(self, body: bytes, *, is_read: bool) -> HttpAnswer:
        """The answer to one request, as if it came by HTTP. Raises NodeSilent, AnswerTooLong.

        What is no read goes over a connection of its own, which nobody can have closed meanwhile.
        """
        if not is_read:
            with ExitStack() as held:
                return self._asked(held, body)
        with self._lock:
            try:
                return self._asked(self._held, body, self._kept)
            except (NodeSilent, AnswerTooLong):
                self._kept = None
                self._held.close()
                raise

    def _asked(self, held: ExitStack, body: bytes, connection: ClientConnection | None = None) -> HttpAnswer:
        deadline = time.monotonic() + self._timeout
        try:
            if connection is None:
                connection = held.enter_context(self._opened())
                self._kept = connection if held is self._held else self._kept
            connection.send(body.decode())
            answer = connection.recv(timeout=max(0.0, deadline - time.monotonic()))
        except _HttpSaid as said:
            return self._read(said.answer)
        except ConnectionClosed as error:
            if error.sent is not None and error.sent.code == _TOO_BIG:
                raise AnswerTooLong from None
            raise NodeSilent("the connection was closed") from None
        except (WebSocketException, OSError, EOFError) as error:
            raise NodeSilent(type(error).__name__) from None
        return HttpAnswer(200, _JSON, "", "", answer.encode() if isinstance(answer, str) else answer)

    def _opened(self) -> ClientConnection:
        opened = connect(
            self._address.url,
            compression=None,
            open_timeout=self._timeout,
            close_timeout=1,
            max_size=self._largest,
            create_connection=_Unredirected,
        )
        # Newer versions of the library may give a maker of connections in place of one.
        if not isinstance(opened, ClientConnection):
            raise NodeSilent("no connection")
        return opened

    def _read(self, answer: Response) -> HttpAnswer:
        """The answer as over HTTP. Raises NodeSilent."""
        retry_after = answer.headers.get("Retry-After", "")
        if answer.status_code in UNAVAILABLE and not retry_after:
            raise NodeSilent(f"HTTP status {answer.status_code}")
        return HttpAnswer(
            # As over HTTP: a server that says when to come back is one that limits.
            429 if answer.status_code in UNAVAILABLE else answer.status_code,
            answer.headers.get("Content-Type", ""),
            answer.headers.get("Location", ""),
            retry_after,
            bytes(answer.body or b""),
            answer.headers.get("Date", ""),
        )
