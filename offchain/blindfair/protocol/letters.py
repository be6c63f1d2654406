"""Letters: how a message travels once both parties know each other's key, sealed to its receiver (PROTOCOL 9).

    letter = "BFL1" || sender (20 bytes) || sealed message

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

LETTER_LIMIT = HEAD_SIZE + sealed_size(ENVELOPE_LIMIT)
"""Bytes of any letter."""


def letter_info(sender: Address, receiver: Address) -> bytes:
    """What a letter is bound to: `"blindfair/v1/letter" || sender || receiver`, 20 bytes each."""
    return b"blindfair/v1/letter" + _raw(sender) + _raw(receiver)


def is_letter(data: bytes) -> bool:
    """Whether bytes claim to be a letter; the rest travel in the clear."""
    return data[: len(MAGIC)] == MAGIC


def letter_size(message: int) -> int:
    """Bytes of the letter with a message of so many bytes in it."""
    return HEAD_SIZE + sealed_size(message)


def letter_sender(head: bytes) -> Address | None:
    """Whom a letter names as its sender, from its first `HEAD_SIZE` bytes; None for what is no letter.

    A claim, until the message inside is read.
    """
    if not is_letter(head) or len(head) < HEAD_SIZE:
        return None
    return Address("0x" + head[len(MAGIC) : HEAD_SIZE].hex())


def new_letter_seal(*, sender: Address, receiver: Address, key: bytes) -> Seal:
    """A seal for one letter to the holder of the X25519 public key `key`. Raises `MalformedMessage` for another key."""
    return Seal.new(key, letter_info(sender, receiver))


def seal_letter(message: bytes, seal: Seal, *, sender: Address) -> bytes:
    """The letter with a signed message in it: the same bytes for the same seal."""
    return MAGIC + _raw(sender) + seal.close(message)


def open_letter(letter: bytes, *, receiver: Address, private: bytes) -> tuple[Address, bytes]:
    """The sender that a letter names, and the message in it, at most `ENVELOPE_LIMIT` bytes.

    Raises `MessageTooLarge` before anything is opened, `MalformedMessage` for a letter without a whole head, and
    `SealBroken` for one that is to another receiver or from another sender, altered, cut or lengthened.
    """
    if len(letter) > LETTER_LIMIT:
        raise MessageTooLarge("The letter is larger than any may be", expected=LETTER_LIMIT, found=len(letter))
    sender = letter_sender(letter[:HEAD_SIZE])
    if sender is None:
        raise MalformedMessage("This is no letter", expected=f"{HEAD_SIZE} bytes before the seal", found=len(letter))
    return sender, unseal(private, letter_info(sender, receiver), letter[HEAD_SIZE:], ENVELOPE_LIMIT)


def check_sender(named: Address, signer: Address) -> None:
    """A letter holds a message of the one that it names: nobody sends on what was said to him as from himself.

    Raises `FieldMismatch`.
    """
    if named != signer:
        raise FieldMismatch("The letter names another sender than its message", expected=signer, found=named)


def _raw(address: Address) -> bytes:
    return bytes.fromhex(address[2:])
