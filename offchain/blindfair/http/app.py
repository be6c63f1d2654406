"""A seller's service as a Starlette application: a thin skin over mail folder, uploads and sessions.

GET    /health                              that it answers, for anybody
GET    /v1/info                             what the service is, for anybody
GET    /v1/listings                         numbers of the listings
GET    /v1/listings/NUMBER                  a manifest, canonical
POST   /v1/challenge, POST and DELETE /v1/session
GET    /v1/mailbox                          the account's messages, with sizes
GET    /v1/mailbox/SHA256, DELETE           one of them, also from a byte on; it has been dealt with
HEAD   /v1/messages/SHA256                  how much of a message to the seller is here
PUT    /v1/messages/SHA256                  the next piece of it
GET    /, /listings/NUMBER                  pages for people, where there are any; /style.css, /icon.svg
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from blindfair.agents.messaging.handles import is_handle
from blindfair.http.counting import Counting
from blindfair.http.counts import ServiceCounts
from blindfair.http.failures import Failures, Guard
from blindfair.http.gate import Gate, client_address, problem_response
from blindfair.http.limits import ServiceLimits, TokenBuckets, network_of
from blindfair.http.pages import CATALOGUE, ICON_PATH, LISTING_PAGES, STYLE_PATH, PageFolder, allow_header
from blindfair.http.problems import Problem, busy, damaged, failed, refused_session
from blindfair.http.sessions import Proof, Session, Sessions
from blindfair.http.spool import Spool
from blindfair.http.uploads import Segment, Uploads
from blindfair.http.wire import (
    CHALLENGE,
    HEALTH,
    INFO,
    JSON,
    LISTINGS,
    MAILBOX,
    MESSAGES,
    SESSION,
    UPLOAD_OFFSET,
    ServiceInfo,
    parse_content_range,
)
from blindfair.protocol.documents import Document, canonical, parse
from blindfair.protocol.errors import BlindfairError, TransferDamaged, WrongService
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Signature
from blindfair.protocol.signing import SIGNATURE_SIZE

_BLOCK = 64 * 1024
_SMALL = 4096
"""Bytes of a document that a client sends."""

_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")

Answer = Callable[[Request], Awaitable[Response]]


class ServiceApp:
    """The answers of one service. `catalogue` has the canonical manifest of each listing by its number, `pages` is the
    folder with what it shows to people, `failures` is told of errors of the service's own."""

    def __init__(
        self,
        spool: Spool,
        info: ServiceInfo,
        catalogue: Mapping[str, bytes],
        limits: ServiceLimits,
        failures: Failures,
        prefix: str = "",
        pages: Path | None = None,
        *,
        is_restart: bool = False,
    ) -> None:
        self._spool = spool
        self._info = info
        self._catalogue = dict(catalogue)
        self._limits = limits
        self._failures = failures
        self._sessions = Sessions(info, limits)
        self._uploads = Uploads(spool, info.domain, limits)
        self._proofs = TokenBuckets(limits.proof_rate, limits.proof_burst, is_restart=is_restart)
        self._is_restart = is_restart
        self._prefix = prefix
        self._pages = PageFolder(pages, self._catalogue)
        self._counting = Counting(self._guarded())

    def asgi(self) -> Counting:
        """The application to serve."""
        return self._counting

    def counts(self, connections: int) -> ServiceCounts:
        """What it has answered so far, and what is there now beside so many connections."""
        unread, counting = self._spool.pending(self._spool.seller, None), self._counting
        return ServiceCounts(
            dict(counting.answers),
            counting.received,
            counting.sent,
            connections,
            self._sessions.count(),
            len(unread),
            sum(unread.values()),
            *self._uploads.begun(),
        )

    def _guarded(self) -> Guard:
        routes: list[tuple[str, str, Answer]] = [
            (HEALTH, "GET", self._tell_health),
            (INFO, "GET", self._tell_info),
            (LISTINGS, "GET", self._tell_listings),
            (LISTINGS + "/{number}", "GET", self._tell_manifest),
            (CHALLENGE, "POST", self._challenge),
            (SESSION, "POST", self._begin),
            (SESSION, "DELETE", self._end),
            (MAILBOX, "GET", self._tell_mailbox),
            (MAILBOX + "/{handle}", "GET", self._tell_message),
            (MAILBOX + "/{handle}", "DELETE", self._remove),
            (MESSAGES + "/{handle}", "HEAD", self._tell_offset),
            (MESSAGES + "/{handle}", "PUT", self._take),
            (CATALOGUE, "GET", self._show_catalogue),
            (LISTING_PAGES + "/{number}", "GET", self._show_listing),
            (STYLE_PATH, "GET", self._show_style),
            (ICON_PATH, "GET", self._show_icon),
        ]
        # A reverse proxy may pass on the path of the public URL, or not.
        places = {"", self._prefix}
        app = Starlette(
            routes=[
                Route(place + path, answer, methods=[method])
                for place in sorted(places)
                for path, method, answer in routes
            ]
            # What is printed for `--at` is put into a browser, too.
            + [Route(place, self._show_catalogue, methods=["GET"]) for place in places if place],
            exception_handlers={
                Problem: _problem,
                HTTPException: self._not_found,
                BlindfairError: _bad_request,
                OSError: self._trouble,
                # Told by `Guard`, to which Starlette raises it again.
                Exception: _failed,
            },
        )
        app.router.redirect_slashes = False
        return Guard(Gate(app, self._sessions, self._limits, is_restart=self._is_restart), self._failures)

    # --- for anybody -----------------------------------------------------------------------------------------------

    async def _tell_health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def _tell_info(self, _: Request) -> Response:
        return _json(self._info.to_document())

    async def _tell_listings(self, _: Request) -> Response:
        return _json({"listings": [*sorted(self._catalogue)]})

    async def _tell_manifest(self, request: Request) -> Response:
        manifest = self._catalogue.get(request.path_params["number"])
        if manifest is None:
            raise _nothing("listing")
        return Response(manifest, media_type=JSON)

    # --- for people ------------------------------------------------------------------------------------------------

    async def _show_catalogue(self, _: Request) -> Response:
        return _shown(self._pages.catalogue())

    async def _show_listing(self, request: Request) -> Response:
        return _shown(self._pages.listing(request.path_params["number"]))

    async def _show_style(self, _: Request) -> Response:
        return _shown(self._pages.style())

    async def _show_icon(self, _: Request) -> Response:
        return _shown(self._pages.icon())

    async def _not_found(self, request: Request, error: Any) -> Response:
        page = self._pages.missing(request) if error.status_code == 404 else None
        return page or _no_such_path(error.status_code, allow_header(request) if error.status_code == 405 else {})

    async def _trouble(self, _: Request, error: Any) -> Response:
        """A document that took too long, or the disk's trouble, which is no client's business in detail."""
        if isinstance(error, TimeoutError):
            return problem_response(
                busy("A document took too long", expected="all of it", found="a part", seconds=1, status=408)
            )
        self._failures.note(error)
        return problem_response(
            busy("The disk does not take it", expected="a disk that works", found="none", seconds=60, status=507)
        )

    # --- sessions --------------------------------------------------------------------------------------------------

    async def _challenge(self, request: Request) -> Response:
        fields = Fields(await self._document(request))
        account = fields.address("account")
        fields.done()
        nonce, expires = self._sessions.challenge(account)
        return _json({"nonce": nonce, "expires": expires})

    async def _begin(self, request: Request) -> Response:
        wait = self._proofs.take(network_of(client_address(request.scope)))
        if wait:
            raise busy("There are too many proofs of this address", expected="fewer", found="more", seconds=wait)
        fields = Fields(await self._document(request))
        proof = Proof(
            account=fields.address("account"),
            url=fields.text("url", 2000),
            nonce=fields.text("nonce", 64),
            signature=Signature(fields.data("signature", SIGNATURE_SIZE)),
            program=fields.text("program", 64),
            holder=fields.text("holder", 300),
        )
        fields.done()
        return _json({"token": self._sessions.begin(proof), "seconds": int(self._limits.session_seconds)})

    # --- with a session --------------------------------------------------------------------------------------------

    async def _end(self, request: Request) -> Response:
        _session(request)
        self._sessions.end(str(request.state.token))
        return Response(status_code=204)

    async def _tell_mailbox(self, request: Request) -> Response:
        account = _session(request).account
        pending, place = self._spool.pending(account), self._spool.queue_place(account)
        document: Document = {"messages": [[handle, size] for handle, size in pending.items()]}
        return _json(document if place is None else {**document, "queue": [*place.to_list()]})

    async def _tell_message(self, request: Request) -> Response:
        found = self._spool.open_message(_session(request).account, _handle(request))
        if found is None:
            raise _nothing("message")
        answer = _FileAnswer(*found)
        answer.take_range(request)
        return answer

    async def _remove(self, request: Request) -> Response:
        self._spool.remove(_session(request).account, _handle(request))
        return Response(status_code=204)

    async def _tell_offset(self, request: Request) -> Response:
        offset = self._uploads.offset(_session(request).account, _handle(request))
        headers = {"Cache-Control": "no-store"}
        # No such header: all of it is here.
        return Response(headers=headers if offset is None else {**headers, UPLOAD_OFFSET: str(offset)})

    async def _take(self, request: Request) -> Response:
        account, handle = _session(request).account, _handle(request)
        start, size, total = parse_content_range(request.headers.get("content-range", ""))
        if request.headers.get("content-length") != str(size) or "transfer-encoding" in request.headers:
            raise damaged(
                "The length of a body is not that of its piece",
                expected=size,
                found=request.headers.get("content-length", "none")[:20],
                status=411,
            )
        segment = Segment(start, size, total, request.headers.get("content-digest", ""))
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                done, offset = await self._uploads.add(account, handle, segment, _pieces(request))
        except (TimeoutError, ClientDisconnect):
            offset = self._uploads.offset(account, handle) or 0
            problem = busy(
                "A body took too long", expected=f"{self._limits.body_seconds:g} s", found="more", seconds=1, status=408
            )
            problem.headers[UPLOAD_OFFSET] = str(offset)
            raise problem from None
        return Response(status_code=201) if done else Response(status_code=202, headers={UPLOAD_OFFSET: str(offset)})

    async def _document(self, request: Request) -> Document:
        """A small document of a client. Raises BlindfairError, TimeoutError."""
        body = b""
        async with asyncio.timeout(self._limits.header_seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > _SMALL:
                    raise damaged("A document is too long", expected=f"<= {_SMALL} bytes", found="more", status=413)
        return parse(body, _SMALL)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


class _FileAnswer(StreamingResponse):
    """An open file, or the run of its bytes that a request names; closed whatever becomes of the answer."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._size = size
        headers = {"Content-Length": str(size), "Cache-Control": "no-store", "Accept-Ranges": "bytes"}
        super().__init__(self._bytes(0, size), 200, headers, "application/octet-stream")

    def take_range(self, request: Request) -> None:
        """Answer with the bytes that a request names, all of them where it names none. Raises Problem."""
        text = request.headers.get("range")
        if text is None:
            return
        found = _RANGE.fullmatch(text)
        if found is None:
            self._file.close()
            raise damaged("A request names other than one run of bytes", expected="bytes=FIRST-LAST", found=text[:40])
        start, last = found.groups()
        first, end = int(start), min(self._size, int(last) + 1) if last else self._size
        is_empty = first >= end
        self.status_code = 416 if is_empty else 206
        self.headers["Content-Length"] = "0" if is_empty else str(end - first)
        self.headers["Content-Range"] = f"bytes */{self._size}" if is_empty else f"bytes {first}-{end - 1}/{self._size}"
        self.body_iterator = self._bytes(0, 0) if is_empty else self._bytes(first, end)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    async def _bytes(self, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            block = os.pread(self._file.fileno(), min(_BLOCK, end - start), start)
            if not block:
                # Whatever made the file shorter, the answer cannot be what it said.
                raise EOFError("a message became shorter while it was sent")
            start += len(block)
            yield block


def _session(request: Request) -> Session:
    session = cast("Session | None", request.state.session)
    if session is None:
        raise refused_session("There is no such session, or it is over", expected="a session's token", found="none")
    return session


def _handle(request: Request) -> str:
    handle = str(request.path_params["handle"])
    if not is_handle(handle):
        raise _nothing("message")
    return handle


def _json(document: Document) -> Response:
    return Response(canonical(document), headers={"Cache-Control": "no-store"}, media_type=JSON)


def _nothing(what: str) -> Problem:
    error = TransferDamaged(f"There is no such {what} here", expected=f"a {what} of the list", found="none")
    return Problem(404, error)


async def _problem(_: Request, error: Any) -> Response:
    return problem_response(error)


def _shown(page: Response | None) -> Response:
    if page is None:
        raise HTTPException(404)
    return page


def _no_such_path(status: int, headers: dict[str, str]) -> Response:
    found = WrongService("There is nothing at this path for this method", expected="/v1/...", found=status)
    return problem_response(Problem(status, found, headers))


async def _bad_request(_: Request, error: Any) -> Response:
    """A request whose document or headers are malformed."""
    refused = TransferDamaged(error.what, expected=error.expected, found=error.found, hint=error.hint)
    return problem_response(Problem(400, refused))


async def _failed(_: Request, __: Any) -> Response:
    """An error that nobody expected."""
    return problem_response(failed())
