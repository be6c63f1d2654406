"""The main directions of every layer's inputs and output gradients on some texts, for the matrices of a projection.

LoGra with principal directions (Choe et al. 2024, arXiv 2405.13954, section 3.2). Not here: rows (`logra`), and what
else goes into a projection (`bases`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.text.architectures import TextLayer
from blindfair.influence.text.batches import Window, WindowBatch, batched
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.main_vectors import main_singular
from blindfair.influence.text.network import TextNetwork
from blindfair.protocol.errors import NoRecords

AT_ONCE = 2**27
"""Numbers of covariances that are in memory at once: 1 GiB. Where all layers have more, the texts are passed again."""

_Add = Callable[[int, str, torch.Tensor], None]

SIDE_LIMIT = 2**13
"""A side of more than this, an output layer's tokens, has no covariance here."""


@dataclass(frozen=True, slots=True, eq=False)
class FactorCovariance:
    """Sums over tokens of `a a^T`, `inputs x inputs`, and `d d^T`, `outputs x outputs`; none for a side too large."""

    inner: Floats | None
    outer: Floats | None


def factor_covariances(
    network: TextNetwork, windows: Sequence[Window], *, tokens: int
) -> Iterator[tuple[int, FactorCovariance]]:
    """Each layer's number and covariances, in order; so many layers in one pass as fit. Raises NoRecords."""
    if not windows:
        raise NoRecords("There are no texts to find directions in", expected="at least 1", found=0)
    for part in _parts(network.layers):
        yield from _passed(network, windows, part, tokens)


def main_directions(covariance: Floats, k: int) -> Floats:
    """The `k` eigenvectors of the largest eigenvalues, `d x k`."""
    return main_singular(covariance, k)[0][:, :k]


def _parts(layers: Sequence[TextLayer]) -> Iterator[list[int]]:
    part: list[int] = []
    numbers = 0
    for number, layer in enumerate(layers):
        size = sum(side * side for side in (layer.inputs, layer.outputs) if side <= SIDE_LIMIT)
        if part and numbers + size > AT_ONCE:
            yield part
            part, numbers = [], 0
        part.append(number)
        numbers += size
    yield part


def _passed(
    network: TextNetwork, windows: Sequence[Window], part: list[int], tokens: int
) -> Iterator[tuple[int, FactorCovariance]]:
    sums: dict[tuple[int, str], torch.Tensor] = {}
    for number in part:
        for name, side in (("inner", network.layers[number].inputs), ("outer", network.layers[number].outputs)):
            if side <= SIDE_LIMIT:
                sums[number, name] = torch.zeros((side, side), dtype=torch.float64)
    for batch in batched(windows, tokens=tokens):
        add = _adder(network, batch, sums)

        def on_inputs(number: int, inputs: torch.Tensor, add: _Add = add) -> None:
            add(number, "inner", inputs)

        def on_outputs(number: int, kept: None, slopes: torch.Tensor, add: _Add = add) -> None:
            add(number, "outer", slopes)

        pass_back(network, batch, on_inputs, on_outputs)
    for number in part:
        found = {name: sums[number, name].numpy() if (number, name) in sums else None for name in ("inner", "outer")}
        yield number, FactorCovariance(found["inner"], found["outer"])


def _adder(network: TextNetwork, batch: WindowBatch, sums: dict[tuple[int, str], torch.Tensor]) -> _Add:
    ones = torch.ones((len(batch.records), 1), dtype=torch.bool)
    masks = {"block": batch.mask, "token": batch.predicting, "window": ones}

    def add(number: int, name: str, vectors: torch.Tensor) -> None:
        if (number, name) in sums:
            layer = network.layers[number]
            kept = vectors[masks[layer.place]]
            if name == "inner" and layer.bias:
                kept = torch.nn.functional.pad(kept, (0, 1), value=1.0)
            sums[number, name] += kept.T @ kept

    return add
