"""One ciphertext becomes one for each coordinate: the right ones, with the noise and the work that are reckoned."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tenseal.sealapi as sealapi
from hostile_buyer import phase_of, secret_key_of, ternary_secret

from blindfair.blind import expansion
from blindfair.blind.expand import load_query
from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import EXPANDED, PARAMETER_SETS, ParameterSet
from blindfair.blind.query import EncryptedQueries, encrypt_queries, query_size
from blindfair.blind.seal import engine

N, T = EXPANDED.ring_degree, EXPANDED.plain_modulus
SEAL = engine(EXPANDED)


class Counting:
    """SEAL's evaluator, counting automorphisms."""

    def __init__(self, evaluator: Any) -> None:
        self._evaluator = evaluator
        self.automorphisms = 0

    def __getattr__(self, name: str) -> Any:
        self.automorphisms += name in ("apply_galois", "apply_galois_inplace")
        return getattr(self._evaluator, name)


def entries(k: int, m: int = 1) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The largest of both signs, zero and others, no two of them alike."""
    limit = EXPANDED.largest_query_norm() // k
    queries = np.random.default_rng(k).choice(2 * limit, (m, k), replace=False) - limit
    queries[0, :2] = (limit, -limit)[:k]
    queries[0, -1] = 0 if k > 2 else queries[0, -1]
    return queries


def opened(request: EncryptedQueries, query: int) -> tuple[list[Any], int]:
    """The coordinates, and the automorphisms that they took."""
    evaluator = Counting(SEAL.evaluator)
    coordinates = list(load_query(replace(SEAL, evaluator=evaluator), request, query))
    return coordinates, evaluator.automorphisms


def assert_expands(k: int, m: int = 1) -> None:
    queries = entries(k, m)
    encrypted, secret = encrypt_queries(EXPANDED, queries)
    decryptor = sealapi.Decryptor(SEAL.context, secret_key_of(secret))
    for number, query in enumerate(queries):
        coordinates, automorphisms = opened(EncryptedQueries.from_bytes(encrypted.to_bytes()), number)
        assert automorphisms == expansion.automorphisms(k)
        assert len(coordinates) == k
        for value, coordinate in zip(query, coordinates, strict=True):
            assert coordinate.parms_id() == list(SEAL.sum_level)
            plaintext = sealapi.Plaintext()
            decryptor.decrypt(coordinate, plaintext)
            words = SEAL.plaintext_words(plaintext)
            assert int(words[0]) == int(value) % T
            assert not words[1:].any(), "a constant"
        assert_noise(secret, coordinates[:: max(1, k - 1)], query[:: max(1, k - 1)])


def assert_noise(secret: QuerySecret, coordinates: list[Any], values: Any) -> None:
    """The noise of each is within what the parameters reckon with, and there is some."""
    parameters = secret.parameters
    seal, key = engine(parameters), ternary_secret(parameters, secret_key_of(secret))
    prime = parameters.data_primes[0]
    for value, coordinate in zip(values, coordinates, strict=True):
        # The noise is far smaller than a prime, so one of the two tells it.
        noise = phase_of(seal.ciphertext_words(coordinate)[:, :1], key, prime)
        scaled = (2 * int(value) * parameters.ciphertext_modulus + parameters.plain_modulus) // (
            2 * parameters.plain_modulus
        )
        noise[0] = (int(noise[0]) - scaled + prime // 2) % prime - prime // 2
        # Scaling to a multiple of Q/t is reckoned with beside the noise (`worst_noise`).
        assert 1 <= max(abs(noise)) <= parameters.coordinate_noise + 1


@pytest.mark.parametrize("k", [1, 2, 3, 5, 8, 17, 40])
def test_every_coordinate_comes_out(k: int) -> None:
    assert_expands(k)


def test_two_queries_share_keys_and_nothing_else() -> None:
    assert_expands(3, m=2)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    expansion.automorphisms.cache_clear()
    monkeypatch.setattr(expansion, "LARGEST_PIECE", 8)
    yield
    expansion.automorphisms.cache_clear()


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("k", [9, 16])
def test_a_long_query_comes_in_several_pieces(k: int) -> None:
    assert len(encrypt_queries(EXPANDED, entries(k, 2))[0].ciphertexts) == 2 * -(-k // 8)
    assert_expands(k)


@pytest.mark.deep
@pytest.mark.parametrize("k", [*range(1, 41), 511, 512, 513, 1024])
def test_every_coordinate_comes_out_whatever_the_length(k: int) -> None:
    assert_expands(k)


@pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
def test_noise_of_a_coordinate_is_as_reckoned(parameters: ParameterSet) -> None:
    query = np.array([[1000, -1000, 0, 7]])
    encrypted, secret = encrypt_queries(parameters, query)
    assert_noise(secret, list(load_query(engine(parameters), encrypted, 0)), query[0])


def test_the_deepest_tree_has_the_noisiest_leaves() -> None:
    """So what is reckoned with for 512 coordinates holds for fewer, too."""
    noises = [expansion.leaf_noise(levels, 22, 1000) for levels in range(1, 10)]
    assert noises == sorted(set(noises))
    assert max(expansion.depth(k) for k in range(1, EXPANDED.largest_k + 1)) == 9 == expansion.depth(512)


def test_a_query_of_512_coordinates_takes_less_than_4_megabytes_with_its_keys() -> None:
    encrypted, _ = encrypt_queries(EXPANDED, entries(512))
    assert len(encrypted.to_bytes()) == query_size(EXPANDED, 512, 1) <= 4_000_000
    assert len(encrypted.keys) == 9, "3 levels, a digit for each of 3 primes"
    assert len(encrypted.ciphertexts) == 1


def test_keys_are_made_for_one_request() -> None:
    keys = [encrypt_queries(EXPANDED, entries(16))[0].keys for _ in range(2)]
    assert not set(keys[0].seeds) & set(keys[1].seeds)
    assert (keys[0].firsts == keys[1].firsts).mean() < 0.001


@pytest.mark.parametrize(("k", "count"), [(1, 1), (2, 1), (3, 3), (4, 3), (512, 704), (513, 771), (1024, 1408)])
def test_the_number_of_automorphisms(k: int, count: int) -> None:
    assert expansion.automorphisms(k) == count


@pytest.mark.parametrize("k", [1, 2, 3, 8, 9, 300, 512, 513, 1024])
def test_every_level_has_a_key_that_serves_it(k: int) -> None:
    levels = expansion.depth(k)
    assert 1 << levels >= min(k, 512)
    for level in range(levels):
        element = expansion.galois_element(N, expansion.key_level(levels, level))
        image = pow(element, expansion.applications(levels, level), 2 * N)
        assert pow(image, 1 << (level + 1), 2 * N) == 1
        assert image * (1 << level) % (2 * N) == (N + (1 << level)) % (2 * N), "odd multiples of 2^level change sign"
        assert image * (2 << level) % (2 * N) == 2 << level, "even multiples stay"
