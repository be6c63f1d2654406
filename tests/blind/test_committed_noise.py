"""The noise of real evaluations whose listing commits to its first bits (PROTOCOL 4.6).

It lies in the part that salts and request decide, is uniform in it and over the whole range, and independent of all
other noise. A request that is evaluated again has the same parts and fresh remainders: the stored reply is what keeps
a buyer from averaging these away.
"""

from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
from drawn import added, assert_scores, centred_modulo
from hostile_buyer import phase_of, secret_key_of, ternary_secret
from numpy.typing import NDArray
from on_disk import encoded, random_rows
from scipy.stats import chi2_contingency, chisquare, kstest, pearsonr, spearmanr
from test_flooding_noise import ALPHA

from blindfair.agents.evaluation.score_noise import committed_draws
from blindfair.blind.blob_store import Directory
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.flooding import Draws
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.query import encrypt_queries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.audit import SCORE_ROUNDING
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.hashing import sha256
from blindfair.protocol.noise import COMMITTED_BITS, noise_middle
from blindfair.protocol.quantities import Secret
from blindfair.protocol.units import Units

N = EXPANDED.ring_degree
RECORDS = N + 300
BITS = (3, 1, 4, 32)
QUERIES = np.array([[400_000, -300_000], [7, 9], [-20_000, 1], [3, 2]])
REQUESTS = [sha256(b"one request"), sha256(b"another")]


