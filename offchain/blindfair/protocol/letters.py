"""Letters: how a message travels once both parties know each other's key, sealed to its receiver (PROTOCOL 9).

    letter = "BFL1" || sender (20 bytes) || sealed message

Whoever carries it sees sender, receiver and size. Not here: the signed message inside (`messages`), and the sealing
itself (`sealing`).
"""

from blindfair.protocol.errors import FieldMismatch, MalformedMessage, MessageTooLarge
from blindfair.protocol.messages.envelope import ENVELOPE_LIMIT
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealing import seal, sealed_size, unseal

MAGIC = b"BFL1"
_ADDRESS = 20
_HEAD = len(MAGIC) + _ADDRESS
LETTER_LIMIT = _HEAD + sealed_size(ENVELOPE_LIMIT)
"""Bytes of any letter."""


def letter_info(sender: Address, receiver: Address) -> bytes:
    """What a letter is bound to: `"blindfair/v1/letter" || sender || receiver`, 20 bytes each."""
    return b"blindfair/v1/letter" + _raw(sender) + _raw(receiver)


def is_letter(data: bytes) -> bool:
    """Whether bytes claim to be a letter; the rest travel in the clear."""
    return data[: len(MAGIC)] == MAGIC


def seal_letter(message: bytes, *, sender: Address, receiver: Address, key: bytes) -> bytes:
    """The letter with a signed message in it, for the holder of the X25519 public key `key`.

    Another one each time. Raises `MalformedMessage` for a key that is not usable.
    """
    return MAGIC + _raw(sender) + seal(key, letter_info(sender, receiver), message)


def open_letter(letter: bytes, *, receiver: Address, private: bytes) -> tuple[Address, bytes]:
    """The sender that a letter names, and the message in it, at most `ENVELOPE_LIMIT` bytes.

    Raises `MessageTooLarge` before anything is opened, `MalformedMessage` for a letter without a whole head, and
    `SealBroken` for one that is to another receiver or from another sender, altered, cut or lengthened.
    """
    if len(letter) > LETTER_LIMIT:
        raise MessageTooLarge("The letter is larger than any may be", expected=LETTER_LIMIT, found=len(letter))
    if not is_letter(letter) or len(letter) < _HEAD:
        raise MalformedMessage("This is no letter", expected=f"{_HEAD} bytes before the seal", found=len(letter))
    sender = Address("0x" + letter[len(MAGIC) : _HEAD].hex())
    return sender, unseal(private, letter_info(sender, receiver), letter[_HEAD:], ENVELOPE_LIMIT)


def check_sender(named: Address, signer: Address) -> None:
    """A letter holds a message of the one that it names: nobody sends on what was said to him as from himself.

    Raises `FieldMismatch`.
    """
    if named != signer:
        raise FieldMismatch("The letter names another sender than its message", expected=signer, found=named)


def _raw(address: Address) -> bytes:
    return bytes.fromhex(address[2:])
