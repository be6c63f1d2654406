"""Text models on the tiny bases, and their gradients by autograd, which know nothing of how rows are computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tiny_bases
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection, Sides
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows

CLASSES = 3


@dataclass(frozen=True)
class Example:
    """A text model with records."""

    model: TextModel
    texts: list[str]
    labels: list[int] | None


def head(width: int = 12, seed: int = 2) -> Difference:
    rng = np.random.default_rng(seed)
    return Difference(
        {
            "classifier.weight": rng.normal(size=(CLASSES, width)).astype(np.float32),
            "classifier.bias": rng.normal(size=CLASSES).astype(np.float32),
        }
    )


def example(base: BaseModel, *, records: int = 12, window: int = 8, **more: Any) -> Example:
    """A model of windows of 8 tokens, at most 3 of them, with a head where it is a classifier."""
    classifier = base.architecture == "bert-classifier"
    model = TextModel(
        base,
        head() if classifier else Difference(),
        TextWindows(window, 3),
        CLASSES if classifier else 0,
        **more,
    )
    labels = [number % CLASSES for number in range(records)] if classifier else None
    return Example(model, tiny_bases.texts(records, 3), labels)


def random_projection(model: TextModel, *, inner: int = 4, outer: int = 3, k: int | None = None) -> Projection:
    """Two random matrices a layer, and with `k` one more for their entries."""
    rng = np.random.default_rng(4)
    sides = tuple(
        Sides(
            rng.normal(size=(layer.inputs, min(inner, layer.inputs))),
            rng.normal(size=(layer.outputs, min(outer, layer.outputs))),
        )
        for layer in model.network.layers
    )
    if k is None:
        return Projection.two_sided(sides)
    return Projection.staged(sides, rng.normal(size=(sum(pair.k for pair in sides), k)) / 10)


def exact_rows(model: TextModel, texts: Sequence[str], labels: Sequence[int] | None) -> Floats:
    """`n x d` gradients by autograd, record by record and window by window, in double precision, without any hook."""
    network = model._network(torch.float64, None)
    modules: list[Any] = [network.layer_module(layer) for layer in network.layers]
    module: Any = network.module
    if model.output_layer:
        # Where it is the embedding too, autograd would add what a row leaves out: the gradient by the embedding.
        modules[-1].weight = torch.nn.Parameter(modules[-1].weight.detach().clone())
    wanted = []
    for layer, one in zip(network.layers, modules, strict=True):
        wanted.append(one.weight)
        wanted += [one.bias] if layer.bias else []
    rows = []
    for number, text in enumerate(texts):
        loss = torch.zeros((), dtype=torch.float64)
        for parameter in wanted:
            parameter.requires_grad_(True)
        windows = model.read([text], None if labels is None else [labels[number]])
        for window in windows:
            tokens = torch.tensor([list(window.tokens)])
            if labels is None:
                logits = module(input_ids=tokens).logits[0, :-1]
                predicted = sum(len(each.tokens) - 1 for each in windows)
                loss = loss + torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="sum") / predicted
            else:
                bert = module.bert
                states = bert(input_ids=tokens).last_hidden_state[0]
                pooler = bert.pooler
                read = states.mean(0) if pooler is None else torch.tanh(pooler.dense(states[0]))
                logits = module.classifier(read)
                target = torch.tensor(labels[number])
                loss = loss + torch.nn.functional.cross_entropy(logits, target) / len(windows)
        slopes = iter(torch.autograd.grad(loss, wanted))
        for parameter in wanted:
            parameter.requires_grad_(False)
        parts = []
        for layer, one in zip(network.layers, modules, strict=True):
            slope = next(slopes)
            slope = slope.T if type(one).__name__ == "Conv1D" else slope
            parts.append(torch.cat([slope, next(slopes)[:, None]], dim=1) if layer.bias else slope)
        rows.append(torch.cat([part.flatten() for part in parts]).numpy())
    return np.array(rows)
