"""The main directions of every layer's inputs and output gradients on some texts, for the matrices of a projection.

LoGra with principal directions (Choe et al. 2024, arXiv 2405.13954, section 3.2). A covariance `C` of a side of at most
`EXACT` is summed whole. Of a larger one `C T` is, for a random `T` of `SKETCH` columns: that takes a sixth of the time
where a side is 1536, and its main directions hold nearly as much (Tropp and others 2017, arXiv 1706.05736).

Not here: rows (`logra`), and what else goes into a projection (`bases`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from blindfair.influence.arrays import Floats
from blindfair.influence.text.architectures import TextLayer
from blindfair.influence.text.batches import Window, WindowBatch, batched
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.main_vectors import main_of_sketch, main_singular
from blindfair.influence.text.network import TextNetwork
from blindfair.protocol.errors import NoRecords

AT_ONCE = 2**27
"""Numbers of covariances that are in memory at once: 1 GiB. Where all layers have more, the texts are passed again."""

_Add = Callable[[int, str, torch.Tensor], None]

SIDE_LIMIT = 2**13
"""A side of more than this, an output layer's tokens, has no covariance here."""

EXACT = 512
"""The largest side whose covariance is summed whole."""

SKETCH = 128
"""Columns of `T`: eight times the directions that a projection keeps of a side by default."""


@dataclass(frozen=True, slots=True, eq=False)
class FactorCovariance:
    """Sums over tokens of `a a^T T`, for inputs, and `d d^T T`, for gradients by outputs; none for a side too large.

    `T` is `sketch(side)`, or is left out for a side of at most `EXACT`.
    """

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
    """The `k` main directions of a side of length `d` from its covariance or the sketch of one: `d x k` at most."""
    side, columns = covariance.shape
    if side == columns:
        return main_singular(covariance, k)[0][:, :k]
    return main_of_sketch(covariance, sketch(side))[:, :k]


@cache
def sketch(side: int) -> Floats:
    """The random orthonormal `side x SKETCH` matrix by which covariances of this side are multiplied; ever the same."""
    return np.asarray(np.linalg.qr(np.random.default_rng(side).normal(size=(side, SKETCH)))[0], dtype=np.float64)


def _columns(side: int) -> int:
    return side if side <= EXACT else SKETCH


def _parts(layers: Sequence[TextLayer]) -> Iterator[list[int]]:
    part: list[int] = []
    numbers = 0
    for number, layer in enumerate(layers):
        size = sum(side * _columns(side) for side in (layer.inputs, layer.outputs) if side <= SIDE_LIMIT)
        if part and numbers + size > AT_ONCE:
            yield part
            part, numbers = [], 0
        part.append(number)
        numbers += size
    yield part


def _passed(
    network: TextNetwork, windows: Sequence[Window], part: list[int], tokens: int
) -> Iterator[tuple[int, FactorCovariance]]:
    read_first = _read_first(network.layers, part)
    sums: dict[tuple[int, str], torch.Tensor] = {}
    for number in part:
        layer = network.layers[number]
        sides = {"outer": layer.outputs} | ({"inner": layer.inputs} if read_first[number] == number else {})
        for name, side in sides.items():
            if side <= SIDE_LIMIT:
                sums[number, name] = torch.zeros((side, _columns(side)), dtype=torch.float64)
    for batch in batched(windows, tokens=tokens):
        add = _adder(network, batch, sums)

        def on_inputs(number: int, inputs: torch.Tensor, add: _Add = add) -> None:
            add(number, "inner", inputs)

        def on_outputs(number: int, kept: None, slopes: torch.Tensor, add: _Add = add) -> None:
            add(number, "outer", slopes)

        pass_back(network, batch, on_inputs, on_outputs)
    for number in part:
        inner, outer = sums.get((read_first[number], "inner")), sums.get((number, "outer"))
        yield (
            number,
            FactorCovariance(
                None if inner is None else inner.numpy(),
                None if outer is None else outer.numpy(),
            ),
        )


def _read_first(layers: Sequence[TextLayer], part: Sequence[int]) -> Mapping[int, int]:
    """For each layer of the part the first one of the part with the same inputs."""
    first: dict[str, int] = {}
    return {number: first.setdefault(layers[number].source, number) for number in part}


def _adder(network: TextNetwork, batch: WindowBatch, sums: dict[tuple[int, str], torch.Tensor]) -> _Add:
    ones = torch.ones((len(batch.records), 1), dtype=torch.bool)
    masks = {"block": batch.mask, "token": batch.predicting, "window": ones}

    def add(number: int, name: str, vectors: torch.Tensor) -> None:
        if (number, name) in sums:
            layer = network.layers[number]
            kept = vectors[masks[layer.place]]
            if name == "inner" and layer.bias:
                kept = torch.nn.functional.pad(kept, (0, 1), value=1.0)
            side = kept.shape[1]
            seen = kept if side <= EXACT else kept @ torch.from_numpy(sketch(side)).to(kept.dtype)
            sums[number, name] += kept.T @ seen

    return add
