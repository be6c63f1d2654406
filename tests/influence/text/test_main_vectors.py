"""Main singular vectors: exact for low rank, near for others, the same again."""

import numpy as np

from blindfair.influence.text.main_vectors import main_of_sketch, main_singular

RNG = np.random.default_rng(3)


def test_a_matrix_of_low_rank_is_held_whole() -> None:
    for n, m in ((400, 600), (600, 400), (30, 20)):
        sizes = 10.0 ** -np.arange(5)
        matrix = (np.linalg.qr(RNG.normal(size=(n, 5)))[0] * sizes) @ np.linalg.qr(RNG.normal(size=(m, 5)))[0].T
        left, values, right = main_singular(matrix, 6)
        np.testing.assert_allclose(values[:5], sizes, rtol=1e-9)
        assert values[5] < 1e-12
        np.testing.assert_allclose((left[:, :5] * values[:5]) @ right[:, :5].T, matrix, atol=1e-12)


def test_of_others_the_main_directions_are_near_the_best() -> None:
    matrix = (np.linalg.qr(RNG.normal(size=(500, 400)))[0] / np.arange(1, 401)) @ np.linalg.qr(
        RNG.normal(size=(400, 400))
    )[0]
    left, values, _ = main_singular(matrix, 8)
    np.testing.assert_allclose(values[:8], 1 / np.arange(1, 9), rtol=1e-3)
    rest = np.linalg.norm(matrix - left[:, :8] @ (left[:, :8].T @ matrix))
    assert rest < 1.001 * np.sqrt((1 / np.arange(9, 401) ** 2).sum())
    assert (main_singular(matrix, 8)[0] == left).all()


def test_a_sketch_of_a_covariance_holds_nearly_as_much_as_the_whole() -> None:
    vectors, test = (np.linalg.qr(RNG.normal(size=(600, columns)))[0] for columns in (600, 128))
    covariance = (vectors / np.arange(1, 601) ** 2) @ vectors.T
    found = main_of_sketch(covariance @ test, test)
    np.testing.assert_allclose(found.T @ found, np.eye(found.shape[1]), atol=1e-9)
    kept = found[:, :16]
    assert np.trace(kept.T @ covariance @ kept) > 0.999 * (1 / np.arange(1, 17) ** 2).sum()


def test_a_sketch_of_low_rank_is_held_whole_and_one_of_nothing_has_no_direction() -> None:
    vectors, test = (np.linalg.qr(RNG.normal(size=(600, columns)))[0] for columns in (5, 128))
    covariance = (vectors * 10.0 ** -np.arange(5)) @ vectors.T
    found = main_of_sketch(covariance @ test, test)
    assert found.shape == (600, 5)
    np.testing.assert_allclose(np.abs(found.T @ vectors), np.eye(5), atol=1e-6)
    assert main_of_sketch(np.zeros((600, 128)), test).shape == (600, 0)
