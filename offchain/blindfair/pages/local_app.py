"""A party's own pages on its own machine, as a Starlette application: a host check, a login, then what its owner reads.

GET  /login                  the form
POST /login, POST /logout    with the page's own address as `Origin`
GET  /style.css, /icon.svg
GET  anything else           with a session alone

Nothing here changes a directory or sends a transaction. Not here: what is on a page, and who listens (`local_server`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from blindfair.http.pages import CSS, HEADERS, HTML, ICON, ICON_PATH, STYLE, STYLE_PATH, SVG, allow_header
from blindfair.pages.logins import Logins
from blindfair.pages.rendering import file_bytes, render
from blindfair.protocol.errors import (
    BlindfairError,
    ServiceBusy,
    SessionRefused,
    TransferDamaged,
    WrongPassword,
    WrongService,
)

LOGIN, LOGOUT = "/login", "/logout"
_FORM_BYTES = 4096
_PRIVATE = {**HEADERS, "Cache-Control": "no-store"}

_STATUS: Mapping[type[BlindfairError], int] = {
    WrongPassword: 401,
    SessionRefused: 401,
    ServiceBusy: 429,
    TransferDamaged: 400,
    WrongService: 404,
}
"""The HTTP status of an error; any other is the directory's or the node's trouble, 500."""


@dataclass(frozen=True, slots=True)
class _Bug:
    """What is shown of an error without a name of its own, as of a `BlindfairError`."""

    found: str
    name: str = "Bug"
    what: str = "This is a bug of blindfair"
    expected: None = None
    hint: str = "run the command again with -v and report what it prints"


@dataclass(frozen=True, slots=True)
class FileToFetch:
    """A file of the directory, to be fetched under this name."""

    path: Path
    name: str


Shown = bytes | FileToFetch
"""A page in HTML, or a file."""

Common = dict[str, object]
"""Values that every page of a site needs."""

Find = Callable[[str], Shown | None]
"""Gives what is at a path, None where there is nothing. Runs in a thread of its own, and may raise BlindfairError."""


@dataclass(frozen=True, slots=True)
class LocalSite:
    """Whose pages they are: `role` and `directory` are told to people, `spell` writes options as their shell does."""

    role: str
    directory: Path
    port: int
    spell: Callable[[str], str] = str

    @property
    def cookie(self) -> str:
        """The cookie's name: browsers give the cookies of one port to all ports of a host."""
        return f"blindfair-{self.role}-{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser calls this place."""
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"


