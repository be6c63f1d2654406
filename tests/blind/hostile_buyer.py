"""A buyer that writes its query by hand: what the seller's side must withstand. Shared by the tests of this room.

It holds a secret key as any buyer does, so it may look at a reply's phase `c0 + c1 s` modulo Q' in full, not only at
the rounded scores that the honest code shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import DEFAULT, ParameterSet
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Words, engine

Phase = Mapping[int, int]
"""Coefficient -> integer modulo Q that an encryption's phase has there; 0 elsewhere."""

_LIMB = 10  # bytes: 60-bit residues, 8192 terms, 73 bits


class HostileBuyer:
    """Crafts first polynomials, which is all that the format leaves open, and reads phases."""

    def __init__(self, parameters: ParameterSet = DEFAULT) -> None:
        self.parameters = parameters
        self.seal = engine(parameters)
        self.secret_key = sealapi.KeyGenerator(self.seal.context).secret_key()
        self._encryptor = sealapi.Encryptor(self.seal.context, self.secret_key)

    def encryption(self, phase: Phase) -> tuple[Words, bytes]:
        """First polynomial and seed of an encryption whose phase is as given, up to fresh noise."""
        first, seed = self.seal.seeded_words(self._encryptor.encrypt_zero_symmetric())
        return self._plus(first, phase), seed

    def bare(self, phase: Phase) -> tuple[Words, bytes]:
        """The same without the key: the first polynomial *is* the phase, whatever the seed expands to."""
        first, seed = self.encryption({})
        return self._plus(np.zeros_like(first), phase), seed

    def query(
        self, coordinates: Sequence[tuple[Words, bytes]], zeros: Sequence[tuple[Words, bytes]] | None = None
    ) -> EncryptedQueries:
        """One query of hand-made coordinates, with honest encryptions of zero unless others are given."""
        count = self.parameters.mask_columns
        encryptions = [*(zeros or [self.encryption({}) for _ in range(count)]), *coordinates]
        firsts = np.stack([first for first, _ in encryptions])
        return EncryptedQueries(self.parameters, 1, len(coordinates), tuple(seed for _, seed in encryptions), firsts)

    def phase(self, reply: bytes, records: int) -> NDArray[Any]:
        """`blocks x N` Python integers: the phase of every coefficient, centred modulo Q'."""
        modulus = self.parameters.reply_modulus
        blocks = EncryptedScores.from_bytes(self.parameters, reply, records, 1).ciphertexts
        secret = ternary_secret(self.parameters, self.secret_key)
        return np.stack([phase_of(pair, secret, modulus) for pair in blocks])

    def _plus(self, first: Words, phase: Phase) -> Words:
        first = first.copy()
        for row, prime in enumerate(self.parameters.data_primes):
            for place, value in phase.items():
                first[row, place] = (int(first[row, place]) + value) % prime
        return first


def ternary_secret(parameters: ParameterSet, secret_key: Any) -> NDArray[np.int64]:
    """The secret polynomial: what the ciphertext (0, Q/t) decrypts to."""
    seal = engine(parameters)
    polynomials = np.zeros((2, len(parameters.data_primes), parameters.ring_degree), dtype=np.uint64)
    step = parameters.ciphertext_modulus // parameters.plain_modulus
    polynomials[1, :, 0] = [step % prime for prime in parameters.data_primes]
    plaintext = sealapi.Plaintext()
    decryptor = sealapi.Decryptor(seal.context, secret_key)
    decryptor.decrypt(seal.ciphertext(polynomials, seal.first_level), plaintext)
    residues = seal.plaintext_words(plaintext).astype(np.int64)
    secret = np.where(residues > parameters.plain_modulus // 2, residues - parameters.plain_modulus, residues)
    assert set(np.unique(secret)) == {-1, 0, 1}
    return secret


def secret_key_of(secret: QuerySecret) -> Any:
    """The SEAL secret key inside an honest buyer's secret."""
    return engine(secret.parameters).secret_key(secret.key)


def phase_of(pair: Words, secret: NDArray[np.int64], modulus: int) -> NDArray[Any]:
    """`c0 + c1 s` of a ciphertext `2 x 1 x N` modulo one prime, centred, as Python integers."""
    product = _multiply(pair[1, 0], secret == 1) - _multiply(pair[1, 0], secret == -1)
    phase = (pair[0, 0].astype(object) + product) % modulus
    return np.array([value - modulus if value > modulus // 2 else value for value in phase], dtype=object)


def _multiply(polynomial: Words, bits: NDArray[np.bool_]) -> NDArray[Any]:
    """Product in Z[x] / (x^N + 1) by one multiplication of two long integers."""
    degree = polynomial.size
    product = _long(polynomial) * _long(bits.astype(np.uint64))
    limbs = np.frombuffer(product.to_bytes(2 * degree * _LIMB, "little"), dtype=np.uint8).reshape(-1, _LIMB)
    low = np.ascontiguousarray(limbs[:, :8]).view("<u8")[:, 0].astype(object)
    high = np.ascontiguousarray(limbs[:, 8:]).view("<u2")[:, 0].astype(object)
    terms: NDArray[Any] = low + high * 2**64
    wrapped: NDArray[Any] = terms[:degree] - terms[degree:]
    return wrapped


def _long(words: Words) -> int:
    limbs = np.zeros((words.size, _LIMB), dtype=np.uint8)
    limbs[:, :8] = words.astype("<u8").view(np.uint8).reshape(-1, 8)
    return int.from_bytes(limbs.tobytes(), "little")
