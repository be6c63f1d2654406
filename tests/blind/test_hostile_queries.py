"""Attacks on the rows by a buyer that writes its query by hand, each measured with and without the defence.

"Without" replaces one kind of noise; the attack then succeeds, which shows that it is a real one. "With" is the code as
it is: what the attacker extracts stays within `Disclosure`. docs/explanation/privacy.md has the table.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from lattice import entries_found, scaled_down
from numpy.typing import NDArray
from scipy.stats import kstest

from blindfair.blind import expand, flooding
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT, EXPANDED, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Words

N = DEFAULT.ring_degree
Q, SMALL_Q, T = DEFAULT.ciphertext_modulus, DEFAULT.reply_modulus, DEFAULT.plain_modulus
STEP = Q // T
"""The scaling factor: what an honest coordinate of 1 has as its phase."""

ENTRY_BITS = math.log2(4095)

SETS = pytest.mark.parametrize("parameters", [DEFAULT, EXPANDED], ids=["coordinates", "expanded"])
"""The two ways in which a query travels; the moduli and t of their sums are the same."""


def random_rows(n: int, k: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-2047, 2048, (n, k)).astype(np.int16)


def stated_bits(bits: int = 32) -> float:
    """Per record, for one query of so many."""
    return Disclosure.of(DEFAULT, records=1, bits=[bits]).total_bits


def no_drowning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first polynomial is sent as computed."""
    monkeypatch.setattr(flooding, "drowning_noise", lambda *_: np.zeros((2, N), dtype=np.uint64))


