"""The pages of a seller's service for everybody: written into a folder, from which the service sends them."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.http.pages import ICON, ICON_PATH, INDEX, LISTING_PAGES, MISSING, STYLE, STYLE_PATH, listing_file
from blindfair.pages.listing_view import OfferedListing, view_listing
from blindfair.pages.rendering import file_bytes, render


class Catalogue:
    """The folder with the pages of a service that buyers reach at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = private_directory(folder)
        self._url = url
        self._written: dict[str, bytes] = {}

    def write(self, listings: Sequence[OfferedListing]) -> None:
        """Write what has changed. Raises CannotWrite."""
        for name, page in self._pages(listings).items():
            if self._written.get(name) != page:
                write_atomically(self._folder / name, page)
                self._written[name] = page

    def _pages(self, listings: Sequence[OfferedListing]) -> dict[str, bytes]:
        path = urlsplit(self._url).path
        views = [view_listing(each, self._url) for each in listings]
        common = {
            "home": f"{path}/",
            "style": f"{path}{STYLE_PATH}",
            "icon": f"{path}{ICON_PATH}",
            "pages": f"{path}{LISTING_PAGES}",
            "url": self._url,
        }
        return {
            STYLE: file_bytes(STYLE),
            ICON: file_bytes(ICON),
            MISSING: render("missing.html", **common),
            INDEX: render("catalogue.html", listings=views, **common),
            **{listing_file(view.number): render("listing.html", listing=view, **common) for view in views},
        }
