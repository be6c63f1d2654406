"""A head that an adapter brings: it is read as it was trained, and one of other classes is refused.

However sure a head is, a question can be asked at it whose rows another machine computes alike.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tiny_bases
from tiny_bases import build, write

from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.architectures import MEAN, POOLER
from blindfair.influence.text.fine_tuning import blank_head, fine_tune
from blindfair.influence.text.scoring import windows_of
from blindfair.pricing.texts.adapted import adapted_model, has_head
from blindfair.pricing.texts.valuation import TextValuation, prepare_text_valuation
from blindfair.protocol.audit import ROUNDING_SHARE
from blindfair.protocol.errors import UnusableModel

TEXTS = tiny_bases.texts(80, 2, longest=40)
LABELS = [0 if "cat" in text else 1 for text in TEXTS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    found = BaseModel.load(write(build("bert"), tmp_path_factory.mktemp("bert")))
    assert found.has_pooler
    return found


def preprocessing(base: BaseModel) -> TextPreprocessing:
    return TextPreprocessing("text", "kind", ("cat", "none"), 16, 2, (base.digest,))


@cache
def trained(base: BaseModel, pooling: str) -> Difference:
    windows = windows_of(preprocessing(base), base)
    model = TextModel(base, blank_head(base.config.width, 2, 1), windows, 2, pooling)
    return fine_tune(model, TEXTS, LABELS, steps=40, seed=1, rank=4, rate=0.01).difference


@pytest.mark.parametrize("pooling", [MEAN, POOLER])
def test_a_head_reads_what_it_was_trained_to_read(pooling: str, base: BaseModel) -> None:
    adapter = trained(base, pooling)
    assert has_head(adapter)
    found = adapted_model(base, preprocessing(base), 0, adapter, (TEXTS, LABELS))
    assert found.model.pooling == pooling and found.model.difference is adapter
    assert "nats against a guess among 2 classes" in found.notes[0]


def test_a_head_whose_classes_are_in_another_order_is_refused(base: BaseModel) -> None:
    adapter = trained(base, MEAN)
    turned = {
        name: tensor[::-1].copy() if name.startswith("classifier.") else tensor
        for name, tensor in adapter.tensors.items()
    }
    with pytest.raises(UnusableModel, match="worse than a guess among 2 classes") as told:
        adapted_model(base, preprocessing(base), 0, replace(adapter, tensors=turned), (TEXTS, LABELS))
    assert "in its order" in told.value.hint


def asked_with(margin: float, base: BaseModel) -> TextValuation:
    """A question about texts that a head is right about, half of them by more than `margin` nats."""
    adapter, read = trained(base, MEAN), preprocessing(base)

    def logits(model: TextModel, texts: list[str]) -> np.ndarray:
        head = (model.difference.tensors[f"classifier.{part}"].astype(np.float64) for part in ("weight", "bias"))
        weight, bias = head
        return np.asarray(model.states(texts) @ weight.T + bias)

    first = TextModel(base, adapter, windows_of(read, base), 2)
    factor = margin / np.median(np.abs(np.diff(logits(first, TEXTS))))
    tensors = {name: (tensor * factor).astype(np.float32) for name, tensor in adapter.tensors.items()}
    sure = replace(first, difference=replace(adapter, tensors=tensors))
    train, validation = (
        (texts, [int(code) for code in logits(sure, texts).argmax(1)])
        for texts in (TEXTS, tiny_bases.texts(60, 3, longest=40))
    )
    return prepare_text_valuation(
        base, read, ("text", "kind"), train, validation,
        plain_modulus=2**30, rng=np.random.default_rng(0), seed=0, fine_tuned=sure.difference,
    )  # fmt: skip


@pytest.mark.parametrize("margin", [12, 30])
def test_a_question_can_be_asked_at_a_sure_head(margin: int, base: BaseModel) -> None:
    assert 0 < asked_with(margin, base).disagreement <= ROUNDING_SHARE


def test_a_head_too_sure_for_single_precision_is_refused_with_what_helps(base: BaseModel) -> None:
    with pytest.raises(UnusableModel, match="Two honest machines might disagree") as told:
        asked_with(300, base)
    assert "too small" in str(told.value.found) and "divide weight and bias of the adapter's head" in told.value.hint
