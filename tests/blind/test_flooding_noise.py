"""The seller's noise as a buyer sees it: uniform with the stated bound, fresh each time, and missed if left out."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from drawn import noise_of, random_draws, random_words, residues_of, uniform_within, with_bound_of
from hostile_buyer import HostileBuyer, phase_of, secret_key_of, ternary_secret
from numpy.typing import NDArray
from scipy.stats import chisquare, ks_2samp, kstest

from blindfair.blind import flooding
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Words
from blindfair.protocol.noise import noise_middle

N = DEFAULT.ring_degree
SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
ALPHA = 1e-6
"""A correct build fails one run in a million; a missing noise gives p-values below 1e-100."""


def centred(residues: NDArray[np.uint64], primes: Sequence[int]) -> list[int]:
    """Integers from their residues, centred modulo the product."""
    modulus = primes[0] * primes[1]
    lift = [modulus // prime * pow(modulus // prime, -1, prime) for prime in primes]
    values = [sum(int(r) * each for r, each in zip(column, lift, strict=True)) % modulus for column in residues.T]
    return [value - modulus if value > modulus // 2 else value for value in values]


def noise_of_reply(bits: int, records: int, parameters: ParameterSet = DEFAULT) -> NDArray[np.float64]:
    """Honest evaluation: what remains of all N phases without the score, as a share of the stated bound."""
    rows = np.random.default_rng(1).integers(-2047, 2048, (records, 2)).astype(np.int16)
    norm = parameters.largest_query_norm(bits)
    queries = np.array([[norm // 3, -norm // 2]])
    encrypted, secret = encrypt_queries(parameters, queries, [bits])
    reply = evaluate(encode_rows(parameters, rows), encrypted.to_bytes())
    (pair,) = EncryptedScores.from_bytes(parameters, reply, records, 1).ciphertexts
    modulus = parameters.reply_modulus
    phase = phase_of(pair, ternary_secret(parameters, secret_key_of(secret)), modulus)
    scores = np.zeros(N, dtype=object)
    scores[:records] = [int(score) for score in queries[0] @ rows.T.astype(np.int64)]
    plain = parameters.plain_modulus
    rest = [(int(p) - int(s) * modulus // plain) % modulus for p, s in zip(phase, scores, strict=True)]
    bound = parameters.drowning_bound(bits) * modulus / parameters.ciphertext_modulus
    return np.array([value - modulus if value > modulus // 2 else value for value in rest], dtype=np.float64) / bound


def stream() -> flooding.NoiseStream:
    return flooding.NoiseKey().stream(0, 0)


def uniform_p_value(values: NDArray[np.float64], bound: float) -> float:
    return float(kstest(values, "uniform", args=(-bound, 2 * bound)).pvalue)


@SETS
@pytest.mark.parametrize("bits", [32, 23, 8, 4, 3, 1])
def test_noise_of_scores_is_uniform_within_the_bound(bits: int, parameters: ParameterSet) -> None:
    noise = noise_of_reply(bits, N, parameters)
    assert abs(noise).max() <= 1 + 1e-4
    assert uniform_p_value(noise, 1.0) > ALPHA


@pytest.mark.parametrize("bits", [32, 3, 1])
def test_other_coefficients_are_uniform_over_the_whole_modulus(bits: int) -> None:
    noise = noise_of_reply(bits, 1200)
    whole = DEFAULT.ciphertext_modulus / 2 / DEFAULT.drowning_bound(bits)
    assert uniform_p_value(noise[:1200], 1.0) > ALPHA
    assert uniform_p_value(noise[1200:], whole) > ALPHA


@pytest.mark.parametrize(("share", "bits"), [(1e-12, 32), (0.9, 32), (0.9, 3), (0.9, 1)])
def test_leaving_out_the_noise_would_be_seen(share: float, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with_bound_of(share, monkeypatch)
    assert uniform_p_value(noise_of_reply(bits, N), 1.0) < 1e-12


def test_two_replies_to_one_query_share_no_coefficient() -> None:
    rows = np.ones((50, 2), dtype=np.int16)
    encrypted, _ = encrypt_queries(DEFAULT, np.array([[5, 6]]))
    encoded, query = encode_rows(DEFAULT, rows), encrypted.to_bytes()
    first, second = (
        EncryptedScores.from_bytes(DEFAULT, evaluate(encoded, query), 50, 1).ciphertexts[0] for _ in range(2)
    )
    assert (first == second).mean(axis=2).max() < 0.001


@SETS
def test_second_polynomial_is_uniform_even_if_nothing_was_asked(parameters: ParameterSet) -> None:
    buyer = HostileBuyer(parameters)
    query = buyer.query([{}], encrypt=buyer.bare)
    reply = evaluate(encode_rows(parameters, np.ones((5, 1), dtype=np.int16)), query.to_bytes())
    pair = EncryptedScores.from_bytes(parameters, reply, 5, 1).ciphertexts[0]
    assert kstest(pair[1, 0] / parameters.reply_modulus, "uniform").pvalue > ALPHA


WIDTHS = [65, 66, 88, 89, 112, 116, 117, 119, 127, 128]
"""Those of 32, 8, 4, 3 and 1 bits among them, and the least and the most that there is space for."""


@pytest.mark.parametrize("width", WIDTHS)
def test_residues_are_those_of_the_specified_noise(width: int) -> None:
    """At random and at the edges: all ones, all zeros, half the range, and what the width cuts off."""
    edges = [0, 1, 2**64 - 1, 2**64, 2**128 - 1]
    edges += [2 ** (width - 1) + each for each in (-1, 0, 1)] + [(2**width + each) % 2**128 for each in (-1, 0, 1)]
    draws = random_words(3000)
    for place, edge in enumerate(edges):
        draws[:, place] = edge % 2**64, edge >> 64
    before = draws.copy()
    expected = [noise_of(draws, record, width) for record in range(3000)]
    for parameters in (DEFAULT, EXPANDED):
        found = flooding.symmetric_residues(parameters.data_primes, width, draws)
        np.testing.assert_array_equal(found, residues_of(parameters.data_primes, expected))
    np.testing.assert_array_equal(draws, before)
    assert -(2 ** (width - 1)) == min(expected)
    assert 2 ** (width - 1) - 1 == max(expected)


@pytest.mark.parametrize("width", [width for width in WIDTHS if width < 120])
def test_noise_of_every_width_is_uniform_in_its_low_and_high_parts(width: int) -> None:
    bound = 2 ** (width - 1)
    residues = flooding.symmetric_residues(DEFAULT.data_primes, width, stream().draws(20_000))
    values = centred(residues, DEFAULT.data_primes)
    assert -bound <= min(values) < -0.99 * bound
    assert 0.99 * bound < max(values) < bound
    assert uniform_p_value(np.array([value / bound for value in values]), 1.0) > ALPHA
    assert chisquare(np.bincount([value % 256 for value in values], minlength=256)).pvalue > ALPHA


@pytest.mark.parametrize(
    ("bits", "committed"), [(1, 4), (3, 4), (4, 4), (8, 4), (28, 4), (29, 3), (30, 2), (31, 1), (32, 0)]
)
@SETS
def test_a_draw_decides_the_first_bits_of_the_noise_alone(parameters: ParameterSet, bits: int, committed: int) -> None:
    """The rest is the stream's, whatever was drawn: as wide as the noise of exact scores at least."""
    assert parameters.committed_bits(bits) == committed
    width, key, draws = parameters.noise_width(bits), flooding.NoiseKey(), random_draws(1, 2000)[0]
    assert width - committed >= parameters.noise_width(32)
    words = flooding.score_draws(parameters, bits, key.stream(0, 0), 2000, draws)
    own = flooding.score_draws(parameters, bits, key.stream(0, 0), 2000, None)
    np.testing.assert_array_equal(own, key.stream(0, 0).draws(2000))
    size = 1 << (width - committed)
    for record, draw in enumerate(draws):
        noise, middle = noise_of(words, record, width), noise_middle(int(draw), width, committed)
        assert middle - size // 2 <= noise < middle + size // 2
        assert (noise - noise_of(own, record, width)) % size == 0
    assert committed or (words == own).all()


