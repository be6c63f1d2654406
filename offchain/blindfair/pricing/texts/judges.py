"""How well a buyer's model does on test texts once it has learned from some: what a purchase is judged by.

    texts without labels    some steps of fine-tuning from the base model       loss in nats a token
    texts with labels       a head on the base model's states, fitted exactly   loss in nats a text, and accuracy

A head takes thousandths of a second once the states of all texts are known, and fine-tuning an encoder takes half a
minute. Not here: what is bought (`utility`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.linear_fits import Softmax
from blindfair.influence.text import TextModel, fine_tune
from blindfair.pricing.texts.valuation import Texts

STEPS = 30
"""Steps of fine-tuning, of 16 texts each: nearly two times all texts of a small buyer and its purchase."""

HEAD_L2 = 1.0
"""Penalty of a head's weights, against one text: the first that a buyer tries (`directions`)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The mean loss of the test texts, and the share whose class is told right; None without labels."""

    loss: float
    accuracy: float | None = None


class TextJudge(Protocol):
    """Judges a model by test texts."""

    def base(self) -> Judged:
        """The model before it learned from any text."""
        ...

    def after(self, texts: Texts) -> Judged:
        """The model after it learned from these texts."""
        ...

    def losses(self, learned: Texts, of: Texts) -> Floats:
        """The loss of each of `n` texts after the model learned from others."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TuningJudge:
    """Fine-tunes a language model for so many steps. Both raise what `fine_tune` and `TextModel.losses` raise."""

    model: TextModel
    test: Sequence[str]
    steps: int
    seed: int

    def base(self) -> Judged:
        """See `TextJudge`."""
        return Judged(float(self.model.losses(self.test, None).mean()))

    def after(self, texts: Texts) -> Judged:
        """See `TextJudge`."""
        return Judged(float(self.losses(texts, (self.test, None)).mean()))

    def losses(self, learned: Texts, of: Texts) -> Floats:
        """See `TextJudge`."""
        tuned = fine_tune(self.model, *learned, steps=self.steps, seed=self.seed)
        return replace(self.model, difference=tuned.difference).losses(*of)


class HeadJudge:
    """Fits a head on the states of a classifier's base model, which are computed once for each text."""

    def __init__(self, model: TextModel, test: Texts, others: Sequence[str]) -> None:
        """`others` are the texts that `after` will be asked of. Raises as `TextModel.states`."""
        texts = list(dict.fromkeys([*test[0], *others]))
        states = model.states(texts)
        self._places = {text: place for place, text in enumerate(texts)}
        self._states = np.column_stack([states, np.ones(len(states))])
        self._fit = Softmax(model.classes)
        self._test = self._read(test[0]), np.array(test[1], dtype=np.int64)

    def base(self) -> Judged:
        """See `TextJudge`: without a head every class is as likely."""
        return Judged(float(np.log(self._fit.classes)), 1 / self._fit.classes)

    def after(self, texts: Texts) -> Judged:
        """See `TextJudge`. Raises LabelUnusable where all texts are of one class."""
        theta = self._fitted(texts)
        states, labels = self._test
        right = self._fit.logits(theta, states).argmax(axis=1) == labels
        return Judged(float(self._fit.losses(theta, states, labels).mean()), float(right.mean()))

    def losses(self, learned: Texts, of: Texts) -> Floats:
        """See `TextJudge`. Raises as `after`."""
        return self._fit.losses(self._fitted(learned), self._read(of[0]), np.array(of[1], dtype=np.int64))

    def _fitted(self, texts: Texts) -> Floats:
        return self._fit.fit(self._read(texts[0]), np.array(texts[1], dtype=np.int64), HEAD_L2)

    def _read(self, texts: Sequence[str]) -> Floats:
        return np.asarray(self._states[[self._places[text] for text in texts]], dtype=np.float64)
