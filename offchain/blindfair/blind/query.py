"""The buyer's encrypted queries and their framing, which leaves a hostile buyer nothing but first polynomials.

A query coordinate is one symmetric encryption of a constant polynomial. It travels as the 64-byte seed of its second
polynomial and its packed first one, never as a SEAL object: the seller expands the seeds itself, so no ciphertext or
public key of the buyer's shape can reach it (SCORING requirement 3). The encryptions of zero that hide the reply travel
in the same way, before the coordinates.

    "BFQ1"  name of the parameter set, 32 bytes, zero-padded  u16 m  u32 k      (little-endian)
    mask_columns + m k times:  seed, 64 bytes   first polynomial, `packing.py`
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from blindfair.blind.keys import LARGEST_QUERIES, QuerySecret
from blindfair.blind.packing import pack, packed_size, unpack
from blindfair.blind.parameters import ParameterSet, parameter_set
from blindfair.blind.seal import SEED_SIZE, Words, engine
from blindfair.protocol.errors import MalformedCiphertext, QueryOutOfBounds, ShapeMismatch

__all__ = ["EncryptedQueries", "QuerySecret", "encrypt_queries", "query_size"]

_HEAD = struct.Struct("<4s32sHI")
_MAGIC = b"BFQ1"


@dataclass(frozen=True, slots=True)
class EncryptedQueries:
    """`m` encrypted queries of `k` coordinates, as they travel. Holds no secret."""

    parameters: ParameterSet
    """The named set that they are encrypted under."""

    queries: int
    """`m`, 1 to 16."""

    k: int
    """Coordinates of each query."""

    seeds: tuple[bytes, ...]
    """64 bytes for each encryption, all different: zeros first, then the coordinates query after query."""

    firsts: Words
    """First polynomials in the same order: `(mask_columns + m k) x primes x N`."""

    def zeros(self) -> Iterator[tuple[Words, bytes]]:
        """First polynomial and seed of every encryption of zero."""
        return self._encryptions(0, self.parameters.mask_columns)

    def coordinates(self, query: int) -> Iterator[tuple[Words, bytes]]:
        """First polynomial and seed of every coordinate of a query."""
        start = self.parameters.mask_columns + query * self.k
        return self._encryptions(start, start + self.k)

    def _encryptions(self, start: int, end: int) -> Iterator[tuple[Words, bytes]]:
        return zip(self.firsts[start:end], self.seeds[start:end], strict=True)

    def to_bytes(self) -> bytes:
        """The message, of exactly `query_size` bytes."""
        parts = [_HEAD.pack(_MAGIC, self.parameters.name.encode("ascii"), self.queries, self.k)]
        for first, seed in zip(self.firsts, self.seeds, strict=True):
            parts += (seed, pack(self.parameters.data_primes, first))
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> EncryptedQueries:
        """Read and check a message in full; nothing of it is given to SEAL before.

        Raises `UnknownParameters` for a set that does not exist, before anything else is read, and
        `MalformedCiphertext` for any other length, shape, a residue out of range or a seed used twice.
        """
        if len(data) < _HEAD.size:
            raise MalformedCiphertext("a query ends early", expected=f">= {_HEAD.size} bytes", found=len(data))
        magic, name, queries, k = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise MalformedCiphertext("this is not an encrypted query", expected=_MAGIC.hex(), found=magic.hex())
        parameters = parameter_set(name.rstrip(b"\0").decode("ascii", "replace"))
        if not (1 <= queries <= LARGEST_QUERIES and 1 <= k <= parameters.largest_k):
            expected = f"1 ... {LARGEST_QUERIES} queries of 1 ... {parameters.largest_k} coordinates"
            raise MalformedCiphertext("a query has an impossible shape", expected=expected, found=f"{queries} x {k}")
        size = query_size(parameters, k, queries)
        if len(data) != size:
            raise MalformedCiphertext("a query has a wrong length", expected=size, found=len(data))
        count = parameters.mask_columns + queries * k
        firsts = np.empty((count, len(parameters.data_primes), parameters.ring_degree), dtype=np.uint64)
        seeds = []
        view = memoryview(data)
        each = _encryption_size(parameters)
        for number in range(count):
            start = _HEAD.size + number * each
            seeds.append(bytes(view[start : start + SEED_SIZE]))
            packed = view[start + SEED_SIZE : start + each]
            firsts[number] = unpack(parameters.data_primes, parameters.ring_degree, packed)
        # Zeros with one seed between them would be multiples of one polynomial: the mask would be no mask.
        if len(set(seeds)) != count:
            raise MalformedCiphertext("a query uses a seed twice", expected=count, found=len(set(seeds)))
        return cls(parameters, queries, k, tuple(seeds), firsts)


def query_size(parameters: ParameterSet, k: int, queries: int) -> int:
    """Bytes of an encrypted query."""
    return _HEAD.size + (parameters.mask_columns + queries * k) * _encryption_size(parameters)


def encrypt_queries(
    parameters: ParameterSet, queries: NDArray[np.int64], precision_bits: int | None = None
) -> tuple[EncryptedQueries, QuerySecret]:
    """Encrypt `m x k` int64 queries under keys that are made now and used once (PROTOCOL 4.1).

    `precision_bits` is the seller's, from its manifest: fewer than the set's leave the scores rounded, and the rounding
    needs room. Raises `ShapeMismatch` for another shape or type, and `QueryOutOfBounds` for a query whose scores could
    wrap around: its `||q||_1` must be at most `parameters.largest_query_norm(precision_bits)`.
    """
    norms = _norms(parameters, queries, precision_bits)
    seal = engine(parameters)
    secret_key = sealapi.KeyGenerator(seal.context).secret_key()
    encryptor = sealapi.Encryptor(seal.context, secret_key)
    values = [0] * parameters.mask_columns + [int(value) % parameters.plain_modulus for value in queries.flat]
    firsts = np.empty((len(values), len(parameters.data_primes), parameters.ring_degree), dtype=np.uint64)
    seeds = []
    for number, value in enumerate(values):
        firsts[number], seed = seal.seeded_words(encryptor.encrypt_symmetric(sealapi.Plaintext(f"{value:X}")))
        seeds.append(seed)
    encrypted = EncryptedQueries(parameters, queries.shape[0], queries.shape[1], tuple(seeds), firsts)
    return encrypted, QuerySecret(parameters, norms, seal.secret_key_words(secret_key))


def _norms(parameters: ParameterSet, queries: NDArray[np.int64], precision_bits: int | None) -> tuple[int, ...]:
    if queries.dtype != np.int64 or queries.ndim != 2:
        raise ShapeMismatch("queries are no table of integers", expected="m x k int64", found=_describe(queries))
    m, k = queries.shape
    if not (1 <= m <= LARGEST_QUERIES and 1 <= k <= parameters.largest_k):
        expected = f"1 ... {LARGEST_QUERIES} x 1 ... {parameters.largest_k}"
        raise ShapeMismatch("there are too few or too many queries", expected=expected, found=f"{m} x {k}")
    largest = parameters.largest_query_norm(precision_bits)
    # In Python's integers: a sum of int64 could itself wrap around.
    norms = tuple(sum(abs(int(value)) for value in query) for query in queries)
    if max(norms) > largest:
        raise QueryOutOfBounds(
            "a query could wrap around the plain modulus",
            expected=f"sum of absolute values <= {largest}",
            found="more",
            hint="scale the query down",
        )
    return norms


def _describe(array: NDArray[np.int64]) -> str:
    return f"{' x '.join(map(str, array.shape))} {array.dtype}"


def _encryption_size(parameters: ParameterSet) -> int:
    return SEED_SIZE + packed_size(parameters.data_primes, parameters.ring_degree)
