"""A buyer that writes its query by hand: what the seller's side must withstand. Shared by the tests of this package.

It holds a secret key as any buyer does, so it may look at a reply's phase `c0 + c1 s` modulo Q' in full, not only at
the rounded scores that the honest code shows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from blindfair.blind import expansion
from blindfair.blind.encryptions import Encryptions, shape_of
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import DEFAULT, EXACT_BITS, ParameterSet
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Level, Words, engine

Phase = Mapping[int, int]
"""Coefficient -> integer modulo Q that an encryption's phase has there; 0 elsewhere."""

Encryption: TypeAlias = tuple[Words, bytes]
"""First polynomial and seed."""

Craft: TypeAlias = Callable[[Phase, Level | None], Encryption]

_PART_BITS = 16


class HostileBuyer:
    """Crafts first polynomials, which is all that the format leaves open, and reads phases."""

    def __init__(self, parameters: ParameterSet = DEFAULT) -> None:
        self.parameters = parameters
        self.seal = engine(parameters)
        self.generator = sealapi.KeyGenerator(self.seal.context)
        self.secret_key = self.generator.secret_key()
        self._encryptor = sealapi.Encryptor(self.seal.context, self.secret_key)

    def encryption(self, phase: Phase, level: Level | None = None) -> Encryption:
        """First polynomial and seed of an encryption whose phase is as given, up to fresh noise; of sums, unless a
        level is given."""
        first, seed = self.seal.seeded_words(
            self._encryptor.encrypt_zero_symmetric(level or self.seal.sum_level), level or self.seal.sum_level
        )
        return self._plus(first, phase), seed

    def bare(self, phase: Phase, level: Level | None = None) -> Encryption:
        """The same without the key: the first polynomial *is* the phase, whatever the seed expands to."""
        first, seed = self.encryption({}, level)
        return self._plus(np.zeros_like(first), phase), seed

    def zeros(self) -> list[Encryption]:
        """Honest encryptions of zero."""
        return [self.encryption({}) for _ in range(self.parameters.mask_columns)]

    def query(
        self,
        phases: Sequence[Phase],
        zeros: Sequence[Encryption] | None = None,
        *,
        encrypt: Craft | None = None,
        keys: Sequence[Encryption] | None = None,
        bits: int = EXACT_BITS,
    ) -> EncryptedQueries:
        """One query of so many bits whose coordinates have the phases asked for when they meet the rows.

        Zeros and keys are honest unless others are given; `encrypt` is `encryption` or `bare`. Under a set that is
        expanded, honest keys let a phase have coefficients at multiples of 2^depth only: those of all coordinates lie
        side by side in one ciphertext, as an honest query's entries do.
        """
        encrypt = encrypt or self.encryption
        if not self.parameters.is_expanded:
            ciphertexts = [encrypt(phase, None) for phase in phases]
        else:
            size = 1 << expansion.depth(len(phases))
            starts = range(0, len(phases), size)
            pieces = [packed_phases(self.parameters, phases[start : start + size], size) for start in starts]
            ciphertexts = [encrypt(piece, self.seal.query_level) for piece in pieces]
            keys = self.keys(len(phases)) if keys is None else keys
        return self.message(len(phases), zeros or self.zeros(), keys or (), ciphertexts, bits)

    def message(
        self,
        k: int,
        zeros: Sequence[Encryption],
        keys: Sequence[Encryption],
        ciphertexts: Sequence[Encryption],
        bits: int = EXACT_BITS,
    ) -> EncryptedQueries:
        """A request of one query, made of whatever parts."""
        shapes = shape_of(self.parameters, k, 1)
        degree = self.parameters.ring_degree
        parts = (
            Encryptions.of(primes, degree, part)
            for part, (_, primes) in zip((zeros, keys, ciphertexts), shapes, strict=True)
        )
        return EncryptedQueries(self.parameters, (bits,), k, *parts)

    def keys(self, k: int) -> list[Encryption]:
        """Honest keys of the expansion of `k` coordinates."""
        levels = expansion.depth(k)
        elements = [
            expansion.galois_element(self.parameters.ring_degree, level) for level in expansion.key_levels(levels)
        ]
        keys = self.seal.galois_words(self.generator.create_galois_keys(elements), len(elements))
        return [digit for element in elements for digit in keys[element]]

    def phase(self, reply: bytes, records: int) -> NDArray[Any]:
        """`blocks x N` Python integers: the phase of every coefficient, centred modulo Q'."""
        modulus = self.parameters.reply_modulus
        blocks = EncryptedScores.from_bytes(self.parameters, reply, records, 1).ciphertexts
        secret = ternary_secret(self.parameters, self.secret_key)
        return np.stack([phase_of(pair, secret, modulus) for pair in blocks])

    def _plus(self, first: Words, phase: Phase) -> Words:
        first = first.copy()
        for row, prime in enumerate(self.parameters.query_primes[: len(first)]):
            for place, value in phase.items():
                first[row, place] = (int(first[row, place]) + value) % prime
        return first


