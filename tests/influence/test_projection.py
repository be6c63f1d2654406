"""Projections: the seeded signs bit by bit, scores that survive, hostile descriptions refused."""

from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from blindfair.influence.projection import ENTRY_LIMIT, K_LIMIT, LAYER_LIMIT, Projection, Sides
from blindfair.protocol import errors
from blindfair.protocol.documents import canonical, parse

SEED = bytes(range(32))
RNG = np.random.default_rng(0)


def sent(projection: Projection) -> Projection:
    document, basis = projection.to_parts()
    return Projection.from_parts(parse(canonical(document), 2**12), basis)


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
    query = query.astype(np.float32).astype(np.float64)
    basis = Projection.matrix(np.column_stack([RNG.normal(size=(12, 3)), query]))
    np.testing.assert_allclose(basis.apply(rows) @ basis.project_query(query), rows @ query, atol=1e-10)


def test_a_projected_query_comes_as_near_to_the_scores_as_the_basis_allows() -> None:
    rows, query = RNG.normal(size=(2000, 40)), RNG.normal(size=40)
    for k, least in ((10, 0.35), (30, 0.75), (40, 0.999)):
        projection = Projection.signs(k, SEED)
        scores = projection.apply(rows) @ projection.project_query(query)
        assert np.corrcoef(scores, rows @ query)[0, 1] > least


def test_two_sides_are_one_matrix_of_their_products() -> None:
    pairs = tuple(
        Sides(RNG.normal(size=(i, r)), RNG.normal(size=(o, s))) for i, r, o, s in ((5, 2, 3, 3), (4, 4, 2, 1))
    )
    projection = Projection.two_sided(pairs)
    whole = np.zeros((15 + 8, 6 + 4))
    whole[:15, :6], whole[15:, 6:] = (np.kron(pair.outer, pair.inner) for pair in pairs)
    rows, query = RNG.normal(size=(7, 23)), RNG.normal(size=23)
    assert (projection.d, projection.k) == whole.shape
    np.testing.assert_allclose(projection.apply(rows), rows @ whole, atol=1e-12)
    np.testing.assert_allclose(projection.project_query(query), np.linalg.lstsq(whole, query)[0], atol=1e-10)


def test_two_stages_are_one_matrix_of_their_product() -> None:
    pairs = tuple(
        Sides(RNG.normal(size=(i, r)), RNG.normal(size=(o, s))) for i, r, o, s in ((5, 2, 3, 3), (4, 4, 2, 1))
    )
    last = RNG.normal(size=(10, 4))
    first, projection = Projection.two_sided(pairs), Projection.staged(pairs, last)
    rows, query = RNG.normal(size=(7, 23)), RNG.normal(size=23)
    assert (projection.d, projection.k, len(projection.matrices)) == (23, 4, 5)
    entries = projection.matrices[-1]
    np.testing.assert_allclose(projection.apply(rows), first.apply(rows) @ entries, atol=1e-12)
    nearest = np.linalg.lstsq(entries, first.project_query(query))[0]
    np.testing.assert_allclose(projection.project_query(query), nearest, atol=1e-10)
    layers = [query[:15].reshape(3, 5), query[15:].reshape(2, 4)]
    np.testing.assert_allclose(projection.project_layers(layers), nearest, atol=1e-10)
    assert (projection.absolute(23).apply(np.abs(rows)) >= np.abs(projection.apply(rows)) - 1e-12).all()
    with pytest.raises(errors.ShapeMismatch):
        projection.project_layers(layers[:1])
    with pytest.raises(errors.ShapeMismatch):
        projection.project_layers(layers[::-1])


def test_a_first_stage_may_be_wider_than_a_row() -> None:
    pairs = (Sides(np.eye(65), np.eye(65)),)
    assert Projection.staged(pairs, RNG.normal(size=(65 * 65, 4))).k == 4
    for wrong in (RNG.normal(size=(65, 4)), np.ones((65 * 65, K_LIMIT))):
        with pytest.raises(errors.UnusableModel):
            Projection.staged(pairs, wrong)


@pytest.mark.parametrize(
    "projection",
    [
        Projection.identity(9),
        Projection.signs(4, SEED),
        Projection.matrix(RNG.normal(size=(9, 4))),
        Projection.two_sided(
            (Sides(RNG.normal(size=(3, 2)), RNG.normal(size=(2, 1))), Sides(np.ones((1, 1)), np.eye(3)))
        ),
        Projection.staged((Sides(RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))),), RNG.normal(size=(4, 3))),
    ],
    ids=["identity", "signs", "matrix", "two-sided", "staged"],
)
def test_a_projection_survives_the_wire(projection: Projection) -> None:
    rows = RNG.normal(size=(5, 9))
    received = sent(projection)
    assert received.k == projection.k
    assert received.apply(rows).tobytes() == projection.apply(rows).tobytes()


