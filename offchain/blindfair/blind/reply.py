"""The framing of a reply: raw residues of the smallest modulus, of exactly one length for its shape.

    "BFR2"  name of the parameter set, 32 bytes, zero-padded  u16 m  u64 n      (little-endian)
    query after query, block after block:  first polynomial, second polynomial, `packing.py`, modulo Q'

The same query gets the stored reply again, byte for byte (PROTOCOL 4.4); that is the seller's agent's task.
"""

import struct
from dataclasses import dataclass

import numpy as np

from blindfair.blind.packing import pack, packed_size, unpack
from blindfair.blind.parameters import ParameterSet, parameter_set
from blindfair.blind.seal import Words
from blindfair.protocol.errors import MalformedCiphertext, ShapeMismatch

_HEAD = struct.Struct("<4s32sHQ")
_MAGIC = b"BFR2"


@dataclass(frozen=True, slots=True)
class EncryptedScores:
    """A reply: ciphertexts of the scores of `n` records on `m` queries."""

    parameters: ParameterSet
    """The set of the query."""

    queries: int
    """`m`."""

    records: int
    """`n`."""

    ciphertexts: tuple[Words, ...]
    """Query after query, block after block: `2 x 1 x N` residues modulo Q'."""

    def to_bytes(self) -> bytes:
        """The message, of exactly `reply_size` bytes."""
        head = reply_head(self.parameters, self.queries, self.records)
        primes = (self.parameters.reply_modulus,)
        return head + b"".join(pack(primes, polynomial) for pair in self.ciphertexts for polynomial in pair)

    @classmethod
    def from_bytes(cls, parameters: ParameterSet, data: bytes, records: int, queries: int) -> "EncryptedScores":
        """Read and check a reply to `queries` queries over `records` records in full.

        Raises `UnknownParameters` for a set that does not exist, `ShapeMismatch` for another number of records or
        queries, `MalformedCiphertext` for anything else that is not such a reply.
        """
        if len(data) < _HEAD.size:
            raise MalformedCiphertext("a reply ends early", expected=f">= {_HEAD.size} bytes", found=len(data))
        magic, name, m, n = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise MalformedCiphertext("these are not encrypted scores", expected=_MAGIC.hex(), found=magic.hex())
        if parameter_set(name.rstrip(b"\0").decode("ascii", "replace")) != parameters:
            raise MalformedCiphertext("a reply is of another parameter set", expected=parameters.name)
        if (m, n) != (queries, records):
            expected, found = f"{queries} queries x {records} records", f"{m} queries x {n} records"
            raise ShapeMismatch("a reply answers something else", expected=expected, found=found)
        size = reply_size(parameters, records, queries)
        if len(data) != size:
            raise MalformedCiphertext("a reply has a wrong length", expected=size, found=len(data))
        primes, degree = (parameters.reply_modulus,), parameters.ring_degree
        each = packed_size(primes, degree)
        view = memoryview(data)[_HEAD.size :]
        polynomials = [unpack(primes, degree, view[start : start + each]) for start in range(0, len(view), each)]
        pairs = zip(polynomials[::2], polynomials[1::2], strict=True)
        return cls(parameters, m, n, tuple(np.stack(pair) for pair in pairs))


def reply_head(parameters: ParameterSet, queries: int, records: int) -> bytes:
    """The head of a reply; the ciphertexts follow it."""
    return _HEAD.pack(_MAGIC, parameters.name.encode("ascii"), queries, records)


def reply_size(parameters: ParameterSet, records: int, queries: int) -> int:
    """Bytes of a reply."""
    blocks = -(-records // parameters.ring_degree)
    return _HEAD.size + queries * blocks * 2 * packed_size((parameters.reply_modulus,), parameters.ring_degree)
