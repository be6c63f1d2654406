"""Rows of texts: equal to autograd's gradients, projected; the same in any order, batch, padding and attention."""

from typing import Any

import numpy as np
import pytest
import torch
from text_models import exact_rows, example, random_projection

from blindfair.influence.projection import Projection, Sides
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows
from blindfair.influence.threads import batches_at_once, on_cores
from blindfair.protocol.errors import InvalidOption, ShapeMismatch

CASES: dict[str, dict[str, Any]] = {
    "bert": {},
    "bert, pooler": {"pooling": "pooler"},
    "gpt2": {},
    "gpt2, output": {"output_layer": True},
    "llama": {},
    "llama, output": {"output_layer": True},
    "gpt2, eager": {"attention": "eager"},
    "llama, eager": {"attention": "eager"},
    "bert, eager": {"attention": "eager"},
}


@pytest.mark.parametrize("case", CASES)
def test_rows_are_autograds_gradients_projected(bases: dict[str, BaseModel], case: str) -> None:
    one = example(bases[case.partition(",")[0]], **CASES[case])
    exact = exact_rows(one.model, one.texts, one.labels)
    assert exact.shape == (len(one.texts), one.model.k)
    for projection in (random_projection(one.model), random_projection(one.model, k=9)):
        expected = projection.apply(exact)
        size = np.abs(expected).max()
        double = one.model.rows(one.texts, one.labels, projection, dtype=torch.float64)
        assert np.abs(double - expected).max() < 1e-12 * size
        single = one.model.rows(one.texts, one.labels, projection)
        assert single.dtype == np.float64 and np.abs(single - expected).max() < 1e-5 * size


@pytest.mark.parametrize("case", CASES)
def test_layer_gradients_are_the_sum_of_exact_ones(bases: dict[str, BaseModel], case: str) -> None:
    one = example(bases[case.partition(",")[0]], **CASES[case])
    exact = exact_rows(one.model, one.texts, one.labels).sum(axis=0)
    found = one.model.layer_gradients(one.texts, one.labels)
    assert [part.shape for part in found] == [(layer.outputs, layer.inputs) for layer in one.model.network.layers]
    assert np.abs(np.concatenate([part.ravel() for part in found]) - exact).max() < 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
def test_rows_do_not_depend_on_their_company(bases: dict[str, BaseModel], kind: str) -> None:
    """Any order, batches of any size and so any padding, one thread or two: only roundings differ."""
    one = example(bases[kind], records=24)
    projection = random_projection(one.model, k=9)
    rows = one.model.rows(one.texts, one.labels, projection)
    close = 1e-5 * np.abs(rows).max()
    for tokens in (1, 24, 60, 10_000):
        assert np.abs(one.model.rows(one.texts, one.labels, projection, tokens=tokens) - rows).max() < close
    order = np.random.default_rng(0).permutation(24)
    labels = None if one.labels is None else [one.labels[place] for place in order]
    turned = one.model.rows([one.texts[place] for place in order], labels, projection)
    assert np.abs(turned - rows[order]).max() < close
    single = one.model.rows(one.texts[5:6], None if one.labels is None else one.labels[5:6], projection)
    assert np.abs(single - rows[5:6]).max() < close
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert np.abs(one.model.rows(one.texts, one.labels, projection) - rows).max() < close
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("case", ["bert", "bert, pooler", "gpt2, output", "llama"])
def test_rows_on_several_cores_are_the_same_bits(bases: dict[str, BaseModel], case: str) -> None:
    """Each thread has hooks of its own, and windows of one record are added in one order, whoever is ready first."""
    one = example(bases[case.partition(",")[0]], records=24, **CASES[case])
    projection = random_projection(one.model, k=9)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        torch.set_num_threads(1)
        torch.set_float32_matmul_precision("high")
        rows = one.model.rows(one.texts, one.labels, projection, tokens=30)
        for cores in (2, 3):
            with on_cores(cores):
                again = one.model.rows(one.texts, one.labels, projection, tokens=30)
            assert np.array_equal(again, rows)
            assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (1, "high")
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
    assert batches_at_once() == 1
    assert not any(module._forward_hooks for module in one.model.network.module.modules())


