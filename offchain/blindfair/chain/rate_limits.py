"""Nodes that limit how often they are asked: how they say so, and for how long they want to be left alone.

There is no one way: HTTP status 429, JSON-RPC error -32005 (EIP-1474), or an error whose text says it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_LIMIT_EXCEEDED = -32005
"""EIP-1474. Nodes also use it for a search of logs that is too large, which waiting does not help."""

_TOO_MANY_REQUESTS = 429

_WORDS = re.compile(
    r"rate.?limit|too many requests|request (?:rate|count|limit)|requests? per (?:second|minute|hour|day)"
    r"|/(?:second|sec|s|minute|min) (?:request )?limit|compute units? per second|throttl|quota exceeded"
    r"|(?:retry|try again) (?:in|after) [\d.]+ ?(?:ms|s|m)",
    re.IGNORECASE,
)
_WAIT = re.compile(r"(?:retry|try again) (?:in|after) ([\d.]{1,10}) ?(ms|s|m)?", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
"""Seconds between attempts where the node does not say how long to wait."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A node's wish to be asked less often; `pause` is in seconds, None if it does not say how long."""

    pause: float | None

    def wait(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt`, counted from 0."""
        defaults = min(_FIRST_PAUSE * float(2 ** min(attempt, 10)), _LONGEST_PAUSE)
        return max(defaults, self.pause or 0.0)


def limit_of(method: str, status: int, retry_after: str, error: object, date: str = "") -> RateLimit | None:
    """The limit that an answer tells of, None without one.

    `error` is the JSON-RPC error object, if there is one, `date` the answer's own header.
    """
    fields = error if isinstance(error, Mapping) else {}
    code, message = fields.get("code"), str(fields.get("message", ""))[:1000]
    said = status == _TOO_MANY_REQUESTS or code == _TOO_MANY_REQUESTS or _WORDS.search(message) is not None
    # Without such words, -32005 about logs is about their number, and about a transaction it is a pool's.
    if not said and (code != _LIMIT_EXCEEDED or method in ("eth_getLogs", "eth_sendRawTransaction")):
        return None
    # A contract chooses the words of its refusals, and must not make this program wait.
    if status != _TOO_MANY_REQUESTS and (code == 3 or "revert" in message.lower()):
        return None
    asked = seconds_of(retry_after, date)
    return RateLimit(asked if asked is not None else _asked_in(fields, message))


def seconds_of(retry_after: str, date: str = "") -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110 section 10.2.3), None for one that says nothing.

    A moment counts from `date`, the header in which the same answer says what time it is there: this machine's clock
    may be hours off.
    """
    text = retry_after.strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text, re.ASCII):
        return float(text)
    moment = _moment(text)
    if moment is None:
        return None
    now = _moment(date) or datetime.now(UTC)
    return max(0.0, float((moment - now).total_seconds()))


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # RFC 9110 knows dates of GMT alone, which the parser leaves without a zone if it is written as -0000.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _asked_in(fields: Mapping[Any, Any], message: str) -> float | None:
    data = fields.get("data")
    rate = data.get("rate") if isinstance(data, Mapping) else None
    backoff = rate.get("backoff_seconds") if isinstance(rate, Mapping) else None
    if isinstance(backoff, int | float) and 0 <= backoff < 10**9:
        return float(backoff)
    found = _WAIT.search(message)
    if found is None:
        return None
    try:
        return float(found.group(1)) * _UNITS[(found.group(2) or "s").lower()]
    except ValueError:
        return None
