"""A transport that writes down all that is ever sent through it, by content: the same bytes twice are one message.

Sealed messages are recorded as they travel, and named by what is in them: the secrets of both parties lie in the same
world.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from blindfair.agents.messaging.queue_places import QueuePlace
from blindfair.agents.messaging.transport import Transport
from blindfair.agents.store.directory import private_directory, write_atomically
from blindfair.protocol.documents import parse
from blindfair.protocol.errors import SealBroken
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealed_message import is_sealed_message, open_sealed_message


class RecordingTransport:
    """Another transport, with a copy of every message under `record`, named by its type and hash."""

    def __init__(self, transport: Transport, record: Path) -> None:
        self._transport = transport
        self._world = record.parent
        self._record = private_directory(record)

    def send(self, to: Address, message: bytes) -> None:
        name = f"{message_type(self._opened(to, message))}-{hashlib.sha256(message).hexdigest()}"
        write_atomically(self._record / name, message)
        self._transport.send(to, message)

    def _opened(self, to: Address, message: bytes) -> bytes:
        if not is_sealed_message(message):
            return message
        for secret in self._world.glob("*/secrets/hpke"):
            with contextlib.suppress(SealBroken):
                return open_sealed_message(message, receiver=to, private=secret.read_bytes()[:32])[1]
        raise AssertionError(f"a sealed message to {to} that nobody can open")

    def pending(self) -> Iterator[tuple[str, int]]:
        return self._transport.pending()

    def head(self, handle: str, size: int) -> bytes:
        return self._transport.head(handle, size)

    def receive(self, handle: str) -> bytes:
        return self._transport.receive(handle)

    def done(self, handle: str) -> None:
        self._transport.done(handle)

    def aside(self) -> str | None:
        return self._transport.aside()

    def incomplete(self) -> str | None:
        return self._transport.incomplete()

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        self._transport.tell_queue(places)

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        return self._transport.queue_place(receiver)

    def take_back(self, to: Address, handle: str) -> None:
        self._transport.take_back(to, handle)

    def hold(self, holder: str) -> None:
        self._transport.hold(holder)

    def release(self) -> None:
        self._transport.release()


def recorded(record: Path) -> Callable[[Transport, Address], Transport]:
    """For `World.wrap`."""
    return lambda transport, _: RecordingTransport(transport, record)


def message_type(message: bytes) -> str:
    """The type that a message says it is of."""
    return str(parse(message[8 : 8 + int.from_bytes(message[4:8], "big")], 2**24)["type"])


def sent_types(record: Path) -> list[str]:
    """Types of all different messages that were sent, sorted."""
    return sorted(path.name.partition("-")[0] for path in record.iterdir() if not path.name.startswith("."))
