"""What every request passes first: how many an address or an account has made, and how long an answer may take."""

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from blindfair.http.limits import ServiceLimits, TokenBuckets, network_of
from blindfair.http.problems import Problem, busy
from blindfair.http.sessions import Session, Sessions
from blindfair.http.wire import PROBLEM_JSON
from blindfair.protocol.documents import canonical

_BEARER = b"Bearer "


class Gate:
    """An ASGI application around another: requests with a session are counted for its account and its address,
    others for their address. `scope["state"]` then has the session and its token, None where there is none."""

    def __init__(self, app: ASGIApp, sessions: Sessions, limits: ServiceLimits, *, is_restart: bool = False) -> None:
        self._app = app
        self._sessions = sessions
        self._seconds = limits.response_seconds

        def buckets(rate: float, burst: int) -> TokenBuckets:
            return TokenBuckets(rate, burst, is_restart=is_restart)

        self._of_account = buckets(limits.account_rate, limits.account_burst)
        self._of_address = buckets(limits.address_rate, limits.address_burst)
        self._sessions_of_address = buckets(limits.session_address_rate, limits.session_address_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer that there are too many."""
        if scope["type"] != "http":
            return
        token = _token(scope)
        session = None if token is None else self._sessions.find(token)
        wait = self._count(scope, session)
        if wait:
            problem = busy("There are too many requests", expected="fewer a second", found="more", seconds=wait)
            await problem_response(problem)(scope, receive, send)
            return
        scope["state"] = {"session": session, "token": token}
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, send)
        except TimeoutError:
            # An answer that is not complete: uvicorn closes the connection, and the client goes on with the rest.
            return

    def _count(self, scope: Scope, session: Session | None) -> float:
        """Seconds to wait, 0 where the request may pass."""
        address = network_of(client_address(scope))
        if session is None:
            return self._of_address.take(address)
        # The account first: what it may not send is not counted for others at its address.
        return self._of_account.take(session.account) or self._sessions_of_address.take(address)


def client_address(scope: Scope) -> str:
    """The address that a request comes from; a reverse proxy names it where it is believed."""
    client: Any = scope.get("client")
    return str(client[0]) if client else ""


def problem_response(problem: Problem) -> Response:
    """The answer that a problem is (RFC 9457)."""
    body = canonical(problem.to_document())
    return Response(body, problem.status, {**problem.headers, "Cache-Control": "no-store"}, PROBLEM_JSON)


def _token(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value[len(_BEARER) :].decode("ascii", "replace") if value.startswith(_BEARER) else None
    return None
