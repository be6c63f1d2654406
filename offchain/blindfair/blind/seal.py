"""SEAL's objects: residues as numpy words into `tenseal.sealapi` objects and out of them.

SEAL's documented serialization is assembled and taken apart here, which is many times faster than its polynomial
strings, and lets a ciphertext be made from a first polynomial and a seed. Every byte that goes in was assembled here
from checked numbers: no serialized object of a counterparty reaches SEAL. Not here: what is computed with the objects,
and the framing of messages (`query.py`, `reply.py`).

Shapes: a polynomial is `primes x N` uint64, residues below their primes, in coefficient form.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from blindfair.blind import in_place
from blindfair.blind.memory_file import memory_file
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.zstd import decompress
from blindfair.protocol.errors import ScoringError, UnknownParameters

Words: TypeAlias = NDArray[np.uint64]
"""Residues or coefficients as SEAL keeps them: one little-endian word each."""

Part: TypeAlias = bytes | memoryview
"""Bytes on their way to SEAL, not copied together before."""

Level: TypeAlias = tuple[int, int, int, int]
"""SEAL's name for a modulus of its chain: a hash of the parameters."""

SEED_SIZE = 64
"""Bytes from which SEAL expands the second polynomial of a symmetric encryption, by Blake2xb."""

_HEADER = struct.Struct("<HBBBBHQ")  # magic, header size, version (2), compression, reserved, size with header
_CIPHERTEXT = struct.Struct("<4QBQQQdQ")  # parms_id, NTT form, polynomials, N, primes, scale, correction factor
_PLAINTEXT = struct.Struct("<4QQd")  # parms_id, coefficients, scale
_KEYS = struct.Struct("<4QQ")  # parms_id, indices of Galois elements
_COUNT = struct.Struct("<Q")
_MAGIC = 0xA15E
_UNCOMPRESSED, _ZSTD = 0, 2
_BLAKE2XB = 1
_SEED_INFO_SIZE = _HEADER.size + 1 + SEED_SIZE
_COEFFICIENT_FORM = (0, 0, 0, 0)
"""The parms_id of a plaintext that is not in NTT form."""


