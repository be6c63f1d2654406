"""Bases: what principal directions keep, random ones lose; two-sided ones equal their explicit matrix."""

from dataclasses import dataclass

import numpy as np
import pytest
from nets import NAMES, NETWORKS, digits, somewhere

from blindfair.influence.architecture import Architecture, Mlp
from blindfair.influence.arrays import Floats
from blindfair.influence.bases import principal_directions, principal_sides, random_sides
from blindfair.influence.fitting import fit_network
from blindfair.influence.gradients import projected_gradients, record_gradients
from blindfair.influence.projection import Projection, Sides
from blindfair.influence.query import displacement_query
from blindfair.protocol import errors

networks = pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
OWN, OFFER = slice(0, 400), slice(400, 1400)


@dataclass(frozen=True)
class Question:
    """A query for digits, and what it says of an offer that the basis was not found in."""

    network: Architecture
    reference: Floats
    own_rows: Floats
    offer_rows: Floats
    query: Floats

    def kept(self, projection: Projection) -> float:
        """Correlation of projected scores of the offer with unprojected ones."""
        scores = projection.apply(self.offer_rows) @ projection.project_query(self.query)
        return float(np.corrcoef(scores, self.offer_rows @ self.query)[0, 1])


@pytest.fixture(scope="module")
def question() -> Question:
    X, y = digits()
    network = Mlp(inputs=64, hidden=(24,), classes=10)
    reference = fit_network(network, network.initial(0), X[OWN], y[OWN], l2=1.0, steps=20, seed=0)
    best = fit_network(network, reference, X[OWN], y[OWN], l2=1.0, steps=150, seed=0)
    own, offer = (record_gradients(network, reference, X[part], y[part]) for part in (OWN, OFFER))
    return Question(network, reference, own, offer, displacement_query(best, reference))


def test_principal_directions_keep_what_random_ones_lose(question: Question) -> None:
    principal = question.kept(principal_directions(question.own_rows, 64))
    assert principal > 0.95
    assert question.kept(Projection.signs(64, bytes(32))) < principal - 0.2
    assert question.kept(principal_directions(question.own_rows, 256)) > principal


def test_principal_sides_keep_what_random_sides_lose(question: Question) -> None:
    X, y = digits()
    principal = principal_sides(question.network, question.reference, X[OWN], y[OWN], 16, 8)
    at_random = random_sides(question.network, 16, 8, 0)
    assert principal.k == at_random.k == 2 * 16 * 8
    assert question.kept(principal) > question.kept(at_random) + 0.05
    whole = principal_sides(question.network, question.reference, X[OWN], y[OWN], 65, 24)
    # All that the buyer's own records span; the offer lights pixels that none of them does.
    assert question.kept(whole) > 0.999


@networks
def test_sides_of_factors_are_the_whole_rows_projected(network: Architecture) -> None:
    X, y = digits()
    theta = somewhere(network)
    rows = record_gradients(network, theta, X[:60], y[:60])
    for projection in (principal_sides(network, theta, X[:60], y[:60], 9, 5), random_sides(network, 7, 3, 1)):
        matrix = np.zeros((network.parameters, projection.k))
        d = k = 0
        for pair in projection.sides:
            matrix[d : d + pair.d, k : k + pair.k] = np.kron(pair.outer, pair.inner)
            d, k = d + pair.d, k + pair.k
        for batch in (None, 1, 13):
            found = projected_gradients(network, theta, X[:60], y[:60], projection, batch=batch)
            np.testing.assert_allclose(found, rows @ matrix, rtol=0, atol=1e-11)


@networks
def test_a_projection_of_whole_rows_is_that_of_batches(network: Architecture) -> None:
    X, y = digits()
    theta = somewhere(network)
    rows = record_gradients(network, theta, X[:60], y[:60])
    for projection in (principal_directions(rows, 20), Projection.signs(11, bytes(32))):
        for batch in (None, 1, 13):
            found = projected_gradients(network, theta, X[:60], y[:60], projection, batch=batch)
            np.testing.assert_allclose(found, projection.apply(rows), rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", [30, 300])
def test_principal_directions_are_the_singular_vectors(n: int) -> None:
    rows = np.random.default_rng(n).normal(size=(n, 80)) * np.linspace(3, 0.1, 80)
    entries = principal_directions(rows, 10).entries
    assert entries is not None
    np.testing.assert_allclose(entries.T @ entries, np.eye(10), atol=1e-6)
    right = np.linalg.svd(rows, full_matrices=False)[2][:10]
    np.testing.assert_allclose(np.abs(right @ entries), np.eye(10), atol=1e-4)


def test_rows_that_span_fewer_directions_give_fewer() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 20))
    projection = principal_directions(rows, 15)
    assert projection.k == 3
    query = rng.normal(size=20)
    np.testing.assert_allclose(projection.apply(rows) @ projection.project_query(query), rows @ query, atol=1e-4)
    assert principal_directions(rng.normal(size=(4, 20)), 15).k == 4


def test_bases_that_cannot_be_found_are_named() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 8))
    for k in (0, -1, 9):
        with pytest.raises(errors.UnusableModel, match=rf"expected 1 \.\.\. 8; found {k}"):
            principal_directions(rows, k)
    for bad in (np.zeros((5, 8)), np.full((5, 8), np.nan), np.full((5, 8), np.inf)):
        with pytest.raises(errors.UnusableModel):
            principal_directions(bad, 2)
    with pytest.raises(errors.NoRecords):
        principal_directions(rows[:0], 2)
    X, y = digits()
    with pytest.raises(errors.UnusableModel):
        random_sides(NETWORKS[1], 0, 3, 0)
    with pytest.raises(errors.NoRecords):
        principal_sides(NETWORKS[1], NETWORKS[1].initial(0), X[:0], y[:0], 3, 3)


def test_sides_of_another_networks_layers_are_refused() -> None:
    X, y = digits()
    network = Mlp(inputs=64, hidden=(9,), classes=10)
    # As many parameters, in layers of another form.
    turned = Projection.two_sided((Sides(np.eye(9, 2), np.eye(65, 2)), Sides(np.eye(10, 2), np.eye(10, 2))))
    assert turned.d == network.parameters
    with pytest.raises(errors.ShapeMismatch):
        projected_gradients(network, network.initial(0), X[:5], y[:5], turned)
