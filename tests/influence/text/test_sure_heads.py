"""Heads that are sure of their classes: rows keep their digits, so that another machine finds the same ones."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from text_models import example, random_projection

from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.network import class_losses
from blindfair.influence.text.scoring import unit_rows
from blindfair.protocol.audit import ROUNDING_SHARE
from blindfair.protocol.rows import ROW_LIMIT

MARGINS = (12, 18, 30)


def slopes(logits: Sequence[float], right: int, dtype: torch.dtype) -> tuple[float, list[float]]:
    """The loss of one window, and its gradient by the logits."""
    given = torch.tensor([logits], dtype=dtype, requires_grad=True)
    loss = class_losses(given, torch.tensor([right]))
    (found,) = torch.autograd.grad(loss.sum(), given)
    assert found.dtype == dtype
    return float(loss.detach()), found[0].tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("margin", MARGINS)
def test_the_gradient_by_the_logits_keeps_its_digits(margin: int, dtype: torch.dtype) -> None:
    # Both others are together three halves of exp(-margin), up to its square: p - 1 has none of these digits.
    loss, found = slopes([1.0, 1.0 - margin, 1.0 - margin - np.log(2)], 0, dtype)
    other = np.exp(-margin) / (1 + 1.5 * np.exp(-margin))
    assert found == pytest.approx([-1.5 * other, other, other / 2], rel=1e-5 if dtype == torch.float32 else 1e-12)
    assert loss == pytest.approx(np.log1p(1.5 * np.exp(-margin)), rel=1e-5)


@pytest.mark.parametrize("right", [0, 1, 2])
def test_loss_and_gradient_are_those_of_torch_where_nothing_cancels(right: int) -> None:
    for logits in ([0.3, -1.2, 2.0], [0.0, 0.0, 0.0], [-60.0, 5.0, 7.0]):
        given = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(given, torch.tensor([right]))
        (expected,) = torch.autograd.grad(loss, given)
        found = slopes(logits, right, torch.float64)
        assert found[0] == pytest.approx(float(loss.detach()), rel=1e-12)
        assert found[1] == pytest.approx(expected[0].tolist(), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("logits", [[np.inf, 0.0], [np.nan, 0.0], [0.0, np.inf], [0.0, np.nan]])
def test_a_logit_that_overflows_is_no_sure_class(logits: list[float]) -> None:
    loss, found = slopes(logits, 0, torch.float32)
    assert not np.isfinite(loss) and not np.isfinite(found).all()


@pytest.mark.parametrize("pooling", ["mean", "pooler"])
@pytest.mark.parametrize("margin", MARGINS)
def test_rows_of_a_sure_head_are_the_same_on_two_machines(
    margin: int, pooling: str, bases: dict[str, BaseModel]
) -> None:
    one = example(bases["bert"], records=24, pooling=pooling)
    tensors = dict(one.model.difference.tensors)
    surer = np.array([margin + 8, 0, 0], dtype=np.float32)
    tensors["classifier.bias"] = np.add(tensors["classifier.bias"], surer, dtype=np.float32)
    model, labels = replace(one.model, difference=Difference(tensors)), [0] * 24
    assert 0 < np.median(model.losses(one.texts, labels)) < np.exp(-margin)
    projection = random_projection(model, k=12)
    single = model.rows(one.texts, labels, projection)
    scales = ROW_LIMIT / np.linalg.norm(single, axis=1)
    found = model.agreement(one.texts, labels, projection, scales, single, normalised=True)
    assert found.largest < 1 and 0 < found.share <= ROUNDING_SHARE, found
    # As the protocol compares them: each machine divides by its own length, and batches are other ones.
    double = model.rows(one.texts, labels, projection, dtype=torch.float64)
    again = model.rows(one.texts, labels, projection, tokens=20)
    for other in (double, again):
        assert np.abs(unit_rows(other) - unit_rows(single)).max() * ROW_LIMIT <= found.largest