@dataclass(frozen=True, slots=True)
class Engine:
    """SEAL made ready for one parameter set. Holds no secret."""

    parameters: ParameterSet
    context: Any
    evaluator: Any
    version: tuple[int, int]
    """Version of the SEAL inside TenSEAL, written into each object that is assembled for it."""

    sum_level: Level
    """SEAL's name for the modulus `Q`, of sums and of encryptions of zero."""

    data: Any | None = None
    """How ciphertexts are read where SEAL keeps them; None where they go through files."""

    @property
    def query_level(self) -> Level:
        """SEAL's name for the modulus of queries: `Q`, times the expansion prime where there is one."""
        a, b, c, d = self.context.first_parms_id()
        return a, b, c, d

    @property
    def reply_level(self) -> Level:
        """SEAL's name for the modulus `Q'`, of replies."""
        a, b, c, d = self.context.last_parms_id()
        return a, b, c, d

    # --- into SEAL -------------------------------------------------------------------------------------------------

    def plaintext(self, coefficients: Words) -> Any:
        """A plaintext of `N` coefficients below `t`; those above t/2 stand for negative numbers."""
        plaintext = sealapi.Plaintext()
        head = _PLAINTEXT.pack(*_COEFFICIENT_FORM, coefficients.size, 1.0)
        self._load(plaintext, head, *self._array(coefficients))
        return plaintext

    def transformed_plaintext(self, residues: Words) -> Any:
        """A plaintext in NTT form at the level of sums, of residues `primes x N`."""
        plaintext = sealapi.Plaintext()
        self._load(plaintext, _PLAINTEXT.pack(*self.sum_level, residues.size, 1.0), *self._array(residues))
        return plaintext

    def ciphertext(self, polynomials: Words, level: Level, *, transformed: bool = False) -> Any:
        """A ciphertext of 2 to 16 polynomials, `count x primes x N`, at a level; in NTT form if it says so."""
        ciphertext = sealapi.Ciphertext()
        head = self._ciphertext_head(len(polynomials), polynomials.shape[1], level, transformed)
        self._load(ciphertext, head, *self._array(polynomials))
        return ciphertext

    def seeded_ciphertext(self, first: Words, seed: bytes, level: Level) -> Any:
        """A ciphertext at a level whose second polynomial SEAL expands from `seed`, here and now."""
        ciphertext = sealapi.Ciphertext()
        self._load(ciphertext, *self._seeded(first, seed, level, transformed=False))
        return ciphertext

    def galois_keys(self, keys: Mapping[int, Sequence[tuple[Words, bytes]]]) -> Any:
        """Galois element -> for each query prime the first polynomial, `all primes x N` in NTT form, and the seed."""
        level: Level = self.context.key_parms_id()
        indices = self.parameters.ring_degree
        parts: list[Part] = [_KEYS.pack(*level, indices)]
        by_index = {(element - 1) // 2: digits for element, digits in keys.items()}
        for index in range(indices):
            digits = by_index.get(index, ())
            parts.append(_COUNT.pack(len(digits)))
            for first, seed in digits:
                parts += self._wrap(*self._seeded(first, seed, level, transformed=True))
        loaded = sealapi.GaloisKeys()
        self._load(loaded, *parts)
        return loaded

    def secret_key(self, residues: Words) -> Any:
        """The secret key whose residues `secret_key_words` gave, `all primes x N` in NTT form."""
        secret = sealapi.SecretKey()
        head = _PLAINTEXT.pack(*self.context.key_parms_id(), residues.size, 1.0)
        self._load(secret, head, *self._array(residues))
        return secret

    # --- out of SEAL -----------------------------------------------------------------------------------------------

    def ciphertext_words(self, ciphertext: Any) -> Words:
        """The polynomials of a ciphertext, `count x primes x N`. Raises `ScoringError` for an empty one."""
        shape = (ciphertext.size(), ciphertext.coeff_modulus_size(), ciphertext.poly_modulus_degree())
        if 0 in shape or shape[-1] != self.parameters.ring_degree:
            expected = f"polynomials of {self.parameters.ring_degree} coefficients"
            raise ScoringError("this is no ciphertext of the parameter set", expected=expected, found=shape)
        if self.data is not None:
            return in_place.words(self.data, ciphertext, shape)
        words, _ = self._take_apart(self._save(ciphertext, _CIPHERTEXT.size + _array_size(math.prod(shape))))
        return words.reshape(shape)

    def second_words(self, seed: bytes, level: Level) -> Words:
        """Expand a seed at a level as SEAL does, `primes x N`: the second polynomial of `seeded_ciphertext`."""
        # The first has no part in it; one of zeros is quickly compressed, where ciphertexts go through files.
        first = np.zeros((self._primes_at(level), self.parameters.ring_degree), dtype=np.uint64)
        second: Words = self.ciphertext_words(self.seeded_ciphertext(first, seed, level))[1]
        return second

    def seeded_words(self, seeded: Any, level: Level) -> tuple[Words, bytes]:
        """First polynomial, `primes x N`, and seed of what a symmetric encryption at a level returned."""
        words, rest = self._take_apart(self._save(seeded, self._seeded_size(self._primes_at(level))))
        return words.reshape(-1, self.parameters.ring_degree), rest[-SEED_SIZE:]

    def galois_words(self, generated: Any, elements: int) -> dict[int, list[tuple[Words, bytes]]]:
        """Take a key generator's keys for so many Galois elements apart, as `galois_keys` wants them."""
        each = _HEADER.size + self._seeded_size(len(self.parameters.key_primes))
        digits_in_all = elements * len(self.parameters.query_primes)
        size = _KEYS.size + _COUNT.size * self.parameters.ring_degree + digits_in_all * each
        saved = self._save(generated, size)
        keys = {}
        position = _KEYS.size
        for index in range(_KEYS.unpack_from(saved)[-1]):
            (digits,) = _COUNT.unpack_from(saved, position)
            position += _COUNT.size
            found = []
            for _ in range(digits):
                words, rest = self._take_apart(saved[position + _HEADER.size : position + each])
                found.append((words.reshape(-1, self.parameters.ring_degree), rest[-SEED_SIZE:]))
                position += each
            if found:
                keys[2 * index + 1] = found
        return keys

    def plaintext_words(self, plaintext: Any) -> Words:
        """The `N` coefficients of a decrypted plaintext; SEAL drops leading zeros, which come back here."""
        coefficients = np.zeros(self.parameters.ring_degree, dtype=np.uint64)
        words = self._plaintext_array(plaintext)
        coefficients[: words.size] = words
        return coefficients

    def secret_key_words(self, secret: Any) -> Words:
        """The residues of a secret key, `all primes x N` in NTT form."""
        return self._plaintext_array(secret.data()).reshape(
            len(self.parameters.key_primes), self.parameters.ring_degree
        )

    # --- bytes -----------------------------------------------------------------------------------------------------

    def _primes_at(self, level: Level) -> int:
        return len(self.parameters.data_primes if level == self.sum_level else self.parameters.query_primes)

    def _ciphertext_head(self, polynomials: int, primes: int, level: Level, transformed: bool) -> bytes:
        return _CIPHERTEXT.pack(*level, transformed, polynomials, self.parameters.ring_degree, primes, 1.0, 1)

    def _seeded(self, first: Words, seed: bytes, level: Level, *, transformed: bool) -> list[Part]:
        head = self._ciphertext_head(2, len(first), level, transformed)
        return [head, *self._array(first), *self._wrap(bytes([_BLAKE2XB]) + seed)]

    def _seeded_size(self, primes: int) -> int:
        return _CIPHERTEXT.size + _array_size(primes * self.parameters.ring_degree) + _SEED_INFO_SIZE

    def _array(self, words: Words) -> list[Part]:
        return self._wrap(_COUNT.pack(words.size), np.ascontiguousarray(words, dtype="<u8").data.cast("B"))

    def _wrap(self, *content: Part) -> list[Part]:
        size = _HEADER.size + sum(map(len, content))
        return [_HEADER.pack(_MAGIC, _HEADER.size, *self.version, _UNCOMPRESSED, 0, size), *content]

    def _load(self, target: Any, *content: Part) -> None:
        with memory_file(*self._wrap(*content)) as path:
            target.load(self.context, str(path))

    def _save(self, source: Any, size: int) -> memoryview:
        """What SEAL saves of an object, decompressed: so many bytes, as its shape has it."""
        with memory_file() as path:
            source.save(str(path))
            saved = path.read_bytes()
        if _HEADER.unpack_from(saved)[4] != _ZSTD:
            raise ScoringError("this build of TenSEAL does not compress with zstd", hint="install tenseal from PyPI")
        return decompress(saved[_HEADER.size :], size)

    def _plaintext_array(self, plaintext: Any) -> Words:
        words, _ = self._take_apart(
            self._save(plaintext, _PLAINTEXT.size + _array_size(plaintext.coeff_count())), _PLAINTEXT
        )
        return words

    @staticmethod
    def _take_apart(members: memoryview, head: struct.Struct = _CIPHERTEXT) -> tuple[Words, bytes]:
        """The array of words after a head of this layout, and what follows it."""
        start = head.size + _HEADER.size
        (count,) = _COUNT.unpack_from(members, start)
        start += _COUNT.size
        words = np.frombuffer(members, dtype="<u8", count=count, offset=start).astype(np.uint64)
        return words, bytes(members[start + 8 * count :])


def _array_size(words: int) -> int:
    """Bytes of a saved array of so many words."""
    return _HEADER.size + _COUNT.size + 8 * words


@cache
def engine(parameters: ParameterSet) -> Engine:
    """The engine of a set, made once. Raises `UnknownParameters` if SEAL itself finds the set invalid or insecure."""
    wanted = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.BFV)
    wanted.set_poly_modulus_degree(parameters.ring_degree)
    wanted.set_coeff_modulus([sealapi.Modulus(prime) for prime in parameters.key_primes])
    wanted.set_plain_modulus(parameters.plain_modulus)
    context = sealapi.SEALContext(wanted, True, sealapi.SEC_LEVEL_TYPE.TC128)
    if not context.parameters_set():
        raise UnknownParameters("SEAL refuses the parameter set", found=context.parameters_error_message())
    with memory_file() as path:
        sealapi.Plaintext().save(str(path))
        _, _, major, minor, *_ = _HEADER.unpack_from(path.read_bytes())
    at_first = context.first_context_data()
    at_sums = at_first.next_context_data() if parameters.is_expanded else at_first
    a, b, c, d = at_sums.parms_id()
    found = Engine(parameters, context, sealapi.Evaluator(context), (major, minor), (a, b, c, d))
    return replace(found, data=_data(found))


def _data(seal: Engine) -> Any | None:
    """The function of `in_place`, if it gives what a file gives."""
    data = in_place.accessor()
    if data is None:
        return None
    first = np.zeros((len(seal.parameters.data_primes), seal.parameters.ring_degree), dtype=np.uint64)
    tried = seal.seeded_ciphertext(first, bytes(SEED_SIZE), seal.sum_level)
    expected = seal.ciphertext_words(tried)
    return data if np.array_equal(in_place.words(data, tried, expected.shape), expected) else None
