"""Scores a question by the peers, kronfluence and dattri: `worker.py DIR` reads `question.npz` and `question.json`
there and writes `answer.npz` and `answer.json`. Runs in an environment of its own and knows nothing of blindfair.

PeerQuestion: `thetas` `models x d`, the weights of a network of linear layers with tanh between, row by row, the bias
last in each row; the first is the model, the others are fitted to random halves of its records. `train_X`, `train_y`
are what the model was fitted to, `rows_X`, `rows_y` the records to be scored, `query_X`, `query_y` those whose loss is
to fall. The JSON has `sizes` of the layers and `dampings`, added to a mean Hessian. Answer: for each method a
`rows x queries` matrix, positive where the row lowers the query's loss; the JSON has the seconds that each took.
Questions about texts are in `text_methods`.
"""

import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dattri.algorithm.influence_function import (
    IFAttributorArnoldi,
    IFAttributorCG,
    IFAttributorExplicit,
    IFAttributorLiSSA,
)
from dattri.algorithm.trak import TRAKAttributor
from dattri.task import AttributionTask
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from text_methods import read_question, text_methods
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

EXPLICIT_LIMIT = 2500
"""dattri's explicit Hessian of more parameters takes more memory than a small machine has."""

TRAK_WIDTH = 512
TRAK_DAMPINGS = (1e-6, 1.0)
"""Beside a kernel of projected rows: next to nothing, as by default, and what did best in trials."""

CG_STEPS, ARNOLDI_WIDTH, ARNOLDI_STEPS = 30, 100, 200
LISSA = {"batch_size": 50, "num_repeat": 1, "recursion_depth": 100, "scaling": 200.0, "damping": 0.1}

Scores = Callable[[], Tensor]


class Classification(Task):  # type: ignore[misc]
    """Cross entropy, as kronfluence asks for it."""

    def compute_train_loss(self, batch: tuple[Tensor, Tensor], model: nn.Module, sample: bool = False) -> Tensor:
        logits, y = model(batch[0]), batch[1]
        if sample:
            with torch.no_grad():
                y = torch.multinomial(torch.softmax(logits, 1), 1).flatten()
        return nn.functional.cross_entropy(logits, y, reduction="sum")

    def compute_measurement(self, batch: tuple[Tensor, Tensor], model: nn.Module) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="sum")


class PeerQuestion:
    """The files, as torch has them."""

    def __init__(self, directory: Path) -> None:
        options = json.loads((directory / "question.json").read_text(encoding="utf-8"))
        self.sizes, self.dampings = list(options["sizes"]), list(options["dampings"])
        with np.load(directory / "question.npz", allow_pickle=False) as found:
            self.thetas = torch.from_numpy(found["thetas"]).float()
            self.train, self.rows, self.queries = (
                TensorDataset(torch.from_numpy(found[f"{part}_X"]).float(), torch.from_numpy(found[f"{part}_y"]).long())
                for part in ("train", "rows", "query")
            )

    def network(self, number: int = 0) -> nn.Sequential:
        """Model `number`."""
        modules: list[nn.Module] = []
        place = 0
        for inputs, outputs in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            layer = nn.Linear(inputs, outputs)
            block = self.thetas[number, place : place + outputs * (inputs + 1)].reshape(outputs, inputs + 1)
            place += block.numel()
            layer.load_state_dict({"weight": block[:, :-1].clone(), "bias": block[:, -1].clone()})
            modules += [layer, nn.Tanh()]
        return nn.Sequential(*modules[:-1])


def kronfluence_methods(question: PeerQuestion) -> Iterator[tuple[str, Scores]]:
    """Identity and EK-FAC, factors included."""
    with tempfile.TemporaryDirectory() as place:

        def score(strategy: str, damping: float) -> Tensor:
            model = prepare_model(question.network(), Classification())
            analyzer = Analyzer(
                "peers", model, Classification(), cpu=True, disable_tqdm=True, log_level=logging.ERROR, output_dir=place
            )
            analyzer.fit_all_factors(
                strategy, question.train, per_device_batch_size=256, overwrite_output_dir=True,
                factor_args=FactorArguments(strategy=strategy),
            )  # fmt: skip
            analyzer.compute_pairwise_scores(
                "scores", strategy, question.queries, question.rows, per_device_query_batch_size=64,
                per_device_train_batch_size=512, score_args=ScoreArguments(damping_factor=damping),
                overwrite_output_dir=True,
            )  # fmt: skip
            found: Tensor = analyzer.load_pairwise_scores("scores")["all_modules"].T
            return found

        yield "kronfluence identity", lambda: score("identity", 0.0)
        for damping in question.dampings:
            yield f"kronfluence EK-FAC, {damping:g}", partial(score, "ekfac", damping)


