"""One program of an account at a time in a store that has no locks: each writes its name, and looks for others'.

    MAILBOX/.lease-PROGRAM      who holds the mailbox, for people

Only the store's own clock is compared, with itself. Where a store lists late, two programs that begin in the same
seconds may miss each other; both then take messages away, and each sender sends again what was not answered.
"""

import time
from collections.abc import Sequence

from blindfair.agents.messaging.mail_store import MailStore, StoreEntry
from blindfair.protocol.errors import StoreInUse

LEASE_SECONDS = 60.0
"""How long a program that is silent keeps others out."""

RENEW_SECONDS = 20.0

_PREFIX = ".lease-"
_SHOWN = 300


class StoreLease:
    """The right of the program `program`, named `holder` for people, to read the folder `mailbox` of a store."""

    def __init__(self, store: MailStore, mailbox: str, program: str, holder: str) -> None:
        self._store = store
        self._mailbox = mailbox
        self._name = f"{_PREFIX}{program}"
        self._holder = holder
        self._written: float | None = None
        self._is_held = False

    def write(self) -> None:
        """Say that this program is here, at times. Raises StateError."""
        now = time.monotonic()
        if self._written is None or now - self._written > RENEW_SECONDS:
            self._store.write(f"{self._mailbox}/{self._name}", self._holder[:_SHOWN].encode(errors="replace"))
            self._written = now

    def check(self, entries: Sequence[StoreEntry]) -> None:
        """Look for others in a list of the mailbox that was made after `write`. Raises StoreInUse, and takes the own
        name away, where another was there first."""
        if self._is_held:
            # Whoever comes later sees this one, and goes.
            return
        times = {entry.name: entry.written for entry in entries if entry.name.startswith(_PREFIX)}
        own = times.get(self._name)
        for name, written in times.items():
            if name == self._name or own is None or written is None or own - written > LEASE_SECONDS:
                continue
            first = self._store.read(f"{self._mailbox}/{name}", 0, _SHOWN) or b""
            self.release()
            raise StoreInUse(
                "Another program of this account uses this mailbox",
                expected="one program of an account",
                # As text of others: the object may hold anything.
                found=ascii(first.decode(errors="replace"))[1:-1] or "a program that does not say its name",
                hint=f"end that program; if it died, this one goes on after {LEASE_SECONDS:g} seconds",
            )
        self._is_held = own is not None

    def release(self) -> None:
        """Let others in. Raises StateError."""
        self._written, self._is_held = None, False
        self._store.remove(f"{self._mailbox}/{self._name}")
