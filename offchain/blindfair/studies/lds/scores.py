"""Scores of training texts by each query text, of a fine-tuned language model: ours, and those of the peers.

    ours    r_i . (F + damping m I)^-1 q_j      r, q: LoGra rows of training and query texts; F = mean of r r^T
                                                m: mean eigenvalue of F in the span of the rows

`F` is the empirical Fisher matrix of the rows, or its diagonal alone. In the main directions of a layer's factors that
diagonal is what EK-FAC corrects its eigenvalues by (George et al. 2018). A buyer who asks for `k` entries of a row puts
`F` into the second matrix of a projection: with no fewer entries than own rows the scores are the same. Nothing is
rounded or encrypted here; docs/studies/fidelity.md says what these change. Not here: how well scores predict
(`measures`).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.text import TextModel, find_projection, fine_tune, project_query
from blindfair.protocol.errors import UnusableModel
from blindfair.studies.peers.question import Answer, Answered, ask_by_files

OUR_DAMPINGS = (0.1, 1.0)
"""Times the mean eigenvalue of the Fisher matrix."""

PEER_DAMPINGS = (1e-5, 1e-4, 1e-3, 1e-2)
"""Added to EK-FAC's eigenvalues, beside its default of a tenth of their mean."""

SIDES = (16, 32, 64)
"""Directions of a layer's inputs and outputs: the product's default, and more."""

SAMPLE = 50
"""About so many texts tell a layer's directions."""

OURS, PLAIN, DISPLACEMENT = "ours, LoGra", "no curvature", "ours, displacement"


@dataclass(frozen=True, slots=True, eq=False)
class TextQuestion:
    """How far would the loss of each query text fall if a training text were learnt, too? `model` has learnt all."""

    base: TextModel
    model: TextModel
    train: Sequence[str]
    queries: Sequence[str]


def our_scores(question: TextQuestion, sides: Sequence[int] = SIDES) -> Answer:
    """Scores `train x queries` for each size of the sides, kind of curvature and damping.

    Seconds are those of everything that a method needs: finding its directions, its rows, and its scores.
    """
    found: Answer = {}
    for side in sides:
        start = time.process_time()
        rows = first_rows(question.model, [*question.train, *question.queries], side)
        trained, asked = rows[: len(question.train)], rows[len(question.train) :]
        common = time.process_time() - start
        found[f"{OURS} {side}, {PLAIN}"] = Answered(trained @ asked.T, common)
        for kind, score in (("diagonal Fisher", _by_diagonal), ("whole Fisher", _by_fisher)):
            for damping in OUR_DAMPINGS:
                start = time.process_time()
                scores = score(trained, asked, damping)
                name = f"{OURS} {side}, {kind}, {damping:g}"
                found[name] = Answered(scores, common + time.process_time() - start)
    return found


def first_rows(model: TextModel, own: Sequence[str], side: int) -> Floats:
    """Rows of the first stage: in the main directions of each layer's factors, which a sample of the texts tells."""
    sample = own[:: max(1, len(own) // SAMPLE)]
    sides = find_projection(model, sample, None, [], side=side, k=1).projection.sides
    return model.rows(own, None, Projection(sum(pair.k for pair in sides), sides=sides))


def _by_diagonal(trained: Floats, asked: Floats, damping: float) -> Floats:
    squares = (trained**2).mean(axis=0)
    found: Floats = (trained / (squares + damping * squares.mean())) @ asked.T
    return found


def _by_fisher(trained: Floats, asked: Floats, damping: float) -> Floats:
    # Woodbury's identity: the matrix is of rank n, far less than its size.
    inner, across = trained @ trained.T / len(trained), trained @ asked.T
    level = damping * np.trace(inner) / min(trained.shape)
    found: Floats = np.linalg.solve(inner + level * np.eye(len(inner)), across)
    return found


def displacement_scores(question: TextQuestion, steps: int, rate: float, seed: int) -> Answer:
    """The product's one query for all query texts: where fine-tuning on them leads, at the base model. `train x 1`."""
    start = time.process_time()
    tuned = fine_tune(question.base, question.queries, None, steps=steps, seed=seed, rate=rate)
    query = tuple(-part for part in tuned.displacements)
    projection = find_projection(question.base, question.queries, None, [query]).projection
    rows = question.base.rows(question.train, None, projection)
    scores = (rows @ project_query(projection, query))[:, np.newaxis]
    return {DISPLACEMENT: Answered(scores, time.process_time() - start)}


def peer_scores(question: TextQuestion, program: Path) -> Answer:
    """The peers' answer. Raises NoAnswer, MalformedFile, UnusableModel for another architecture than GPT-2's."""
    return ask_by_files(program, partial(write, question), len(question.train), len(question.queries))


def write(question: TextQuestion, directory: Path) -> None:
    """The files of a question, as `scripts/peers/text_methods.py` reads them. Raises UnusableModel."""
    base = question.model.base
    if base.config.model_type != "gpt2":
        raise UnusableModel("The peers read texts by GPT-2", expected="gpt2", found=base.config.model_type)
    arrays: dict[str, NDArray[np.generic]] = {
        f"tensor:{name}": tensor.numpy() for name, tensor in plain_tensors(question.model).items()
    }
    for part, texts in (("train", question.train), ("query", question.queries)):
        windows = question.model.read(texts, None)
        if len(windows) != len(texts):
            raise UnusableModel("The peers read texts of one window", expected=len(texts), found=len(windows))
        lengths = np.array([len(window.tokens) for window in windows])
        tokens = np.zeros((len(windows), lengths.max()), dtype=np.int64)
        for place, window in enumerate(windows):
            tokens[place, : len(window.tokens)] = window.tokens
        arrays |= {f"{part}_tokens": tokens, f"{part}_lengths": lengths}
    np.savez(directory / "question.npz", allow_pickle=False, **arrays)
    values = base.config.values
    options = {
        "dampings": list(PEER_DAMPINGS),
        "epsilon": values["layer_norm_epsilon"],
        "heads": values["n_head"],
    }
    (directory / "question.json").write_text(json.dumps(options), encoding="utf-8")


def plain_tensors(model: TextModel) -> dict[str, torch.Tensor]:
    """All tensors of a GPT-2 with its difference, linear weights as `outputs x inputs`."""
    linear = {f"{layer.name}.weight" for layer in model.network.layers}
    return {
        name: (tensor.T if name in linear else tensor).detach().contiguous()
        for name, tensor in model.network.module.state_dict().items()
        if name.startswith("transformer.")
    }
