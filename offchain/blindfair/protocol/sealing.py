"""Sealing to a public key: a delivery, so that nobody else reads it once its key is public on chain, and sealed
messages.

HPKE (RFC 9180, base mode, DHKEM X25519, HKDF-SHA256, ChaCha20-Poly1305) wraps a fresh file key; the file key encrypts
the content with ChaCha20-Poly1305 in segments of 64 KiB. The nonce of a segment is its number (11 bytes, big-endian)
and one byte that is 1 in the last, so that segments cannot be cut off, added, exchanged or repeated (the STREAM
construction, Hoang, Reyhanitabar, Rogaway, Vizar 2015).

Not here: who the sender is; sealed content is signed for in its message.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from blindfair.protocol.errors import MalformedMessage, MessageTooLarge, SealBroken
from blindfair.protocol.quantities import Digest, Root
from blindfair.protocol.space import Space, new_space

SEGMENT_SIZE = 65536
"""Bytes of content in a full segment."""

TAG_SIZE = 16
FILE_KEY_SIZE = 32
WRAPPED_SIZE = 32 + FILE_KEY_SIZE + TAG_SIZE
"""Bytes of the wrapped file key: the encapsulated key (RFC 9180 section 7.1), the file key, its tag."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, slots=True)
class SealingKeyPair:
    """An X25519 key pair, each half 32 raw bytes."""

    private: bytes = field(repr=False)
    """Secret of the receiver."""

    public: bytes
    """Given to whoever may send."""


def new_sealing_keypair() -> SealingKeyPair:
    """A fresh key pair from the operating system's randomness."""
    private = X25519PrivateKey.generate()
    return SealingKeyPair(private.private_bytes_raw(), private.public_key().public_bytes_raw())


def delivery_info(evaluation: Digest, delivery_root: Root) -> bytes:
    """Context of a sealed delivery: `"blindfair/v1/delivery" || evaluation || delivery_root` (PROTOCOL 6.4)."""
    return b"blindfair/v1/delivery" + evaluation + delivery_root


def sealed_size(size: int) -> int:
    """Bytes of the sealed form of `size` bytes."""
    return WRAPPED_SIZE + size + TAG_SIZE * _segment_count(size)


def check_sealing_key(public: bytes) -> None:
    """Raises `MalformedMessage` for bytes that nothing can be sealed to: sealing itself says so."""
    seal(public, b"", b"")


@dataclass(frozen=True, slots=True)
class Seal:
    """A fresh file key, wrapped for one receiver. For one content alone: with another one nonces would repeat."""

    file_key: bytes = field(repr=False)
    """32 bytes. Secret."""

    wrapped: bytes
    """The file key as it travels, `WRAPPED_SIZE` bytes."""

    @classmethod
    def new(cls, public: bytes, info: bytes) -> "Seal":
        """Make a seal for the holder of the private key of `public`, bound to `info`.

        Raises `MalformedMessage` for a public key that is no usable point of the curve.
        """
        file_key = secrets.token_bytes(FILE_KEY_SIZE)
        try:
            return cls(file_key, _SUITE.encrypt(file_key, X25519PublicKey.from_public_bytes(public), info))
        except ValueError as error:
            raise MalformedMessage("The public key to seal to is not usable", expected="an X25519 key") from error

    def close(self, plaintext: bytes) -> bytes:
        """The wrapped file key and the segments: `sealed_size(len(plaintext))` bytes, the same each time."""
        return bytes(self.closed(plaintext))

    def closed(self, plaintext: bytes | memoryview, space: Space = new_space) -> memoryview:
        """The same without a copy, for a content that is large."""
        sealed = space(sealed_size(len(plaintext)))
        for _ in self.close_into(plaintext, sealed):
            pass
        return sealed

    def close_into(self, plaintext: bytes | memoryview, sealed: memoryview) -> Iterator[memoryview]:
        """Seal into `sealed`, of `sealed_size` bytes, and yield each part once it is written, to be hashed while it is
        in the processor's cache. The whole is sealed only after the last part."""
        aead, content = ChaCha20Poly1305(self.file_key), memoryview(plaintext)
        last = _segment_count(len(plaintext)) - 1
        sealed[:WRAPPED_SIZE] = self.wrapped
        yield sealed[:WRAPPED_SIZE]
        for number in range(last + 1):
            segment = content[number * SEGMENT_SIZE : (number + 1) * SEGMENT_SIZE]
            start = WRAPPED_SIZE + number * (SEGMENT_SIZE + TAG_SIZE)
            to = sealed[start : start + len(segment) + TAG_SIZE]
            aead.encrypt_into(_nonce(number, number == last), segment, None, to)
            yield to


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """`plaintext` under a new `Seal`: other bytes each time. Raises `MalformedMessage` for an unusable public key."""
    return Seal.new(public, info).close(plaintext)


def unseal(private: bytes, info: bytes, sealed: bytes | memoryview, limit: int) -> bytes:
    """The content of what `seal` made for this key and `info`; at most `limit` bytes.

    Raises `MessageTooLarge` beyond the limit before anything is decrypted, and `SealBroken` for another key, another
    `info`, or anything altered, cut off, added or moved.
    """
    return bytes(unsealed(private, info, sealed, limit))


def unsealed(
    private: bytes, info: bytes, sealed: bytes | memoryview, limit: int, space: Space = new_space
) -> memoryview:
    """The same without a copy, for a content that is large."""
    if len(sealed) > sealed_size(limit):
        raise MessageTooLarge("What is sealed is too long", expected=f"{sealed_size(limit)} bytes", found=len(sealed))
    try:
        file_key = _SUITE.decrypt(bytes(sealed[:WRAPPED_SIZE]), X25519PrivateKey.from_private_bytes(private), info)
        aead = ChaCha20Poly1305(file_key)
        step, segments = SEGMENT_SIZE + TAG_SIZE, memoryview(sealed)
        # Content without bytes is one empty segment; a seal without any segment is cut off.
        starts = range(WRAPPED_SIZE, max(len(sealed), WRAPPED_SIZE + 1), step)
        content = space(len(sealed) - WRAPPED_SIZE - TAG_SIZE * len(starts))
        for number, start in enumerate(starts):
            to = content[number * SEGMENT_SIZE : (number + 1) * SEGMENT_SIZE]
            aead.decrypt_into(_nonce(number, start == starts[-1]), segments[start : start + step], None, to)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("What is sealed does not open", hint="ask for it again") from error
    return content


def _segment_count(size: int) -> int:
    return max(1, -(-size // SEGMENT_SIZE))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
