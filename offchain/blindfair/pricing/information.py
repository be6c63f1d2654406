"""How much a record holds, in bits: the measure beside which the bits that an evaluation tells are stated.

    rows  --measure_rows-->   the sum of the columns' entropies, and the compressed size
    bytes --measure_bytes-->  the compressed size, for texts and files
    pixels, labels --measure_images-->  the sum of the entropies of places and label, and the compressed size

All are upper bounds of what a record holds, so the least of them counts. It is an estimate all the same: what a buyer
knows beforehand, a model of the field for example, makes a record hold less for this buyer.

Not here: budgets and fees that follow from it (`protocol.terms`, `agents.ledger`).
"""

import lzma
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.quantities import Bits
from blindfair.protocol.records import Cell, Row, encode_row

MIN_RECORD_BITS = 8
"""Records that hold less are not listed: one evaluation would tell half of them or more."""

COMPRESSED_LIMIT = 32 * 2**20
"""Bytes that are compressed at most, about 30 seconds of work; of larger listings records at even distances."""

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


@dataclass(frozen=True, slots=True)
class RecordInformation:
    """The information in one record of a listing, on average.

    >>> rows = [(number % 4, "yes" if number % 2 else "no") for number in range(640)]
    >>> found = measure_rows(rows)
    >>> found.entropy_bits
    3.0
    >>> found.bits < 3
    True
    """

    compressed_bits: Bits
    """Bits of all records compressed together (LZMA2), divided by their number."""

    entropy_bits: Bits | None
    """Sum of the columns' empirical entropies, in bits; None where records have no columns."""

    @property
    def bits(self) -> int:
        """The least of the measures, rounded down."""
        least = self.compressed_bits if self.entropy_bits is None else min(self.compressed_bits, self.entropy_bits)
        # A column that does not vary must not lose a whole bit to the last digit of a sum.
        return math.floor(least + 1e-9)


def measure_rows(rows: Sequence[Row]) -> RecordInformation:
    """Measure the records of a table; give only the columns that models may read. Raises InvalidListing for none."""
    compressed = measure_bytes([encode_row(row) for row in rows]).compressed_bits
    return RecordInformation(compressed, Bits(math.fsum(entropy(column) for column in zip(*rows, strict=True))))


def measure_bytes(records: Sequence[bytes]) -> RecordInformation:
    """Measure texts or files by their compressed size. Raises InvalidListing for none."""
    if not records:
        raise InvalidListing("A listing without records holds nothing", expected=">= 1 record", found=0)
    step = -(-sum(map(len, records)) // COMPRESSED_LIMIT) or 1
    measured = records[::step]
    compressed = lzma.compress(b"".join(measured), format=lzma.FORMAT_RAW, filters=_FILTERS)
    return RecordInformation(Bits(8 * len(compressed) / len(measured)), None)


def measure_images(pixels: NDArray[Any], labels: Sequence[Cell]) -> RecordInformation:
    """Measure images, `n x height x width` or with channels, with their labels. Raises InvalidListing for none."""
    encoded = [encode_row((label,)) for label in labels]
    records = [image.tobytes() + label for image, label in zip(pixels, encoded, strict=True)]
    compressed = measure_bytes(records).compressed_bits
    places = pixels.reshape(len(pixels), -1).T
    told = math.fsum(_of_counts(_counts(place)) for place in places)
    return RecordInformation(compressed, Bits(told + entropy(labels)))


def entropy(cells: Iterable[Cell]) -> Bits:
    """Return the empirical entropy of a column's cells, in bits; a missing cell is a value like any other.

    >>> entropy([1, 2, 3, 4])
    2.0
    >>> entropy(["same", "same"])
    0.0
    """
    # 1 and 1.0 are one number, and true is another value, as in a record's canonical bytes.
    return _of_counts(Counter((isinstance(cell, bool), cell) for cell in cells).values())


def _of_counts(counts: Collection[int]) -> Bits:
    total = sum(counts)
    return Bits(math.fsum(count / total * math.log2(total / count) for count in counts))


def _counts(numbers: NDArray[Any]) -> list[int]:
    """How often each number of `n` is there. Bytes are not sorted: images have millions of places."""
    if numbers.dtype == np.uint8:
        counts = np.bincount(numbers)
        return [int(count) for count in counts[counts > 0]]
    return [int(count) for count in np.unique(numbers, return_counts=True)[1]]


def check_record_bits(bits: int) -> None:
    """Raises InvalidListing for records that hold too little to be scored blind, however few bits an evaluation has."""
    if bits < MIN_RECORD_BITS:
        raise InvalidListing(
            "The records hold too little: a few bits of an evaluation would tell them",
            expected=f">= {MIN_RECORD_BITS} bits a record",
            found=bits,
            hint="list more columns, or sell these records without blind evaluation",
        )
