"""Mailboxes in a store that fsspec reaches, as a `Transport`. Agent code does not know that it is no folder.

    URL/ACCOUNT/SHA256      a message to ACCOUNT
    URL/ACCOUNT/.queue      who waits for ACCOUNT, for people

A message is named by the hash of its bytes. So an object that is only half there, is listed late, comes twice or was
put in by a stranger does no harm: what is not its name is waited for and in the end removed, what has another kind of
name is left alone. Whoever may write there can take messages away, or fill the store, and nothing more.
"""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from blindfair.agents.messaging.downloads import Downloads
from blindfair.agents.messaging.handles import is_handle
from blindfair.agents.messaging.mail_store import MailStore, StoreEntry
from blindfair.agents.messaging.partial_messages import Look, PartialMessages
from blindfair.agents.messaging.queue_places import LIMIT, QueuePlace, place_in, places_to_bytes
from blindfair.agents.messaging.store_lease import StoreLease
from blindfair.agents.messaging.transport import Signer
from blindfair.protocol.errors import StateError, TransferDamaged
from blindfair.protocol.quantities import Address

PIECE = 8 * 2**20
"""Bytes that are fetched at once."""

TURN_SECONDS = 60.0
"""Seconds for which all that is listed is fetched before the agent looks at its orders."""

_QUEUE = ".queue"
_QUEUE_SECONDS = 20.0
"""Between two tellings of a queue, and two looks at one: each is a request that the store's owner pays for."""


