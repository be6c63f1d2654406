"""Linear models of every label: rows equal autograd's, fits are minima, bounds hold, wrong kinds are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression as Multinomial
from sklearn.linear_model import PoissonRegressor, Ridge
from torch.func import grad, vmap

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import BOUND, NumberFeature
from blindfair.influence.label import LabelKind
from blindfair.influence.linear_fits import Logistic, Poisson, Softmax, linear_fit
from blindfair.influence.models import REGISTRY, LogisticRegression, load_scoring_model
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import choose_row_scale, quantise_rows
from blindfair.influence.regression import LinearRegression, PoissonRegression
from blindfair.influence.scoring_model import ScoringModel
from blindfair.influence.text.architectures import ARCHITECTURES
from blindfair.influence.untrained import untrained_bound, untrained_model
from blindfair.pricing.rounding import known_scale
from blindfair.protocol import errors
from blindfair.protocol.audit import ROUNDING_SHARE
from blindfair.protocol.records import Row

NAMES = tuple(f"x{number}" for number in range(6))


def records(kind: str) -> list[Row]:
    """Real tables: kinds of wine, the progress of diabetes, and that progress counted in units of ten."""
    data = load_wine() if kind == "classes" else load_diabetes()
    labels = data.target // 10 if kind == "count" else data.target
    cast = float if kind == "number" else int
    return [(*(float(cell) for cell in cells[:6]), cast(label)) for cells, label in zip(data.data, labels, strict=True)]


SCHEMAS = {
    kind: FeatureSchema.infer(records(kind), (*NAMES, "y"), "y", label_kind=LabelKind(kind))
    for kind in ("classes", "number", "count")
}
KINDS = tuple(SCHEMAS)


def examples(kind: str) -> tuple[Floats, Labels]:
    return SCHEMAS[kind].encode(records(kind))


def somewhere(kind: str, size: float = 0.3) -> ScoringModel:
    """A model whose weights are not zero."""
    untrained = untrained_model(SCHEMAS[kind])
    return replace(untrained, weights=size * np.random.default_rng(4).normal(size=untrained.k))  # type: ignore[type-var]


def loss(kind: str, theta: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Of one record, written down once more."""
    if kind == "classes":
        return -torch.log_softmax(theta.reshape(3, -1) @ x, 0) @ (torch.arange(3) == y).to(x.dtype)
    z = x @ theta
    return (z - y) ** 2 / 2 if kind == "number" else torch.exp(z) - y * z


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0.0, 0.3])
def test_rows_equal_those_of_autograd(kind: str, size: float) -> None:
    model = somewhere(kind, size)
    X, y = examples(kind)
    by_record = vmap(grad(lambda theta, x, label: loss(kind, theta, x, label)), in_dims=(None, 0, 0))
    expected = by_record(torch.from_numpy(model.weights), torch.from_numpy(X), torch.from_numpy(y)).numpy()
    np.testing.assert_allclose(model.rows(records(kind)), expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_untrained_rows_have_their_closed_form(kind: str) -> None:
    model = untrained_model(SCHEMAS[kind])
    X, y = examples(kind)
    if kind == "classes":
        residuals = 1 / 3 - np.eye(3)[y]
        expected = np.einsum("nc,nd->ncd", residuals, X).reshape(len(X), -1)
    else:
        expected = ((kind == "count") - y)[:, np.newaxis] * X
    np.testing.assert_allclose(model.rows(records(kind)), expected, atol=1e-15)


def extreme(kind: str) -> list[Row]:
    """Records as far out as cells can be, in every combination with the labels."""
    labels = {"classes": (0, 1, 2), "number": (-1e300, 1e300), "count": (0, 10**15)}[kind]
    return [(*(sign * 1e300 for _ in NAMES), label) for label in labels for sign in (-1, 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_record_has_a_larger_entry_than_the_scale_allows(kind: str) -> None:
    model, bound = untrained_model(SCHEMAS[kind]), untrained_bound(SCHEMAS[kind])
    rows = model.rows(extreme(kind))
    assert np.abs(rows).max() == pytest.approx(bound, rel=1e-12)
    assert quantise_rows(rows, known_scale(bound, 1)).clipped == 0.0
    assert np.abs(quantise_rows(rows, known_scale(bound, 1)).entries).max() == 2047


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_survives_the_wire(kind: str) -> None:
    model = somewhere(kind)
    received = load_scoring_model(model.name, *model.to_parts())
    assert received.rows(records(kind)).tobytes() == model.rows(records(kind)).tobytes()
    assert model.estimate(100).rows_bytes == 8 * 100 * model.k
    projection = Projection.signs(5, bytes(32))
    np.testing.assert_allclose(
        model.rows(records(kind), projection), projection.apply(model.rows(records(kind))), atol=1e-12
    )


@pytest.mark.parametrize("kind", ["number", "count"])
@pytest.mark.parametrize("size", [0.0, 0.3, 3.0])
def test_rows_stay_within_their_bound(kind: str, size: float) -> None:
    model = somewhere(kind, size)
    X, y = examples(kind)
    exact_scores = X.astype(np.longdouble) @ model.weights.astype(np.longdouble)
    residuals = (exact_scores if kind == "number" else np.exp(exact_scores)) - y
    exact = residuals[:, np.newaxis] * X
    for projection in (Projection.identity(model.k), Projection.signs(5, bytes(32))):
        rows = model.gradients(X, y, projection)
        scales = np.full(len(X), choose_row_scale(rows))
        bound = model.disagreement(X, y, projection, scales)
        apart = np.abs(rows - projection.apply(exact.astype(np.float64))).max(axis=1) * scales
        assert apart.max() <= bound < 1e-6
    wild = somewhere(kind, 1e14)
    assert not wild.disagreement(X, y, Projection.identity(model.k), np.full(len(X), 2047.0)) <= ROUNDING_SHARE


@pytest.mark.parametrize("name", [kind.name for kind in REGISTRY if kind.name not in ("mlp", "small-cnn")])
@pytest.mark.parametrize("kind", [*KINDS, "two"])
def test_a_model_of_another_kind_of_label_is_refused(name: str, kind: str) -> None:
    two = FeatureSchema(("a", "y"), "y", (0, 1), (NumberFeature("a", 0.0, 1.0, False),))
    schema = {**SCHEMAS, "two": two}[kind]
    takes = {"classes": ["softmax-regression"], "number": ["linear-regression"], "count": ["poisson-regression"]}
    takes["two"] = ["logistic-regression", "softmax-regression"]
    document: dict[str, object] = {"schema": schema.to_document()}
    if name == "softmax-regression":
        document["network"] = {}
    width = schema.width * (max(2, len(schema.classes)) if name == "softmax-regression" else 1)
    weights = LogisticRegression(replace(two, features=tuple(
        NumberFeature(f"a{n}", 0.0, 1.0, False) for n in range(width - 1)
    ), columns=(*(f"a{n}" for n in range(width - 1)), "y")), np.zeros(width)).to_parts()[1]  # fmt: skip
    if name in takes[kind]:
        assert load_scoring_model(name, document, weights).name == name  # type: ignore[arg-type]
    else:
        with pytest.raises(errors.UnusableModel):
            load_scoring_model(name, document, weights)  # type: ignore[arg-type]


def test_the_page_of_scoring_models_has_the_registry() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "scoring-models.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    tables = [
        f"| `{each.name}` | {each.labels} | `{each.loss}` | {each.config} | {each.discloses} |" for each in REGISTRY
    ]
    texts = ARCHITECTURES.values()
    assert lines == tables + [f"| `{each.name}` | {each.takes} | {each.loss} | {each.discloses} |" for each in texts]


def test_fits_are_those_of_a_reference() -> None:
    X, y = examples("classes")
    plain = {"fit_intercept": False, "tol": 1e-10}
    softmax = Multinomial(C=1 / 2.0, max_iter=10_000, **plain).fit(X, y).coef_.ravel()
    np.testing.assert_allclose(Softmax(3).fit(X, y, 2.0), softmax, atol=1e-5)
    X, y = examples("number")
    np.testing.assert_allclose(linear_fit(SCHEMAS["number"]).fit(X, y, 3.0), Ridge(3.0, **plain).fit(X, y).coef_)
    X, y = examples("count")
    # Its loss is a mean, and half of its penalty's weight.
    poisson = PoissonRegressor(alpha=4.0 / len(X), max_iter=10_000, **plain).fit(X, y).coef_
    np.testing.assert_allclose(linear_fit(SCHEMAS["count"]).fit(X, y, 4.0), poisson, atol=1e-5)


def test_softmax_of_two_classes_finds_the_margin_of_logistic_regression() -> None:
    X, y = examples("classes")
    X, y = X[y < 2], y[y < 2]
    theta = Softmax(2).fit(X, y, 2.0).reshape(2, -1)
    # Each class has half of the margin, and so half of the penalty.
    np.testing.assert_allclose(theta[1] - theta[0], Logistic().fit(X, y, 1.0), atol=1e-8)


def test_a_class_without_records_is_fitted_all_the_same() -> None:
    X, y = examples("classes")
    theta = Softmax(4).fit(X, y, 1.0)
    assert np.isfinite(theta).all() and (Softmax(4).logits(theta, X).argmax(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_is_the_best_one(kind: str) -> None:
    _, y = examples(kind)
    model, ones = linear_fit(SCHEMAS[kind]), np.ones((len(y), 1))
    by_fit = model.losses(model.fit(ones, y, 1e-9), ones, y)
    np.testing.assert_allclose(model.constant_losses(y), by_fit, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_fits_of_nothing_are_refused(kind: str) -> None:
    X, y = examples(kind)
    model = linear_fit(SCHEMAS[kind])
    for l2 in (0.0, -1.0, float("nan")):
        with pytest.raises(errors.InvalidOption):
            model.fit(X, y, l2)
    with pytest.raises(errors.ShapeMismatch):
        model.fit(X, y[:-1], 1.0)
    with pytest.raises(errors.LabelUnusable):
        model.fit(X, np.full_like(y, y[0]), 1.0)


def test_a_poisson_fit_far_from_its_start_is_found() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.clip(4 * rng.normal(size=(300, 4)), -BOUND, BOUND), np.ones(300)])
    y = np.clip(np.exp(X @ np.array([0.4, -0.4, 0.2, 0.0, -1.0])), 0, BOUND)
    theta = Poisson().fit(X, y, 1e-3)
    gradient = X.T @ (np.exp(X @ theta) - y) + 1e-3 * theta
    assert np.abs(gradient).max() < 1e-6


def test_weights_that_overflow_are_zeros_in_the_end() -> None:
    schema = SCHEMAS["count"]
    rows = PoissonRegression(schema, np.full(schema.width, 1e3)).rows(records("count"))
    assert not np.isfinite(rows).all()
    with pytest.raises(errors.UnusableModel):
        LinearRegression(SCHEMAS["number"], np.full(SCHEMAS["number"].width, np.inf))