@cache
def dataset(seed: int = 1) -> ChunkedDataset:
    """Records of one chunk and of two, every second one a copy of the one before it."""
    records = [b"%d" % (record // 2) * (200 if record % 6 < 2 else 1) for record in range(RECORDS)]
    return ChunkedDataset.build(records, 1024, Secret(bytes([seed]) * 32))


@cache
def draws_of(request: int, policy: str = "per-record", seed: int = 1) -> Draws:
    return committed_draws(dataset(seed), Units.named(policy, RECORDS), REQUESTS[request], len(BITS))


def rows() -> NDArray[np.int16]:
    """Those of a copy are equal, too."""
    return np.repeat(random_rows(RECORDS // 2, 2), 2, axis=0)


@cache
def asked() -> tuple[bytes, QuerySecret]:
    encrypted, secret = encrypt_queries(EXPANDED, QUERIES, BITS)
    return encrypted.to_bytes(), secret


def noise_in(reply: bytes) -> NDArray[np.float64]:
    """What is left of the phases of all scores without the products, `m x n`, as a share of each query's bound: what a
    buyer that had the records could make of a reply."""
    secret, modulus, plain = asked()[1], EXPANDED.reply_modulus, EXPANDED.plain_modulus
    pairs = EncryptedScores.from_bytes(EXPANDED, reply, RECORDS, len(BITS)).ciphertexts
    ternary = ternary_secret(EXPANDED, secret_key_of(secret))
    phases = np.stack([phase_of(pair, ternary, modulus) for pair in pairs]).reshape(len(BITS), -1)[:, :RECORDS]
    products = (QUERIES @ rows().T.astype(np.int64)).astype(object) * modulus // plain
    left = (phases - products + modulus // 2) % modulus - modulus // 2
    bounds = [EXPANDED.drowning_bound(bits) * modulus / EXPANDED.ciphertext_modulus for bits in BITS]
    return np.asarray(left.astype(np.float64) / np.array(bounds)[:, None], dtype=np.float64)


@cache
def noise_of_request(request: int, times: int = 1) -> NDArray[np.float64]:
    """Of an evaluation; the `times`-th one of the same request."""
    reply = evaluate(encode_rows(EXPANDED, rows()), asked()[0], bits=BITS, draws=draws_of(request))
    return noise_in(reply)


def remainders(noise: NDArray[np.float64], request: int) -> NDArray[np.float64]:
    """What noise has beyond the middles of its parts, `m x n`, as a share of half a part: all of it at 32 bits."""
    middles, halves = np.zeros_like(noise), np.ones((len(BITS), 1))
    for query, bits in enumerate(BITS):
        width, committed = EXPANDED.noise_width(bits), EXPANDED.committed_bits(bits)
        table = [noise_middle(draw, width, committed) / EXPANDED.drowning_bound(bits) for draw in range(16)]
        middles[query] = np.array(table)[draws_of(request)[query]]
        halves[query] = 2.0**-committed
    found: NDArray[np.float64] = (noise - middles) / halves
    return found


def assert_unrelated(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    """By their values, by their ranks and by their sizes."""
    assert pearsonr(one, other).pvalue > ALPHA
    assert spearmanr(one, other).pvalue > ALPHA
    assert pearsonr(abs(one), abs(other)).pvalue > ALPHA
    table, _, _ = np.histogram2d(one, other, bins=8, range=[[-1.001, 1.001]] * 2)
    assert chisquare(table.ravel()).pvalue > ALPHA


@pytest.mark.parametrize("query", range(len(BITS)))
def test_noise_of_every_query_is_uniform_within_its_bound(query: int) -> None:
    noise = noise_of_request(0)[query]
    assert abs(noise).max() <= 1 + 1e-4
    assert kstest(noise, "uniform", args=(-1, 2)).pvalue > ALPHA


@pytest.mark.parametrize("query", range(len(BITS)))
@pytest.mark.parametrize("request_number", [0, 1])
def test_noise_of_every_query_is_uniform_within_its_committed_part(query: int, request_number: int) -> None:
    """All of it lies in the part, all of the part is met, and where in it says nothing of which part it is."""
    left = remainders(noise_of_request(request_number), request_number)[query]
    assert abs(left).max() <= 1 + 2e-3
    assert kstest(left, "uniform", args=(-1, 2)).pvalue > ALPHA
    places = np.clip((left + 1) * 4, 0, 7).astype(np.int64)
    table = np.zeros((1 << COMMITTED_BITS, 8))
    np.add.at(table, (draws_of(request_number)[query], places), 1)
    assert table.min() > 0
    assert chi2_contingency(table).pvalue > ALPHA


def test_noise_under_other_draws_lies_in_other_parts() -> None:
    """The test above would see it: of another request's parts one in 16 is the same by chance."""
    left = remainders(noise_of_request(0), 1)
    for query, bits in enumerate(BITS):
        inside = (abs(left[query]) <= 1 + 2e-3).mean()
        assert inside == pytest.approx(1 if bits == 32 else 1 / 16, abs=0.02)


def test_noise_is_independent_between_records() -> None:
    """Neighbours, copies, records of two chunks, and the same places of two blocks; what no draw decides as well."""
    for noise in (*noise_of_request(0), *remainders(noise_of_request(0), 0)):
        for step in (1, 2, 3, 6):
            assert_unrelated(noise[:-step], noise[step:])
        assert_unrelated(noise[::2], noise[1::2])
        assert pearsonr(noise[:300], noise[N : N + 300]).pvalue > ALPHA
        assert len(np.unique(noise)) > RECORDS - 10


def test_noise_is_independent_between_queries_and_requests() -> None:
    noise = [noise_of_request(request)[query] for request, query in product(range(2), range(len(BITS)))]
    left = [remainders(noise_of_request(request), request)[query] for request, query in product(range(2), range(3))]
    for kind in (noise, left):
        for one, other in combinations(kind, 2):
            assert_unrelated(one, other)


def test_noise_is_independent_of_the_rows() -> None:
    for noise in noise_of_request(0):
        for column in rows().T.astype(np.float64):
            assert_unrelated(noise, column / 2047)


def test_the_same_request_evaluated_again_has_the_same_parts_and_fresh_remainders() -> None:
    """So two evaluations of one request would average the remainder away, and many would leave the part alone: nothing
    in the noise prevents that. The seller sends its stored reply again (PROTOCOL 4.4); this prevents it."""
    first, again = (remainders(noise_of_request(0, times), 0) for times in (1, 2))
    for one, other in zip(first, again, strict=True):
        assert max(abs(one).max(), abs(other).max()) <= 1 + 2e-3
        assert_unrelated(one, other)
        assert ((one + other) / 2).std() == pytest.approx(one.std() / 2**0.5, rel=0.05)


@pytest.mark.deep
def test_memory_and_disk_lay_the_noise_into_the_parts_that_the_buyer_recomputes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    sent, secret = asked()
    matrix = encoded(tmp_path_factory.mktemp("matrix"), rows(), EXPANDED)
    folder = Directory(tmp_path_factory.mktemp("evaluation"))
    on_disk = finish(start_evaluation(matrix, sent, folder, bits=BITS, draws=draws_of(0)))
    left = remainders(noise_in(on_disk), 0)
    for query, (disk, memory) in enumerate(zip(left, remainders(noise_of_request(0), 0), strict=True)):
        assert abs(disk).max() <= 1 + 2e-3
        assert kstest(left[query], "uniform", args=(-1, 2)).pvalue > ALPHA
        assert_unrelated(disk, memory)
    products = QUERIES @ rows().T.astype(np.int64)
    scores = decrypt_reply(EXPANDED, secret, on_disk, RECORDS, len(BITS))
    assert_scores(EXPANDED, scores, products, BITS, draws_of(0))
    apart = abs(centred_modulo(EXPANDED, scores - products - added(EXPANDED, BITS, draws_of(0))))
    for bits, found in zip(BITS, apart, strict=True):
        slack = EXPANDED.score_slack(bits)
        assert 0.99 * slack <= found.max() <= slack + SCORE_ROUNDING * (bits != 32), "all of the slack is used"


@pytest.mark.parametrize("bits", range(1, 33))
def test_the_slack_and_one_unit_cover_a_part_from_end_to_end(bits: int) -> None:
    """Check both ends of every part, with the worst noise of the encryption on top. From 28 bits on a part is narrower
    than one unit of a score."""
    committed, worst = EXPANDED.committed_bits(bits), EXPANDED.worst_noise + EXPANDED.rounding
    width, slack = EXPANDED.noise_width(bits), EXPANDED.score_slack(bits)
    half = 1 << (width - committed - 1)
    apart = 0
    for draw in range(16):
        middle = noise_middle(draw, width, committed)
        for end in (middle - half - worst, middle + half - 1 + worst):
            apart = max(apart, abs(EXPANDED.score_noise(end) - EXPANDED.committed_noise(draw, bits)))
    assert slack - 1 <= apart <= slack + SCORE_ROUNDING
    if committed == COMMITTED_BITS:
        modulus = EXPANDED.ciphertext_modulus
        assert slack == (2 * EXPANDED.plain_modulus * 2 ** (width - 5) + modulus) // (2 * modulus)
    assert (slack == 0) == (bits >= 28)


def test_draws_are_uniform_and_independent_between_queries_requests_listings_and_groups() -> None:
    groups = draws_of(0, "per-group-4")
    assert groups.shape == (len(BITS), -(-RECORDS // 4))
    assert draws_of(1, "total").shape == (len(BITS), 1)
    everything = [*draws_of(0), *draws_of(1), *draws_of(0, seed=2), *groups]
    for drawn in everything:
        assert drawn.dtype == np.uint8
        assert chisquare(np.bincount(drawn, minlength=16)).pvalue > ALPHA
    for one, other in combinations(everything, 2):
        size = min(len(one), len(other))
        pairs = 16 * one[:size].astype(np.int64) + other[:size]
        assert chisquare(np.bincount(pairs, minlength=256)).pvalue > ALPHA
    for step in (1, 2, 3, 6):
        pairs = 16 * draws_of(0)[:, :-step].astype(np.int64) + draws_of(0)[:, step:]
        assert chisquare(np.bincount(pairs.ravel(), minlength=256)).pvalue > ALPHA