class StoreTransport:
    """The mailbox of `own` in the store at `url`. `folder` is this program's own, for what is on its way; where it is
    None, a temporary one. `sign` signs as the account; without it other programs of the account are not kept out."""

    def __init__(self, url: str, own: Address, folder: Path | None = None, sign: Signer | None = None) -> None:
        """Raises InvalidOption and MissingPackage, and nothing else: an agent with an open order must start although
        its mail does not work."""
        self._store = MailStore(url)
        self._own = own
        self._sign = sign
        self._temporary = tempfile.TemporaryDirectory(prefix="blindfair-") if folder is None else None
        place = Path(self._temporary.name) if self._temporary is not None else folder
        self._downloads = Downloads(place or Path())
        self._partial = PartialMessages()
        self._lease: StoreLease | None = None
        self._holder: str | None = None
        self._looks: dict[str, Look] = {}
        self._aside: str | None = None
        self._incomplete: str | None = None
        self._left = TURN_SECONDS
        self._stuck: StateError | None = None
        self._queue = b"{}", -_QUEUE_SECONDS
        self._seen_queue: dict[Address, tuple[bytes, float]] = {}

    # --- out -------------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: bytes) -> None:
        """Put a message into the mailbox of `to`, as `Transport` says. Always written, even if something of that name
        is there: it may be half of it, or a stranger's."""
        self._store.write(f"{to}/{hashlib.sha256(message).hexdigest()}", message)

    def take_back(self, to: Address, handle: str) -> None:
        """Remove a message of one's own, as `Transport` says."""
        self._store.remove(f"{to}/{handle}")

    # --- in --------------------------------------------------------------------------------------------------------

    def pending(self) -> Iterator[tuple[str, int]]:
        """Handle and size in bytes of every message not yet done, as `Transport` says."""
        self._left, self._stuck = TURN_SECONDS, None
        found: dict[str, StoreEntry] = {}
        with self._partial.look():
            for entry in self._listed():
                if entry.name.startswith("."):
                    # A lease, or something that a mounted store writes just now.
                    continue
                if not is_handle(entry.name) or entry.size < 0:
                    self._aside = entry.name
                elif not self._partial.is_waited_for(entry.name, entry.look):
                    found[entry.name] = entry
                elif self._partial.is_given_up(entry.name):
                    self._remove_junk(entry.name)
        self._looks = {handle: entry.look for handle, entry in found.items()}
        self._downloads.keep(found)
        self._incomplete = self._incomplete if self._incomplete in found else None
        came = sorted(found.values(), key=lambda entry: (entry.written or 0.0, entry.name))
        yield from ((entry.name, entry.size) for entry in came)

    def _listed(self) -> list[StoreEntry]:
        lease = self._held_lease()
        if lease is not None:
            lease.write()
        entries = self._store.entries(self._own)
        if lease is not None:
            lease.check(entries)
        return entries

    def _remove_junk(self, handle: str) -> None:
        with contextlib.suppress(StateError):
            self._store.remove(f"{self._own}/{handle}")

    def head(self, handle: str, size: int) -> bytes:
        """The first bytes of a message, as `Transport` says."""
        size = min(size, self._size(handle))
        if self._downloads.size(handle) < size and not self._fetch(handle, size):
            return b""
        data = self._downloads.beginning(handle, size)
        if not data or data[0] == 0:
            # No message begins with a zero: a disk has made its space, and the bytes will come.
            self._wait_for(handle)
            return b""
        return data

    def receive(self, handle: str) -> bytes:
        """The whole message, as `Transport` says; none of it before all of it is here, after some turns if need be."""
        size = self._size(handle)
        if not size:
            return b""
        if not self._downloads.has_space(handle, size):
            self._incomplete = handle
            return b""
        if not self._fetch(handle, size):
            return b""
        try:
            data = self._downloads.whole(handle)
        except TransferDamaged:
            self._wait_for(handle)
            return b""
        self._partial.found_whole(handle)
        self._incomplete = None
        return data

    def _size(self, handle: str) -> int:
        """Bytes of a message as it was listed: no more is fetched, whatever lies there by now."""
        return self._looks[handle][0] if handle in self._looks else 0

    def _wait_for(self, handle: str) -> None:
        if handle in self._looks:
            self._partial.wait_for(handle, self._looks[handle], in_full=True)
        self._downloads.remove(handle)

    def _fetch(self, handle: str, size: int) -> bool:
        """Fetch a message up to `size` bytes. Whether they are here: not where it is gone, or the turn is over."""
        ends = time.monotonic() + self._left
        try:
            while (have := self._downloads.size(handle)) < size:
                if time.monotonic() > ends:
                    self._incomplete = handle
                    return False
                piece = self._store.read(f"{self._own}/{handle}", have, min(PIECE, size - have))
                if not piece:
                    # Gone, or shorter than it was listed: another lies there by now.
                    return False
                self._downloads.add(handle, [piece], size)
            return True
        finally:
            self._left = max(0.0, ends - time.monotonic())

    def done(self, handle: str) -> None:
        """Remove a message that has been dealt with, as `Transport` says. Once it fails, not before the next list."""
        if self._stuck is not None:
            raise self._stuck
        try:
            self._store.remove(f"{self._own}/{handle}")
        except StateError as error:
            self._stuck = error
            raise
        self._looks.pop(handle, None)
        self._downloads.remove(handle)

    def aside(self) -> str | None:
        """The name of an object that is not a message, as `Transport` says."""
        return self._aside

    def incomplete(self) -> str | None:
        """The handle of a message of which a part is missing, as `Transport` says."""
        return self._incomplete or self._partial.any()

    # --- the queue -------------------------------------------------------------------------------------------------

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        """Let senders see where they stand, as `Transport` says: in an object, and not at every step."""
        data, now = places_to_bytes(places), time.monotonic()
        if data != self._queue[0] and (now > self._queue[1] + _QUEUE_SECONDS or not places):
            self._queue = data, now
            with contextlib.suppress(StateError):
                self._store.write(f"{self._own}/{_QUEUE}", data)

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        """Where this account stands, as `Transport` says."""
        data, asked = self._seen_queue.get(receiver, (b"", -_QUEUE_SECONDS))
        if time.monotonic() > asked + _QUEUE_SECONDS:
            with contextlib.suppress(StateError):
                data = self._store.read(f"{receiver}/{_QUEUE}", 0, LIMIT) or b""
            self._seen_queue[receiver] = data, time.monotonic()
        return place_in(data, self._own)

    # --- one program of an account ---------------------------------------------------------------------------------

    def hold(self, holder: str) -> None:
        """Keep other programs of this account out, as `Transport` says, as far as a store without locks can."""
        self._holder = holder

    def _held_lease(self) -> StoreLease | None:
        if self._holder is not None and self._lease is None and self._sign is not None:
            program = self._downloads.program()
            self._lease = StoreLease(self._store, self._own, program, self._holder, self._sign)
        return self._lease

    def release(self) -> None:
        """Let other programs of this account in, as `Transport` says."""
        if self._lease is not None:
            with contextlib.suppress(StateError):
                self._lease.release()
        self._lease = self._holder = None
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.cleanup()
