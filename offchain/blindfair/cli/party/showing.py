"""`seller show` and `buyer show`: pages of a directory on this machine, until Ctrl-C."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from blindfair.api.keystore import unlock
from blindfair.cli.flags import with_flags
from blindfair.cli.output import Output
from blindfair.cli.party.settings import Settings
from blindfair.pages.local_app import Common, LocalApp, LocalSite, Shown, common
from blindfair.pages.local_server import LOOPBACK, answer, listen
from blindfair.pages.logins import Logins


def show_pages(
    settings: Settings, directory: Path, port: int, find: Callable[[str, Common], Shown | None], output: Output
) -> None:
    """Answer on the loopback address until interrupted; `find` gives what is at a path. Raises InvalidOption for a port
    that is taken."""
    with listen(port) as listening:
        taken = listening.getsockname()[1]
        site = LocalSite(settings.role, directory, taken, with_flags)
        url = f"http://{LOOPBACK}:{taken}/"

        def ready() -> None:
            output.document({"directory": str(directory), "url": url})
            output.lines.item("page", f"{url} in a browser of this machine; the keystore's password opens it")
            output.lines.item("", "it shows, and changes nothing; Ctrl-C ends it")

        logins = Logins(partial(unlock, settings.keystore))
        answer(LocalApp(site, logins, partial(_found, find, common(site))).asgi(), listening, ready)


def _found(find: Callable[[str, Common], Shown | None], values: Common, path: str) -> Shown | None:
    return find(path, values)
