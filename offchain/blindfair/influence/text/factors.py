"""The two factors of every layer's gradient, batch by batch, while all weights stay frozen.

    gradient of a record's loss by W = sum over its tokens of d a^T     a: input of the layer, d: gradient by its output

One pass forward gives every `a`, and one back every `d`; the gradients by the weights are never computed. Not here:
what is made of the factors (`logra`).
"""

from collections.abc import Callable
from typing import TypeVar

import torch

from blindfair.influence.text.arithmetic import whole_products
from blindfair.influence.text.batches import WindowBatch
from blindfair.influence.text.network import TextNetwork

Kept = TypeVar("Kept")

OnInputs = Callable[[int, torch.Tensor], Kept]
"""Takes a layer's number and its inputs, `windows x places x inputs`, and returns what is kept for the way back."""

OnOutputs = Callable[[int, Kept, torch.Tensor], None]
"""Takes a layer's number, what was kept, and the gradients by its outputs, `windows x places x outputs`."""


def pass_back(
    network: TextNetwork, batch: WindowBatch, on_inputs: OnInputs[Kept], on_outputs: OnOutputs[Kept]
) -> torch.Tensor:
    """Run the losses of a batch forward and back, and return them: `windows` numbers.

    Both functions get every layer once. Places are tokens, predicted tokens for the output layer, and one for a head;
    where no token is, the gradient is exactly 0. Raises InvalidOption under autocast.
    """
    leaves: list[torch.Tensor] = []
    handles = []

    def hook(number: int, place: str) -> Callable[..., None]:
        def arranged(tensor: torch.Tensor) -> torch.Tensor:
            if place == "window":
                return tensor[:, None, :]
            if place == "token":
                spread = tensor.new_zeros(*batch.predicting.shape, tensor.shape[-1])
                spread[batch.predicting] = tensor
                return spread
            return tensor

        def taken(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            kept = on_inputs(number, arranged(inputs[0].detach()))
            if not output.requires_grad:
                # Nothing before it has a part in a row: the way back ends here.
                output.requires_grad_()
                leaves.append(output)
            output.register_hook(  # type: ignore[no-untyped-call]
                lambda slope: on_outputs(number, kept, arranged(slope))
            )

        return taken

    try:
        for number, layer in enumerate(network.layers):
            handles.append(network.layer_module(layer).register_forward_hook(hook(number, layer.place)))
        with whole_products(), torch.enable_grad():
            losses = network.losses(batch)
            torch.autograd.grad(losses.sum(), leaves)
    finally:
        for handle in handles:
            handle.remove()
    return losses.detach()
