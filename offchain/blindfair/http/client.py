"""The buyer's side: a mailbox at a seller's service, as a `Transport`. Agent code does not know that it is no folder.

Whatever ends early goes on where it was: a message out from the byte that the service has, a message in from the byte
that lies in `folder`. The service is trusted with nothing: a message is its hash, and what it says is bounded.
"""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from blindfair.agents.messaging.downloads import Downloads
from blindfair.agents.messaging.handles import is_handle
from blindfair.agents.messaging.queue_places import QueuePlace, place_from
from blindfair.agents.messaging.transport import Signer
from blindfair.http.calls import blocks
from blindfair.http.session import ServiceSession, refusal_of
from blindfair.http.wire import (
    MAILBOX,
    MESSAGES,
    PENDING_SHOWN,
    SEGMENT,
    UPLOAD_OFFSET,
    content_digest,
    content_range,
    service_url,
)
from blindfair.protocol.errors import (
    ServiceBusy,
    ServiceUnreachable,
    StateError,
    TransferDamaged,
    Undeliverable,
    WrongService,
)
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain

TURN_SECONDS = 60.0
"""Seconds for which one message is sent, or all that are listed are fetched, before the agent looks at its orders."""

_TRIES = 5
"""Calls in a row that may fail without a byte of progress."""

_REMOVE_SECONDS = 20.0

_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 600.0


