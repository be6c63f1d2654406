"""What a service shows to people in a browser: finished pages of a folder, by fixed names.

The process that answers strangers renders nothing and reads no template. Not here: what a page says, which is for
`blindfair.pages`, and when it is written anew, which is for the program that started the service.
"""

from collections.abc import Collection
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

HEADERS = {
    # Nothing but this service's own style sheet, icon and forms: no script, no frame, no other address.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer that a browser shows."""

HTML, CSS, SVG = "text/html", "text/css", "image/svg+xml"
INDEX, STYLE, ICON, MISSING = "index.html", "style.css", "icon.svg", "missing.html"
CATALOGUE, STYLE_PATH, ICON_PATH, LISTING_PAGES = "/", "/style.css", "/icon.svg", "/listings"


def listing_file(number: str) -> str:
    """Return the file of a listing's page; `number` is one of the catalogue's."""
    return f"listing-{number}.html"


def allow_header(request: Request) -> dict[str, str]:
    """Return the `Allow` header of an answer 405: every method that the path of the request has (RFC 9110, 15.5.6).

    Starlette names the methods of the first route with that path alone, and each method here has a route of its own.
    """
    methods = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return {"Allow": ", ".join(sorted(methods))}


class PageFolder:
    """The pages of a service with these listings. Without a folder there are none."""

    def __init__(self, folder: Path | None, numbers: Collection[str]) -> None:
        self._folder = folder
        self._files = {number: listing_file(number) for number in numbers}

    def catalogue(self) -> Response | None:
        """The page of all listings, None where it is not written."""
        return self._answer(INDEX)

    def style(self) -> Response | None:
        """The style sheet of all pages."""
        return self._answer(STYLE, CSS)

    def icon(self) -> Response | None:
        """The icon of all pages."""
        return self._answer(ICON, SVG)

    def listing(self, number: str) -> Response | None:
        """The page of a listing, None for a number that is not listed: a file is never named by a stranger."""
        file = self._files.get(number)
        return None if file is None else self._answer(file)

    def missing(self, request: Request) -> Response | None:
        """The page that says that there is nothing, where a browser asks."""
        asks = request.method in ("GET", "HEAD") and HTML in request.headers.get("accept", "")
        return self._answer(MISSING, status=404) if asks else None

    def _answer(self, name: str, media_type: str = HTML, status: int = 200) -> Response | None:
        if self._folder is None:
            return None
        try:
            body = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        return Response(body, status, {**HEADERS, "Cache-Control": "no-cache"}, media_type)
