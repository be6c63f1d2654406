"""Messages of a simulation: mailboxes in memory, and a post that loses, doubles, delays and damages what it carries.

`simulated_mail.Post` is what carries, `SimulatedMailbox` what an agent has of it (`messaging.transport.Transport`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from simulated_disk import SimulatedDisk

from blindfair.agents.messaging.queue_places import QueuePlace
from blindfair.protocol.errors import StateError
from blindfair.protocol.quantities import Address


@dataclass(frozen=True, slots=True)
class PostFaults:
    """How likely a message is lost, comes twice, comes late, comes damaged."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    damaged: float = 0.0


@dataclass
class Post:
    """All mailboxes, and what is on its way to them."""

    random: Random
    faults: PostFaults
    is_calm: bool = False
    boxes: dict[Address, dict[str, bytes]] = field(default_factory=dict)
    under_way: list[tuple[int, Address, bytes]] = field(default_factory=list)
    tick: int = 0
    said: list[tuple[Address, Address, bytes]] = field(default_factory=list)
    """Every message as its sender handed it over: from whom, to whom, the bytes."""

    handles: dict[bytes, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def take(self, sender: Address, to: Address, message: bytes) -> None:
        """Take a message, and decide when and how it arrives."""
        self.said.append((sender, to, message))
        times = 1
        if self._happens("lost", self.faults.lost):
            times = 0
        elif self._happens("doubled", self.faults.doubled):
            times = 2
        for _ in range(times):
            delay = self.random.randrange(1, 40) if self._happens("late", self.faults.late) else 0
            carried = self._damaged(message) if self._happens("damaged", self.faults.damaged) else message
            self.under_way.append((self.tick + delay, to, carried))
        self.deliver()

    def _happens(self, what: str, chance: float) -> bool:
        happens = not self.is_calm and chance > 0 and self.random.random() < chance
        self.counts[what] = self.counts.get(what, 0) + happens
        return happens

    def _damaged(self, message: bytes) -> bytes:
        place = self.random.randrange(len(message))
        if self.random.random() < 0.3:
            return message[:place] or b"\1"
        return message[:place] + bytes([message[place] ^ 1 << self.random.randrange(8)]) + message[place + 1 :]

    def deliver(self) -> None:
        """Put into the mailboxes what has arrived by now."""
        for when, to, message in [one for one in self.under_way if one[0] <= self.tick]:
            self.under_way.remove((when, to, message))
            # Numbered, since seals have bytes that no seed decides.
            handle = self.handles.setdefault(hashlib.sha256(message).digest(), f"{len(self.handles):064x}")
            self.boxes.setdefault(to, {}).setdefault(handle, message)


class SimulatedMailbox:
    """One account's mailbox at a post."""

    def __init__(self, post: Post, own: Address, disk: SimulatedDisk) -> None:
        self._post = post
        self._own = own
        self._disk = disk
        self.is_out = False

    def _check(self) -> dict[str, bytes]:
        if self.is_out:
            raise StateError("The mail does not work", expected="a post", found="none")
        return self._post.boxes.setdefault(self._own, {})

    def send(self, to: Address, message: bytes) -> None:
        self._check()
        with self._disk.around("sending of a message"):
            self._post.take(self._own, to, message)

    def take_back(self, to: Address, handle: str) -> None:
        self._check()
        self._post.boxes.get(to, {}).pop(handle, None)

    def pending(self) -> Iterator[tuple[str, int]]:
        yield from [(handle, len(message)) for handle, message in self._check().items()]

    def head(self, handle: str, size: int) -> bytes:
        return self._check().get(handle, b"")[:size]

    def receive(self, handle: str) -> bytes:
        return self._check().get(handle, b"")

    def done(self, handle: str) -> None:
        self._check().pop(handle, None)

    def aside(self) -> str | None:
        return None

    def incomplete(self) -> str | None:
        return None

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        return None

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        """Nobody is told its place here: it decides nothing."""

    def hold(self, holder: str) -> None:
        """One process an account, by the simulation's own order."""

    def release(self) -> None:
        """As above."""
