"""Who may read a party's own pages: whoever knows the keystore's password, until the session ends.

A session is read only: it shows, and can neither pay nor sign. The key is not kept.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from blindfair.http.limits import TokenBuckets
from blindfair.protocol.errors import ServiceBusy, SessionRefused
from blindfair.protocol.hashing import sha256

IDLE_SECONDS = 3600.0
"""Without a request for this long, a session ends."""

WHOLE_SECONDS = 12 * 3600.0
"""A session ends after this long, whatever is asked."""

SESSIONS = 16
"""Sessions at once; the one that was used longest ago gives way."""

TRIES, SECONDS_FOR_A_TRY = 5, 10.0
"""Passwords that may be tried at once, and after how long there is one more."""


class Logins:
    """The sessions of one page. `unlock` raises WrongPassword for a password that does not open the keystore."""

    def __init__(self, unlock: Callable[[str], object], clock: Callable[[], float] = monotonic) -> None:
        self._unlock = unlock
        self._clock = clock
        self._tries = TokenBuckets(1 / SECONDS_FOR_A_TRY, TRIES, clock=clock)
        self._one = threading.Lock()
        # By the token's hash: how long a comparison takes then tells nothing of a token.
        self._sessions: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def begin(self, password: str) -> str:
        """Begin a session; its token. Takes a second. Raises ServiceBusy, and what `unlock` raises."""
        wait = self._tries.take("")
        if wait or not self._one.acquire(blocking=False):
            raise ServiceBusy(
                "Too many passwords were tried",
                expected=f"{TRIES} at once, and one more every {SECONDS_FOR_A_TRY:g} seconds",
                found="more",
                hint=f"wait {max(1, round(wait))} seconds, then try again",
            )
        try:
            self._unlock(password)
        finally:
            self._one.release()
        token = secrets.token_urlsafe(32)
        now = self._clock()
        self._sessions[_name(token)] = (now + WHOLE_SECONDS, now + IDLE_SECONDS)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return token

    def check(self, token: str) -> None:
        """Let a session go on. Raises SessionRefused for a token that is none of ours, or whose time is over."""
        name, now = _name(token), self._clock()
        whole, idle = self._sessions.pop(name, (0.0, 0.0))
        if now >= min(whole, idle):
            raise SessionRefused(
                "This session is not one of this program, or it is over",
                expected="a session that was begun with the keystore's password, since the program started",
                found="another cookie",
                hint="log in again",
            )
        self._sessions[name] = (whole, now + IDLE_SECONDS)

    def end(self, token: str) -> None:
        """End a session, if there is such a one."""
        self._sessions.pop(_name(token), None)


def _name(token: str) -> bytes:
    return bytes(sha256(token.encode("utf-8", "replace")))
