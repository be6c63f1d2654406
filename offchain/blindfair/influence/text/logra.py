"""Gradient rows of texts by LoGra (Choe et al. 2024, arXiv 2405.13954): projected while they are computed.

    a layer's part of a row = (sum over tokens of d S_out)^T (a S_in)         then all parts, one after another, times M

`S_in` and `S_out` are the two matrices of the layer, `M` the one for their entries if there is one. All weights are
frozen and no gradient by a weight is formed, except where `layer_gradients` sums them over all records. Factors and
first products are single precision; the product with `M` and the sum over a record's windows are double. Not here: the
projection itself (`influence.projection`), finding one (`bases`).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
import torch
from torch.nn import functional

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.text.arithmetic import whole_products
from blindfair.influence.text.batches import Window, WindowBatch, batched
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.network import TextNetwork
from blindfair.influence.threads import batches_at_once, one_thread
from blindfair.protocol.errors import ShapeMismatch


def check_sides(network: TextNetwork, projection: Projection) -> None:
    """Raises ShapeMismatch unless the projection has two matrices for each layer of the network, of its sizes."""
    found = [(len(pair.outer), len(pair.inner)) for pair in projection.sides]
    if len(found) != len(network.layers):
        raise ShapeMismatch(
            "The projection does not fit the layers of the text model",
            expected=f"two matrices for each of {len(network.layers)} layers",
            found=f"{len(found)} pairs",
        )
    for layer, size in zip(network.layers, found, strict=True):
        if size != (layer.outputs, layer.inputs):
            raise ShapeMismatch(
                f"The projection does not fit layer {layer.name}", expected=(layer.outputs, layer.inputs), found=size
            )


def projected_rows(
    network: TextNetwork,
    windows: Sequence[Window],
    records: int,
    projection: Projection,
    *,
    tokens: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Floats:
    """The gradient of each record's loss, projected: `records x k`. `tokens` is the size of a batch.

    An entry is not finite where the network overflows on a record. Raises ShapeMismatch where projection and network
    differ. Within `threads.on_cores` several batches are worked on at once, on the processor.
    """
    check_sides(network, projection)
    sides = _TensorSides.of(network, projection, dtype, device)
    rows = torch.zeros((records, projection.k), dtype=torch.float64, device=device)
    batches = batched(windows, tokens=tokens, dtype=dtype, device=device)
    threads = batches_at_once() if device is None or device.type == "cpu" else 1
    for batch, found in _in_order(network, sides, batches, threads):
        # In the order of the batches, whoever is ready first: sums of a record's windows come out the same.
        rows.index_add_(0, batch.records, found)
    return rows.cpu().numpy()


def _in_order(
    network: TextNetwork, sides: "_TensorSides", batches: Iterator[WindowBatch], threads: int
) -> Iterator[tuple[WindowBatch, torch.Tensor]]:
    """Each batch with its windows' rows; so many are worked on at once, each by a thread with a twin of the network."""
    if threads == 1:
        yield from ((batch, sides.windows(network, batch)) for batch in batches)
        return
    twins: SimpleQueue[TextNetwork] = SimpleQueue()
    for _ in range(threads):
        twins.put(network.twin())

    def work(batch: WindowBatch) -> torch.Tensor:
        # New threads have torch's first setting, whatever this one has.
        torch.set_num_threads(1)
        twin = twins.get()
        try:
            return sides.windows(twin, batch)
        finally:
            twins.put(twin)

    # Outside, so that no thread restores a precision that another one still relies on.
    with one_thread(), whole_products(), ThreadPoolExecutor(threads) as pool:
        ahead: deque[tuple[WindowBatch, Future[torch.Tensor]]] = deque()
        for batch in batches:
            ahead.append((batch, pool.submit(work, batch)))
            if len(ahead) > threads:
                first, found = ahead.popleft()
                yield first, found.result()
        while ahead:
            first, found = ahead.popleft()
            yield first, found.result()


