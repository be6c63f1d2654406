"""Messages between the agents as somebody on the way sees them: files to look into, spoil, repeat, drop or forge."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eth_account import Account
from trade import World

from blindfair.agents.agent import Agent
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.protocol.documents import Document
from blindfair.protocol.messages import Envelope, Message, read, sign
from blindfair.protocol.messages.envelope import sign_envelope
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealed_message import is_sealed_message, open_sealed_message

STRANGER = Account.from_key(b"\x05" * 32)
STRANGER_ADDRESS = Address(STRANGER.address.lower())


def mailbox(world: World, agent: Agent) -> Path:
    return world.directory / "mail" / agent.address


def pending(world: World, agent: Agent) -> list[Path]:
    return sorted(path for path in mailbox(world, agent).iterdir() if not path.name.startswith("."))


def inside(agent: Agent, data: bytes) -> bytes:
    """The message in a sealed message to an agent; what travels in the clear as it is."""
    if not is_sealed_message(data):
        return data
    return open_sealed_message(data, receiver=agent.address, private=agent.sealing_keys().private)[1]


def the_sealed_message(world: World, agent: Agent) -> bytes:
    """The only message that waits for an agent, opened: what a receiver reads, it can also put in again."""
    [path] = pending(world, agent)
    return inside(agent, path.read_bytes())


def take_out(world: World, agent: Agent) -> bytes:
    """Drop the only message that waits for an agent; its bytes."""
    data = the_sealed_message(world, agent)
    pending(world, agent)[0].unlink()
    return data


def put_in(world: World, agent: Agent, data: bytes) -> None:
    FolderTransport(world.directory / "mail", STRANGER_ADDRESS).send(agent.address, data)


def sealed_messages_to(world: World, agent: Agent) -> Iterator[tuple[Envelope, Message]]:
    for path in pending(world, agent):
        yield read(inside(agent, path.read_bytes()), domain=agent.domain)


def forged(agent: Agent, message: Message) -> bytes:
    """A message that an agent's own key signs: what a hostile party may always send."""
    return sign(message, sender=agent.address, domain=agent.domain, private_key=agent.private_key).to_bytes()


def resigned(
    envelope: Envelope, agent: Agent, *, key: bytes, sender: Address, body: Mapping[str, Any] | None = None
) -> bytes:
    """The same message from another sender or with another signature, and with some fields of its body replaced."""
    changed: Document = {**envelope.body, **(body or {})}
    made = sign_envelope(envelope.type, changed, envelope.parts, sender=sender, domain=agent.domain, private_key=key)
    return made.to_bytes()