class LocalApp:
    """The application. Errors are pages with the error's name and hint; no trouble of a request ends it."""

    def __init__(self, site: LocalSite, logins: Logins, find: Find) -> None:
        self._site = site
        self._logins = logins
        self._find = find

    def asgi(self) -> ASGIApp:
        """The application to serve."""
        app = Starlette(
            routes=[
                Route(STYLE_PATH, self._style),
                Route(ICON_PATH, self._icon),
                Route(LOGIN, self._login_form, methods=["GET"]),
                Route(LOGIN, self._login, methods=["POST"]),
                Route(LOGOUT, self._logout, methods=["POST"]),
                Route("/{path:path}", self._show, methods=["GET"]),
            ],
            exception_handlers={
                BlindfairError: self._error,
                HTTPException: self._not_found,
                Exception: self._bug,
            },
        )
        return _NamedHost(app, self._site, self._page_of)

    # --- for everybody on this machine -----------------------------------------------------------------------------

    async def _style(self, _: Request) -> Response:
        return Response(file_bytes(STYLE), headers=_PRIVATE, media_type=CSS)

    async def _icon(self, _: Request) -> Response:
        return Response(file_bytes(ICON), headers=_PRIVATE, media_type=SVG)

    async def _login_form(self, _: Request) -> Response:
        return self._page("login.html", error=None)

    async def _login(self, request: Request) -> Response:
        self._check_origin(request)
        password = _field(await _body(request), "password")
        try:
            token = await run_in_threadpool(self._logins.begin, password)
        except (WrongPassword, ServiceBusy) as error:
            return self._page("login.html", _status(error), error=error)
        answer = RedirectResponse("/", 303, _PRIVATE)
        answer.set_cookie(self._site.cookie, token, httponly=True, samesite="strict", path="/")
        return answer

    async def _logout(self, request: Request) -> Response:
        self._check_origin(request)
        self._logins.end(request.cookies.get(self._site.cookie, ""))
        answer = RedirectResponse(LOGIN, 303, _PRIVATE)
        answer.delete_cookie(self._site.cookie, httponly=True, samesite="strict", path="/")
        return answer

    def _check_origin(self, request: Request) -> None:
        """A form of another site is not taken, whatever cookie comes with it. Raises SessionRefused."""
        expected, found = f"http://{request.headers['host']}", request.headers.get("origin")
        if found is None:
            raise SessionRefused(
                "The form came without the header Origin, which says what page it is of",
                expected=f"Origin: {expected}",
                found="none",
                hint=f"use the form in a browser, or send the header: curl -H 'Origin: {expected}'",
            )
        if found != expected:
            raise SessionRefused(
                "The form was sent by another page",
                expected=expected,
                found=found[:200],
                hint="open the page by its own address, and use its form",
            )

    # --- with a session --------------------------------------------------------------------------------------------

    async def _show(self, request: Request) -> Response:
        token = request.cookies.get(self._site.cookie)
        if token is None:
            return RedirectResponse(LOGIN, 303, _PRIVATE)
        self._logins.check(token)
        found = await run_in_threadpool(self._find, request.url.path)
        if found is None:
            raise HTTPException(404)
        if isinstance(found, FileToFetch):
            return FileResponse(found.path, 200, _PRIVATE, "application/octet-stream", filename=found.name)
        return Response(found, headers=_PRIVATE, media_type=HTML)

    # --- what goes wrong -------------------------------------------------------------------------------------------

    async def _error(self, _: Request, error: Exception) -> Response:
        if not isinstance(error, BlindfairError):
            raise error
        answer = self._page_of(error, _status(error))
        if isinstance(error, SessionRefused):
            answer.delete_cookie(self._site.cookie, httponly=True, samesite="strict", path="/")
        return answer

    async def _not_found(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        found = WrongService(
            "There is nothing at this address",
            expected="a page of this program",
            found=f"{request.method} {request.url.path[:100]}",
            hint="go back to the first page",
        )
        answer = self._page_of(found, status)
        if status == 405:
            answer.headers.update(allow_header(request))
        return answer

    async def _bug(self, _: Request, error: Exception) -> Response:
        """What nobody expected: its kind is told, and nothing of what it holds."""
        return self._page_of(_Bug(type(error).__name__), 500)

    def _page_of(self, error: BlindfairError | _Bug, status: int) -> Response:
        return self._page("error.html", status, error=error)

    def _page(self, template: str, status: int = 200, **values: object) -> Response:
        page = render(template, **common(self._site), **values)
        return Response(page, status, _PRIVATE, HTML)


class _NamedHost:
    """Lets requests in that name this place. A name that leads here by a stranger's DNS is refused, so that no page of
    his reads what is shown here (DNS rebinding)."""

    def __init__(self, app: ASGIApp, site: LocalSite, page_of: Callable[[BlindfairError, int], Response]) -> None:
        self._app = app
        self._site = site
        self._page_of = page_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 421."""
        if scope["type"] != "http":
            return
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(named) == 1 and named[0] in self._site.hosts:
            await self._app(scope, receive, send)
            return
        error = WrongService(
            "This page is not called so",
            expected=" or ".join(self._site.hosts),
            found=", ".join(named)[:200] or "no name",
            hint=f"open http://{self._site.hosts[0]}/",
        )
        await self._page_of(error, 421)(scope, receive, send)


def common(site: LocalSite) -> Common:
    """Values that every page of this site needs."""
    return {
        "home": "/",
        "style": STYLE_PATH,
        "icon": ICON_PATH,
        "role": site.role,
        "directory": str(site.directory),
        "login": LOGIN,
        "logout": LOGOUT,
        "spell": site.spell,
    }


def _status(error: BlindfairError) -> int:
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def _field(body: bytes, name: str) -> str:
    """A field of a form, empty where it has none. Raises TransferDamaged for what is no form of ours."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=4)
    except ValueError as error:
        raise TransferDamaged(
            "This is no form of this page", expected="a few fields", found="something else"
        ) from error
    return fields.get(name, [""])[0]


async def _body(request: Request) -> bytes:
    """The body of a form. Raises TransferDamaged for one that is too long."""
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _FORM_BYTES:
                raise TransferDamaged("A form is too long", expected=f"<= {_FORM_BYTES} bytes", found="more")
    except ClientDisconnect:
        return b""
    return body
