"""The address of a node: what may be shown of it, and what may not.

User names, passwords, paths and queries may hold keys. Errors and logs show the host alone.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote, urlsplit

from blindfair.protocol.errors import InvalidOption

SHORTEST_KEY = 6
"""Characters: shorter parts of a path or query are words such as `v3`, and hold no key."""

_WEBSOCKETS = ("ws", "wss")
_SCANNED = 64 * 1024
_ADDRESS = re.compile(r"\b(https?|wss?)://[^\s\"'<>]*", re.IGNORECASE)
HIDDEN = "***"
"""The text that replaces a secret."""


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """One node's URL, `host` with its port, and the texts that must never be shown."""

    url: str
    host: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"NodeAddress({self.host})"

    @classmethod
    def parse(cls, url: str) -> "NodeAddress":
        """Raises InvalidOption for anything but a URL of HTTP or of a WebSocket. The error shows nothing of it."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            # What stands before such a character counts as host and port, and a password is no port.
            if re.match(r"(https?|wss?)://[^/?#]*[/?#].*@", url, re.IGNORECASE):
                raise _not_encoded("has a #, / or ? in its user name or password") from None
            raise _not_a_url() from None
        if not host or parts.scheme not in ("http", "https", *_WEBSOCKETS):
            raise _not_a_url()
        # A password of digits with one of these in it would count as the host's port.
        if parts.fragment or "@" in parts.path or ("@" in parts.query and not parts.path):
            raise _not_encoded("has a # or an @ after its host")
        shown = f"[{host}]{port}" if ":" in host else f"{host}{port}"
        return cls(url, shown, _secrets(parts.username or "", parts.password or "", parts.path, parts.query))

    @property
    def is_websocket(self) -> bool:
        """Whether requests travel over a WebSocket, and not by HTTP."""
        return urlsplit(self.url).scheme in _WEBSOCKETS

    def scrub(self, text: str) -> str:
        """The text without this URL's secrets; of any URL in it scheme and host are left.

        Upper and lower case count as the same, and so does a secret that is cut short or written with spaces or dashes.
        """
        text = _without_parts(_without(self.secrets, text), self.secrets)
        return _ADDRESS.sub(lambda found: scheme_and_host(found.group()), text)

    def scrub_whole(self, text: str) -> str:
        """The text without this URL's whole keys, otherwise as it is: for words that a program looks into."""
        return _without([secret for secret in self.secrets if len(secret) >= SHORTEST_KEY], text)

    def excerpt(self, said: bytes, length: int = 120) -> str:
        """The beginning of an answer or header for people: no markup, no secrets, nothing that a terminal obeys."""
        text = unescape(said[:_SCANNED].decode("utf-8", "replace"))
        # A secret may be in several pieces, with markup in between.
        text = " ".join(self.scrub(re.sub(r"<[^<>]*>", " ", text)).split())
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: length + 1])
        return shown if len(shown) <= length else shown[:length] + "..."

    def shown_target(self, location: str) -> str:
        """The part of a redirect's address that may be shown."""
        return self.scrub(scheme_and_host(location))


def scheme_and_host(url: str) -> str:
    """The part of a URL that may be shown; `an address` for a malformed one."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        host = port = ""
    if not host or not re.fullmatch(r"[a-z0-9.:_*-]{1,253}", host):
        return "an address"
    return f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}"


def _not_encoded(what: str) -> InvalidOption:
    return InvalidOption(
        f"the node's address {what}",
        expected="http://user:password@host:port/path",
        found="a character that ends the host too early",
        hint="write # as %23, / as %2F, ? as %3F and @ as %40 in a user name or password: `rpc=URL`",
    )


def _not_a_url() -> InvalidOption:
    return InvalidOption(
        "the node's address is not a URL",
        expected="http://host:port, https://host/path, or the same with ws or wss",
        found="something else",
        hint="name a node: `rpc=http://127.0.0.1:8545`",
    )


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
    return text


def _without_parts(text: str, secrets: Sequence[str]) -> str:
    """The text without any `SHORTEST_KEY` alphanumerics that follow one another in a secret."""
    parts = {
        kept[start : start + SHORTEST_KEY]
        for kept in ("".join(c for _, c in _alphanumerics(secret)) for secret in secrets)
        for start in range(len(kept) - SHORTEST_KEY + 1)
    }
    characters = _alphanumerics(text)
    pieces, shown_from, hidden_to = [], 0, -1
    for start in range(len(characters) - SHORTEST_KEY + 1):
        window = characters[start : start + SHORTEST_KEY]
        if "".join(c for _, c in window) not in parts:
            continue
        first, last = window[0][0], window[-1][0]
        if first > hidden_to:
            pieces += [text[shown_from:first], HIDDEN]
        shown_from, hidden_to = last + 1, last
    return "".join([*pieces, text[shown_from:]])


def _alphanumerics(text: str) -> list[tuple[int, str]]:
    """Each alphanumeric character in lower case, with its place."""
    return [(place, c.lower()) for place, c in enumerate(text) if c.isalnum()]


def _secrets(user: str, password: str, path: str, query: str) -> tuple[str, ...]:
    found = {password} if password else set()
    values = [part.partition("=")[2] or part for part in query.split("&")]
    found |= {part for part in (user, *path.split("/"), *values) if len(part) >= SHORTEST_KEY}
    if user or password:
        pair = f"{unquote(user)}:{unquote(password)}"
        found |= {b64encode(pair.encode(coding, "replace")).decode() for coding in ("latin-1", "utf-8")}
    found |= {unquote(secret) for secret in found}
    # The longest first: a part of one must not keep the rest of it in view.
    return tuple(sorted(found, key=lambda secret: (-len(secret), secret)))