def test_a_mistake_on_several_cores_is_told_as_on_one(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"], records=24)
    with on_cores(2), torch.autocast("cpu"), pytest.raises(InvalidOption, match="bfloat16"):
        one.model.rows(one.texts, None, random_projection(one.model, k=9), tokens=30)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
def test_losses_are_those_of_the_rows(bases: dict[str, BaseModel], kind: str) -> None:
    """A small step of the head or the last layer against a record's gradient lowers its loss by what the row says."""
    one = example(bases[kind])
    model, layer = one.model, one.model.network.layers[-1]
    gradient = model.layer_gradients(one.texts[:1], None if one.labels is None else one.labels[:1])[-1]
    weights = model.network.module.get_parameter(f"{layer.name}.weight").detach()
    step = torch.from_numpy(gradient[:, :-1] if layer.bias else gradient).float()
    name = f"{layer.name}.weight"
    moved = (weights - 1e-3 * (step.T if kind == "gpt2" else step)).numpy()
    other = TextModel(
        model.base, Difference({**model.difference.tensors, name: moved}), model.windows, model.classes, model.pooling
    )
    labels = None if one.labels is None else one.labels[:1]
    fall = model.losses(one.texts[:1], labels)[0] - other.losses(one.texts[:1], labels)[0]
    assert fall == pytest.approx(1e-3 * float((step**2).sum()), rel=0.05)


def test_the_weights_stay_frozen_and_no_hook_stays(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    one.model.rows(one.texts, None, random_projection(one.model))
    for module in one.model.network.module.modules():
        assert not module._forward_hooks
    for parameter in one.model.network.module.parameters():
        assert parameter.grad is None and not parameter.requires_grad


def test_rows_of_no_texts(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    assert one.model.rows([], None, random_projection(one.model, k=9)).shape == (0, 9)
    assert one.model.losses([], None).shape == (0,)


def test_other_projections_are_refused(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    good = random_projection(one.model)
    wrong = Sides(np.ones((13, 1)), good.sides[0].outer)
    for projection in (
        Projection.identity(8),
        Projection.signs(8, bytes(32)),
        Projection.two_sided(good.sides[:-1]),
        Projection.two_sided((wrong, *good.sides[1:])),
    ):
        with pytest.raises(ShapeMismatch, match="does not fit"):
            one.model.rows(one.texts, None, projection)


def test_half_precision_is_refused(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    projection = random_projection(one.model)
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(InvalidOption, match="precision"):
            one.model.rows(one.texts, None, projection, dtype=dtype)
        with torch.autocast("cpu", dtype=dtype), pytest.raises(InvalidOption, match="precision"):
            one.model.rows(one.texts, None, projection)


def test_shortened_products_are_switched_off_and_restored(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    projection = random_projection(one.model)
    rows = one.model.rows(one.texts, None, projection)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert np.abs(one.model.rows(one.texts, None, projection) - rows).max() < 1e-5 * np.abs(rows).max()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rows_of_a_cuda_device_are_those_of_the_processor(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    projection = random_projection(one.model, k=9)
    rows = one.model.rows(one.texts, None, projection)
    again = one.model.rows(one.texts, None, projection, device=torch.device("cuda"))
    assert np.abs(again - rows).max() < 1e-5 * np.abs(rows).max()


def test_labels_must_fit(bases: dict[str, BaseModel]) -> None:
    causal, classifier = example(bases["gpt2"]), example(bases["bert"])
    projection = random_projection(classifier.model)
    for labels in (None, [0], [3] * 12, [-1] * 12):
        with pytest.raises(ShapeMismatch):
            classifier.model.rows(classifier.texts, labels, projection)
    with pytest.raises(ShapeMismatch):
        causal.model.losses(causal.texts, [0] * 12)


def test_windows_of_a_model_fit_its_context(bases: dict[str, BaseModel]) -> None:
    longest = example(bases["bert"], window=38)
    projection = random_projection(longest.model)
    assert np.isfinite(longest.model.rows([" ".join(longest.texts)] * 2, [0, 1], projection)).all()
    assert longest.model.windows == TextWindows(38, 3)