class Counting(flooding.NoiseStream):
    """0 to 7 again and again, as words of 64 bits."""

    def __init__(self) -> None:
        pass

    def take(self, size: int) -> bytes:
        return np.resize(np.arange(8, dtype=np.uint64), size // 8).tobytes()


def test_rejection_never_reduces() -> None:
    """Of places that are no scores: a candidate at or above the modulus is dropped, not folded back. 7 of 8 three-bit
    values are kept for modulus 7."""
    assert flooding._uniform_words(7, 14, Counting())[0].tolist() == [*range(7)] * 2


@SETS
def test_mask_columns_are_full_range_and_never_repeat(parameters: ParameterSet) -> None:
    """Of both signs, every bit as often set as not, none like another column or the next draw."""
    source = stream()
    first, second = flooding.mask_columns(parameters, source), flooding.mask_columns(parameters, source)
    bits = parameters.mask_bits
    assert first.shape == (parameters.mask_columns, N)
    half = 2 ** (bits - 1)
    assert -half <= first.min() < -0.99 * half
    assert 0.99 * half < first.max() < half
    assert (first == second).mean() < 0.001
    assert (first[0] == first[1]).mean() < 0.001
    shifted = first.astype(np.int64).ravel() + half
    assert chisquare(np.bincount(shifted >> (bits - 8), minlength=256)).pvalue > ALPHA
    assert chisquare(np.bincount(shifted % 256, minlength=256)).pvalue > ALPHA


@SETS
def test_a_margin_that_is_broken_would_be_seen(parameters: ParameterSet) -> None:
    """Noise with and without the worst that depends on rows beneath it, 65,536 coefficients of each: alike at the
    stated bound, told apart where the bound is 32 times that worst in place of 2^40 times. What lies between rests on
    the sum of the sizes (test_parameter_sets.py), not on samples."""

    primes = parameters.data_primes

    def p_value(noise: Callable[[Words], Words]) -> float:
        bare, shifted = (np.array(centred(noise(stream().draws(65_536)), primes), dtype=np.float64) for _ in range(2))
        return float(ks_2samp(bare, shifted + float(parameters.worst_noise)).pvalue)

    for bits in (32, 1):
        assert p_value(partial(flooding.symmetric_residues, primes, parameters.noise_width(bits))) > ALPHA
    assert p_value(partial(uniform_within, primes, 32 * parameters.worst_noise)) < ALPHA


# --- the stream that all noise comes from --------------------------------------------------------------------------


def test_noise_is_the_chacha20_of_rfc_8439() -> None:
    """Section 2.3.2 there: its key, nonce and counter 1, so the second 64 bytes of a stream that begins at 0."""
    key = flooding.NoiseKey(bytes(range(32)))
    nonce = bytes.fromhex("000000090000004a00000000")
    query, block = int.from_bytes(nonce[:4], "little"), int.from_bytes(nonce[4:], "little")
    expected = "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
    assert key.stream(block, query).take(96)[64:].hex() == expected


def test_a_stream_gives_no_byte_twice_and_comes_again_for_the_same_block_and_query_only() -> None:
    key = flooding.NoiseKey()
    whole = key.stream(3, 1).take(3000)
    pieces = key.stream(3, 1)
    assert b"".join(pieces.take(size) for size in (1, 63, 64, 1000, 1872)) == whole
    others = [key.stream(block, query).take(3000) for block, query in [(3, 0), (2, 1), (1, 3), (3 + 2**32, 1), (0, 0)]]
    others += [whole[start : start + 64] * 46 for start in (64, 128, 2048)]
    for other in others:
        assert sum(a == b for a, b in zip(whole, other, strict=False)) < 0.05 * len(other)


def test_every_evaluation_has_a_noise_key_of_its_own_that_nothing_shows() -> None:
    keys = {flooding.NoiseKey().key for _ in range(50)}
    assert len(keys) == 50
    assert {len(key) for key in keys} == {flooding.KEY_SIZE}
    key = flooding.NoiseKey(b"k" * 32)
    assert "kkk" not in repr(key)


def test_noise_differs_between_the_blocks_queries_and_coefficients_of_one_reply() -> None:
    """Equal rows and equal queries: what differs is noise alone."""
    encrypted, secret = encrypt_queries(EXPANDED, np.zeros((2, 1), dtype=np.int64))
    reply = evaluate(encode_rows(EXPANDED, np.ones((2 * N, 1), dtype=np.int16)), encrypted.to_bytes())
    found = EncryptedScores.from_bytes(EXPANDED, reply, 2 * N, 2).ciphertexts
    key, modulus = ternary_secret(EXPANDED, secret_key_of(secret)), EXPANDED.reply_modulus
    phases = [phase_of(pair, key, modulus) for pair in found]
    seconds = [pair[1, 0] for pair in found]
    for one in range(4):
        assert len(set(phases[one].tolist())) > N - 10, "of 2^28 values"
        for other in range(one):
            assert (phases[one] == phases[other]).mean() < 0.001
            assert (seconds[one] == seconds[other]).mean() < 0.001
