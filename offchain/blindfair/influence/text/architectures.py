"""The architectures of text models, built by our own constructors from checked configs: never from a model's own code.

| name | takes | loss of a record | what a request discloses of the buyer |
|---|---|---|---|
| `bert-classifier` | BERT and a head | mean over its windows of the class's cross entropy | head and changed layers |
| `gpt2-causal` | GPT-2 | mean over its predicted tokens of their cross entropy | changed layers |
| `llama-causal` | Llama | the same | changed layers |

Losses are in nats. Dropout is 0, numbers are single precision, and attention is torch's own or the plain formula. Not
here: gradient rows (`logra`), checking of configs (`base_config`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from blindfair.influence.text.base_config import BaseConfig
from blindfair.influence.text.extra import transformers_library
from blindfair.protocol.errors import UnusableModel

PARAMETER_LIMIT = 2**31
"""Numbers of a base model: 8 GiB in single precision."""

MEAN, POOLER = "mean", "pooler"
POOLINGS = (MEAN, POOLER)
"""What a classifier's head reads: the mean of the last block over the window, or BERT's pooler of its first token."""

ATTENTIONS = ("sdpa", "eager")


_SOURCES = {"key": "query", "value": "query", "k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}
"""Layers that read what another one before them reads."""


@dataclass(frozen=True, slots=True)
class TextLayer:
    """A linear layer whose gradients are part of a row."""

    name: str
    """The module's name, as in a LoRA adapter."""

    outputs: int
    inputs: int
    """Inputs of the weights; one more where the bias is the weight of an input of 1."""

    bias: bool = False
    place: str = "block"
    """`block`, `window` (once a window) or `token` (once a predicted token)."""

    @property
    def source(self) -> str:
        """The first layer that has the same inputs, which may be this one."""
        parent, _, own = self.name.rpartition(".")
        return f"{parent}.{_SOURCES[own]}" if own in _SOURCES else self.name


@dataclass(frozen=True, slots=True)
class TextArchitecture:
    """A kind of text model: what it takes and what it is made of."""

    name: str
    model_type: str
    takes: str
    loss: str
    discloses: str
    causal: bool
    prefix: str
    """What stands before the names of a bare base's tensors."""

    ignored: re.Pattern[str]
    """Tensors of a checkpoint that are not read: buffers and other heads."""

    block: re.Pattern[str]
    """Names of the modules of a block that are linear layers."""

    special: tuple[str, ...]
    """Tokens that stand around each window, before and after; none for a language model."""

    make: Callable[[Any, BaseConfig, str], torch.nn.Module]
    """Builds the network by the library, with an implementation of attention."""


def _make_bert(library: Any, config: BaseConfig, attention: str) -> torch.nn.Module:
    made = library.BertConfig(
        **config.values, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0, use_cache=False
    )
    made._attn_implementation = attention
    module = torch.nn.Module()
    module.bert = library.BertModel(made, add_pooling_layer=True)
    return module


def _make_gpt2(library: Any, config: BaseConfig, attention: str) -> torch.nn.Module:
    nothing = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, "use_cache": False}
    made = library.GPT2Config(**config.values, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **nothing)
    made._attn_implementation = attention
    module: torch.nn.Module = library.GPT2LMHeadModel(made)
    return module


def _make_llama(library: Any, config: BaseConfig, attention: str) -> torch.nn.Module:
    nothing = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, "use_cache": False}
    values = {name: value for name, value in config.values.items() if name != "rope_theta"}
    rope = {"rope_theta": config.values["rope_theta"], "rope_type": "default"}
    made = library.LlamaConfig(**values, rope_parameters=rope, attention_dropout=0.0, **nothing)
    made._attn_implementation = attention
    module: torch.nn.Module = library.LlamaForCausalLM(made)
    return module


