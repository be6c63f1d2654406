"""The margins of SCORING requirements 2 to 4, recomputed here from their definitions, and sets that miss them."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet, parameter_set
from blindfair.blind.seal import engine
from blindfair.protocol.errors import UnknownParameters

SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)


@SETS
def test_modulus_is_within_the_tightened_128_bit_table(parameters: ParameterSet) -> None:
    table = {2048: 53, 4096: 106, 8192: 218}
    total = math.prod(parameters.data_primes) * (parameters.expansion_prime or 1) * parameters.special_prime
    assert math.log2(total) <= table[parameters.ring_degree]
    assert engine(parameters).context.parameters_set()


def noise_of_a_coordinate(parameters: ParameterSet) -> int:
    """As `coordinate_noise` derives it, for a tree of depth 9 whose levels 8, 7 and 5 have keys: level i applies the
    key of the next of these 2^(distance) times, and each key switch adds the rounding of two polynomials and, for each
    prime, N products of a digit and an error over the special prime."""
    if parameters.expansion_prime is None:
        return 21
    n = parameters.ring_degree
    primes = (*parameters.data_primes, parameters.expansion_prime)
    switching = math.ceil(Fraction(n * 21 * sum(primes), parameters.special_prime)) + n // 2 + 1
    noise = 22
    for times in (32, 16, 8, 4, 2, 1, 2, 1, 1):
        noise = 2 * noise + times * switching
    return math.ceil(Fraction(noise, parameters.expansion_prime)) + n // 2 + 1


@SETS
def test_noise_is_drowned_by_forty_bits_and_scores_still_decrypt(parameters: ParameterSet) -> None:
    q, t, n, k = parameters.ciphertext_modulus, parameters.plain_modulus, parameters.ring_degree, parameters.largest_k
    masks = parameters.mask_columns * n * 2 ** (parameters.mask_bits - 1) * 21
    worst = k * 2047 * (n * noise_of_a_coordinate(parameters) + 1) + masks
    assert parameters.worst_noise == worst
    rounding = q // parameters.reply_modulus * (1 + n) // 2 + 1
    bound = parameters.drowning_bound()
    assert bound == 2**87, "a power of two: no rejection"
    assert bound >= 2**40 * worst
    assert 2 * t * (bound + worst + rounding) < q
    assert parameters.flooding_bits() >= 40


@SETS
@pytest.mark.parametrize("bits", range(1, 33))
def test_at_most_the_stated_bits_per_record(parameters: ParameterSet, bits: int) -> None:
    """As many as stated, to within a ten-thousandth: no more, and not so few that a buyer pays in vain."""
    q, bound = parameters.ciphertext_modulus, parameters.drowning_bound(bits)
    width = parameters.noise_width(bits)
    assert (bound, 2 * bound) == (2 ** (width - 1), 2**width)
    assert q <= 2 * bound * 2**bits
    assert parameters.bits_per_score(bits) == pytest.approx(math.log2(Fraction(q, 2 * bound)))
    assert bits - 1e-4 < parameters.bits_per_score(bits) <= bits
    assert parameters.drowning_bound() <= bound < q // 2
    assert parameters.flooding_bits(bits) == pytest.approx(math.log2(bound) - math.log2(parameters.worst_noise))
    assert parameters.is_exact(bits) == (bits == 32)


@SETS
def test_what_noise_adds_to_a_score_is_its_share_of_the_modulus(parameters: ParameterSet) -> None:
    q, t = parameters.ciphertext_modulus, parameters.plain_modulus
    for bits in range(1, 33):
        bound = parameters.drowning_bound(bits)
        for noise in (-bound, -bound // 3, -1, 0, 1, bound // 7, bound - 1):
            assert parameters.score_noise(noise) == math.floor(Fraction(t * noise, q) + Fraction(1, 2))
        farthest = max(abs(parameters.score_noise(noise)) for noise in (-bound, bound - 1))
        assert farthest <= parameters.score_error(bits) <= farthest + 2**16
        assert parameters.largest_score(bits) + parameters.score_error(bits) <= t // 2
        assert parameters.largest_query_norm(bits) == parameters.largest_score(bits) // 2047
    assert not parameters.score_noise(-parameters.drowning_bound(32))
    assert not parameters.score_noise(parameters.drowning_bound(32) - 1)


def test_the_mask_has_the_entropy_that_uniformity_needs() -> None:
    for parameters in PARAMETER_SETS.values():
        needed = math.log2(parameters.ciphertext_modulus) + len(parameters.data_primes) * math.log2(8192) + 128
        assert parameters.mask_columns * parameters.mask_bits >= needed


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ring_degree": 4096}, "128-bit"),
        ({"ring_degree": 16384}, "128-bit"),
        ({"data_primes": (*DEFAULT.data_primes, 1152921504606994433)}, "128-bit"),
        ({"data_primes": DEFAULT.data_primes[:1]}, "primes"),
        ({"data_primes": (DEFAULT.data_primes[0], DEFAULT.data_primes[0])}, "primes"),
        ({"data_primes": (DEFAULT.data_primes[0], 1152921504606748671)}, "primes"),
        ({"data_primes": (1152921504606683137, 9007199254364161)}, "drown"),
        ({"largest_k": 2**20}, "drown"),
        ({"plain_modulus": 2**32 - 1}, "plain modulus"),
        ({"plain_modulus": 2**32 - 2**18 - 2}, "plain modulus"),
        ({"plain_modulus": 2 * 2047 - 1}, "plain modulus"),
        ({"mask_bits": 32}, "drown"),
        ({"expansion_prime": 1152921504606994433}, "128-bit"),
        ({"expansion_prime": 68719230979}, "primes"),
        ({"expansion_prime": 65537}, "drown"),
        ({"mask_columns": 10}, "mask"),
        ({"mask_bits": 24}, "mask"),
        ({"mask_bits": 28}, "drown"),
        ({"mask_columns": 1}, "mask"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else next(iter(value)),
)
def test_a_set_that_misses_a_margin_cannot_exist(change: dict[str, object], what: str) -> None:
    with pytest.raises(UnknownParameters, match=what):
        replace(DEFAULT, name="hostile", **change)  # type: ignore[arg-type]


def test_seal_refuses_what_only_looks_prime() -> None:
    """All arithmetic checks pass with this composite (1 modulo 16384, of the right size); SEAL's own do not."""
    composite = 1152921504606830593 + 16384
    with pytest.raises(UnknownParameters, match="SEAL"):
        engine(replace(DEFAULT, name="hostile", special_prime=composite))


@pytest.mark.parametrize("name", ["", "default", "bfv-8192-33", "BFV-8192-32", "bfv-8192-32 ", "x" * 10_000])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownParameters) as caught:
        parameter_set(name)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("bits", [0, -1, 33, 64])
def test_impossible_bits_are_refused(bits: int) -> None:
    for told in (DEFAULT.noise_width, DEFAULT.drowning_bound, DEFAULT.bits_per_score, DEFAULT.score_error):
        with pytest.raises(UnknownParameters, match="bits of a query"):
            told(bits)
