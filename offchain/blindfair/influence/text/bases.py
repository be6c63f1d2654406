"""How a buyer finds the projection of a text model: from its query, and from the rows of texts of its own.

    a layer's matrices   the query's own main directions, then the main ones of the layer's inputs and output gradients
    the matrix after it  the query's part of each layer, then the main directions of own rows

A query that is a LoRA of rank 8 lies within the first, and so keeps its scores whole. Not here: applying a projection
(`projection`, `logra`).
"""

from collections.abc import Sequence

import numpy as np
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection, Sides
from blindfair.influence.text.batches import batched
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.logra import projected_rows
from blindfair.influence.text.model import TextModel

_NOTHING = 1e-6
"""Directions under this share of the largest are rounding errors."""


def find_projection(
    model: TextModel,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    queries: Sequence[Sequence[Floats]],
    *,
    side: int = 16,
    k: int = 128,
) -> Projection:
    """A staged projection that holds each query, a matrix `outputs x inputs` a layer, and the main directions of rows.

    `side` is the width of a layer's matrices at most, `k` the entries of a row. The rows are those of `texts`, each
    divided by its length. Raises as `TextModel.rows`.
    """
    windows = model.read(texts, labels)
    inputs, outputs = _covariances(model, texts, labels)
    sides = []
    for number, (inner, outer) in enumerate(zip(inputs, outputs, strict=True)):
        left, right = [], []
        for query in queries:
            u, s, v = np.linalg.svd(query[number], full_matrices=False)
            kept = min(side // 2, int((s > _NOTHING * max(s[0], 1e-300)).sum()))
            left.append(u[:, :kept])
            right.append(v[:kept].T)
        sides.append(Sides(_completed(right, inner, side), _completed(left, outer, side)))
    two_sided = Projection(sum(pair.k for pair in sides), sides=tuple(sides))
    rows = projected_rows(model.network, windows, len(texts), two_sided, tokens=model.batch_tokens)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    parts = []
    for query in queries:
        whole = two_sided.project_layers(query)
        ends = np.cumsum([pair.k for pair in sides])
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            part = np.zeros_like(whole)
            part[start:end] = whole[start:end]
            parts.append(part)
    chosen = _orthonormal(np.array(parts).T)[:, : k // 2]
    rest = rows - (rows @ chosen) @ chosen.T
    _, s, v = np.linalg.svd(rest, full_matrices=False)
    more = v[: int((s > _NOTHING * s[0]).sum())][: k - chosen.shape[1]].T
    return Projection.staged(tuple(sides), np.hstack([chosen, more]))


def project_query(projection: Projection, query: Sequence[Floats]) -> Floats:
    """The `k` numbers whose scores of projected rows come nearest to those of `query`, a matrix a layer, on rows."""
    return projection.project_layers(query)


def _covariances(
    model: TextModel, texts: Sequence[str], labels: Sequence[int] | None
) -> tuple[list[Floats], list[Floats]]:
    """Return the second moments of each layer's inputs and output gradients, over all tokens."""
    layers = model.network.layers
    inner = [torch.zeros((layer.inputs, layer.inputs), dtype=torch.float64) for layer in layers]
    outer = [torch.zeros((layer.outputs, layer.outputs), dtype=torch.float64) for layer in layers]

    def keep(number: int, inputs: torch.Tensor) -> torch.Tensor:
        if layers[number].bias:
            inputs = torch.nn.functional.pad(inputs, (0, 1), value=1.0)
        return inputs.flatten(0, 1)

    def add(number: int, inputs: torch.Tensor, slopes: torch.Tensor) -> None:
        slopes = slopes.flatten(0, 1)
        used = slopes.abs().amax(1) > 0
        inner[number] += inputs[used].T @ inputs[used]
        outer[number] += slopes.T @ slopes

    for batch in batched(model.read(texts, labels), tokens=model.batch_tokens):
        pass_back(model.network, batch, keep, add)
    return [matrix.numpy() for matrix in inner], [matrix.numpy() for matrix in outer]


def _completed(chosen: Sequence[Floats], covariance: Floats, width: int) -> Floats:
    """Orthonormal columns: those chosen, and the main directions of a covariance beside them, `width` in all."""
    width = min(width, len(covariance))
    _, vectors = np.linalg.eigh(covariance)
    main = vectors[:, ::-1][:, :width]
    return _orthonormal(np.hstack([*chosen, main]))[:, :width]


def _orthonormal(columns: Floats) -> Floats:
    """Orthonormal columns that span these, the first ones first; those that add nothing are left out."""
    found: list[Floats] = []
    for column in columns.T:
        size = np.linalg.norm(column)
        for _ in range(2):
            for each in found:
                column = column - (each @ column) * each
        if size > 0 and np.linalg.norm(column) > _NOTHING * size:
            found.append(column / np.linalg.norm(column))
    return np.array(found).T
