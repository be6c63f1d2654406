"""Sealed messages: how a message travels once both parties know each other's key, sealed to its receiver (PROTOCOL 9).

    sealed message = "BFL1" || sender (20 bytes) || sealed message

Whoever carries it sees sender, receiver and size. Not here: the signed message inside (`messages`), and the sealing
itself (`sealing`).
"""

from blindfair.protocol.errors import FieldMismatch, MalformedMessage, MessageTooLarge
from blindfair.protocol.messages.envelope import ENVELOPE_LIMIT
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealing import Seal, sealed_size, unseal

MAGIC = b"BFL1"
_ADDRESS = 20
HEAD_SIZE = len(MAGIC) + _ADDRESS
"""Bytes before the sealed message."""

SEALED_MESSAGE_LIMIT = HEAD_SIZE + sealed_size(ENVELOPE_LIMIT)
"""Bytes of any sealed message."""


def sealing_info(sender: Address, receiver: Address) -> bytes:
    """Context of a sealed message: `"blindfair/v1/letter" || sender || receiver`, 20 bytes each."""
    return b"blindfair/v1/letter" + _raw(sender) + _raw(receiver)


def is_sealed_message(data: bytes) -> bool:
    """Whether bytes claim to be a sealed message; the rest travel in the clear."""
    return data[: len(MAGIC)] == MAGIC


def named_sender(head: bytes) -> Address | None:
    """Read the sender that a sealed message claims, from its first `HEAD_SIZE` bytes; None for other bytes.

    The claim is checked once the message inside is read (`check_sender`).
    """
    if not is_sealed_message(head) or len(head) < HEAD_SIZE:
        return None
    return Address("0x" + head[len(MAGIC) : HEAD_SIZE].hex())


def new_message_seal(*, sender: Address, receiver: Address, key: bytes) -> Seal:
    """A seal for one sealed message to the holder of the X25519 public key `key`. Raises `MalformedMessage` for another
    key."""
    return Seal.new(key, sealing_info(sender, receiver))


def seal_message(message: bytes, seal: Seal, *, sender: Address) -> bytes:
    """The sealed message with a signed message in it: the same bytes for the same seal."""
    return MAGIC + _raw(sender) + seal.close(message)


def open_sealed_message(sealed: bytes, *, receiver: Address, private: bytes) -> tuple[Address, bytes]:
    """The sender that a sealed message names, and the message in it, at most `ENVELOPE_LIMIT` bytes.

    Raises `MessageTooLarge` before anything is opened, `MalformedMessage` for a sealed message without a whole head,
    and `SealBroken` for one that is to another receiver or from another sender, altered, cut or lengthened.
    """
    if len(sealed) > SEALED_MESSAGE_LIMIT:
        raise MessageTooLarge(
            "The sealed message is larger than any may be", expected=SEALED_MESSAGE_LIMIT, found=len(sealed)
        )
    sender = named_sender(sealed[:HEAD_SIZE])
    if sender is None:
        raise MalformedMessage(
            "This is not a sealed message", expected=f"{HEAD_SIZE} bytes before the seal", found=len(sealed)
        )
    return sender, unseal(private, sealing_info(sender, receiver), memoryview(sealed)[HEAD_SIZE:], ENVELOPE_LIMIT)


def check_sender(named: Address, signer: Address) -> None:
    """A sealed message holds a message of the one that it names: nobody sends on what was said to him as from himself.

    Raises `FieldMismatch`.
    """
    if named != signer:
        raise FieldMismatch("The sealed message names another sender than its message", expected=signer, found=named)


def _raw(address: Address) -> bytes:
    return bytes.fromhex(address[2:])
