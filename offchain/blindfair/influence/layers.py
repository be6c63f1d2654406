"""The two layers that networks are made of, as functions of a weight matrix; a bias is the weight of an input of 1.

    z = W [a, 1]      W of shape outputs x (inputs + 1), the bias last

A convolution is the same at many places of an image, `[a, 1]` being the patch around the place. So the gradient of one
record's loss by `W` is `sum over places of delta [a, 1]^T`, `delta` the gradient by `z`: both factors come from one
pass forward and one back for all records, and a projection can be applied to them before they are multiplied
(`gradients`). Not here: how layers are put together (`architecture`).
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

_KERNEL, _STRIDE, _PADDING = 3, 2, 1
"""A convolution: width of its patches, steps between their centres, zeros around the image."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Every output sees every input."""

    inputs: int
    outputs: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of `W`: outputs, inputs + 1."""
        return self.outputs, self.inputs + 1

    @property
    def places(self) -> int:
        """How often the weights are used in one record."""
        return 1

    @property
    def size(self) -> int:
        """Numbers that the layer hands on for one record."""
        return self.outputs

    def respond(self, weights: torch.Tensor, signals: torch.Tensor) -> torch.Tensor:
        """`z`, `n x outputs`, of signals `n x inputs`."""
        return functional.linear(signals, weights[:, :-1], weights[:, -1])

    def patches(self, signals: torch.Tensor) -> torch.Tensor:
        """`[a, 1]`, `n x places x (inputs + 1)`."""
        return functional.pad(signals, (0, 1), value=1.0)[:, None, :]

    def at_places(self, responses: torch.Tensor) -> torch.Tensor:
        """Anything of the form of `z` as `n x places x outputs`."""
        return responses[:, None, :]


@dataclass(frozen=True, slots=True)
class Convolution:
    """Patches of 3 x 3 around every second place of an image of `channels` x `height` x `width`."""

    channels: int
    height: int
    width: int
    outputs: int

    @property
    def inputs(self) -> int:
        """Numbers of a patch."""
        return self.channels * _KERNEL**2

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of `W`: outputs, inputs + 1."""
        return self.outputs, self.inputs + 1

    @property
    def places(self) -> int:
        """How often the weights are used in one record."""
        return halved(self.height) * halved(self.width)

    @property
    def size(self) -> int:
        """Numbers that the layer hands on for one record."""
        return self.outputs * self.places

    def respond(self, weights: torch.Tensor, signals: torch.Tensor) -> torch.Tensor:
        """`z`, `n x size`, of signals `n x (channels height width)`."""
        kernels = weights[:, :-1].reshape(self.outputs, self.channels, _KERNEL, _KERNEL)
        images = self._images(signals)
        return functional.conv2d(images, kernels, weights[:, -1], stride=_STRIDE, padding=_PADDING).flatten(1)

    def patches(self, signals: torch.Tensor) -> torch.Tensor:
        """`[a, 1]`, `n x places x (inputs + 1)`."""
        unfolded = functional.unfold(self._images(signals), _KERNEL, stride=_STRIDE, padding=_PADDING)
        return functional.pad(unfolded.transpose(1, 2), (0, 1), value=1.0)

    def at_places(self, responses: torch.Tensor) -> torch.Tensor:
        """Anything of the form of `z` as `n x places x outputs`."""
        return responses.reshape(-1, self.outputs, self.places).transpose(1, 2)

    def _images(self, signals: torch.Tensor) -> torch.Tensor:
        return signals.reshape(-1, self.channels, self.height, self.width)


def halved(length: int) -> int:
    """Height or width of an image after a convolution."""
    return (length + 1) // _STRIDE


Layer = Linear | Convolution
