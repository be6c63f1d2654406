"""One program of an account at a time in a store that has no locks: each writes its name, and looks for others'.

    MAILBOX/.lease-PROGRAM      who holds the mailbox, for people, and when by its own clock; signed by the account

Whoever may write into the store could else keep the account's own programs out. So a name counts only if the account
has signed it, is renewed, and is new; the bytes of one that died, written again by a stranger, count for no longer
than the program itself would have. Ages are by the store's own clock, compared with itself. Where a store lists late,
two programs that begin in the same seconds may miss each other; both then take messages away, and each sender sends
again what was not answered.
"""

import time
from collections.abc import Sequence

from blindfair.agents.messaging.mail_store import MailStore, StoreEntry
from blindfair.agents.messaging.transport import Signer
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import MessageError, StateError, StoreInUse
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.hashing import sha256
from blindfair.protocol.signing import SIGNATURE_SIZE

LEASE_SECONDS = 60.0
"""How long a program that is silent keeps others out."""

RENEW_SECONDS = 20.0

_PREFIX = ".lease-"
_KIND = sha256(b"mailbox-lease")
"""The kind of the message that is signed; no message of the protocol has it."""

_SHOWN = 300
_LIMIT = 4096
_LOOKED_AT = 16
"""The newest of others' names, which are read: each is a request, and strangers may write many."""

_CLOCKS_APART = 24 * 3600.0
"""Seconds by which the clocks of one owner's machines may differ."""


class StoreLease:
    """The right of the program `program`, named `holder` for people, to read the folder `mailbox` of a store.

    `sign` signs as the account; the same twice is the same bytes, so that it also tells the account's own names.
    """

    def __init__(self, store: MailStore, mailbox: str, program: str, holder: str, sign: Signer) -> None:
        self._store = store
        self._mailbox = mailbox
        self._name = f"{_PREFIX}{program}"
        self._holder = ascii(holder)[1:-1][:_SHOWN]
        self._sign = sign
        self._written: float | None = None
        self._is_held = False
        self._seen: dict[str, tuple[bytes, float]] = {}

    def write(self) -> None:
        """Say that this program is here, at times. Raises StateError."""
        now = time.monotonic()
        if self._written is None or now - self._written > RENEW_SECONDS:
            at = int(time.time())
            signature = hex_text(self._signature(self._name, self._holder, at))
            data = canonical({"at": at, "holder": self._holder, "signature": signature})
            self._store.write(f"{self._mailbox}/{self._name}", data)
            self._written = now

    def check(self, entries: Sequence[StoreEntry]) -> None:
        """Look for others in a list of the mailbox that was made after `write`. Raises StoreInUse, and takes the own
        name away, where another was there first."""
        if self._is_held:
            # Whoever comes later sees this one, and goes.
            return
        times = {entry.name: entry.written for entry in entries if entry.name.startswith(_PREFIX)}
        own = times.pop(self._name, None)
        newest = sorted(((written, name) for name, written in times.items() if written is not None), reverse=True)
        for written, name in newest[:_LOOKED_AT]:
            if own is None or own - written > LEASE_SECONDS:
                continue
            first = self._holder_of(name)
            if first is None:
                continue
            self.release()
            raise StoreInUse(
                "Another program of this account uses this mailbox",
                expected="one program of an account",
                found=first or "a program that does not say its name",
                hint=f"end that program; if it died, this one goes on after {LEASE_SECONDS:g} seconds",
            )
        self._is_held = own is not None

    def _holder_of(self, name: str) -> str | None:
        """Who the account says holds the mailbox; None for a stranger's word, and for one that is long over."""
        try:
            data = self._store.read(f"{self._mailbox}/{name}", 0, _LIMIT) or b""
            fields = Fields(parse(data, _LIMIT))
            at, holder = fields.integer("at", 0, 2**53 - 1), fields.text("holder", _SHOWN)
            if fields.data("signature", SIGNATURE_SIZE) != self._signature(name, holder, at):
                return None
        except (MessageError, StateError):
            # Some stores refuse to read an empty object. One that does not work at all says so at the next call.
            return None
        before, since = self._seen.get(name, (b"", 0.0))
        if before != data:
            before, since = self._seen[name] = data, time.monotonic()
        # A program that is alive writes other bytes every time.
        is_silent = time.monotonic() - since > LEASE_SECONDS or abs(time.time() - at) > _CLOCKS_APART
        return None if is_silent else holder

    def _signature(self, name: str, holder: str, at: int) -> bytes:
        body = canonical({"at": at, "holder": holder, "mailbox": self._mailbox, "name": name})
        return self._sign(_KIND, sha256(body))

    def release(self) -> None:
        """Let others in. Raises StateError."""
        self._written, self._is_held = None, False
        self._store.remove(f"{self._mailbox}/{self._name}")
