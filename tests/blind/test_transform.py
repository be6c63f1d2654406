"""The kernel's transform is SEAL's, bit for bit, both ways, and evaluates a polynomial at the odd powers of a root of
unity."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from blindfair.blind import kernel
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet
from blindfair.blind.seal import Words, engine
from blindfair.blind.transform import roots_of, transform, transform_back, values_of
from blindfair.protocol.errors import ScoringError, ShapeMismatch

N = DEFAULT.ring_degree
SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
needs_kernel = pytest.mark.skipif(kernel.library() is None, reason="the kernel is not compiled here")


def some(parameters: ParameterSet) -> Words:
    """Polynomials: random, zero, all p - 1, one alone at either end, alternating extremes."""
    primes = np.array(parameters.data_primes, dtype=np.uint64)[:, None]
    rng = np.random.default_rng(1)
    found = np.zeros((7, len(primes), N), dtype=np.uint64)
    found[0] = rng.integers(0, primes, found[0].shape, dtype=np.uint64)
    found[2] = primes - np.uint64(1)
    found[3, :, 0] = found[4, :, -1] = 1
    found[5, :, ::2] = primes - np.uint64(1)
    found[6, :, -1] = primes[:, 0] - np.uint64(1)
    return found


def by_seal(parameters: ParameterSet, polynomials: Words) -> Words:
    seal = engine(parameters)
    ciphertext = seal.ciphertext(polynomials, seal.sum_level)
    seal.evaluator.transform_to_ntt_inplace(ciphertext)
    return seal.ciphertext_words(ciphertext)


@SETS
@pytest.mark.parametrize("vectors", [True, False])
def test_values_are_those_of_seal(parameters: ParameterSet, vectors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if vectors and not kernel.has_vectors():
        pytest.skip("no vectors here")
    monkeypatch.setattr(kernel, "has_vectors", lambda: vectors)
    polynomials = some(parameters)
    expected = by_seal(parameters, polynomials)
    np.testing.assert_array_equal(transform(engine(parameters), polynomials), expected)


def back_by_seal(parameters: ParameterSet, values: Words) -> Words:
    seal = engine(parameters)
    ciphertext = seal.ciphertext(values, seal.sum_level, transformed=True)
    seal.evaluator.transform_from_ntt_inplace(ciphertext)
    return seal.ciphertext_words(ciphertext)


@SETS
@pytest.mark.parametrize("vectors", [True, False])
def test_the_way_back_is_that_of_seal(parameters: ParameterSet, vectors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if vectors and not kernel.has_vectors():
        pytest.skip("no vectors here")
    monkeypatch.setattr(kernel, "has_vectors", lambda: vectors)
    values = some(parameters)
    expected = back_by_seal(parameters, values)
    np.testing.assert_array_equal(transform_back(engine(parameters), values), expected)


@needs_kernel
@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize("degree", [16, 32, 1024, 2048])
@pytest.mark.parametrize("prime", [DEFAULT.data_primes[0], 12289])
def test_there_and_back(degree: int, prime: int, vectors: bool) -> None:
    """Of less than what is transformed together, of as much, and of more; of a prime far below 2^60."""
    if vectors and not kernel.has_vectors():
        pytest.skip("no vectors here")
    roots = roots_of(prime, degree)
    polynomial = np.random.default_rng(4).integers(0, prime, degree, dtype=np.uint64)
    polynomial[:2] = 0, prime - 1
    turned = polynomial.copy()
    kernel.transform(turned, prime, roots.powers, roots.quotients, vectors=vectors)
    assert int(turned.max()) < prime
    kernel.transform_back(turned, prime, roots.inverses, roots.inverse_quotients, roots.share, vectors=vectors)
    np.testing.assert_array_equal(turned, polynomial)


@needs_kernel
@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize("degree", [16, 32, 64])
def test_values_are_those_of_the_polynomial(degree: int, vectors: bool) -> None:
    """Place j holds the value at the root's power 2 r + 1, r being j with its bits turned round: in Python's
    integers."""
    if vectors and not kernel.has_vectors():
        pytest.skip("no vectors here")
    prime = DEFAULT.data_primes[0]
    roots = roots_of(prime, degree)
    least = int(roots.powers[degree // 2])
    assert pow(least, degree, prime) == prime - 1
    coefficients = np.random.default_rng(2).integers(0, prime, degree, dtype=np.uint64)
    values = coefficients.copy()
    kernel.transform(values, prime, roots.powers, roots.quotients, vectors=vectors)
    bits = degree.bit_length() - 1
    for place in range(degree):
        at = pow(least, 2 * int(f"{place:0{bits}b}"[::-1], 2) + 1, prime)
        assert int(values[place]) == sum(int(c) * pow(at, i, prime) for i, c in enumerate(coefficients)) % prime


@SETS
def test_columns_of_small_integers_of_both_signs(parameters: ParameterSet) -> None:
    """Short columns are filled up with zeros; the widest are masks of 25 bits."""
    columns = np.random.default_rng(3).integers(-(2**24), 2**24, (3, 700)).astype(np.int32)
    columns[0, :2] = (-(2**24), 2**24 - 1)
    expected = np.zeros((3, len(parameters.data_primes), N), dtype=np.uint64)
    for row, prime in enumerate(parameters.data_primes):
        expected[:, row, :700] = (columns.astype(object) % prime).astype(np.uint64)
    np.testing.assert_array_equal(values_of(engine(parameters), columns), by_seal(parameters, expected))


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kernel.library.cache_clear()
    monkeypatch.setattr(kernel, "_NAME", "_kernel_that_was_not_compiled")
    yield
    monkeypatch.undo()
    kernel.library.cache_clear()


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("count", [1, 15, 16, 31])
def test_without_the_kernel_seal_transforms(count: int) -> None:
    """More than an object of SEAL's holds, and nothing but zeros, too."""
    polynomials = np.resize(some(DEFAULT), (count, 2, N))
    polynomials[-1] = 0
    expected = np.concatenate([by_seal(DEFAULT, np.stack((each, some(DEFAULT)[2])))[:1] for each in polynomials])
    values = transform(engine(DEFAULT), polynomials)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(transform_back(engine(DEFAULT), values), polynomials)
    with pytest.raises(ScoringError, match="not compiled"):
        kernel.transform(polynomials[0, 0], DEFAULT.data_primes[0], polynomials[0, 0], polynomials[0, 0])