def dattri_methods(question: PeerQuestion) -> Iterator[tuple[str, Scores]]:
    """The influence function by its solvers, and TRAK by one model and by all."""
    model = question.network()

    def loss(params: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(torch.func.functional_call(model, params, data[0]), data[1].long())

    def influence(kind: type, **options: float) -> Tensor:
        attributor = kind(task=AttributionTask(loss, model, model.state_dict()), device="cpu", **options)
        attributor.cache(_whole(question.train))
        found: Tensor = attributor.attribute(_whole(question.rows), _whole(question.queries)).detach()
        return found

    solvers = {
        "CG": (IFAttributorCG, "regularization", {"max_iter": CG_STEPS}),
        "Arnoldi": (IFAttributorArnoldi, "regularization", {"proj_dim": ARNOLDI_WIDTH, "max_iter": ARNOLDI_STEPS}),
    }
    if question.thetas.shape[1] <= EXPLICIT_LIMIT:
        solvers["explicit"] = (IFAttributorExplicit, "regularization", {})
    for name, (kind, damped, options) in solvers.items():
        for damping in question.dampings:
            yield (
                f"dattri {name}, {damping:g}",
                partial(influence, kind, **{**options, damped: damping}),
            )
    # Dear, and near the plain gradient whatever the damping: one will do.
    yield "dattri LiSSA", lambda: influence(IFAttributorLiSSA, **LISSA)
    for count in (1, len(question.thetas) - 1):
        for damping in TRAK_DAMPINGS:
            name = f"dattri TRAK-{count}, {damping:g}"
            yield name, partial(_trak, question, count, damping)


def _trak(question: PeerQuestion, count: int, damping: float) -> Tensor:
    model = question.network()

    def log_odds(params: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> Tensor:
        logits = torch.func.functional_call(model, params, data[0].unsqueeze(0))
        log_right = -nn.functional.cross_entropy(logits, data[1].unsqueeze(0))
        return log_right - torch.log(-torch.expm1(torch.clamp(log_right, max=-1e-6)))

    def probability(params: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> Tensor:
        return torch.sigmoid(log_odds(params, data))

    numbers = [0] if count == 1 else range(1, count + 1)
    task = AttributionTask(log_odds, model, [question.network(number).state_dict() for number in numbers])
    projector = {"proj_dim": TRAK_WIDTH, "device": "cpu"}
    attributor = TRAKAttributor(task, probability, device="cpu", regularization=damping, projector_kwargs=projector)
    found: Tensor = attributor.attribute(_whole(question.queries), _whole(question.rows)).detach()
    return found


def _whole(records: TensorDataset) -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(records, batch_size=len(records), shuffle=False)


def methods(directory: Path) -> Iterator[tuple[str, Scores]]:
    """All methods of a question: about texts, or about a network of linear layers."""
    options = json.loads((directory / "question.json").read_text(encoding="utf-8"))
    if "heads" in options:
        yield from text_methods(read_question(directory, options))
    else:
        question = PeerQuestion(directory)
        yield from kronfluence_methods(question)
        yield from dattri_methods(question)


def main() -> None:
    """Answer the question in the directory that is named."""
    directory = Path(sys.argv[1])
    scores: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    for name, score in methods(directory):
        start = time.process_time()
        scores[name] = score().to(torch.float64).numpy()
        seconds[name] = time.process_time() - start
        print(name, f"{seconds[name]:.1f}", flush=True)
    arrays: dict[str, Any] = dict(scores)
    np.savez(directory / "answer.npz", **arrays)
    (directory / "answer.json").write_text(json.dumps({"seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore")
    main()
