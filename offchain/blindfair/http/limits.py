"""What strangers, accounts and addresses may make a service do: connections, requests, bytes and seconds.

Constant things are checked before costly ones: a request of a stranger that is refused has cost a look into a table.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from time import monotonic

from blindfair.http.wire import SEGMENT
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.sealed_message import SEALED_MESSAGE_LIMIT

_READ_AT_ONCE = 256 * 1024
"""Bytes that asyncio takes from a connection at once."""


_RANGES: dict[str, tuple[float, int]] = {
    "address_rate": (0.01, 10**6),
    "proof_rate": (0.01, 10**6),
    "account_rate": (0.01, 10**6),
    "session_address_rate": (0.01, 10**6),
    "connections": (2, 100_000),
    "header_bytes": (2048, 2**20),
    "segment": (1024, SEGMENT),
    "message": (4096, SEALED_MESSAGE_LIMIT),
    "stranger_message": (1024, SEALED_MESSAGE_LIMIT),
    "waiting": (2, 10**6),
    "disk": (2**20, 2**53),
    "disk_of_account": (2**16, 2**53),
    "unfetched": (2**20, 2**53),
    "slowest_upload": (0, 2**53),
}
"""Least and most of limits that are not from 1 on. A segment is what clients send."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Bounds of one service. Rates are in requests a second, and a burst is how many may come at once."""

    connections: int = 400
    """Open connections in all. Where there are more, the one that has waited longest for its request is closed."""

    connections_of_address: int = 32
    """Open connections of one address, or of one /64 network of IPv6."""

    header_seconds: float = 10.0
    """Until a request's header is there, also between two requests of a connection."""

    body_seconds: float = 60.0
    """Until a body is there; what has come by then is kept."""

    response_seconds: float = 120.0
    """Until an answer is fetched; a client goes on with the rest."""

    header_bytes: int = 16 * 2**10

    address_rate: float = 20.0
    """Requests without a session, of one address."""

    address_burst: int = 60

    proof_rate: float = 1.0
    """Proofs of an account, of one address: each costs the check of a signature."""

    proof_burst: int = 20

    account_rate: float = 30.0
    """Requests with a session, of one account."""

    account_burst: int = 120

    session_address_rate: float = 120.0
    """Requests with a session, of one address: as many as of four accounts, for accounts cost nothing."""

    session_address_burst: int = 480

    sessions: int = 10_000
    sessions_of_account: int = 4
    session_seconds: float = 3600.0
    lease_seconds: float = 60.0
    """How long a program that is silent keeps others of its account out of the mailbox."""

    challenge_seconds: int = 60

    segment: int = SEGMENT
    """Bytes of one body."""

    message: int = SEALED_MESSAGE_LIMIT
    """Bytes of a message of an account that the seller has answered before."""

    stranger_message: int = 4096
    """Bytes of a message of any other account: an inquiry, in the clear and signed."""

    unfinished_of_account: int = 2
    """Messages that an account has begun to send."""

    waiting_of_account: int = 8
    """Messages of an account that the seller has not read yet."""

    waiting: int = 1000
    """Messages that the seller has not read yet, in all, half of them for strangers; and messages begun, in all."""

    disk: int = 8 * 2**30
    """Bytes of messages begun or not read yet, in all."""

    disk_of_account: int = 256 * 2**20
    """The same of one account: it takes many to fill the whole, and each of them costs its holder bandwidth."""

    unfetched: int = 32 * 2**30
    """Bytes of messages of the seller that accounts have not fetched, in all; the oldest of the largest give way."""

    unfetched_seconds: float = 14 * 86400.0
    """How long such a message is kept. A buyer that comes back later asks again."""

    idle_upload_seconds: float = 600.0
    """After this long without a byte, a message that was begun may give way to another."""

    slowest_upload: float = 4096.0
    """Bytes a second below which a message does so after `idle_upload_seconds` although bytes come."""

    longest_upload_seconds: float = 3600.0
    """The same for a message that comes so slowly that all of it would take longer than this: space that was announced
    costs its holder as much bandwidth as there is of it."""

    @classmethod
    def from_document(cls, document: Document) -> "ServiceLimits":
        """Read what `to_document` gave; what is not there has its default."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})  # type: ignore[arg-type]

    def changed(self, texts: Sequence[str]) -> "ServiceLimits":
        """The same with some limits changed, each given as NAME=NUMBER. Raises InvalidOption."""
        changes: dict[str, int | float] = {}
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for text in texts:
            name, _, number = text.partition("=")
            name = name.strip().replace("-", "_")
            if name not in kinds:
                raise InvalidOption(
                    "`limit` names no limit", expected=", ".join(kinds), found=repr(name[:40]),
                    hint="such as --limit connections=1000",
                )  # fmt: skip
            least, most = _RANGES.get(name, (1, 2**53))
            try:
                value = kinds[name](number)
            except ValueError:
                value = math.nan
            if not least <= value <= most:
                raise InvalidOption(
                    f"`limit` {name} is out of range", expected=f"{least:g} to {most:,}", found=repr(number[:40])
                )
            changes[name] = value
        return replace(self, **changes)  # type: ignore[arg-type]

    def for_messages(self, largest: int) -> "ServiceLimits":
        """The same for a seller that reads messages of up to `largest` bytes: an account has space for one of them.

        >>> ServiceLimits().for_messages(2**29).disk_of_account == 2**29
        True
        """
        message = min(self.message, largest)
        return replace(self, message=message, disk_of_account=max(message, self.disk_of_account))

    def to_document(self) -> Document:
        """All limits by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def stranger_cost(self) -> str:
        """What one request of an unknown account can cost at most, for the seller to read."""
        memory = _READ_AT_ONCE + self.header_bytes + self.stranger_message
        return (
            f"{memory:,} bytes of memory, {self.stranger_message:,} bytes of disk, two signature checks; "
            f"{self.address_rate:g} requests a second and {self.connections_of_address} connections of an address, "
            f"{self.waiting:,} unread messages and {self.disk / 2**30:g} GiB in all"
        )


class TokenBuckets:
    """One bucket of tokens for each key: `rate` tokens a second, `burst` at most. The least recently used are forgotten
    beyond `most` keys."""

    def __init__(
        self,
        rate: float,
        burst: int,
        most: int = 50_000,
        clock: Callable[[], float] = monotonic,
        *,
        is_restart: bool = False,
    ) -> None:
        """After a restart every key begins as if it had used up its burst just then: a service that is made to start
        again and again gives no more than one that runs on."""
        self._rate = rate
        self._full_since = clock() if is_restart else -math.inf
        self._burst = float(burst)
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one token. Seconds to wait where there is none, 0 where one was taken."""
        now = self._clock()
        left, since = self._buckets.pop(key, (min(self._burst, 1.0 + self._rate * (now - self._full_since)), now))
        left = min(self._burst, left + (now - since) * self._rate)
        taken = left >= 1.0
        self._buckets[key] = (left - 1.0 if taken else left, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / self._rate


def network_of(address: str) -> str:
    """What is counted as one address: an IPv4 address, or the /64 network of an IPv6 address, which one machine has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
