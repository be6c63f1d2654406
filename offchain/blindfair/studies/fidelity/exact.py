"""Products of a query with each text's whole gradient, in double precision, and the lengths of these gradients.

    layer: g = sum over tokens of d a^T      g . Q = sum_t d_t^T Q a_t      |g|^2 = sum_t,s (d_t . d_s)(a_t . a_s)

A gradient is never formed: it has as many entries as the model has weights. Not here: projected rows (package
`influence.text`).
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.text import TextModel
from blindfair.influence.text.batches import batched
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.network import TextNetwork


def exact_products(
    model: TextModel, texts: Sequence[str], labels: Sequence[int] | None, queries: Sequence[Sequence[Floats]]
) -> tuple[Floats, Floats]:
    """Products `m x n` with `m` queries, a matrix a layer each, and lengths `n`. Texts have one window each."""
    windows = model.read(texts, labels)
    one = model.network
    network = TextNetwork(one.architecture, copy.deepcopy(one.module).double(), one.layers, one.pooling)
    asked = [[torch.from_numpy(np.ascontiguousarray(part)) for part in query] for query in queries]
    products = torch.zeros((len(queries), len(texts)), dtype=torch.float64)
    squares = torch.zeros(len(texts), dtype=torch.float64)

    def keep(number: int, inputs: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(inputs, (0, 1), value=1.0) if network.layers[number].bias else inputs

    for batch in batched(windows, tokens=model.batch_tokens, dtype=torch.float64):
        records = batch.records

        def add(number: int, inputs: torch.Tensor, slopes: torch.Tensor, records: torch.Tensor = records) -> None:
            for place, query in enumerate(asked):
                products[place].index_add_(0, records, ((slopes @ query[number]) * inputs).sum(dim=(1, 2)))
            pairs = (slopes @ slopes.transpose(1, 2)) * (inputs @ inputs.transpose(1, 2))
            squares.index_add_(0, records, pairs.sum(dim=(1, 2)))

        pass_back(network, batch, keep, add)
    return products.numpy(), np.sqrt(np.maximum(squares.numpy(), 0.0))
