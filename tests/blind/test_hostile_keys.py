"""Keys of the expansion that are not what they should be: the coordinates are then whatever the buyer likes, and the
reply tells no more for it (SCORING requirement 4). docs/explanation/privacy.md has the table."""

from collections.abc import Callable

import numpy as np
import pytest
from hostile_buyer import Encryption, HostileBuyer, Phase, crafted_for_two
from lattice import entries_found, scaled_down
from numpy.typing import NDArray
from scipy.stats import kstest
from test_flooding_noise import ALPHA
from test_hostile_queries import STEP, Q, T, bits_in_each_place, drowning_of_scores_only, random_rows, stated_bits

from blindfair.blind import expand
from blindfair.blind.encryptions import Encryptions
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.query import EncryptedQueries, encrypt_queries
from blindfair.blind.reply import EncryptedScores
from blindfair.protocol.errors import MalformedCiphertext

N, SMALL_Q = EXPANDED.ring_degree, EXPANDED.reply_modulus
PRIMES = np.array(EXPANDED.key_primes, dtype=np.uint64)[:, None]
K = 5


def random_keys(buyer: HostileBuyer) -> list[Encryption]:
    rng = np.random.default_rng(3)
    return [(rng.integers(0, PRIMES, first.shape, dtype=np.uint64), seed) for first, seed in buyer.keys(K)]


def zero_keys(buyer: HostileBuyer) -> list[Encryption]:
    return [(np.zeros_like(first), seed) for first, seed in buyer.keys(K)]


def largest_keys(buyer: HostileBuyer) -> list[Encryption]:
    return [(np.broadcast_to(PRIMES - np.uint64(1), first.shape), seed) for first, seed in buyer.keys(K)]


def keys_of_another_request(_: HostileBuyer) -> list[Encryption]:
    return list(encrypt_queries(EXPANDED, np.ones((1, K), dtype=np.int64))[0].keys)


def keys_in_a_wrong_order(buyer: HostileBuyer) -> list[Encryption]:
    return buyer.keys(K)[::-1]


def seeds_all_zero_or_one(buyer: HostileBuyer) -> list[Encryption]:
    """Not random, but no two alike: the least that the format lets pass."""
    return [(first, number.to_bytes(64, "little")) for number, (first, _) in enumerate(buyer.keys(K))]


def first_and_second(reply: bytes, records: int) -> NDArray[np.uint64]:
    return EncryptedScores.from_bytes(EXPANDED, reply, records, 1).ciphertexts[0][:, 0]


HOSTILE = [
    random_keys,
    zero_keys,
    largest_keys,
    keys_of_another_request,
    keys_in_a_wrong_order,
    seeds_all_zero_or_one,
]


