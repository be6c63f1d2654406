"""The peers' scores of texts by a small GPT-2: a question whose JSON has `heads` is one of these.

The arrays are `tensor:<name>` for each tensor of the model, linear weights as `outputs x inputs`; `train_tokens`,
`train_lengths` of the texts that it was fitted to and that are scored, and `query_tokens`, `query_lengths`. Scores are
positive where a text lowers the query's loss. Only the linear layers of the blocks count.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dattri.algorithm.trak import TRAKAttributor
from dattri.task import AttributionTask
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from text_network import SmallGpt2, predicted, text_losses
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 32
TRAK_WIDTH = 512
TRAK_DAMPINGS = (1e-6, 1.0)
"""Beside a kernel of projected rows."""

Batch = tuple[Tensor, Tensor]
Scores = Callable[[], Tensor]


class LanguageModelling(Task):  # type: ignore[misc]
    """The mean loss of a text's tokens, summed over texts, as kronfluence asks for it."""

    def compute_train_loss(self, batch: Batch, model: nn.Module, sample: bool = False) -> Tensor:
        tokens, lengths = batch
        logits = model(tokens)
        if sample:
            with torch.no_grad():
                chances = torch.softmax(logits[:, :-1], dim=-1)
                drawn = torch.multinomial(chances.flatten(0, 1), 1).reshape(chances.shape[:2])
                tokens = torch.cat([tokens[:, :1], drawn], dim=1)
        return text_losses(logits, tokens, lengths).sum()

    def compute_measurement(self, batch: Batch, model: nn.Module) -> Tensor:
        tokens, lengths = batch
        return text_losses(model(tokens), tokens, lengths).sum()

    def get_attention_mask(self, batch: Batch) -> Tensor:
        tokens, lengths = batch
        # The last token of a text predicts nothing, but others read it nowhere either.
        return torch.nn.functional.pad(predicted(tokens, lengths), (0, 1)).long()


class TextQuestion:
    """The files, as torch has them."""

    def __init__(self, arrays: Mapping[str, np.ndarray], options: Mapping[str, Any]) -> None:
        self.tensors = {
            name.removeprefix("tensor:"): torch.from_numpy(arrays[name]).float()
            for name in arrays
            if name.startswith("tensor:")
        }
        self.heads, self.epsilon = int(options["heads"]), float(options["epsilon"])
        self.dampings = list(options["dampings"])
        self.train, self.queries = (
            TensorDataset(
                torch.from_numpy(arrays[f"{part}_tokens"]).long(), torch.from_numpy(arrays[f"{part}_lengths"]).long()
            )
            for part in ("train", "query")
        )

    def network(self) -> SmallGpt2:
        """A fresh module."""
        return SmallGpt2(self.tensors, self.heads, self.epsilon).eval()


def read_question(directory: Path, options: Mapping[str, Any]) -> TextQuestion:
    """The question in a directory."""
    with np.load(directory / "question.npz", allow_pickle=False) as found:
        return TextQuestion({name: found[name] for name in found.files}, options)


def text_methods(question: TextQuestion) -> Iterator[tuple[str, Scores]]:
    """Identity, EK-FAC with each damping, and TRAK with each of its own."""
    yield "kronfluence identity", partial(_kronfluence, question, "identity", 0.0)
    yield "kronfluence EK-FAC, default", partial(_kronfluence, question, "ekfac", None)
    for damping in question.dampings:
        yield f"kronfluence EK-FAC, {damping:g}", partial(_kronfluence, question, "ekfac", damping)
    for damping in TRAK_DAMPINGS:
        yield f"dattri TRAK-1, {damping:g}", partial(_trak, question, damping)


def _kronfluence(question: TextQuestion, strategy: str, damping: float | None) -> Tensor:
    with tempfile.TemporaryDirectory() as place:
        task = LanguageModelling()
        model = prepare_model(question.network(), task)
        analyzer = Analyzer(
            "texts", model, task, cpu=True, disable_tqdm=True, log_level=logging.ERROR, output_dir=place
        )
        analyzer.fit_all_factors(
            strategy, question.train, per_device_batch_size=BATCH, overwrite_output_dir=True,
            factor_args=FactorArguments(strategy=strategy),
        )  # fmt: skip
        analyzer.compute_pairwise_scores(
            "scores", strategy, question.queries, question.train, per_device_query_batch_size=BATCH,
            per_device_train_batch_size=BATCH, score_args=ScoreArguments(damping_factor=damping),
            overwrite_output_dir=True,
        )  # fmt: skip
        found: Tensor = analyzer.load_pairwise_scores("scores")["all_modules"].T
        return found


def _trak(question: TextQuestion, damping: float) -> Tensor:
    model = question.network()

    def loss(params: dict[str, Tensor], data: Batch) -> Tensor:
        tokens, lengths = data[0].unsqueeze(0), data[1].unsqueeze(0)
        return text_losses(torch.func.functional_call(model, params, (tokens,)), tokens, lengths)[0]

    def log_odds(params: dict[str, Tensor], data: Batch) -> Tensor:
        log_right = -loss(params, data)
        return log_right - torch.log(-torch.expm1(torch.clamp(log_right, max=-1e-6)))

    def probability(params: dict[str, Tensor], data: Batch) -> Tensor:
        return torch.exp(-loss(params, data))

    task = AttributionTask(log_odds, model, [model.state_dict()])
    projector = {"proj_dim": TRAK_WIDTH, "device": "cpu"}
    attributor = TRAKAttributor(task, probability, device="cpu", regularization=damping, projector_kwargs=projector)
    queries, train = (
        DataLoader(part, batch_size=4 * BATCH, shuffle=False) for part in (question.queries, question.train)
    )
    found: Tensor = attributor.attribute(queries, train).detach()
    return found