def drowning_of_scores_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coefficients that are not scores get no noise."""

    def noise(_: object, width: int, draws: Words, stream: flooding.NoiseStream) -> Words:
        residues = np.zeros((2, N), dtype=np.uint64)
        residues[:, : draws.shape[1]] = flooding.symmetric_residues(DEFAULT.data_primes, width, draws)
        return residues

    monkeypatch.setattr(flooding, "drowning_noise", noise)


def constant_masks(monkeypatch: pytest.MonkeyPatch, first: NDArray[np.int16] | None = None) -> None:
    """Every mask column is the polynomial 1, which the buyer can subtract; the first may be another."""
    columns = np.zeros((DEFAULT.mask_columns, N), dtype=np.int16)
    columns[:, 0] = 1
    if first is not None:
        columns[0] = first
    monkeypatch.setattr(flooding, "mask_columns", lambda parameters, stream: columns)


# --- weights and phases: one coefficient is asked for more than a score --------------------------------------------


def bits_left_open(errors: Iterable[int], unknown: int) -> float:
    """What readings of a number of `unknown` bits, centred modulo Q', tell of it if their errors are all alike."""
    values = [(int(error) + SMALL_Q // 2) % SMALL_Q - SMALL_Q // 2 for error in errors]
    return math.log2(SMALL_Q) - math.log2(max(max(values) - min(values) + 1, SMALL_Q >> unknown))


def bits_from_positional_phases(buyer: HostileBuyer, coordinates: int, bits: int = 32) -> float:
    """Ask for `sum_j g_j 4096^j` in one phase, stretched over all of Q, and measure what a record gives away.

    The attacker reads the phase of each record to within an error; of `4096^coordinates` possible rows it leaves as
    many as the error is wide.
    """
    rows = random_rows(N, coordinates)
    numbers = [sum(int(entry) * 4096**j for j, entry in enumerate(row)) for row in rows]
    unit = Q // 4096**coordinates
    query = buyer.query([{0: unit * 4096**j} for j in range(coordinates)], bits=bits)
    phase = buyer.phase(evaluate(encode_rows(buyer.parameters, rows), query.to_bytes()), N)[0]
    errors = (read - number * unit * SMALL_Q // Q for read, number in zip(phase, numbers, strict=True))
    return bits_left_open(errors, 12 * coordinates)


@SETS
@pytest.mark.parametrize("coordinates", [3, 4])
def test_phases_between_multiples_of_the_scaling_factor(
    coordinates: int, parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = HostileBuyer(parameters)
    for bits in (32, 3) if coordinates == 3 else (32, 4, 1):
        defended = bits_from_positional_phases(buyer, coordinates, bits)
        # The range of 8,192 errors falls short of its bound by less than this.
        assert defended == pytest.approx(stated_bits(bits), abs=0.01)
    no_drowning(monkeypatch)
    undefended = bits_from_positional_phases(buyer, coordinates, 1)
    assert undefended == pytest.approx(12 * coordinates, abs=0.1), "the attack reads whole rows without the defence"


@SETS
def test_large_weights_wrap_around_and_tell_no_more(parameters: ParameterSet) -> None:
    """1, 2^13, 2^26, 2^39: the honest code refuses to send it; sent by hand, the scores are only known modulo t."""
    buyer = HostileBuyer(parameters)
    rows = random_rows(2000, 4)
    weights = [1, 2**13, 2**26, 2**39]
    query = buyer.query([{0: weight * Q // T} for weight in weights])
    phase = buyer.phase(evaluate(encode_rows(parameters, rows), query.to_bytes()), len(rows))[0][: len(rows)]
    scores = np.array([(int(p) * T + SMALL_Q // 2) // SMALL_Q % T for p in phase])
    exact = [sum(int(g) * w for g, w in zip(row, weights, strict=True)) % T for row in rows]
    assert scores.tolist() == exact, "a score modulo t, which has fewer than 32 bits, is all that comes out"
    low = (scores + 2**12) % 2**13 - 2**12
    tail = (scores - low) // 2**13
    read = {0: low, 1: (tail + 2**12) % 2**13 - 2**12}
    recovered = [np.mean(read[j] == rows[:, j]) for j in read]
    assert min(recovered) < 0.5, "t is no power of two, so that even the second weight does not come out clean"
    assert math.log2(T) <= stated_bits()


@SETS
def test_basis_vectors_as_separate_queries_are_counted(parameters: ParameterSet) -> None:
    """Any k independent exact queries give the rows away, whatever the encryption: the count is what bounds it."""
    rows = random_rows(300, 4)
    encrypted, secret = encrypt_queries(parameters, np.eye(4, dtype=np.int64))
    reply = evaluate(encode_rows(parameters, rows), encrypted.to_bytes())
    np.testing.assert_array_equal(decrypt_reply(parameters, secret, reply, 300, 4).T, rows)
    assert rows.size * ENTRY_BITS <= Disclosure.of(parameters, records=300, bits=[32] * 4).total_bits


@SETS
@pytest.mark.parametrize(("bits", "cells"), [(32, 1.0), (4, 0.547), (3, 0.469), (1, 0.313)])
def test_weights_in_geometric_progression_tell_the_stated_bits_of_a_small_row(
    bits: int, cells: float, parameters: ParameterSet
) -> None:
    """Four entries of 0 to 3 are a number of 8 bits, which is stretched over all of Q: what 32 bits would read whole.

    Uniform noise leaves a record those numbers that lie near its reading, all of them alike. So the information is
    known exactly, and the best guess of an entry is what most of them have there; at random a quarter is right.
    """
    buyer, rows = HostileBuyer(parameters), np.random.default_rng(4).integers(0, 4, (N, 4)).astype(np.int16)
    query = buyer.query([{0: Q // 256 * 4**j} for j in range(4)], bits=bits)
    phase = buyer.phase(evaluate(encode_rows(parameters, rows), query.to_bytes()), N)[0].astype(np.float64)
    bound = parameters.drowning_bound(bits) / Q * 256 * (1 + 1e-6)
    apart = (phase / SMALL_Q * 256)[:, None] - np.arange(256) + 128
    possible = abs(apart % 256 - 128) <= bound
    assert possible[np.arange(N), rows @ 4 ** np.arange(4)].all(), "the truth is among them"
    information = 8 - np.log2(possible.sum(axis=1)).mean()
    assert information == pytest.approx(min(8, stated_bits(bits)), abs=0.02)
    entries = np.arange(256)[:, None] // 4 ** np.arange(4) % 4
    votes = np.stack([possible.astype(np.int64) @ (entries == value) for value in range(4)])
    assert (votes.argmax(axis=0) == rows).mean() == pytest.approx(cells, abs=0.015)


# --- polynomials that are not constants ---------------------------------------------------------------------------


def coordinates_read_beside_the_scores(buyer: HostileBuyer, rows: NDArray[np.int16]) -> int:
    """Shift coordinate j by j times the number of records; count coordinates that come out beside the scores."""
    n, k = rows.shape
    query = buyer.query([{j * n: STEP} for j in range(k)])
    phase = buyer.phase(evaluate(encode_rows(buyer.parameters, rows), query.to_bytes()), n)[0]
    read = np.array([(int(p) * T + SMALL_Q // 2) // SMALL_Q for p in phase])
    columns = [read[j * n : (j + 1) * n] for j in range(k)]
    return sum(bool((column == rows[:, j]).mean() > 0.01) for j, column in enumerate(columns))


@SETS
def test_non_constant_polynomials_in_a_partly_filled_block(
    parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, rows = HostileBuyer(parameters), random_rows(1200, 6)
    assert coordinates_read_beside_the_scores(buyer, rows) == 1, "the one in the scores' own places"
    assert stated_bits() >= ENTRY_BITS
    drowning_of_scores_only(monkeypatch)
    assert coordinates_read_beside_the_scores(buyer, rows) == 6
    assert stated_bits() < 6 * ENTRY_BITS


def bits_in_each_place(
    phase: NDArray[Any], rows: NDArray[np.int16], places: Iterable[int]
) -> tuple[list[float], list[float]]:
    """What a reply tells of entry j of every record, asked for by `Q / 4096` from the j-th of these places on.

    Besides, the p-value that the errors there are uniform modulo Q', which tells nothing.
    """
    found, uniform = [], []
    for column, place in zip(rows.T, places, strict=True):
        truth = [int(entry) * (Q // 4096) * SMALL_Q // Q for entry in column]
        errors = phase[place : place + len(rows)] - np.array(truth, dtype=object)
        found.append(bits_left_open(errors, 12))
        uniform.append(float(kstest((errors % SMALL_Q).astype(np.float64) / SMALL_Q, "uniform").pvalue))
    return found, uniform


@SETS
@pytest.mark.parametrize("bits", [4, 3, 1])
def test_non_constant_polynomials_of_few_bits_tell_nothing_beside_the_scores(
    bits: int, parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, rows, places = HostileBuyer(parameters), random_rows(1200, 6), range(0, 7200, 1200)
    query = buyer.query([{place: Q // 4096} for place in places], bits=bits).to_bytes()
    encoded = encode_rows(parameters, rows)
    found, uniform = bits_in_each_place(buyer.phase(evaluate(encoded, query), 1200)[0], rows, places)
    assert found[0] == pytest.approx(stated_bits(bits), abs=0.03), "1,200 errors fall a little short of their range"
    assert sum(found) <= stated_bits(bits) + 0.05
    assert min(uniform[1:]) > 1e-6
    drowning_of_scores_only(monkeypatch)
    found, _ = bits_in_each_place(buyer.phase(evaluate(encoded, query), 1200)[0], rows, places)
    assert sum(found) == pytest.approx(stated_bits(bits) + 60, abs=0.1)


# --- the second polynomial -----------------------------------------------------------------------------------------


def entries_from_the_second_polynomial(rows: NDArray[np.int16], parameters: ParameterSet, bits: int = 32) -> int:
    """One record, nothing asked: all first polynomials zero, as an all-zero public key and bare queries would be.

    If the mask is known, `c1` is a known linear map of the row; the attacker solves four of its equations by lattice
    reduction and counts the entries that it gets right.
    """
    buyer, k, equations = HostileBuyer(parameters), rows.shape[1], 4
    zeros = [buyer.bare({}) for _ in range(parameters.mask_columns)]
    query = buyer.query([{}] * k, zeros, encrypt=buyer.bare, bits=bits)
    reply = evaluate(encode_rows(parameters, rows), query.to_bytes())
    second = EncryptedScores.from_bytes(parameters, reply, 1, 1).ciphertexts[0][1, 0]

    def first_coefficients(ciphertexts: Iterable[Any]) -> list[list[int]]:
        """Of the second polynomial of each ciphertext. The buyer computes what the seller does."""
        return [scaled_down(parameters, buyer.seal.ciphertext_words(each)[1], range(equations)) for each in ciphertexts]

    masks = first_coefficients(expand.load_encryptions(buyer.seal, query.zeros, buyer.seal.sum_level))
    maps = first_coefficients(expand.load_query(buyer.seal, query, 0))
    left = [int(value) - sum(column) for value, *column in zip(second[:equations], *masks, strict=True)]
    return entries_found(parameters, maps, left, rows[0])


@SETS
def test_bare_queries_and_an_all_zero_public_key(parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(1, 8)
    for bits in (32, 1):
        assert entries_from_the_second_polynomial(rows, parameters, bits) <= 1
    constant_masks(monkeypatch)
    assert entries_from_the_second_polynomial(rows, parameters, 1) == 8, "no noise of scores is in its way"
    assert stated_bits() < 8 * ENTRY_BITS


def recognises_the_rows(
    mask: Callable[[], NDArray[np.int16]] | None, parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Nothing is asked of the rows; the first encryption of zero is crafted to read the mask instead.

    Its phase is `step * sum_l 3^l x^(-512 l)`, so that the first 512 coefficients of the reply spell all 8,192 entries
    of a ternary mask in balanced base 3. With the mask, the buyer recomputes the second polynomial for two candidate
    data sets that differ in one entry, and sees which one the seller holds.
    """
    rows = random_rows(512, 4)
    other = rows.copy()
    other[17, 3] += 1 if other[17, 3] < 2047 else -1
    buyer = HostileBuyer(parameters)
    crafted = {0: STEP, **{N - 512 * digit: -(3**digit) * STEP for digit in range(1, 16)}}
    zeros = [buyer.bare(crafted), *(buyer.bare({}) for _ in range(parameters.mask_columns - 1))]
    # With keys of zero an expansion of zero stays zero.
    keys = [(np.zeros_like(first), seed) for first, seed in buyer.keys(4)] if parameters.is_expanded else None
    query = buyer.query([{}] * 4, zeros, encrypt=buyer.bare, keys=keys).to_bytes()

    def second_polynomial(candidate: NDArray[np.int16]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        reply = evaluate(encode_rows(parameters, candidate), query)
        pair = EncryptedScores.from_bytes(parameters, reply, 512, 1).ciphertexts[0]
        return pair[0, 0], pair[1, 0]

    with monkeypatch.context() as patched:
        if mask is not None:
            constant_masks(patched, mask())
        first, held = second_polynomial(rows)
    values = [(int(value) * T + SMALL_Q // 2) // SMALL_Q for value in first[:512]]
    values = [value - T if value > T // 2 else value for value in values]
    read = np.empty((16, 512), dtype=np.int16)
    for digit in range(16):
        read[digit] = [(value + 1) % 3 - 1 for value in values]
        values = [(value - int(d)) // 3 for value, d in zip(values, read[digit], strict=True)]
    with monkeypatch.context() as patched:
        constant_masks(patched, read.ravel())
        return bool((second_polynomial(rows)[1] == held).all() and (second_polynomial(other)[1] != held).any())


@SETS
def test_a_crafted_encryption_of_zero_cannot_read_the_mask(
    parameters: ParameterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ternary mask, as public-key encryption uses, would be read with the stated 32 bits of 512 records, and then
    the reply tells everything about the rows, though nothing was asked of them."""
    generator = np.random.default_rng(7)
    assert recognises_the_rows(lambda: generator.integers(-1, 2, N).astype(np.int16), parameters, monkeypatch)
    assert not recognises_the_rows(None, parameters, monkeypatch)
