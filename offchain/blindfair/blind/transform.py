"""The number theoretic transform of polynomials, `primes x N`, to their values, as SEAL has them, and back.

SEAL's own transform of a column is most of the work of flooding a reply, which multiplies fresh random columns for
every ciphertext, and of encoding rows: the kernel does it, or SEAL without a kernel. Not here: the switch to a
smaller modulus (`switch.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.blind import kernel
from blindfair.blind.seal import Engine, Words

_AT_ONCE = 15
"""Polynomials that an object of SEAL's holds at most, less one."""


@dataclass(frozen=True, slots=True)
class Roots:
    """What a transform modulo one prime needs: `N` powers of a root of unity in bit-reversed order, and their quotients
    `floor(2^64 w / p)`; for the way back their inverses, and the inverse of `N`."""

    prime: int
    powers: Words
    quotients: Words
    inverses: Words
    inverse_quotients: Words
    share: kernel.Factor


@cache
def roots_of(prime: int, degree: int) -> Roots:
    """The powers of the least primitive root of unity of order `2 degree`, which is SEAL's choice."""
    order = 2 * degree
    # A power of an arbitrary element has this order if half of it does not lead to 1.
    found = next(
        root
        for root in (pow(base, (prime - 1) // order, prime) for base in range(2, prime))
        if pow(root, degree, prime) != 1
    )
    square = found * found % prime
    least = min(accumulate(repeat(square, degree - 1), lambda power, step: power * step % prime, initial=found))
    share = kernel.Factor.of(pow(degree, -1, prime), prime)
    return Roots(prime, *_ordered(least, prime, degree), *_ordered(pow(least, -1, prime), prime, degree), share)


def _ordered(root: int, prime: int, degree: int) -> tuple[Words, Words]:
    powers = list(accumulate(repeat(root, degree - 1), lambda power, step: power * step % prime, initial=1))
    bits = degree.bit_length() - 1
    ordered = [powers[int(f"{place:0{bits}b}"[::-1], 2)] for place in range(degree)]
    quotients = [(power << 64) // prime for power in ordered]
    return np.array(ordered, dtype=np.uint64), np.array(quotients, dtype=np.uint64)


def residues_of(columns: NDArray[np.signedinteger], primes: tuple[int, ...], degree: int) -> Words:
    """Columns of small integers, `count x n` with n at most `degree`, modulo each prime: `count x primes x degree`."""
    residues = np.zeros((len(columns), len(primes), degree), dtype=np.int64)
    residues[:, :, : columns.shape[1]] = columns[:, None, :]
    residues += (residues < 0) * np.array(primes, dtype=np.int64)[:, None]
    return residues.view(np.uint64)


def values_of(seal: Engine, columns: NDArray[np.signedinteger]) -> Words:
    """Columns of small integers as `transform` gives them."""
    parameters = seal.parameters
    return transform(seal, residues_of(columns, parameters.data_primes, parameters.ring_degree))


def transform(seal: Engine, polynomials: Words) -> Words:
    """`count x primes x N` polynomials to values, in NTT form at the level of sums; they are used up."""
    if kernel.library() is None:
        return _by_seal(seal, polynomials, seal.evaluator.transform_to_ntt_inplace, transformed=False)
    for residues, roots in _each(seal, polynomials):
        kernel.transform(residues, roots.prime, roots.powers, roots.quotients)
    return polynomials


def transform_back(seal: Engine, values: Words) -> Words:
    """Undo `transform`; the values are used up."""
    if kernel.library() is None:
        return _by_seal(seal, values, seal.evaluator.transform_from_ntt_inplace, transformed=True)
    for residues, roots in _each(seal, values):
        kernel.transform_back(residues, roots.prime, roots.inverses, roots.inverse_quotients, roots.share)
    return values


def _each(seal: Engine, polynomials: Words) -> Iterator[tuple[Words, Roots]]:
    """Every polynomial modulo every prime, with what its transform needs."""
    all_roots = [roots_of(prime, seal.parameters.ring_degree) for prime in seal.parameters.data_primes]
    for polynomial in polynomials:
        yield from zip(polynomial, all_roots, strict=True)


def _by_seal(seal: Engine, polynomials: Words, turn: Callable[[Any], None], *, transformed: bool) -> Words:
    # SEAL takes two polynomials at least, and not all but the first may be zero.
    companion = np.ones((1, *polynomials.shape[1:]), dtype=np.uint64)
    turned = []
    for start in range(0, len(polynomials), _AT_ONCE):
        some = np.concatenate([polynomials[start : start + _AT_ONCE], companion])
        ciphertext = seal.ciphertext(some, seal.sum_level, transformed=transformed)
        turn(ciphertext)
        turned.append(seal.ciphertext_words(ciphertext)[:-1])
    return np.concatenate(turned)
