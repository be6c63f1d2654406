"""Projections: the seeded signs bit by bit, scores that survive, hostile descriptions refused."""

from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from blindfair.influence.projection import ENTRY_LIMIT, K_LIMIT, Projection
from blindfair.protocol import errors
from blindfair.protocol.documents import canonical, parse

SEED = bytes(range(32))
RNG = np.random.default_rng(0)


def sent(projection: Projection) -> Projection:
    return Projection.from_document(parse(canonical(projection.to_document()), 2**24))


def test_signs_are_the_bits_of_the_ciphers_stream() -> None:
    d, k = 7, 5
    stream = Cipher(ChaCha20(SEED, bytes(16)), mode=None).encryptor().update(bytes(5))
    matrix = Projection.signs(k, SEED).apply(np.eye(d))
    for i in range(d):
        for j in range(k):
            place = i * k + j
            bit = stream[place // 8] >> (place % 8) & 1
            assert matrix[i, j] == (1 if bit else -1) / np.sqrt(k)


def test_signs_keep_lengths_on_average_and_differ_by_seed() -> None:
    rows = RNG.normal(size=(50, 300))
    projected = Projection.signs(200, SEED).apply(rows)
    assert np.mean((projected**2).sum(axis=1) / (rows**2).sum(axis=1)) == pytest.approx(1, abs=0.05)
    assert not np.allclose(projected, Projection.signs(200, SEED[::-1]).apply(rows))


def test_the_identity_and_a_basis_that_spans_the_query_keep_every_score() -> None:
    rows, query = RNG.normal(size=(20, 12)), RNG.normal(size=12)
    np.testing.assert_array_equal(Projection.identity(12).apply(rows), rows)
    np.testing.assert_array_equal(Projection.identity(12).project_query(query), query)
    basis = Projection.matrix(np.column_stack([RNG.normal(size=(12, 3)), query]))
    np.testing.assert_allclose(basis.apply(rows) @ basis.project_query(query), rows @ query, atol=1e-10)


def test_a_projected_query_comes_as_near_to_the_scores_as_the_basis_allows() -> None:
    rows, query = RNG.normal(size=(2000, 40)), RNG.normal(size=40)
    for k, least in ((10, 0.35), (30, 0.75), (60, 0.999)):
        projection = Projection.signs(k, SEED)
        scores = projection.apply(rows) @ projection.project_query(query)
        assert np.corrcoef(scores, rows @ query)[0, 1] > least


@pytest.mark.parametrize(
    "projection",
    [Projection.identity(9), Projection.signs(4, SEED), Projection.matrix(RNG.normal(size=(9, 4)))],
    ids=["identity", "signs", "matrix"],
)
def test_a_projection_survives_the_wire(projection: Projection) -> None:
    rows = RNG.normal(size=(5, 9))
    received = sent(projection)
    assert received.k == projection.k
    assert received.apply(rows).tobytes() == projection.apply(rows).tobytes()


def test_rows_of_another_length_are_refused() -> None:
    for projection in (Projection.identity(4), Projection.matrix(np.ones((4, 2)))):
        with pytest.raises(errors.ShapeMismatch):
            projection.apply(np.ones((3, 5)))
        with pytest.raises(errors.ShapeMismatch):
            projection.project_query(np.ones(5))
    with pytest.raises(errors.ShapeMismatch):
        Projection.identity(4).apply(np.ones(4))
    with pytest.raises(errors.ShapeMismatch):
        Projection.signs(K_LIMIT, SEED).apply(np.empty((0, 2**20)))


def test_projections_that_cannot_be_made() -> None:
    for k in (0, -1, K_LIMIT + 1):
        with pytest.raises(errors.UnusableModel):
            Projection.identity(k)
    for matrix in (np.ones(3), np.empty((0, 3)), np.full((2, 2), np.nan), np.ones((1, K_LIMIT + 1))):
        with pytest.raises(errors.UnusableModel):
            Projection.matrix(matrix)
    with pytest.raises(errors.ShapeMismatch):
        Projection.signs(3, b"short")


GOOD: dict[str, Any] = Projection.matrix(np.ones((3, 2))).to_document()
HOSTILE: dict[str, Any] = {
    "empty": {},
    "an unknown kind": {"kind": "code", "k": 3},
    "no k": {"kind": "identity"},
    "k of zero": {"kind": "identity", "k": 0},
    "k as text": {"kind": "identity", "k": "3"},
    "k that is true": {"kind": "identity", "k": True},
    "k beyond the limit": {"kind": "identity", "k": K_LIMIT + 1},
    "a field more": {"kind": "identity", "k": 3, "seed": "0x"},
    "a short seed": {"kind": "signs", "k": 3, "seed": "0x00"},
    "a seed in capitals": {"kind": "signs", "k": 3, "seed": "0x" + "AB" * 32},
    "no seed": {"kind": "signs", "k": 3},
    "entries too short": {**GOOD, "entries": GOOD["entries"][:-2]},
    "entries too long": {**GOOD, "d": 2},
    "a matrix too large": {**GOOD, "d": ENTRY_LIMIT},
    "NaN among the entries": {**GOOD, "entries": "0x" + np.full(6, np.nan).tobytes().hex()},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_projection_is_refused(name: str) -> None:
    with pytest.raises(errors.UnusableModel):
        Projection.from_document(HOSTILE[name])
