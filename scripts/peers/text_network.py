"""A small GPT-2 as the peers' libraries can read it: linear layers without bias, and all else as buffers.

So the parameters of the module are exactly the weights whose gradients make up a row of blindfair's. Needs torch alone.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


class Gpt2Block(nn.Module):
    """One block: attention, then two layers with a smooth step between."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads, self.epsilon = heads, epsilon
        for name in LAYERS:
            weight = tensors[f"{prefix}{name}.weight"]
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            layer.weight = nn.Parameter(weight.clone())
            self.add_module(_plain(name), layer)
            self.register_buffer(f"{_plain(name)}_bias", tensors[f"{prefix}{name}.bias"].clone())
        for name in ("ln_1", "ln_2"):
            for kind in ("weight", "bias"):
                self.register_buffer(f"{name}_{kind}", tensors[f"{prefix}{name}.{kind}"].clone())

    def forward(self, states: Tensor) -> Tensor:
        """`texts x tokens x width` to the same."""
        width = states.shape[-1]
        parts = torch.split(self._layer("attn.c_attn", self._normed("ln_1", states)), width, dim=-1)
        heads = (*states.shape[:-1], self.heads, width // self.heads)
        query, key, value = (part.reshape(heads).transpose(-3, -2) for part in parts)
        weights = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        ahead = torch.ones(weights.shape[-2:], dtype=torch.bool, device=states.device).triu(1)
        read = torch.softmax(weights.masked_fill(ahead, -torch.inf), dim=-1) @ value
        states = states + self._layer("attn.c_proj", read.transpose(-3, -2).flatten(-2))
        inner = functional.gelu(self._layer("mlp.c_fc", self._normed("ln_2", states)), approximate="tanh")
        return states + self._layer("mlp.c_proj", inner)

    def _layer(self, name: str, inputs: Tensor) -> Tensor:
        product: Tensor = self.get_submodule(_plain(name))(inputs)
        return product + self.get_buffer(f"{_plain(name)}_bias")

    def _normed(self, name: str, states: Tensor) -> Tensor:
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        return functional.layer_norm(states, states.shape[-1:], weight, bias, self.epsilon)


class SmallGpt2(nn.Module):
    """All of it. `tensors` have the library's names, with linear weights as `outputs x inputs`."""

    def __init__(self, tensors: Mapping[str, Tensor], heads: int, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        depth = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("transformer.h."))
        blocks = (Gpt2Block(tensors, f"transformer.h.{place}.", heads, epsilon) for place in range(depth))
        self.blocks = nn.ModuleList(blocks)
        for name in ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias"):
            self.register_buffer(_plain(name), tensors[f"transformer.{name}"].clone())

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits `texts x tokens x vocabulary` of the token after each."""
        states = self.get_buffer("wte_weight")[tokens] + self.get_buffer("wpe_weight")[: tokens.shape[-1]]
        for block in self.blocks:
            states = block(states)
        weight, bias = self.get_buffer("ln_f_weight"), self.get_buffer("ln_f_bias")
        normed = functional.layer_norm(states, states.shape[-1:], weight, bias, self.epsilon)
        return normed @ self.get_buffer("wte_weight").T


def text_losses(logits: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
    """The mean loss of each text's predicted tokens, `texts`; what stands behind a text does not count."""
    logs = torch.log_softmax(logits[:, :-1], dim=-1)
    each = -logs.gather(-1, tokens[:, 1:, None]).squeeze(-1)
    counted = predicted(tokens, lengths).to(each.dtype)
    return (each * counted).sum(1) / counted.sum(1)


def predicted(tokens: Tensor, lengths: Tensor) -> Tensor:
    """`texts x (tokens - 1)`: where the next token is one of the text."""
    places = torch.arange(1, tokens.shape[1], device=tokens.device)
    return places[None, :] < lengths[:, None]


def _plain(name: str) -> str:
    return name.replace(".", "_")
