"""What a purchase of texts is worth comes out the same however many divisions are measured at once."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("transformers")

from blindfair.cli.demo.options import TEXT, DemoOptions
from blindfair.cli.demo.texts.prepared import MODEL, prepare_texts
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel
from blindfair.influence.threads import one_thread
from blindfair.pricing.texts.directions import choose_direction
from blindfair.pricing.texts.utility import ARMS, TextTask, measure_text_utility
from blindfair.pricing.texts.valuation import Texts

SHORT = 8
"""Words of a text."""


def task() -> TextTask:
    job, base = prepare_texts(DemoOptions(modality=TEXT)), BaseModel.load(MODEL)

    def short(texts: list[str]) -> Texts:
        return [" ".join(text.split()[:SHORT]) for text in texts], None

    def divided(seed: int) -> tuple[Texts, Texts]:
        order = [job.own[place] for place in np.random.default_rng(seed).permutation(80)]
        return short(order[:40]), short(order[40:])

    offer = job.offer[:40]
    return TextTask(
        base,
        TextPreprocessing("text", None, (), 128, 4, (base.digest,)),
        ["text"],
        short([each.text for each in offer]),
        np.array([each.source == job.wanted_source for each in offer]),
        short(list(job.test[:10])),
        divided,
    )


@pytest.mark.deep
def test_divisions_measured_at_once_come_out_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(choose_direction, strengths=(1,))
    monkeypatch.setattr("blindfair.pricing.texts.valuation.choose_direction", quick)
    asked, told = task(), []
    with one_thread():
        one, two = (
            measure_text_utility(
                asked, seeds=[0, 1], budget=20, steps=1, threads=threads, on_seed=lambda: told.append(1)
            )
            for threads in (1, 2)
        )
    assert one == two and len(told) == 4
    assert [outcome.seed for outcome in one.outcomes] == [0, 1]
    first = one.judged(0, "own")
    assert first is not None and first.loss == one.outcomes[0].own and first.accuracy is None
    assert one.judged(9, "own") is None and one.accuracy("own") is None
    assert not any(name.startswith("test_accuracy") for name in one.to_document())
    assert all(0 < one.mean(arm) < 15 for arm in ARMS)