@dataclass(frozen=True, slots=True, eq=False)
class _TensorSides:
    """A projection as tensors: `inner` and `groups` as `_inner_sides` gives them."""

    inner: dict[int, tuple[torch.Tensor, torch.Tensor | None]]
    groups: dict[int, list[tuple[int, int]]]
    outer: list[torch.Tensor]
    matrix: torch.Tensor | None

    @classmethod
    def of(
        cls, network: TextNetwork, projection: Projection, dtype: torch.dtype, device: torch.device | None
    ) -> "_TensorSides":
        inner, groups = _inner_sides(network, projection, dtype, device)
        outer = [_tensor(pair.outer, dtype, device) for pair in projection.sides]
        entries = projection.entries
        return cls(inner, groups, outer, None if entries is None else _tensor(entries, torch.float64, device))

    def windows(self, network: TextNetwork, batch: WindowBatch) -> torch.Tensor:
        """The rows of a batch's windows: `windows x k`, double precision."""
        parts: list[torch.Tensor | None] = [None] * len(self.outer)
        waiting: dict[int, torch.Tensor] = {}

        def project_inputs(number: int, inputs: torch.Tensor) -> torch.Tensor:
            if number in self.groups:
                # Layers with the same inputs at once: reading these is what takes time.
                weights, bias = self.inner[number]
                widths = [width for _, width in self.groups[number]]
                pieces = torch.split(functional.linear(inputs, weights, bias), widths, dim=-1)
                waiting.update((member, piece) for (member, _), piece in zip(self.groups[number], pieces, strict=True))
            return waiting.pop(number)

        def multiply(number: int, inputs: torch.Tensor, slopes: torch.Tensor) -> None:
            parts[number] = torch.bmm((slopes @ self.outer[number]).transpose(1, 2), inputs).flatten(1)

        pass_back(network, batch, project_inputs, multiply)
        joined = torch.cat([part for part in parts if part is not None], dim=1).to(torch.float64)
        return joined if self.matrix is None else joined @ self.matrix


def layer_gradients(network: TextNetwork, windows: Sequence[Window], *, tokens: int) -> tuple[Floats, ...]:
    """The gradient of the sum of all losses by each layer's weights, `outputs x inputs`: that of a gradient query."""
    sums = [torch.zeros((layer.outputs, layer.inputs), dtype=torch.float64) for layer in network.layers]

    def keep(number: int, inputs: torch.Tensor) -> torch.Tensor:
        return functional.pad(inputs, (0, 1), value=1.0) if network.layers[number].bias else inputs

    def add(number: int, inputs: torch.Tensor, slopes: torch.Tensor) -> None:
        sums[number] += slopes.flatten(0, 1).T @ inputs.flatten(0, 1)

    for batch in batched(windows, tokens=tokens):
        pass_back(network, batch, keep, add)
    return tuple(total.numpy() for total in sums)


def _inner_sides(
    network: TextNetwork, projection: Projection, dtype: torch.dtype, device: torch.device | None
) -> tuple[dict[int, tuple[torch.Tensor, torch.Tensor | None]], dict[int, list[tuple[int, int]]]]:
    """For the first layer of each group with the same inputs: the group's `S_in`, one under another, and what is added
    for a bias; and the members of the group with their numbers of directions."""
    places = {layer.name: number for number, layer in enumerate(network.layers)}
    groups: dict[int, list[tuple[int, int]]] = {}
    for number, layer in enumerate(network.layers):
        groups.setdefault(places[layer.source], []).append((number, projection.sides[number].inner.shape[1]))
    inner: dict[int, tuple[torch.Tensor, torch.Tensor | None]] = {}
    for first, members in groups.items():
        joined = _tensor(np.hstack([projection.sides[member].inner for member, _ in members]).T, dtype, device)
        bias = network.layers[first].bias
        inner[first] = (joined[:, :-1].contiguous(), joined[:, -1].contiguous()) if bias else (joined, None)
    return inner, groups


def _tensor(matrix: Floats, dtype: torch.dtype, device: torch.device | None) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(matrix)).to(device=device, dtype=dtype)