def test_rows_of_another_length_are_refused() -> None:
    for projection in (Projection.identity(4), Projection.matrix(np.ones((4, 2))), SIDES):
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
    wide = np.ones((K_LIMIT + 1, K_LIMIT + 1))
    zero = np.array([[1.0, 0.0], [1.0, 0.0]])
    for matrix in (
        np.ones(3),
        np.empty((0, 3)),
        np.full((2, 2), np.nan),
        np.full((2, 2), 1e300),
        np.ones((2, 3)),
        zero,
    ):
        with pytest.raises(errors.UnusableModel):
            Projection.matrix(matrix)
        with pytest.raises(errors.UnusableModel):
            Sides(np.eye(2), matrix)
    with pytest.raises(errors.UnusableModel):
        Projection.matrix(wide)
    pair = Sides(np.ones((1, 1)), np.ones((1, 1)))
    for sides in ((), (pair,) * (LAYER_LIMIT + 1), (Sides(np.eye(65), np.eye(65)),)):
        with pytest.raises(errors.UnusableModel):
            Projection.two_sided(sides)
    for projection in (Projection.signs(5, SEED), Projection.identity(5)):
        with pytest.raises((errors.UnusableModel, errors.ShapeMismatch)):
            projection.apply(np.ones((3, 4)))
    with pytest.raises(errors.ShapeMismatch):
        Projection.signs(3, b"short")


MATRIX = Projection.matrix(np.ones((3, 2)))
SIDES = Projection.two_sided((Sides(np.ones((3, 2)), np.ones((2, 1))),))
DOCUMENT, BASIS = MATRIX.to_parts()
TWO_SIDED, PAIR = SIDES.to_parts()
STAGED, STAGES = Projection.staged(SIDES.sides, np.ones((2, 1))).to_parts()


def packed(**tensors: Any) -> bytes:
    return safetensors.numpy.save(tensors)


def single(*shape: int, value: float = 1.0) -> Any:
    return np.full(shape, value, dtype=np.float32)


HOSTILE: dict[str, tuple[Any, bytes]] = {
    "empty": ({}, b""),
    "an unknown kind": ({"kind": "code", "k": 3}, b""),
    "no k": ({"kind": "identity"}, b""),
    "k of zero": ({"kind": "identity", "k": 0}, b""),
    "k as text": ({"kind": "identity", "k": "3"}, b""),
    "k that is true": ({"kind": "identity", "k": True}, b""),
    "k beyond the limit": ({"kind": "identity", "k": K_LIMIT + 1}, b""),
    "a field more": ({"kind": "identity", "k": 3, "seed": "0x"}, b""),
    "an identity with matrices": ({"kind": "identity", "k": 3}, BASIS),
    "a short seed": ({"kind": "signs", "k": 3, "seed": "0x00"}, b""),
    "a seed in capitals": ({"kind": "signs", "k": 3, "seed": "0x" + "AB" * 32}, b""),
    "no seed": ({"kind": "signs", "k": 3}, b""),
    "signs with matrices": ({"kind": "signs", "k": 3, "seed": "0x" + "ab" * 32}, BASIS),
    "no basis": (DOCUMENT, b""),
    "a basis cut short": (DOCUMENT, BASIS[:-1]),
    "a pickle": (DOCUMENT, b"\x80\x04\x95\x10"),
    "another d": ({**DOCUMENT, "d": 4}, BASIS),
    "another k": ({**DOCUMENT, "k": 1}, BASIS),
    "a matrix too large": ({**DOCUMENT, "d": ENTRY_LIMIT}, BASIS),
    "a basis much larger than stated": (DOCUMENT, packed(entries=single(3000, 2))),
    "a basis larger than the model": ({**DOCUMENT, "d": 2, "k": 3}, packed(entries=single(2, 3))),
    "NaN among the entries": (DOCUMENT, packed(entries=single(3, 2, value=np.nan))),
    "an infinite entry": (DOCUMENT, packed(entries=single(3, 2, value=np.inf))),
    "a column of zeros": (DOCUMENT, packed(entries=single(3, 2) * np.array([1, 0], dtype=np.float32))),
    "three dimensions": (DOCUMENT, packed(entries=single(3, 2, 1))),
    "double precision": (DOCUMENT, packed(entries=np.ones((3, 2)))),
    "another tensor": (DOCUMENT, packed(matrix=single(3, 2))),
    "a tensor more": (DOCUMENT, packed(entries=single(3, 2), more=single(1))),
    "sides for fewer layers": ({**TWO_SIDED, "layers": 2}, PAIR),
    "sides of no layer": ({**TWO_SIDED, "layers": 0}, PAIR),
    "sides of endless layers": ({**TWO_SIDED, "layers": 10**9}, PAIR),
    "sides of another k": ({**TWO_SIDED, "k": 3}, PAIR),
    "an inner side of zeros": (TWO_SIDED, packed(**{"inner.0": single(3, 2, value=0), "outer.0": single(2, 1)})),
    "an outer side that is wide": (TWO_SIDED, packed(**{"inner.0": single(3, 1), "outer.0": single(1, 2)})),
    "a last stage of another height": ({**STAGED, "d": 3}, STAGES),
    "a last stage of another width": ({**STAGED, "k": 2}, STAGES),
    "a last stage of vast height": ({**STAGED, "d": ENTRY_LIMIT + 1}, STAGES),
    "no last stage": (STAGED, PAIR),
    "a last stage unsaid": (TWO_SIDED, STAGES),
    "a last stage that does not fit": (
        {**STAGED, "d": 4},
        packed(**{"inner.0": single(3, 2), "outer.0": single(2, 1), "entries": single(4, 1)}),
    ),
    "one side": (TWO_SIDED, packed(**{"inner.0": single(3, 2)})),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_projection_is_refused(name: str) -> None:
    with pytest.raises(errors.UnusableModel) as caught:
        Projection.from_parts(*HOSTILE[name])
    assert len(str(caught.value)) < 400
