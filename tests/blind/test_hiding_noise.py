"""The seller's noise as a buyer sees it: uniform with the stated bound, fresh each time, and missed if left out."""

from collections.abc import Sequence

import numpy as np
import pytest
from hostile_buyer import HostileBuyer, phase_of, secret_key_of, ternary_secret
from numpy.typing import NDArray
from scipy.stats import chisquare, kstest

from blindfair.blind import hiding
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.blind.reply import EncryptedScores

N = DEFAULT.ring_degree
ALPHA = 1e-6
"""A correct build fails one run in a million; a missing noise gives p-values below 1e-100."""


def centred(residues: NDArray[np.uint64], primes: Sequence[int]) -> list[int]:
    """Integers from their residues, centred modulo the product."""
    modulus = primes[0] * primes[1]
    lift = [modulus // prime * pow(modulus // prime, -1, prime) for prime in primes]
    values = [sum(int(r) * each for r, each in zip(column, lift, strict=True)) % modulus for column in residues.T]
    return [value - modulus if value > modulus // 2 else value for value in values]


def noise_of_reply(precision_bits: int | None, records: int) -> NDArray[np.float64]:
    """Honest evaluation: what remains of all N phases without the score, as a share of the stated bound."""
    rows = np.random.default_rng(1).integers(-2047, 2048, (records, 2)).astype(np.int16)
    queries = np.array([[400_000, -300_000]])
    encrypted, secret = encrypt_queries(DEFAULT, queries, precision_bits)
    reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes(), precision_bits)
    (pair,) = EncryptedScores.from_bytes(DEFAULT, reply, records, 1).ciphertexts
    modulus = DEFAULT.reply_modulus
    phase = phase_of(pair, ternary_secret(DEFAULT, secret_key_of(secret)), modulus)
    scores = np.zeros(N, dtype=object)
    scores[:records] = [int(score) for score in queries[0] @ rows.T.astype(np.int64)]
    rest = [(int(p) - int(s) * modulus // DEFAULT.plain_modulus) % modulus for p, s in zip(phase, scores, strict=True)]
    bound = DEFAULT.drowning_bound(precision_bits) * modulus / DEFAULT.ciphertext_modulus
    return np.array([value - modulus if value > modulus // 2 else value for value in rest], dtype=np.float64) / bound


def uniform_p_value(values: NDArray[np.float64], bound: float) -> float:
    return float(kstest(values, "uniform", args=(-bound, 2 * bound)).pvalue)


@pytest.mark.parametrize("precision_bits", [None, 24, 8])
def test_noise_of_scores_is_uniform_within_the_bound(precision_bits: int | None) -> None:
    noise = noise_of_reply(precision_bits, N)
    assert abs(noise).max() <= 1 + 1e-4
    assert uniform_p_value(noise, 1.0) > ALPHA


def test_other_coefficients_are_uniform_over_the_whole_modulus() -> None:
    noise = noise_of_reply(None, 1200)
    whole = DEFAULT.ciphertext_modulus / 2 / DEFAULT.drowning_bound()
    assert uniform_p_value(noise[:1200], 1.0) > ALPHA
    assert uniform_p_value(noise[1200:], whole) > ALPHA


@pytest.mark.parametrize("share", [1e-12, 0.9])
def test_leaving_out_the_noise_would_be_seen(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hiding.symmetric_residues
    monkeypatch.setattr(
        hiding, "symmetric_residues", lambda primes, bound, count: real(primes, int(share * bound), count)
    )
    assert uniform_p_value(noise_of_reply(None, N), 1.0) < 1e-12


def test_two_replies_to_one_query_share_no_coefficient() -> None:
    rows = np.ones((50, 2), dtype=np.int16)
    encrypted, _ = encrypt_queries(DEFAULT, np.array([[5, 6]]))
    encoded, query = encode_rows(DEFAULT, rows), encrypted.to_bytes()
    first, second = (
        EncryptedScores.from_bytes(DEFAULT, evaluate(encoded, query), 50, 1).ciphertexts[0] for _ in range(2)
    )
    assert (first == second).mean(axis=2).max() < 0.001


def test_second_polynomial_is_uniform_even_if_nothing_was_asked() -> None:
    buyer = HostileBuyer()
    query = buyer.query([buyer.bare({})])
    reply = evaluate(encode_rows(DEFAULT, np.ones((5, 1), dtype=np.int16)), query.to_bytes())
    pair = EncryptedScores.from_bytes(DEFAULT, reply, 5, 1).ciphertexts[0]
    assert kstest(pair[1, 0] / DEFAULT.reply_modulus, "uniform").pvalue > ALPHA


@pytest.mark.parametrize("bound", [1, 2, 3, 7])
def test_small_bounds_are_drawn_without_bias(bound: int) -> None:
    values = centred(hiding.symmetric_residues(DEFAULT.data_primes, bound, 20_000), DEFAULT.data_primes)
    counts = np.bincount(np.array(values) + bound, minlength=2 * bound + 1)
    assert len(counts) == 2 * bound + 1
    assert chisquare(counts).pvalue > ALPHA


@pytest.mark.parametrize("bound", [3 * 2**60, 2**63 - 1, 2**63, 3 * 2**62, 2**64 + 12345, 5 * 2**85 + 7, 2**118 - 1])
def test_large_bounds_give_consistent_residues_and_uniform_low_and_high_parts(bound: int) -> None:
    values = centred(hiding.symmetric_residues(DEFAULT.data_primes, bound, 20_000), DEFAULT.data_primes)
    assert -bound <= min(values) < -0.99 * bound
    assert 0.99 * bound < max(values) <= bound
    assert uniform_p_value(np.array([value / bound for value in values]), 1.0) > ALPHA
    assert chisquare(np.bincount([value % 256 for value in values], minlength=256)).pvalue > ALPHA


def test_rejection_never_reduces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate at or above the width is dropped, not folded back: 7 of 8 three-bit values are kept for width 7."""
    stream = np.tile(np.arange(8, dtype=np.uint64), 4)
    monkeypatch.setattr("blindfair.blind.hiding.os.urandom", lambda size: np.resize(stream, size // 8).tobytes())
    values = centred(hiding.symmetric_residues(DEFAULT.data_primes, 3, 14), DEFAULT.data_primes)
    assert values == [*range(-3, 4)] * 2


def test_mask_columns_are_full_range_and_never_repeat() -> None:
    first, second = hiding.mask_columns(DEFAULT), hiding.mask_columns(DEFAULT)
    assert first.shape == (18, N)
    assert (first == second).mean() < 0.001
    assert chisquare(np.bincount((first.astype(np.int64).ravel() + 32768) // 256, minlength=256)).pvalue > ALPHA
