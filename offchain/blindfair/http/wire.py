"""What client and server of a seller's service share: paths, headers, documents, and what a session's proof signs.

docs/reference/http.md describes it for other implementations. Not here: messages, which travel as they are.
"""

import base64
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from blindfair.protocol.documents import Document, canonical
from blindfair.protocol.errors import InvalidOption, MalformedMessage
from blindfair.protocol.fields import Fields
from blindfair.protocol.hashing import sha256
from blindfair.protocol.quantities import Address, Digest
from blindfair.protocol.signing import Domain

VERSION = 1
SERVICE = "blindfair"

HEALTH = "/health"
INFO = "/v1/info"
CHALLENGE = "/v1/challenge"
SESSION = "/v1/session"
LISTINGS = "/v1/listings"
MAILBOX = "/v1/mailbox"
MESSAGES = "/v1/messages"

UPLOAD_OFFSET = "Upload-Offset"
"""Response header: bytes of a message that the service holds."""

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
PROBLEM = "urn:blindfair:error:"
"""Beginning of a problem's `type` (RFC 9457); the name of an error follows."""

SEGMENT = 4 * 2**20
"""Bytes of one request's body at most."""

DOCUMENT_BYTES = 2**20
"""Bytes of a document that either side reads at most; a manifest may have `MANIFEST_BYTES`."""

MANIFEST_BYTES = 16 * 2**20

PENDING_SHOWN = 1000
"""Messages of a mailbox that are listed at most."""

_SESSION_KIND = sha256(b"blindfair/v1/http-session")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/(\d{1,12})")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What a service says of itself, to anybody."""

    url: str
    seller: Address
    domain: Domain

    def to_document(self) -> Document:
        """The document that `GET /v1/info` answers with."""
        return {
            "service": SERVICE,
            "version": VERSION,
            "url": self.url,
            "seller": self.seller,
            "chain_id": self.domain.chain_id,
            "contract": self.domain.contract,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read the document. Raises MalformedMessage."""
        fields = Fields(document, "info")
        fields.choice("service", [SERVICE])
        fields.integer("version", VERSION, VERSION)
        domain = Domain(fields.integer("chain_id", 1, 2**53 - 1), fields.address("contract"))
        return cls(fields.text("url", 2000), fields.address("seller"), domain)


def session_proof(url: str, account: Address, nonce: str, expires: int) -> tuple[Digest, Digest]:
    """Kind and body to sign, as a message is signed (PROTOCOL 4), to read the mailbox of `account` at `url`.

    `nonce` is the service's challenge in hexadecimal, `expires` the second since 1970 at which it ends.
    """
    document: Document = {"account": account, "expires": expires, "nonce": nonce, "url": url}
    return Digest(_SESSION_KIND), Digest(sha256(canonical(document)))


def content_digest(data: bytes) -> str:
    """The value of `Content-Digest` (RFC 9530) for a SHA-256."""
    return f"sha-256=:{base64.b64encode(data).decode()}:"


def content_range(start: int, size: int, total: int) -> str:
    """The value of `Content-Range` for `size` bytes, one at least, from `start` on (RFC 9110 section 14.4)."""
    return f"bytes {start}-{start + size - 1}/{total}"


def parse_content_range(text: str) -> tuple[int, int, int]:
    """First byte, number of bytes, and bytes in all. Raises MalformedMessage."""
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise MalformedMessage(
            "A request says not which bytes it has", expected="bytes FIRST-LAST/ALL", found=text[:80]
        )
    first, last, total = (int(number) for number in found.groups())
    if not first <= last < total:
        raise MalformedMessage("The bytes of a request are out of order", expected="FIRST <= LAST < ALL", found=text)
    return first, last - first + 1, total


def service_url(text: str, option: str = "at") -> str:
    """The one form of a service's URL, which proofs are bound to: lower case, no default port, no slash at its end.

    Raises InvalidOption for other schemes, and for a user name, password, query or fragment: no secret is in a URL.
    """
    refusal = InvalidOption(
        f"`{option}` is not the URL of a service",
        expected="https://host, with a port and a path if need be",
        # Nothing of what may be a secret is shown.
        found=text.rpartition("@")[2].partition("?")[0].partition("#")[0][:200],
        hint="a service's URL holds no user name, password, ? or #",
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise refusal from error
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise refusal
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown_port = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}{parts.path.rstrip('/')}"
