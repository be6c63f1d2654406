"""The buyer's encrypted queries and their framing, which leaves a hostile buyer nothing but first polynomials.

A query comes as one symmetric encryption of a constant for each coordinate or, under a set that is expanded, as one for
each 512 coordinates and the keys for it. Each travels as the 64-byte seed of its second polynomial and its packed first
one, never as a SEAL object: the seller expands the seeds itself, so no ciphertext or public key of the buyer's shape
can reach it (SCORING requirement 3). The encryptions of zero that hide the reply travel likewise, before all others.

    "BFQ2"  name of the parameter set, 32 bytes, zero-padded  u16 m  u32 k      (little-endian)
    the bits that each query asks for, m bytes
    mask_columns zeros, then the expansion's keys level by level, then the queries' ciphertexts, each:
        seed, 64 bytes   first polynomial, `packing.py`

What the parts are and how many, `encryptions.py` says.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from blindfair.blind import expansion
from blindfair.blind.encryptions import Encryptions, encryption_size, shape_of
from blindfair.blind.keys import LARGEST_QUERIES, QuerySecret
from blindfair.blind.parameters import EXACT_BITS, ParameterSet, parameter_set
from blindfair.blind.seal import Engine, Words, engine
from blindfair.protocol.errors import MalformedCiphertext, QueryOutOfBounds, ShapeMismatch

__all__ = ["EncryptedQueries", "QuerySecret", "encrypt_queries", "query_size"]

_HEAD = struct.Struct("<4s32sHI")
_MAGIC = b"BFQ2"


@dataclass(frozen=True, slots=True)
class EncryptedQueries:
    """`m` encrypted queries of `k` coordinates, as they travel. Holds no secret."""

    parameters: ParameterSet
    """The named set that they are encrypted under."""

    bits: tuple[int, ...]
    """Bits that each of the `m` queries asks for, 1 to 32; `m` is 1 to 16."""

    k: int
    """Coordinates of each query."""

    zeros: Encryptions
    """`mask_columns` encryptions of zero."""

    keys: Encryptions
    """The expansion's keys, for each level that has one as many as there are query primes; none where nothing is
    expanded."""

    ciphertexts: Encryptions
    """Query after query: its coordinates one by one, or its pieces."""

    @property
    def queries(self) -> int:
        """`m`."""
        return len(self.bits)

    def of_query(self, query: int) -> Encryptions:
        """The ciphertexts of one query."""
        each = len(self.ciphertexts) // self.queries
        return self.ciphertexts[query * each : (query + 1) * each]

    def to_bytes(self) -> bytes:
        """The message, of exactly `query_size` bytes."""
        head = _HEAD.pack(_MAGIC, self.parameters.name.encode("ascii"), self.queries, self.k)
        return head + bytes(self.bits) + self.zeros.to_bytes() + self.keys.to_bytes() + self.ciphertexts.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "EncryptedQueries":
        """Read and check a message in full; nothing of it is given to SEAL before.

        Raises `UnknownParameters` for a set that does not exist, before anything else is read, and for bits outside 1
        ... 32, and `MalformedCiphertext` for any other length, shape, a residue out of range or a seed used twice.
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
        bits = tuple(data[_HEAD.size : _HEAD.size + queries])
        for asked in bits:
            parameters.noise_width(asked)
        view = memoryview(data)[_HEAD.size + queries :]
        parts = []
        for count, primes in shape_of(parameters, k, queries):
            length = count * encryption_size(primes, parameters.ring_degree)
            parts.append(Encryptions.from_bytes(primes, parameters.ring_degree, view[:length]))
            view = view[length:]
        seeds = [seed for part in parts for seed in part.seeds]
        # Zeros with one seed between them would be multiples of one polynomial: the mask would be no mask.
        if len(set(seeds)) != len(seeds):
            raise MalformedCiphertext("a query uses a seed twice", expected=len(seeds), found=len(set(seeds)))
        return cls(parameters, bits, k, *parts)


def query_size(parameters: ParameterSet, k: int, queries: int) -> int:
    """Bytes of an encrypted query."""
    parts = shape_of(parameters, k, queries)
    return (
        _HEAD.size + queries + sum(count * encryption_size(primes, parameters.ring_degree) for count, primes in parts)
    )