def crafted_for_two(buyer: HostileBuyer, phases: tuple[Phase, Phase]) -> tuple[Encryption, list[Encryption]]:
    """A ciphertext and keys whose expansion to two coordinates gives them any phases at all.

    The second polynomials do not depend on the first ones, so the buyer knows them beforehand. With node (c0, c1), its
    image (s(c0) + f, c1'), where s turns the sign of odd coefficients and f = D(s(c1)) K / p is what the key's first
    polynomial K brings, the coordinates are node + image and (node - image) / x. These are two equations for c0 and f,
    and f gives K, since the digit D is known.
    """
    seal, degree = buyer.seal, buyer.parameters.ring_degree
    primes = buyer.parameters.query_primes
    column = np.array(primes, dtype=object)[:, None]
    honest = buyer.keys(2)
    keys = [(np.zeros_like(first), seed) for first, seed in honest]
    first, seed = buyer.bare({}, seal.query_level)
    node, image = seal.seeded_ciphertext(first, seed, seal.query_level), sealapi.Ciphertext()
    seal.evaluator.apply_galois(node, degree + 1, seal.galois_keys({degree + 1: keys}), image)
    c1, c1_image = (seal.ciphertext_words(each)[1].astype(object) for each in (node, image))
    seconds = (c1 + c1_image) % column, _shifted(c1 - c1_image, -1) % column
    secret = ternary_secret(buyer.parameters, buyer.secret_key)
    extra = buyer.parameters.expansion_prime
    assert extra is not None
    wanted = []
    for phase, second in zip(phases, seconds, strict=True):
        polynomial = -np.stack([_times(row.astype(np.uint64), secret) for row in second])
        for place, value in phase.items():
            polynomial[:, place] += value * extra
        wanted.append(polynomial)
    halves = np.array([pow(2, -1, prime) for prime in primes], dtype=object)[:, None]
    c0 = (wanted[0] + _shifted(wanted[1], 1)) * halves % column
    sign = np.where(np.arange(degree) % 2 == 1, -1, 1)
    brought = (wanted[0] - c0 - c0 * sign) % column
    digit = (c1[0] * sign % primes[0])[None] % column
    both = seal.ciphertext(np.stack((digit, brought)).astype(np.uint64), seal.query_level)
    seal.evaluator.transform_to_ntt_inplace(both)
    values = seal.ciphertext_words(both).astype(object)
    crafted = np.zeros_like(honest[0][0])
    for row, prime in enumerate(primes):
        inverse = np.array([pow(value, -1, prime) for value in values[0, row]], dtype=object)
        crafted[row] = values[1, row] * inverse * buyer.parameters.special_prime % prime
    return (c0.astype(np.uint64), seed), [(crafted, keys[0][1]), *keys[1:]]


def _shifted(polynomial: NDArray[Any], places: int) -> NDArray[Any]:
    """Times x or 1 / x: what leaves at one end comes in at the other with its sign turned."""
    shifted = np.roll(polynomial, places, axis=1)
    shifted[:, 0 if places == 1 else -1] *= -1
    return shifted


def packed_phases(parameters: ParameterSet, phases: Sequence[Phase], size: int) -> Phase:
    """One phase, modulo Q times the expansion prime, from whose expansion to `size` coordinates come the given ones.

    Coefficient c of the whole goes to coordinate c mod `size`, times `size`, and the switch down divides by the prime.
    """
    extra = parameters.expansion_prime
    assert extra is not None
    modulus = parameters.ciphertext_modulus * extra
    inverse = pow(size, -1, modulus)
    whole = {}
    for coordinate, phase in enumerate(phases):
        for place, value in phase.items():
            assert place % size == 0, "honest keys bring nothing elsewhere"
            whole[place + coordinate] = value * extra * inverse % modulus
    return whole


def ternary_secret(parameters: ParameterSet, secret_key: Any) -> NDArray[np.int64]:
    """The secret polynomial: what the ciphertext (0, Q/t) decrypts to."""
    seal = engine(parameters)
    polynomials = np.zeros((2, len(parameters.data_primes), parameters.ring_degree), dtype=np.uint64)
    step = parameters.ciphertext_modulus // parameters.plain_modulus
    polynomials[1, :, 0] = [step % prime for prime in parameters.data_primes]
    plaintext = sealapi.Plaintext()
    decryptor = sealapi.Decryptor(seal.context, secret_key)
    decryptor.decrypt(seal.ciphertext(polynomials, seal.sum_level), plaintext)
    residues = seal.plaintext_words(plaintext).astype(np.int64)
    secret = np.where(residues > parameters.plain_modulus // 2, residues - parameters.plain_modulus, residues)
    assert set(np.unique(secret)) == {-1, 0, 1}
    return secret


def secret_key_of(secret: QuerySecret) -> Any:
    """The SEAL secret key inside an honest buyer's secret."""
    return engine(secret.parameters).secret_key(secret.key)


def phase_of(pair: Words, secret: NDArray[np.int64], modulus: int) -> NDArray[Any]:
    """`c0 + c1 s` of a ciphertext `2 x 1 x N` modulo one prime, centred, as Python integers."""
    phase = (pair[0, 0].astype(object) + _times(pair[1, 0], secret)) % modulus
    return np.array([value - modulus if value > modulus // 2 else value for value in phase], dtype=object)


def _times(polynomial: Words, secret: NDArray[np.int64]) -> NDArray[Any]:
    """Product with a ternary one in Z[x] / (x^N + 1), as Python integers.

    By transforms of floats, of so few bits at a time that they are off by far less than 1/2.
    """
    turned = np.exp(1j * np.pi * np.arange(polynomial.size) / polynomial.size)
    factor = np.fft.fft(secret * turned)
    total: NDArray[Any] = np.zeros(polynomial.size, dtype=object)
    for shift in range(0, 64, _PART_BITS):
        part = (polynomial >> np.uint64(shift)) & np.uint64(2**_PART_BITS - 1)
        product = np.fft.ifft(np.fft.fft(part * turned) * factor) / turned
        total += np.rint(product.real).astype(np.int64).astype(object) << shift
    return total
