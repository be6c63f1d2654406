"""The requests that wait for a seller: first come first served, fair between accounts, each told how long it will be.

A request stays sealed in the mailbox until its turn, so a thousand of them take no memory; what is short (inquiries,
selections, agreements) is answered between two evaluations. The order is start-time fair queueing (Goyal, Vin and
Cheng, 1996): an account's next request begins, in virtual time, when its last one ends. So whoever asks ten times gets
every second turn beside another that asks ten times, and one that asks once waits for one request of each other account
at most. In memory: after a restart the order is that of the mailbox.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from blindfair.agents.evaluation.rows import BaseModels
from blindfair.agents.messaging.mail import Mail
from blindfair.agents.messaging.queue_places import QueuePlace
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.checks import check_request
from blindfair.agents.seller.refusals import TOLD
from blindfair.agents.store.steps import reply_message
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Envelope, Message, Request
from blindfair.protocol.quantities import Address, Timestamp

_NEWEST = 0.3
"""Weight of the latest evaluation in how long the next ones are expected to take."""


def waiting_cost(
    buyer: Address, request: Request, manifest: Manifest, policy: SellerPolicy, now: Timestamp, bases: BaseModels
) -> int | None:
    """Multiplications of a request that is to be evaluated; None for one that is refused, at once and not in turn."""
    if not policy.answers(buyer):
        return None
    try:
        return check_request(request, manifest, policy, now, bases)
    except TOLD:
        return None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that waits: `cost` in multiplications, `start` and `number` say when it is its turn."""

    handle: str
    sender: Address
    cost: int
    start: float
    number: int


class EvaluationQueue:
    """The waiting requests of one seller. `tell` tells its owner."""

    def __init__(
        self, mail: Mail, tell: Callable[[str, str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._mail = mail
        self._tell = tell
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._ends: dict[Address, float] = {}
        self._now = 0.0
        self._arrived = 0
        self._seconds_per_cost: float | None = None
        self._told: dict[Address, QueuePlace] = {}

    def add(self, handle: str, sender: Address, cost: int) -> None:
        """Put a request into the queue; its message stays in the mailbox."""
        start = max(self._now, self._ends.get(sender, 0.0))
        self._ends[sender] = start + max(cost, 1)
        self._arrived += 1
        self._waiting[handle] = _Waiting(handle, sender, max(cost, 1), start, self._arrived)
        self._mail.put_off(handle)

    def takes(
        self,
        handle: str,
        envelope: Envelope,
        message: Message,
        manifest: Manifest,
        policy: SellerPolicy,
        now: Callable[[], Timestamp],
        bases: BaseModels,
    ) -> bool:
        """Put a message into the queue if it is a request that is to be evaluated. Whether it is one: what is refused,
        or was answered before, does not wait."""
        if not isinstance(message, Request) or self._mail.was_written(reply_message(envelope.digest)):
            return False
        cost = waiting_cost(envelope.sender, message, manifest, policy, now(), bases)
        if cost is not None:
            self.add(handle, envelope.sender, cost)
        return cost is not None

    def serve(self, answer: Callable[[str, Envelope, Message], None]) -> None:
        """Give the next request that is still there to `answer`. Raises what `answer` raises, and Waiting while the
        mail does not work: it is then the next one again."""
        while self._waiting:
            self._tell_places()
            first = self._ordered()[0]
            found = self._mail.read_again(first.handle)
            if found is None:
                del self._waiting[first.handle]
                continue
            began = self._clock()
            try:
                answer(first.handle, *found)
            except BlindfairError:
                # Tried again, after those who wait already: what is wrong may be wrong with this one alone.
                self._arrived += 1
                last = max(one.start for one in self._waiting.values())
                self._waiting[first.handle] = replace(first, start=last, number=self._arrived)
                raise
            self._served(first, self._clock() - began)
            break
        self._tell_places()

    def _served(self, one: _Waiting, seconds: float) -> None:
        del self._waiting[one.handle]
        self._now = max(self._now, one.start)
        rate, before = seconds / one.cost, self._seconds_per_cost
        self._seconds_per_cost = rate if before is None else _NEWEST * rate + (1 - _NEWEST) * before
        # Accounts whose requests lie in the past stand as new ones do.
        self._ends = {account: end for account, end in self._ends.items() if end > self._now}

    def _ordered(self) -> list[_Waiting]:
        return sorted(self._waiting.values(), key=lambda one: (one.start, one.number))

    def places(self) -> dict[Address, QueuePlace]:
        """Where each account's first request stands, the next one first."""
        found: dict[Address, QueuePlace] = {}
        cost, rate = 0, self._seconds_per_cost
        for place, one in enumerate(self._ordered(), 1):
            cost += one.cost
            if one.sender not in found:
                found[one.sender] = QueuePlace(place, None if rate is None else round(cost * rate))
        return found

    def _tell_places(self) -> None:
        places = self.places()
        if places == self._told:
            return
        self._told = places
        self._mail.tell_queue(places)
        if len(self._waiting) > 1:
            last = list(places.values())[-1]
            self._tell("queue", f"{len(self._waiting):,} requests wait; the last account is at {last}")
