"""What is retrained: a small GPT-2 by fine-tuning on mixed texts, and a head on MiniLM that tells spam from ham.

A world retrains on a half, and has the scores of ours and of the peers at the model that has learnt all records. Both
kinds of halves are drawn evenly. Not here: the measure (`measures`) and the jobs (`report`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from blindfair.influence.architecture import SoftmaxRegression
from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows, fine_tune
from blindfair.influence.text.architectures import HEAD
from blindfair.influence.text.batches import batched
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.pricing.texts.directions import RATE
from blindfair.studies.families import NetworkFamily
from blindfair.studies.fidelity.worlds import MINILM, WORDS, labelled_mails, package_folder
from blindfair.studies.lds.scores import TextQuestion, displacement_scores, our_scores, peer_scores
from blindfair.studies.peers.datamodels import fitted_models
from blindfair.studies.peers.ours import our_answer
from blindfair.studies.peers.question import Answer, PeerQuestion, ask
from blindfair.studies.texts.domains import DEMO_TEXTS, demo_domain
from blindfair.studies.worlds import Records

SEED = 11

CUT = 32
"""Tokens of a text of the language model: so much is read, to keep retraining cheap."""


class LdsWorld(Protocol):
    """Records that are learnt, and queries that are predicted."""

    @property
    def records(self) -> int:
        """Training records."""

    @property
    def queries(self) -> int:
        """Queries."""

    def retrained(self, half: Integers, seed: int) -> Floats:
        """The loss of each query after training on these records alone."""

    def ours(self) -> Answer:
        """Our scores, `records x queries`."""

    def peers(self, program: Path) -> Answer:
        """Theirs. Raises NoAnswer, MalformedFile."""


@dataclass(frozen=True)
class CausalWorld:
    """A language model; `steps` are those of each fine-tuning."""

    base: TextModel
    train: Sequence[str]
    asked: Sequence[str]
    steps: int

    @property
    def records(self) -> int:
        """See `LdsWorld`."""
        return len(self.train)

    @property
    def queries(self) -> int:
        """See `LdsWorld`."""
        return len(self.asked)

    def retrained(self, half: Integers, seed: int) -> Floats:
        """See `LdsWorld`."""
        return self._tuned([self.train[place] for place in half], seed).losses(self.asked, None)

    def ours(self) -> Answer:
        """See `LdsWorld`."""
        return our_scores(self._question) | displacement_scores(self._question, self.steps, RATE, SEED)

    def peers(self, program: Path) -> Answer:
        """See `LdsWorld`."""
        return peer_scores(self._question, program)

    @cached_property
    def _question(self) -> TextQuestion:
        return TextQuestion(self.base, self._tuned(self.train, SEED), self.train, self.asked)

    def _tuned(self, texts: Sequence[str], seed: int) -> TextModel:
        found = fine_tune(self.base, texts, None, steps=self.steps, seed=seed, rate=RATE)
        return replace(self.base, difference=found.difference)


@dataclass(frozen=True)
class HeadWorld:
    """A softmax head on the frozen features of texts: the head is all that is learnt."""

    train: Records
    asked: Records

    @property
    def records(self) -> int:
        """See `LdsWorld`."""
        return len(self.train)

    @property
    def queries(self) -> int:
        """See `LdsWorld`."""
        return len(self.asked)

    def retrained(self, half: Integers, seed: int) -> Floats:
        """See `LdsWorld`. No chance is in it but the half: the seed changes nothing."""
        return self._family.losses(self._family.fit(self.train.at(half)), self.asked)

    def ours(self) -> Answer:
        """See `LdsWorld`."""
        return our_answer(self._question)

    def peers(self, program: Path) -> Answer:
        """See `LdsWorld`."""
        return ask(program, self._question)

    @cached_property
    def _question(self) -> PeerQuestion:
        models = fitted_models(self._family, self.train, np.random.default_rng(SEED))
        return PeerQuestion(self._family.network, models, self.train, self.train, self.asked)

    @property
    def _family(self) -> NetworkFamily:
        inputs = self.train.X.shape[1] - 1
        return NetworkFamily(SoftmaxRegression(inputs=inputs, classes=2), steps=80, batch=128)


def small_gpt2(records: int, queries: int, steps: int) -> LdsWorld:
    """The demo's model; training texts from its mixed offer, queries from its test texts."""
    base = BaseModel.load(DEMO_TEXTS / "model")
    domain = demo_domain(base, 0)
    places = np.random.default_rng(SEED).permutation(len(domain.offer))[:records]
    model = TextModel(base, Difference(), TextWindows(CUT, 1))
    return CausalWorld(model, [domain.offer[place] for place in places], domain.test[:queries], steps)


def minilm_head(records: int, queries: int, steps: int) -> LdsWorld:
    """Mails by MiniLM's mean last state, standardised, with 1 for spam. Raises FileMissing."""
    mails = labelled_mails()[: records + queries]
    base = BaseModel.load(package_folder(MINILM) / "model")
    model = TextModel(base, blank_head(base.config.width, 2, SEED), TextWindows(WORDS, 1), 2)
    found = features(model, [text for text, _ in mails], [label for _, label in mails])
    mean, spread = found[:records].mean(axis=0), found[:records].std(axis=0)
    X = np.hstack([(found - mean) / spread, np.ones((len(found), 1))])
    y = np.array([label for _, label in mails], dtype=np.int64)
    return HeadWorld(Records(X[:records], y[:records]), Records(X[records:], y[records:]))


def features(model: TextModel, texts: Sequence[str], labels: Sequence[int]) -> Floats:
    """What the head of a classifier reads of each text of one window, `n x width`."""
    found = np.zeros((len(texts), model.base.config.width))
    read: list[torch.Tensor] = []
    head = model.network.module.get_submodule(HEAD)
    handle = head.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    try:
        for batch in batched(model.read(texts, labels), tokens=model.batch_tokens):
            with torch.no_grad():
                model.network.logits(batch)
            found[batch.records.numpy()] = read.pop().double().numpy()
    finally:
        handle.remove()
    return found


WORLDS: Mapping[str, Callable[[int, int, int], LdsWorld]] = {
    "small GPT-2, fine-tuned": small_gpt2,
    "head on MiniLM, spam or ham": minilm_head,
}
"""Made of so many records and queries, fine-tuned by so many steps."""
