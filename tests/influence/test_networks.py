"""Networks: rows equal autograd's and finite differences, however they are batched; hostile models are refused."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from nets import NAMES, NETWORKS, digits, somewhere
from torch.func import grad, vmap

from blindfair.influence import gradients
from blindfair.influence.architecture import Architecture, Mlp, SmallCnn, SoftmaxRegression
from blindfair.influence.arrays import Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.gradients import class_logits, projected_gradients, record_gradients, record_losses
from blindfair.influence.logistic import record_loss
from blindfair.influence.models import load_scoring_model
from blindfair.influence.network import NetworkModel
from blindfair.influence.projection import Projection, Sides
from blindfair.influence.table import Table
from blindfair.protocol import errors
from blindfair.protocol.documents import canonical, parse

networks = pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
TOLERANCE = 1e-12


@networks
def test_rows_are_those_of_autograd_record_by_record(network: Architecture) -> None:
    X, y = digits()
    theta = somewhere(network)
    rows = record_gradients(network, theta, X[:40], y[:40])
    assert rows.shape == (40, network.parameters) and rows.dtype == np.float64
    point, features, codes = torch.from_numpy(theta), torch.from_numpy(X[:40]), torch.from_numpy(y[:40])

    def loss(at: torch.Tensor, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return network.losses(at, x[None], label[None])[0]

    every = vmap(grad(loss), in_dims=(None, 0, 0))(point, features, codes).numpy()
    np.testing.assert_allclose(rows, every, rtol=0, atol=TOLERANCE)
    for record in (0, 17):
        leaf = point.clone().requires_grad_()
        (alone,) = torch.autograd.grad(loss(leaf, features[record], codes[record]), leaf)
        np.testing.assert_allclose(rows[record], alone.numpy(), rtol=0, atol=TOLERANCE)


@networks
def test_rows_are_the_slope_of_the_loss(network: Architecture) -> None:
    X, y = digits()
    theta, step = somewhere(network), 1e-5
    direction = np.random.default_rng(5).normal(size=network.parameters)
    rows = record_gradients(network, theta, X[:20], y[:20])
    ahead, behind = (record_losses(network, theta + sign * step * direction, X[:20], y[:20]) for sign in (1, -1))
    np.testing.assert_allclose(rows @ direction, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-6)


@networks
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_rows_do_not_depend_on_the_batch(network: Architecture, batch: int) -> None:
    X, y = digits()
    theta = somewhere(network)
    whole = record_gradients(network, theta, X[:70], y[:70])
    np.testing.assert_allclose(record_gradients(network, theta, X[:70], y[:70], batch=batch), whole, atol=TOLERANCE)


def test_large_networks_are_worked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = digits()
    network = NETWORKS[1]
    theta = somewhere(network)
    whole = record_gradients(network, theta, X[:30], y[:30])
    seen: list[int] = []
    true = gradients.layer_factors

    def watched(*arguments: Any) -> Any:
        seen.append(len(arguments[2]))
        return true(*arguments)

    monkeypatch.setattr(gradients, "BATCH_NUMBERS", 8 * network.parameters)
    monkeypatch.setattr(gradients, "layer_factors", watched)
    np.testing.assert_allclose(record_gradients(network, theta, X[:30], y[:30]), whole, atol=TOLERANCE)
    assert seen == [8, 8, 8, 6]


def test_softmax_of_two_classes_is_logistic_regression() -> None:
    X, y = digits()
    network = SoftmaxRegression(inputs=64, classes=2)
    theta = somewhere(network)
    difference = np.diff(theta.reshape(2, 65), axis=0)[0]
    losses = record_loss(
        torch.from_numpy(difference), torch.from_numpy(np.column_stack([X, np.ones(len(X))])), torch.from_numpy(y % 2)
    )
    np.testing.assert_allclose(record_losses(network, theta, X, y % 2), losses.numpy(), atol=1e-12)


def test_an_untrained_network_holds_every_class_equally_likely() -> None:
    X, y = digits()
    for network in NETWORKS:
        theta = network.initial(3)
        np.testing.assert_allclose(record_losses(network, theta, X[:50], y[:50]), np.log(10), atol=1e-12)
        assert (theta == network.initial(3)).all()
        if len(network.layers) > 1:
            assert (theta != network.initial(4)).any()


@networks
def test_there_are_no_rows_of_no_records(network: Architecture) -> None:
    X, y = digits()
    theta = network.initial(0)
    assert record_gradients(network, theta, X[:0], y[:0]).shape == (0, network.parameters)
    assert projected_gradients(network, theta, X[:0], y[:0], Projection.signs(3, bytes(32))).shape == (0, 3)
    assert record_losses(network, theta, X[:0], y[:0]).shape == (0,)
    assert class_logits(network, theta, X[:0]).shape == (0, 10)


@networks
def test_what_does_not_fit_is_refused(network: Architecture) -> None:
    X, y = digits()
    theta = network.initial(0)
    for change in (
        (theta[:-1], X[:5], y[:5]),
        (theta, X[:5, :-1], y[:5]),
        (theta, X[:5], y[:4]),
        (theta, X[:5], np.full(5, 10)),
        (theta, X[:5], np.full(5, -1)),
    ):
        with pytest.raises(errors.ShapeMismatch):
            record_gradients(network, *change)
    with pytest.raises(errors.ShapeMismatch):
        projected_gradients(network, theta, X[:5], y[:5], Projection.identity(network.parameters - 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SoftmaxRegression(inputs=0, classes=2),
        lambda: SoftmaxRegression(inputs=4, classes=1),
        lambda: SoftmaxRegression(inputs=4, classes=10**6),
        lambda: Mlp(inputs=4, hidden=(0,), classes=2),
        lambda: Mlp(inputs=4, hidden=(3, -1), classes=2),
        lambda: Mlp(inputs=4, hidden=(3,) * 9, classes=2),
        lambda: Mlp(inputs=60_000, hidden=(60_000,), classes=2),
        lambda: SmallCnn(height=0, width=8, channels=(2,), classes=2),
        lambda: SmallCnn(height=8, width=8, channels=(0,), classes=2),
        lambda: SmallCnn(height=10**9, width=10**9, channels=(1,), classes=2),
    ],
)
def test_networks_out_of_bounds_are_not_made(make: Any) -> None:
    with pytest.raises(errors.UnusableModel):
        make()


# --- as scoring models of tables ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(trial: Table) -> FeatureSchema:
    return FeatureSchema.infer(trial.rows, trial.columns, "cens", categorical=("arms",))


def models(schema: FeatureSchema) -> list[NetworkModel]:
    inputs = schema.width - 1
    kinds: list[Architecture] = [
        SoftmaxRegression(inputs=inputs, classes=2),
        Mlp(inputs=inputs, hidden=(6, 5), classes=2),
        SmallCnn(height=4, width=inputs // 4, channels=(3,), classes=2),
    ]
    return [NetworkModel(schema, network, somewhere(network)) for network in kinds]


def test_a_model_survives_the_wire(schema: FeatureSchema, trial: Table) -> None:
    for model in models(schema):
        config, weights = model.to_parts()
        received = load_scoring_model(model.name, parse(canonical(config), 10**6), weights)
        assert isinstance(received, NetworkModel) and received.network == model.network
        assert received.k == model.k == model.network.parameters
        assert received.rows(trial.rows[:50]).tobytes() == model.rows(trial.rows[:50]).tobytes()


def test_projected_rows_are_the_rows_projected(schema: FeatureSchema, trial: Table) -> None:
    for model in models(schema):
        basis = np.random.default_rng(0).normal(size=(model.k, 5))
        rng = np.random.default_rng(1)
        pairs = tuple(
            Sides(rng.normal(size=(layer.shape[1], 2)), rng.normal(size=(layer.shape[0], 2)))
            for layer in model.network.layers
        )
        staged = Projection.staged(pairs, rng.normal(size=(4 * len(pairs), 3)))
        for projection in (
            Projection.matrix(basis),
            Projection.signs(7, bytes(32)),
            Projection.identity(model.k),
            Projection.two_sided(pairs),
            staged,
        ):
            expected = projection.apply(model.rows(trial.rows[:60]))
            np.testing.assert_allclose(model.rows(trial.rows[:60], projection), expected, atol=TOLERANCE)


def test_the_estimate_counts_what_the_result_will_hold(schema: FeatureSchema, trial: Table) -> None:
    for model in models(schema):
        estimate = model.estimate(len(trial.rows))
        assert estimate.rows_bytes == model.rows(trial.rows).nbytes <= estimate.peak_bytes
        assert estimate.seconds >= 1 and model.estimate(0).rows_bytes == 0


HOSTILE_NETWORKS: dict[str, tuple[str, Any]] = {
    "no network": ("mlp", None),
    "a list": ("mlp", []),
    "nothing said": ("mlp", {}),
    "code": ("mlp", {"hidden": [6, 5], "code": "import os"}),
    "hidden sizes as text": ("mlp", {"hidden": "6"}),
    "a hidden size of zero": ("mlp", {"hidden": [0]}),
    "a hidden size that is true": ("mlp", {"hidden": [True]}),
    "a half neuron": ("mlp", {"hidden": [2.5]}),
    "endless layers": ("mlp", {"hidden": [6] * 10_000}),
    "gigantic layers": ("mlp", {"hidden": [65536, 65536]}),
    "more classes than the schema": ("softmax-regression", {"classes": 3}),
    "images of another size": ("small-cnn", {"channels": [3], "height": 5, "width": 5}),
    "gigantic images": ("small-cnn", {"channels": [3], "height": 2**16, "width": 2**16}),
    "no channels said": ("small-cnn", {"height": 4, "width": 6}),
    "of another kind": ("small-cnn", {"hidden": [6, 5]}),
}


@pytest.mark.parametrize("name", HOSTILE_NETWORKS)
def test_hostile_configs_are_refused(schema: FeatureSchema, name: str) -> None:
    kind, network = HOSTILE_NETWORKS[name]
    config: Any = {"network": network, "schema": schema.to_document()}
    with pytest.raises(errors.UnusableModel) as caught:
        load_scoring_model(kind, config, b"")
    assert len(str(caught.value)) < 500


def hostile_weights(weights: Floats) -> dict[str, bytes]:
    def packed(**tensors: Any) -> bytes:
        return safetensors.numpy.save(tensors)

    nan, infinite = weights.copy(), weights.copy()
    nan[3], infinite[0] = np.nan, np.inf
    return {
        "empty": b"",
        "truncated": packed(weights=weights)[:-1],
        "one too few": packed(weights=weights[:-1]),
        "weights of more classes": packed(weights=np.resize(weights, weights.size + 6)),
        "a matrix": packed(weights=weights[None]),
        "single precision": packed(weights=weights.astype(np.float32)),
        "far too many": packed(weights=np.zeros(weights.size + 10_000)),
        "NaN": packed(weights=nan),
        "infinite": packed(weights=infinite),
        "another name": packed(layers=weights),
        "a tensor more": packed(weights=weights, bias=np.zeros(2)),
    }


@pytest.mark.parametrize("name", hostile_weights(np.zeros(9)))
def test_hostile_weights_are_refused(schema: FeatureSchema, name: str) -> None:
    model = models(schema)[1]
    config, _ = model.to_parts()
    with pytest.raises(errors.UnusableModel):
        load_scoring_model(model.name, config, hostile_weights(model.weights)[name])


def test_a_model_that_does_not_fit_its_schema_is_not_made(schema: FeatureSchema) -> None:
    model = models(schema)[1]
    network = model.network
    assert isinstance(network, Mlp)
    for other in (
        replace(network, inputs=network.inputs + 1),
        replace(network, classes=3),
        replace(network, hidden=()),
    ):
        with pytest.raises(errors.ShapeMismatch):
            NetworkModel(schema, other, other.initial(0) if other.hidden else model.weights)
    with pytest.raises(errors.UnusableModel):
        NetworkModel(schema, network, np.full(network.parameters, np.nan))


def test_a_config_is_not_changed_by_reading_it(schema: FeatureSchema) -> None:
    config, weights = models(schema)[1].to_parts()
    before = copy.deepcopy(config)
    load_scoring_model("mlp", config, weights)
    assert config == before
