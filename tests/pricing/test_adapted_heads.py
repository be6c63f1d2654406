"""A head that an adapter brings: it is read as it was trained, and one of other classes is refused."""

from dataclasses import replace

import pytest
import tiny_bases
from tiny_bases import build, write

from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.architectures import MEAN, POOLER
from blindfair.influence.text.fine_tuning import blank_head, fine_tune
from blindfair.influence.text.scoring import windows_of
from blindfair.pricing.texts.adapted import adapted_model, has_head
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