class HttpTransport:
    """The mailbox of `own` at the service `url`; proofs are made by `sign` for the contract of `domain`.

    `folder` is this program's own, for what is on its way; where it is None, a temporary one.
    """

    def __init__(self, url: str, own: Address, sign: Signer, domain: Domain, folder: Path | None = None) -> None:
        """Raises InvalidOption for what is no URL of a service, and nothing else: an agent with an open order must
        start although its mail does not work."""
        self._temporary = tempfile.TemporaryDirectory(prefix="blindfair-") if folder is None else None
        place = Path(self._temporary.name) if self._temporary is not None else folder
        self._downloads = Downloads(place or Path())
        self._session = ServiceSession(service_url(url), own, sign, domain, self._downloads.program)
        self._sizes: dict[str, int] = {}
        self._not_before: dict[str, tuple[float, float]] = {}
        self._incomplete: str | None = None
        self._left = TURN_SECONDS
        self._stuck: StateError | None = None
        self._place: QueuePlace | None = None

    # --- out -------------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: bytes) -> None:
        """Put a message into the mailbox of `to`, as `Transport` says; in pieces, each from the byte where it was."""
        info = self._session.info()
        if to != info.seller:
            raise Undeliverable(
                f"The service at {info.url} takes no messages to {to}",
                expected=info.seller,
                found=to,
                hint="name the URL of that seller's service",
            )
        handle = hashlib.sha256(message).hexdigest()
        ends, failed = time.monotonic() + TURN_SECONDS, 0
        offset = self._offset(handle, len(message))
        while offset is not None:
            if time.monotonic() > ends:
                raise ServiceBusy(
                    "The message is on its way", expected=f"{len(message):,} bytes", found=f"{offset:,} bytes",
                    hint="it goes on by itself, from there",
                )  # fmt: skip
            try:
                reached = self._send_piece(handle, message, offset)
            except (ServiceUnreachable, TransferDamaged):
                failed += 1
                if failed >= _TRIES:
                    raise
                time.sleep(_PAUSE_SECONDS * failed)
                reached = self._offset(handle, len(message))
            if reached is None or reached > offset:
                failed = 0
            offset = reached

    def _send_piece(self, handle: str, message: bytes, offset: int) -> int | None:
        """Send what follows `offset`; the bytes that the service has then, None where it has all."""
        piece = message[offset : offset + SEGMENT]
        headers = {
            "Content-Range": content_range(offset, len(piece), len(message)),
            "Content-Digest": content_digest(hashlib.sha256(piece).digest()),
            "Content-Type": "application/octet-stream",
        }
        path = f"{MESSAGES}/{handle}"
        with self._session.call("PUT", path, headers=headers, body=piece, seconds=TURN_SECONDS) as answer:
            if answer.status_code == 201:
                return None
            if answer.status_code in (202, 408, 409) and UPLOAD_OFFSET in answer.headers:
                return _offset_of(answer.headers[UPLOAD_OFFSET], len(message))
            raise refusal_of(self._session.url, answer)

    def _offset(self, handle: str, size: int) -> int | None:
        """Bytes of a message that the service has, None where it has all."""
        with self._session.call("HEAD", f"{MESSAGES}/{handle}") as answer:
            if answer.status_code != 200:
                raise refusal_of(self._session.url, answer)
            text = answer.headers.get(UPLOAD_OFFSET)
            return None if text is None else _offset_of(text, size)

    def take_back(self, to: Address, handle: str) -> None:
        """Nothing: the service keeps what its seller has not read, and nobody takes it from there."""

    # --- in --------------------------------------------------------------------------------------------------------

    def pending(self) -> Iterator[tuple[str, int]]:
        """Handle and size of every message not yet done, as `Transport` says."""
        found: dict[str, int] = {}
        entries, document = self._session.listed(MAILBOX, "messages", PENDING_SHOWN)
        self._place = place_from(document.get("queue"))
        for entry in entries:
            match entry:
                case [str(handle), int(size)] if is_handle(handle) and size >= 0:
                    found[handle] = size
                case _:
                    raise WrongService(
                        f"{self._session.url} lists something that is no message", expected="[SHA256, BYTES]", found="?"
                    )
        self._sizes = found
        self._left, self._stuck = TURN_SECONDS, None
        self._downloads.keep(found)
        self._not_before = {handle: when for handle, when in self._not_before.items() if handle in found}
        self._incomplete = self._incomplete if self._incomplete in found else None
        now = time.monotonic()
        yield from (
            (handle, size) for handle, size in found.items() if self._not_before.get(handle, (0.0, 0.0))[0] <= now
        )

    def head(self, handle: str, size: int) -> bytes:
        """The first bytes of a message, as `Transport` says."""
        size = min(size, self._sizes.get(handle, 0))
        if self._downloads.size(handle) < size:
            self._fetch(handle, size)
        data = self._downloads.beginning(handle, size)
        return data if len(data) == size else b""

    def receive(self, handle: str) -> bytes:
        """The whole message, as `Transport` says; none of it before all of it is here, after some turns if need be."""
        size = self._sizes.get(handle, 0)
        if not self._downloads.has_space(handle, size):
            self._incomplete = handle
            return b""
        if not self._fetch(handle, size):
            return b""
        try:
            data = self._downloads.whole(handle)
        except TransferDamaged:
            # Asked for again, each time after twice the pause.
            pause = min(2 * self._not_before.get(handle, (0.0, 1.0))[1], _LONGEST_PAUSE_SECONDS)
            self._not_before[handle] = time.monotonic() + pause, pause
            raise
        self._incomplete = None
        return data

    def _fetch(self, handle: str, size: int) -> bool:
        """Fetch a message up to `size` bytes. Whether they are here: not where it is gone, or the turn is over.

        A turn is shared by all messages of a list: a service may list a thousand, and give a byte of each now and then.
        """
        ends = time.monotonic() + self._left
        try:
            return self._fetch_until(handle, size, ends)
        finally:
            self._left = max(0.0, ends - time.monotonic())

    def _fetch_until(self, handle: str, size: int, ends: float) -> bool:
        failed = 0
        while (have := self._downloads.size(handle)) < size:
            left = ends - time.monotonic()
            if left <= 0:
                self._incomplete = handle
                return False
            try:
                if not self._fetch_from(handle, have, size, left):
                    return False
            except ServiceUnreachable:
                failed = 0 if self._downloads.size(handle) > have else failed + 1
                if time.monotonic() < ends and failed >= _TRIES:
                    raise
                time.sleep(_PAUSE_SECONDS * failed)
        return True

    def _fetch_from(self, handle: str, have: int, size: int, seconds: float) -> bool:
        headers = {"Range": f"bytes={have}-{size - 1}"}
        with self._session.call("GET", f"{MAILBOX}/{handle}", headers=headers, seconds=seconds) as answer:
            if answer.status_code == 404:
                return False
            if answer.status_code != 206:
                raise refusal_of(self._session.url, answer)
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise TransferDamaged(
                    "The service gave another piece of a message",
                    expected=f"from byte {have} on",
                    found=ascii(answer.headers.get("Content-Range", "none"))[1:-1][:60],
                )
            self._downloads.add(handle, blocks(answer), size)
            if self._downloads.size(handle) == have:
                raise ServiceUnreachable(
                    f"The service at {self._session.url} gives nothing of a message", expected=size, found=have
                )
        return True

    def done(self, handle: str) -> None:
        """Remove a message that has been dealt with, as `Transport` says. Once it fails, not before the next list."""
        if self._stuck is not None:
            raise self._stuck
        try:
            with self._session.call("DELETE", f"{MAILBOX}/{handle}", seconds=_REMOVE_SECONDS) as answer:
                if answer.status_code not in (204, 404):
                    raise refusal_of(self._session.url, answer)
        except StateError as error:
            self._stuck = error
            raise
        self._downloads.remove(handle)

    def aside(self) -> str | None:
        """None: a service lists messages alone."""
        return None

    def incomplete(self) -> str | None:
        """The handle of a message of which a part is missing, as `Transport` says."""
        return self._incomplete

    # --- the queue -------------------------------------------------------------------------------------------------

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        """Nothing: a service answers for a seller alone."""

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        """Where this account stands, as `Transport` says: what the service said with its last list."""
        return self._place

    # --- one program of an account ---------------------------------------------------------------------------------

    def hold(self, holder: str) -> None:
        """Keep other programs of this account out, as `Transport` says: the service does, while it hears from this."""
        self._session.hold(holder)

    def release(self) -> None:
        """Let other programs of this account in, as `Transport` says."""
        self._session.end()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.cleanup()


def _offset_of(text: str, size: int) -> int:
    """An offset that the service tells. Raises WrongService for what is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) > size:
        raise WrongService("The service tells an offset that is none", expected=f"0 to {size}", found=ascii(text)[:40])
    return int(text)
