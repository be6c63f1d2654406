"""The byte form of a delivery's content before it is sealed: record numbers and ciphertext chunks.

    u32 number of records || each as u64 || u32 number of chunks || each as u32 length and its bytes

Not here: whether numbers and lengths are those of the selection (`delivery.check_delivery`).
"""

from collections.abc import Sequence

from blindfair.protocol.chunks import CHUNK_SIZES, SALT_SIZE
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.hashing import u32, u64
from blindfair.protocol.quantities import RecordIndex
from blindfair.protocol.selection import check_selection


def pack_delivery(records: Sequence[RecordIndex], ciphertexts: Sequence[bytes]) -> bytes:
    """The content of a delivery as bytes; what `unpack_delivery` reads."""
    parts = [u32(len(records)), *map(u64, records), u32(len(ciphertexts))]
    for ciphertext in ciphertexts:
        parts += [u32(len(ciphertext)), ciphertext]
    return b"".join(parts)


def unpack_delivery(data: bytes) -> tuple[tuple[RecordIndex, ...], tuple[bytes, ...]]:
    """Record numbers and ciphertext chunks of a delivery's content, whose only byte form is `data`.

    Raises `MalformedMessage` for bytes cut off or left over, numbers not ascending, a chunk of less than 16 or more
    than 16384 bytes. No count is believed before its bytes are there, so that the memory used is bounded by `data`.
    """
    reader = _Reader(data)
    records = tuple(RecordIndex(reader.integer(8)) for _ in range(reader.integer(4)))
    check_selection(records, 2**64)
    ciphertexts = tuple(reader.chunk() for _ in range(reader.integer(4)))
    reader.done()
    return records, ciphertexts


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise MalformedMessage("A delivery's content is cut off", expected=f"{size} bytes more", found=len(taken))
        self._at += size
        return taken

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def chunk(self) -> bytes:
        length = self.integer(4)
        if not SALT_SIZE <= length <= max(CHUNK_SIZES):
            raise MalformedMessage(
                "A delivered chunk has a wrong length", expected=f"{SALT_SIZE} ... {max(CHUNK_SIZES)}", found=length
            )
        return self.take(length)

    def done(self) -> None:
        if self._at != len(self._data):
            raise MalformedMessage("A delivery's content has bytes left over", found=len(self._data) - self._at)
