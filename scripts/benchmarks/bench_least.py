"""What a seller must do for a segment of a delivery, whatever the program is: MB/s of each part by itself, in Python.

The protocol asks for two ciphers and two hashes of every byte (PROTOCOL 6.2, 6.7), a seller that is larger than its
memory for a reading and a writing. Each part is done in memory that is there already, with no list or check beside it.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from blindfair.protocol.segments import SEGMENT_BYTES

_PIECE = 2**16
_TIMES = 4


def least_work(folder: Path, chunk_size: int) -> dict[str, float]:
    """MB/s of the processor for each part."""
    path = folder / "least"
    source, target = os.urandom(SEGMENT_BYTES), bytearray(SEGMENT_BYTES)
    path.write_bytes(source)
    whole, to = memoryview(source), memoryview(target)
    places = range(0, SEGMENT_BYTES, chunk_size)
    inner = bytes(65)
    sealed = memoryview(bytearray(_PIECE + 16))
    key, aead = os.urandom(32), ChaCha20Poly1305(os.urandom(32))

    def read() -> None:
        with path.open("rb", buffering=0) as file:
            file.readinto(target)

    def encrypt() -> None:
        context = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
        for number, start in enumerate(places):
            context.reset_nonce(number.to_bytes(16, "big"))
            context.update_into(whole[start : start + chunk_size], to[start : start + chunk_size])

    def hash_chunks() -> None:
        for start in places:
            hashlib.sha256(whole[start : start + chunk_size]).digest()

    def hash_tree() -> None:
        # A leaf and a node for each chunk.
        for _ in places:
            hashlib.sha256(inner).digest()
            hashlib.sha256(inner).digest()

    def seal() -> None:
        for number, start in enumerate(range(0, SEGMENT_BYTES, _PIECE)):
            aead.encrypt_into(number.to_bytes(12, "big"), whole[start : start + _PIECE], None, sealed)

    def hash_sealed() -> None:
        hashlib.sha256(whole).digest()

    def write() -> None:
        with (folder / "written").open("wb", buffering=0) as file:
            file.write(whole)

    parts = {
        "reading": read,
        "encrypting each chunk": encrypt,
        "SHA-256 of each ciphertext": hash_chunks,
        "leaves and nodes of the tree": hash_tree,
        "sealing": seal,
        "SHA-256 of what was sealed": hash_sealed,
        "writing": write,
    }
    found = {name: SEGMENT_BYTES / 1e6 / _seconds(part) for name, part in parts.items()}
    for used in (path, folder / "written"):
        used.unlink()
    return found


def _seconds(part: Callable[[], None]) -> float:
    """The least of a few runs, in seconds of the processor."""
    found = []
    for _ in range(_TIMES):
        began = time.process_time()
        part()
        found.append(time.process_time() - began)
    return min(found)
