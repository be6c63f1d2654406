"""The part of a query that the buyer keeps: the secret key that opens the reply, and what an honest reply can be.

The keys are fresh for every request (PROTOCOL 4.1). Nothing here ever leaves the buyer; the agents store the bytes in a
file of mode 0600.
"""

import hashlib
import struct
from dataclasses import dataclass, field

from blindfair.blind.packing import pack, packed_size, unpack
from blindfair.blind.parameters import ParameterSet, parameter_set
from blindfair.blind.seal import Words
from blindfair.protocol.errors import MalformedCiphertext, SecretDamaged, UnknownParameters

LARGEST_QUERIES = 16
"""Queries in one request, at most."""

_HEAD = struct.Struct("<4s32sH")
_MAGIC = b"BFK2"
_NORM = struct.Struct("<QB")
_DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True)
class QuerySecret:
    """The buyer's half of an encrypted query. Its representation shows no key."""

    parameters: ParameterSet
    """The set of the query; a reply under another is refused."""

    norms: tuple[int, ...] = field(repr=False)
    """`||q||_1` of each query: a score is at most 2047 times as large."""

    bits: tuple[int, ...]
    """Bits that each query asks for."""

    key: Words = field(repr=False, compare=False)
    """The secret key's residues, `all primes x N`, as SEAL holds them."""

    @property
    def queries(self) -> int:
        """How many queries the reply must answer."""
        return len(self.norms)

    def to_bytes(self) -> bytes:
        """The bytes to store, with a digest that shows damage."""
        body = _HEAD.pack(_MAGIC, self.parameters.name.encode("ascii"), self.queries)
        body += b"".join(map(_NORM.pack, self.norms, self.bits))
        body += pack(self.parameters.key_primes, self.key)
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> "QuerySecret":
        """Read what `to_bytes` gave. Raises `SecretDamaged` for anything else."""
        body, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
        if len(body) < _HEAD.size or hashlib.sha256(body).digest() != digest:
            raise SecretDamaged("the stored secret of a query is damaged")
        magic, name, queries = _HEAD.unpack_from(body)
        try:
            parameters = parameter_set(name.rstrip(b"\0").decode("ascii", "replace"))
            start = _HEAD.size + _NORM.size * queries
            size = start + packed_size(parameters.key_primes, parameters.ring_degree)
            if magic != _MAGIC or len(body) != size:
                raise SecretDamaged("the stored secret of a query has a wrong size", expected=size, found=len(body))
            key = unpack(parameters.key_primes, parameters.ring_degree, body[start:])
        except (UnknownParameters, MalformedCiphertext) as error:
            raise SecretDamaged("the stored secret of a query is of another version") from error
        stored = [_NORM.unpack_from(body, _HEAD.size + _NORM.size * i) for i in range(queries)]
        return cls(parameters, tuple(norm for norm, _ in stored), tuple(bits for _, bits in stored), key)
