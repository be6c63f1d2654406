"""Symmetric encryptions as they travel: the seed of the second polynomial, and the first polynomial.

    seed, 64 bytes   first polynomial, `packing.py`

Not here: the message that holds them (`query.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.blind import expansion
from blindfair.blind.packing import pack, packed_size, unpack
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import SEED_SIZE, Words


@dataclass(frozen=True, slots=True)
class Encryptions:
    """Any number of encryptions modulo the same primes. Holds no secret."""

    primes: tuple[int, ...]
    """The primes: each residue of the first polynomials is below its prime."""

    seeds: tuple[bytes, ...]
    """64 bytes for each."""

    firsts: Words
    """First polynomials: `count x primes x N`."""

    @classmethod
    def of(cls, primes: tuple[int, ...], degree: int, parts: Sequence[tuple[Words, bytes]]) -> "Encryptions":
        """Join encryptions that are given as first polynomials, `primes x N`, and seeds."""
        firsts = np.empty((len(parts), len(primes), degree), dtype=np.uint64)
        for number, (first, _) in enumerate(parts):
            firsts[number] = first
        return cls(primes, tuple(seed for _, seed in parts), firsts)

    def __len__(self) -> int:
        return len(self.seeds)

    def __iter__(self) -> Iterator[tuple[Words, bytes]]:
        return zip(self.firsts, self.seeds, strict=True)

    def __getitem__(self, some: slice) -> "Encryptions":
        return Encryptions(self.primes, self.seeds[some], self.firsts[some])

    def to_bytes(self) -> bytes:
        """One after another."""
        return b"".join(part for first, seed in self for part in (seed, pack(self.primes, first)))

    @classmethod
    def from_bytes(cls, primes: tuple[int, ...], degree: int, view: memoryview) -> "Encryptions":
        """Read what `to_bytes` gave, of a length that was checked. Raises `MalformedCiphertext` for a residue out of
        range."""
        each = encryption_size(primes, degree)
        starts = range(0, len(view), each)
        firsts = np.empty((len(starts), len(primes), degree), dtype=np.uint64)
        for number, start in enumerate(starts):
            firsts[number] = unpack(primes, degree, view[start + SEED_SIZE : start + each])
        return cls(primes, tuple(bytes(view[start : start + SEED_SIZE]) for start in starts), firsts)


def encryption_size(primes: Sequence[int], degree: int) -> int:
    """Bytes of one encryption."""
    return SEED_SIZE + packed_size(primes, degree)


def shape_of(parameters: ParameterSet, k: int, queries: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """How many encryptions modulo which primes a request has: zeros, keys of the expansion, queries."""
    zeros = (parameters.mask_columns, parameters.data_primes)
    if not parameters.is_expanded:
        return zeros, (0, parameters.key_primes), (queries * k, parameters.data_primes)
    digits = len(parameters.query_primes)
    keys = len(expansion.key_levels(expansion.depth(k))) * digits
    return zeros, (keys, parameters.key_primes), (queries * expansion.pieces(k), parameters.query_primes)
