"""The switch to the modulus of replies is SEAL's, bit for bit, and rounds to the nearest."""

from collections.abc import Callable

import numpy as np
import pytest

from blindfair.blind import kernel
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet
from blindfair.blind.seal import Words, engine
from blindfair.blind.switch import switch_down
from blindfair.protocol.errors import ScoringError, ShapeMismatch

FIRST, SECOND = DEFAULT.data_primes
SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
needs_kernel = pytest.mark.skipif(kernel.library() is None, reason="the kernel is not compiled here")


def some(parameters: ParameterSet) -> Words:
    """Two random polynomials, with every pair of extreme residues and those on either side of a half."""
    primes, degree = parameters.data_primes, parameters.ring_degree
    rng = np.random.default_rng(1)
    found = np.stack([rng.integers(0, prime, (2, degree), dtype=np.uint64) for prime in primes], axis=1)
    edges = [[0, 1, prime // 2 - 1, prime // 2, prime // 2 + 1, prime - 2, prime - 1] for prime in primes]
    pairs = np.array([(one, other) for one in edges[0] for other in edges[1]], dtype=np.uint64).T
    found[0, :, : pairs.shape[1]] = pairs
    return found


def by_seal(parameters: ParameterSet, polynomials: Words) -> Words:
    seal = engine(parameters)
    ciphertext = seal.ciphertext(polynomials, seal.sum_level)
    seal.evaluator.mod_switch_to_inplace(ciphertext, seal.reply_level)
    return seal.ciphertext_words(ciphertext)


@SETS
def test_residues_are_those_of_seal(parameters: ParameterSet) -> None:
    polynomials = some(parameters)
    expected = by_seal(parameters, polynomials)
    found = switch_down(engine(parameters), polynomials)
    assert found.shape == (2, 1, parameters.ring_degree)
    np.testing.assert_array_equal(found, expected)


@SETS
def test_without_the_kernel_they_are_the_same(parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch) -> None:
    polynomials = some(parameters)
    expected = by_seal(parameters, polynomials)
    monkeypatch.setattr(kernel, "library", lambda: None)
    np.testing.assert_array_equal(switch_down(engine(parameters), polynomials), expected)
    with pytest.raises(ScoringError, match="not compiled"):
        kernel.drop_prime(polynomials[0, 0], polynomials[0, 1], FIRST, SECOND)


@needs_kernel
@pytest.mark.parametrize(("kept", "dropped"), [(FIRST, SECOND), (97, SECOND), (SECOND, 97), (2**31 - 1, 2**60 - 93)])
def test_numbers_are_divided_and_rounded(kept: int, dropped: int) -> None:
    """In Python's integers, of primes of any two sizes."""
    rng = np.random.default_rng(2)
    whole = kept * dropped
    numbers = [int.from_bytes(rng.bytes(16), "little") % whole for _ in range(500)]
    numbers += [0, dropped // 2, dropped // 2 + 1, whole - dropped // 2 - 1, whole - dropped // 2, whole - 1]
    residues = np.array([number % kept for number in numbers], dtype=np.uint64)
    kernel.drop_prime(residues, np.array([number % dropped for number in numbers], dtype=np.uint64), kept, dropped)
    assert residues.tolist() == [(number + dropped // 2) // dropped % kept for number in numbers]


@needs_kernel
@pytest.mark.parametrize(
    ("spoil", "primes"),
    [
        (lambda words: words[:63], (FIRST, SECOND)),
        (lambda words: words.reshape(8, 8), (FIRST, SECOND)),
        (lambda words: np.repeat(words, 2)[::2], (FIRST, SECOND)),
        (lambda words: words.astype(np.int64), (FIRST, SECOND)),
        (lambda words: words, (FIRST, FIRST)),
        (lambda words: words, (FIRST, 2**60 + 33)),
        (lambda words: words, (2**60 + 33, SECOND)),
    ],
)
def test_what_does_not_fit_is_refused(spoil: Callable[[Words], Words], primes: tuple[int, int]) -> None:
    words = np.full(64, 5, dtype=np.uint64)
    with pytest.raises(ShapeMismatch):
        kernel.drop_prime(words, spoil(np.zeros(64, dtype=np.uint64)), *primes)
    assert (words == 5).all()
    with pytest.raises(ShapeMismatch):
        kernel.drop_prime(np.frombuffer(words.tobytes(), dtype=np.uint64), words, FIRST, SECOND)