@needs_kernel
@pytest.mark.parametrize(
    "spoil",
    [
        lambda polynomial: polynomial[:8],
        lambda polynomial: polynomial[:24],
        lambda polynomial: polynomial[::2],
        lambda polynomial: polynomial.astype(np.int64),
        lambda polynomial: polynomial.reshape(8, 8),
        lambda polynomial: polynomial[:0],
        lambda polynomial: np.frombuffer(polynomial.tobytes(), dtype=np.uint64),
    ],
)
def test_arrays_that_do_not_fit_are_refused(spoil: Callable[[Words], Words]) -> None:
    spoilt = spoil(np.zeros(64, dtype=np.uint64))
    roots = np.zeros(spoilt.size, dtype=np.uint64)
    with pytest.raises(ShapeMismatch):
        kernel.transform(spoilt, DEFAULT.data_primes[0], roots, roots)
    with pytest.raises(ShapeMismatch):
        kernel.transform_back(spoilt, DEFAULT.data_primes[0], roots, roots, kernel.Factor(1, 1))


@needs_kernel
def test_a_prime_too_large_for_the_kernel_is_refused() -> None:
    words = np.zeros(64, dtype=np.uint64)
    with pytest.raises(ShapeMismatch):
        kernel.transform(words, 2**60 + 33, words, words)
    with pytest.raises(ShapeMismatch):
        kernel.transform_back(words, 2**60 + 33, words, words, kernel.Factor(1, 1))
