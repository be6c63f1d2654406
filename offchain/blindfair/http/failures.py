"""Errors of the service's own: answered with 500, and told to the program that started the process.

What is told is the error's class and the line of code, never its message, which may hold a path or a client's bytes.
What clients do wrong is no error of the service. Not here: refusals, which are `problems`.
"""

import errno
import threading
import time
import traceback
from asyncio import AbstractEventLoop
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h11
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blindfair.http.gate import problem_response
from blindfair.http.problems import failed

PLACE_SECONDS = 60.0
"""Seconds in which errors at one line of code are told once."""

_OF_CLIENTS = (ClientDisconnect, h11.ProtocolError)
_PACKAGE = Path(__file__).parents[1]


class Failures:
    """Tells of errors: at most once a minute for each line of code. May be used by several threads."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, error: BaseException) -> None:
        """Tell of an error, unless it is a client's, or one at this line was told of lately."""
        # Starlette wraps an error that comes after an answer has begun.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ is not None else error
        if isinstance(cause, _OF_CLIENTS):
            return
        place, now = _place(cause), self._clock()
        with self._lock:
            before = self._told.get(place)
            if before is not None and now - before < PLACE_SECONDS:
                return
            self._told[place] = now
        self._tell(f"{_name(cause)} at {place}")

    def note_of_loop(self, _: AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of an error outside of a request, as an event loop reports it."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.note(error)


class Guard:
    """An ASGI application around another: whatever that does not expect is told, and answered with 500."""

    def __init__(self, app: ASGIApp, failures: Failures) -> None:
        self._app = app
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever breaks."""
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            self._failures.note(error)
            # An answer that has begun is not complete: uvicorn closes the connection.
            if not has_begun and scope["type"] == "http":
                await problem_response(failed())(scope, receive, send)


def _name(error: BaseException) -> str:
    """The error's class; for one of the system its code as well, such as ENOSPC."""
    name = type(error).__name__
    code = errno.errorcode.get(error.errno or 0) if isinstance(error, OSError) else None
    return name if code is None else f"{name} ({code})"


def _place(error: BaseException) -> str:
    """The innermost line of this package that an error passed; of another package where it passed none of this."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if not frames:
        return "an unknown line"
    own = [(path, line) for path, line in frames if path.is_relative_to(_PACKAGE)]
    path, line = (own or frames)[-1]
    return f"{path.relative_to(_PACKAGE.parent) if own else path.name}:{line}"