@pytest.mark.parametrize(
    ("keys", "bits"), [*((keys, 32) for keys in HOSTILE), *zip(HOSTILE, (1, 3, 1, 3, 1, 3), strict=True)]
)
def test_whatever_the_keys_a_reply_is_drowned_and_its_second_polynomial_uniform(
    keys: Callable[[HostileBuyer], list[Encryption]], bits: int
) -> None:
    """Encryptions of zero that are nothing leave the first polynomial bare but for its noise. So two replies to one
    request differ, in a score, by two draws from -B ... B - 1, and elsewhere by uniform numbers: what is left of log2 Q
    bits is what a coefficient may tell."""
    buyer, records = HostileBuyer(EXPANDED), 3000
    zeros = [buyer.bare({}) for _ in range(EXPANDED.mask_columns)]
    query = buyer.query([{0: STEP}] * K, zeros, keys=keys(buyer), bits=bits).to_bytes()
    encoded = encode_rows(EXPANDED, random_rows(records, K))
    one, other = (first_and_second(evaluate(encoded, query), records) for _ in range(2))
    assert kstest(one[1] / SMALL_Q, "uniform").pvalue > ALPHA
    assert (one[1] == other[1]).mean() < 0.001
    difference = one[0].astype(object) - other[0].astype(object)
    centred = ((difference + SMALL_Q // 2) % SMALL_Q - SMALL_Q // 2).astype(np.float64)
    bound = EXPANDED.drowning_bound(bits) * SMALL_Q / EXPANDED.ciphertext_modulus
    assert abs(centred[:records]).max() <= 2 * bound * (1 + 1e-4)
    assert kstest(abs(centred[:records]) / (2 * bound), "triang", args=(0,)).pvalue > ALPHA
    assert kstest(centred[records:] / SMALL_Q + 0.5, "uniform").pvalue > ALPHA


@pytest.mark.parametrize("keys", HOSTILE)
def test_an_undrowned_reply_gives_the_row_away_whatever_the_keys(
    keys: Callable[[HostileBuyer], list[Encryption]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record, encryptions of zero that are nothing, a random first polynomial: with any keys at all the buyer can
    compute what the seller's expansion makes of it. Four equations behind the only score, solved by lattice reduction.
    """
    buyer, rng, places, rows = HostileBuyer(EXPANDED), np.random.default_rng(5), range(8, 40, 8), random_rows(1, K)
    primes = np.array(EXPANDED.query_primes, dtype=np.uint64)[:, None]
    asked = rng.integers(0, primes, (len(primes), N), dtype=np.uint64), buyer.bare({}, buyer.seal.query_level)[1]
    query = buyer.message(K, [buyer.bare({}) for _ in range(EXPANDED.mask_columns)], keys(buyer), [asked])
    coordinates = expand.load_query(buyer.seal, query, 0)
    maps = [scaled_down(EXPANDED, buyer.seal.ciphertext_words(each)[0], places) for each in coordinates]

    def entries_read() -> int:
        first, _ = first_and_second(evaluate(encode_rows(EXPANDED, rows), query.to_bytes()), 1)
        return entries_found(EXPANDED, maps, first[list(places)].tolist(), rows[0])

    assert entries_read() <= 1
    drowning_of_scores_only(monkeypatch)
    assert entries_read() == K, "60 bits, against 32 that are stated"


def coordinates_read(buyer: HostileBuyer, query: EncryptedQueries, rows: NDArray[np.int16]) -> int:
    """Of two coordinates, asked for in the scores' own places and in those behind them."""
    n = len(rows)
    phase = buyer.phase(evaluate(encode_rows(EXPANDED, rows), query.to_bytes()), n)[0]
    read = np.array([(int(p) * T + SMALL_Q // 2) // SMALL_Q for p in phase])
    return sum(bool((read[j * n : (j + 1) * n] == rows[:, j]).mean() > 0.01) for j in range(2))


def test_crafted_keys_bring_any_polynomials_and_read_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,201 is odd: honest keys bring no coefficient of a coordinate there, crafted ones do. The other places of the
    block are noise all the same."""
    buyer, rows = HostileBuyer(EXPANDED), random_rows(1201, 2)
    phases: tuple[Phase, Phase] = ({0: STEP}, {1201: STEP})
    ciphertext, keys = crafted_for_two(buyer, phases)
    query = buyer.message(2, buyer.zeros(), keys, [ciphertext])
    assert coordinates_read(buyer, query, rows) == 1
    with monkeypatch.context() as patched:
        drowning_of_scores_only(patched)
        assert coordinates_read(buyer, query, rows) == 2, "the crafted keys do what they should"
        honest = buyer.message(2, buyer.zeros(), buyer.keys(2), [ciphertext])
        assert coordinates_read(buyer, honest, rows) == 1, "only they do"


@pytest.mark.parametrize("bits", [4, 3, 1])
def test_crafted_keys_tell_nothing_beside_scores_of_few_bits(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    buyer, rows, places = HostileBuyer(EXPANDED), random_rows(1201, 2), (0, 1201)
    phases: tuple[Phase, Phase] = ({0: Q // 4096}, {1201: Q // 4096})
    ciphertext, keys = crafted_for_two(buyer, phases)
    query = buyer.message(2, buyer.zeros(), keys, [ciphertext], bits).to_bytes()
    encoded = encode_rows(EXPANDED, rows)
    found, uniform = bits_in_each_place(buyer.phase(evaluate(encoded, query), 1201)[0], rows, places)
    assert found[0] == pytest.approx(stated_bits(bits), abs=0.03)
    assert sum(found) <= stated_bits(bits) + 0.05
    assert uniform[1] > ALPHA
    drowning_of_scores_only(monkeypatch)
    found, _ = bits_in_each_place(buyer.phase(evaluate(encoded, query), 1201)[0], rows, places)
    assert found[1] == pytest.approx(12, abs=0.01), "the crafted keys do what they should"


def test_keys_for_the_mask_have_no_place() -> None:
    """The encryptions of zero that hide a reply are not expanded, so no key touches them: they are read before the keys
    and come in full."""
    encrypted, _ = encrypt_queries(EXPANDED, np.ones((1, K), dtype=np.int64))
    fewer = Encryptions(encrypted.zeros.primes, encrypted.zeros.seeds[1:], encrypted.zeros.firsts[1:])
    assert len(encrypted.zeros) == EXPANDED.mask_columns
    with pytest.raises(MalformedCiphertext, match="length"):
        EncryptedQueries.from_bytes(
            EncryptedQueries(EXPANDED, (32,), K, fewer, encrypted.keys, encrypted.ciphertexts).to_bytes()
        )