ARCHITECTURES: Mapping[str, TextArchitecture] = {
    each.name: each
    for each in (
        TextArchitecture(
            name="bert-classifier",
            model_type="bert",
            takes="BERT with a head",
            loss="mean over windows of the class's cross entropy",
            discloses="head, changed layers",
            causal=False,
            prefix="bert.",
            ignored=re.compile(r"cls\..*|classifier\..*|bert\.embeddings\.position_ids"),
            block=re.compile(r"bert\.encoder\.layer\.\d+\..+"),
            special=("[CLS]", "[SEP]"),
            make=_make_bert,
        ),
        TextArchitecture(
            name="gpt2-causal",
            model_type="gpt2",
            takes="GPT-2",
            loss="mean over predicted tokens of their cross entropy",
            discloses="changed layers",
            causal=True,
            prefix="transformer.",
            ignored=re.compile(r"transformer\.h\.\d+\.attn\.(bias|masked_bias)"),
            block=re.compile(r"transformer\.h\.\d+\..+"),
            special=(),
            make=_make_gpt2,
        ),
        TextArchitecture(
            name="llama-causal",
            model_type="llama",
            takes="Llama, no sliding window",
            loss="mean over predicted tokens of their cross entropy",
            discloses="changed layers",
            causal=True,
            prefix="model.",
            ignored=re.compile(r"(model\.layers\.\d+\.self_attn|model)\.rotary_emb\.inv_freq"),
            block=re.compile(r"model\.layers\.\d+\..+"),
            special=(),
            make=_make_llama,
        ),
    )
}
"""The architectures that are taken, by name."""

OUTPUT = "lm_head"
EMBEDDINGS: Mapping[str, str] = {"gpt2": "transformer.wte.weight", "llama": "model.embed_tokens.weight"}
"""The tensor that is the output layer too in a tied model, by the type of model."""

HEAD = "classifier"
POOLER_LAYER = "bert.pooler.dense"


def architecture_of(config: BaseConfig) -> TextArchitecture:
    """The architecture that takes bases of this config."""
    (found,) = [each for each in ARCHITECTURES.values() if each.model_type == config.model_type]
    return found


def outline(architecture: TextArchitecture, config: BaseConfig, attention: str = "sdpa") -> torch.nn.Module:
    """The network without numbers: names and shapes alone take memory. Raises MissingPackage."""
    library = transformers_library()
    with torch.device("meta"):
        return architecture.make(library, config, attention)


def expected_shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a base, tied ones once."""
    return {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}


def fill(network: torch.nn.Module, config: BaseConfig, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give an outline its numbers, which it shares with `tensors`; its buffers are computed here.

    Every parameter that `tensors` lacks is dropped with its module (a pooler that the base does not have).
    """
    network.load_state_dict(dict(tensors), strict=False, assign=True)
    if config.tied:
        tie: Callable[[], None] = network.tie_weights  # type: ignore[assignment]
        tie()
    for owner in network.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            setattr(owner, name, _buffer(name, buffer, config))
    network.requires_grad_(False)
    network.eval()


def _buffer(name: str, buffer: torch.Tensor, config: BaseConfig) -> torch.Tensor:
    if name == "position_ids":
        return torch.arange(config.context).expand(buffer.shape)
    if name == "token_type_ids":
        return torch.zeros(buffer.shape, dtype=torch.int64)
    # In double precision, so that the same numbers come out everywhere: an error is multiplied by the position.
    if name not in ("inv_freq", "original_inv_freq"):
        raise UnusableModel("The network has numbers that are not computed here", found=name)
    halves = torch.arange(0, config.head_size, 2, dtype=torch.float64) / config.head_size
    return torch.pow(config.rope_theta, -halves).to(torch.float32)


def text_layers(
    architecture: TextArchitecture, network: torch.nn.Module, *, classes: int, pooling: str, output_layer: bool
) -> tuple[TextLayer, ...]:
    """The layers whose gradients are a row, in the order of the network: of the blocks, then the pooler and the head,
    or the output layer."""
    found = []
    for name, module in network.named_modules():
        if architecture.block.fullmatch(name):
            shape = weight_shape(module)
            if shape is not None:
                found.append(TextLayer(name, *shape))
    if not architecture.causal:
        (width,) = {layer.inputs for layer in found if layer.name.endswith("query")}
        if pooling == POOLER:
            found.append(TextLayer(POOLER_LAYER, width, width, place="window"))
        found.append(TextLayer(HEAD, classes, width + 1, bias=True, place="window"))
    elif output_layer:
        shape = weight_shape(network.get_submodule(OUTPUT))
        if shape is not None:
            found.append(TextLayer(OUTPUT, *shape, place="token"))
    return tuple(found)


def weight_shape(module: torch.nn.Module) -> tuple[int, int] | None:
    """Outputs and inputs of a linear layer, however it stores its weights; None for other modules."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.ndim != 2:
        return None
    if is_transposed(module):
        return weight.shape[1], weight.shape[0]
    return (weight.shape[0], weight.shape[1]) if isinstance(module, torch.nn.Linear) else None


def is_transposed(module: torch.nn.Module) -> bool:
    """Whether a linear layer stores its weights as `inputs x outputs`, as those of GPT-2 do."""
    return type(module).__name__ == "Conv1D"