def encrypt_queries(
    parameters: ParameterSet, queries: NDArray[np.int64], bits: Sequence[int] | None = None
) -> tuple[EncryptedQueries, QuerySecret]:
    """Encrypt `m x k` int64 queries under keys that are made now and used once (PROTOCOL 4.1).

    `bits` is what each query asks for, 32 each if None: fewer leave the scores in noise. Raises `ShapeMismatch` for
    another shape, type or number, `UnknownParameters` for bits outside 1 ... 32, and `QueryOutOfBounds` for an exact
    query whose scores could wrap around, `||q||_1` over `parameters.largest_query_norm(32)`. One of fewer bits may: the
    buyer chose its range by records of its own, and few scores lie beyond. Its entries must lie within `t/2`.
    """
    norms, asked = _norms(parameters, queries, bits)
    m, k = queries.shape
    seal = engine(parameters)
    generator = sealapi.KeyGenerator(seal.context)
    secret_key = generator.secret_key()
    encryptor = sealapi.Encryptor(seal.context, secret_key)
    zeros = [
        seal.seeded_words(encryptor.encrypt_zero_symmetric(seal.sum_level), seal.sum_level)
        for _ in range(parameters.mask_columns)
    ]
    keys = _expansion_keys(seal, generator, k) if parameters.is_expanded else []
    plaintexts = [plaintext for query in queries for plaintext in _plaintexts(seal, query)]
    ciphertexts = [
        seal.seeded_words(encryptor.encrypt_symmetric(plaintext), seal.query_level) for plaintext in plaintexts
    ]
    parts = [
        Encryptions.of(primes, parameters.ring_degree, part)
        for part, (_, primes) in zip((zeros, keys, ciphertexts), shape_of(parameters, k, m), strict=True)
    ]
    key = seal.secret_key_words(secret_key)
    return EncryptedQueries(parameters, asked, k, *parts), QuerySecret(parameters, norms, asked, key)


def _expansion_keys(seal: Engine, generator: Any, k: int) -> list[tuple[Words, bytes]]:
    levels = expansion.key_levels(expansion.depth(k))
    elements = [expansion.galois_element(seal.parameters.ring_degree, level) for level in levels]
    keys = seal.galois_words(generator.create_galois_keys(elements), len(elements))
    return [digit for element in elements for digit in keys[element]]


def _plaintexts(seal: Engine, query: NDArray[np.int64]) -> Iterator[Any]:
    """A query as plaintexts: constants, or pieces whose entries the expansion multiplies back by 2^depth."""
    parameters = seal.parameters
    modulus = parameters.plain_modulus
    if not parameters.is_expanded:
        for value in query:
            yield sealapi.Plaintext(f"{int(value) % modulus:X}")
        return
    size = 1 << expansion.depth(len(query))
    inverse = pow(size, -1, modulus)
    for start in range(0, len(query), size):
        coefficients = np.zeros(parameters.ring_degree, dtype=np.uint64)
        piece = [int(value) * inverse % modulus for value in query[start : start + size]]
        coefficients[: len(piece)] = piece
        yield seal.plaintext(coefficients)


def _norms(
    parameters: ParameterSet, queries: NDArray[np.int64], bits: Sequence[int] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if queries.dtype != np.int64 or queries.ndim != 2:
        raise ShapeMismatch("queries are no table of integers", expected="m x k int64", found=_describe(queries))
    m, k = queries.shape
    if not (1 <= m <= LARGEST_QUERIES and 1 <= k <= parameters.largest_k):
        expected = f"1 ... {LARGEST_QUERIES} x 1 ... {parameters.largest_k}"
        raise ShapeMismatch("there are too few or too many queries", expected=expected, found=f"{m} x {k}")
    asked = (EXACT_BITS,) * m if bits is None else tuple(bits)
    if len(asked) != m:
        raise ShapeMismatch("queries and their bits differ in number", expected=m, found=len(asked))
    # In Python's integers: a sum of int64 could itself wrap around.
    norms = tuple(sum(abs(int(value)) for value in query) for query in queries)
    for norm, query, each in zip(norms, queries, asked, strict=True):
        if parameters.is_exact(each) and norm > parameters.largest_query_norm(each):
            raise QueryOutOfBounds(
                "a query could wrap around the plain modulus",
                expected=f"sum of absolute values <= {parameters.largest_query_norm(each)}",
                found="more",
                hint="scale the query down",
            )
        if max(abs(int(value)) for value in query) > parameters.plain_modulus // 2:
            raise QueryOutOfBounds(
                "an entry of a query is beyond half the plain modulus",
                expected=f"<= {parameters.plain_modulus // 2}",
                found="more",
                hint="scale the query down",
            )
    return norms, asked


def _describe(array: NDArray[np.int64]) -> str:
    return f"{' x '.join(map(str, array.shape))} {array.dtype}"
