"""The noise of real evaluations, drawn from a listing's salts (PROTOCOL 4.6): uniform, independent of all other noise,
and the same whenever the same request is evaluated."""

from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
from drawn import added, centred_modulo
from hostile_buyer import phase_of, secret_key_of, ternary_secret
from numpy.typing import NDArray
from on_disk import encoded, random_rows
from scipy.stats import chisquare, kstest, pearsonr, spearmanr
from test_hiding_noise import ALPHA

from blindfair.agents.score_noise import committed_draws
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.query import encrypt_queries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Words
from blindfair.blind.shelf import Directory
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.hashing import sha256
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
def draws_of(request: int, policy: str = "per-record", seed: int = 1) -> Words:
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
    return left.astype(np.float64) / np.array(bounds)[:, None]


@cache
def noise_of_request(request: int, times: int = 1) -> NDArray[np.float64]:
    """Of an evaluation; the `times`-th one of the same request."""
    reply = evaluate(encode_rows(EXPANDED, rows()), asked()[0], bits=BITS, draws=draws_of(request))
    return noise_in(reply)


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


def test_noise_is_independent_between_records() -> None:
    """Neighbours, copies, records of two chunks, and the same places of two blocks."""
    for noise in noise_of_request(0):
        for step in (1, 2, 3, 6):
            assert_unrelated(noise[:-step], noise[step:])
        assert_unrelated(noise[::2], noise[1::2])
        assert pearsonr(noise[:300], noise[N : N + 300]).pvalue > ALPHA
        assert len(np.unique(noise)) > RECORDS - 10


def test_noise_is_independent_between_queries_and_requests() -> None:
    noise = {
        (request, query): noise_of_request(request)[query] for request, query in product(range(2), range(len(BITS)))
    }
    for one, other in combinations(noise, 2):
        assert_unrelated(noise[one], noise[other])


def test_noise_is_independent_of_the_rows() -> None:
    for noise in noise_of_request(0):
        for column in rows().T.astype(np.float64):
            assert_unrelated(noise, column / 2047)


def test_the_same_request_evaluated_again_has_the_same_noise_and_averages_nothing_away() -> None:
    """Everything else of the two replies is fresh; what is left of the noise between them is the honest noise of the
    encryption and of the switch, far below one unit of a score."""
    first, again = noise_of_request(0), noise_of_request(0, times=2)
    assert abs(first - again).max() < 2**-12
    unit = EXPANDED.reply_modulus / EXPANDED.plain_modulus
    for query, bits in enumerate(BITS):
        bound = EXPANDED.drowning_bound(bits) * EXPANDED.reply_modulus / EXPANDED.ciphertext_modulus
        assert abs(first[query] - again[query]).max() * bound / unit < 2**-12, "of a unit"
        average = (first[query] + again[query]) / 2
        assert average.std() == pytest.approx(first[query].std(), rel=1e-3)
        other = (first[query] + noise_of_request(1)[query]) / 2
        assert other.std() == pytest.approx(first[query].std() / 2**0.5, rel=0.05), "another request's would average"


def test_memory_and_disk_lay_the_noise_that_the_buyer_recomputes(tmp_path_factory: pytest.TempPathFactory) -> None:
    sent, secret = asked()
    matrix = encoded(tmp_path_factory.mktemp("matrix"), rows(), EXPANDED)
    folder = Directory(tmp_path_factory.mktemp("evaluation"))
    on_disk = finish(start_evaluation(matrix, sent, folder, bits=BITS, draws=draws_of(0)))
    assert abs(noise_in(on_disk) - noise_of_request(0)).max() < 2**-12
    scores = decrypt_reply(EXPANDED, secret, on_disk, RECORDS, len(BITS))
    left = centred_modulo(EXPANDED, scores - QUERIES @ rows().T.astype(np.int64) - added(EXPANDED, BITS, draws_of(0)))
    assert abs(left).max() <= 1
    assert (left != 0).mean() < 0.01


def test_another_sellers_salts_and_groups_give_other_noise() -> None:
    """Of 128 bits a draw, none is another's: of records, queries, requests, listings or groups."""
    groups = draws_of(0, "per-group-4")
    assert groups.shape == (len(BITS), 2, -(-RECORDS // 4))
    everything = [draws_of(0), draws_of(1), draws_of(0, seed=2), groups, draws_of(1, "total")]
    drawn = np.concatenate([draws.transpose(0, 2, 1).reshape(-1, 2) for draws in everything])
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    for half in drawn.T:
        for byte in range(8):
            counts = np.bincount((half >> np.uint64(8 * byte) & np.uint64(255)).astype(np.int64), minlength=256)
            assert chisquare(counts).pvalue > ALPHA
