"""A stranger's `config.json`: the fields from which an architecture is built, each checked, and nothing else.

A field that is not known is refused, because it may change what the model computes; one that is known not to is left
out. Not here: building the network (`architectures`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from blindfair.influence.refusal import unusable
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import MalformedMessage, UnusableModel
from blindfair.protocol.fields import Fields

VOCABULARY_LIMIT = 2**18
WIDTH_LIMIT = 2**14
INNER_LIMIT = 2**16
DEPTH_LIMIT = 128
HEADS_LIMIT = 256
CONTEXT_LIMIT = 2**20
TABLE_LIMIT = 2**15
"""Positions of a model that learns a vector for each."""

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "silu")
"""Smooth ones. With others a gradient jumps, and two honest machines might disagree in an audit."""

_LEFT_OUT = {
    "_name_or_path", "architectures", "attention_dropout", "attention_probs_dropout_prob", "attn_pdrop", "bos_token_id",
    "classifier_dropout", "dtype", "embd_pdrop", "eos_token_id", "finetuning_task", "gradient_checkpointing",
    "hidden_dropout_prob", "id2label", "initializer_range", "is_llama_config", "label2id", "model_type",
    "n_ctx", "pad_token_id", "problem_type", "resid_pdrop", "return_dict", "rope_interleaved",
    "sep_token_id", "cls_token_id", "unk_token_id", "mask_token_id", "summary_activation", "summary_first_dropout",
    "summary_proj_to_labels", "summary_type", "summary_use_proj", "task_specific_params", "tokenizer_class",
    "torch_dtype", "transformers.js_config", "transformers_version", "use_cache", "output_attentions",
    "output_hidden_states", "num_labels", "max_length", "do_sample",
}  # fmt: skip
"""Fields without an effect on what we compute: dropout is 0, special tokens and heads are ours."""

_FIXED: Mapping[str, tuple[JsonValue, ...]] = {
    "add_cross_attention": (False,),
    "chunk_size_feed_forward": (0,),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "position_embedding_type": ("absolute", None),
    "pretraining_tp": (1, None),
    "reorder_and_upcast_attn": (False,),
    "rope_scaling": (None,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "scale_attn_weights": (True,),
    "sliding_window": (None,),
    "use_sliding_window": (False,),
}
"""Fields that may be there with one of these values only."""

_HINTS = {
    "auto_map": "a model that brings code of its own is never run",
    "quantization_config": "save the model in single precision, without quantisation",
    "rope_scaling": "take a model with plain rotary positions",
}


@dataclass(frozen=True, slots=True)
class BaseConfig:
    """A checked config."""

    model_type: str
    """`bert`, `gpt2` or `llama`."""

    values: Document
    """The fields that the architecture is built from, all of them, with defaults filled in."""

    vocabulary: int
    """Tokens."""

    context: int
    """Positions."""

    width: int
    """Numbers a token."""

    depth: int
    """Blocks."""

    heads: int
    inner: int
    """Numbers a token in the middle of a block."""

    tied: bool
    """Whether the output layer is the embedding."""

    rope_theta: float = 0.0
    """The base of rotary positions; 0 where positions are learned."""

    head_size: int = 0
    """Numbers of a head where positions are rotary."""


def check_config(found: Document) -> BaseConfig:
    """Take the fields of a parsed `config.json`. Raises UnusableModel naming the first that cannot be used."""
    named = found.get("model_type")
    if isinstance(named, str) and named not in _READERS:
        raise UnusableModel(
            "The base model's model_type is of an architecture that is not taken",
            expected=" or ".join(_READERS),
            found=ascii(named)[:80],
            hint="take a base model of the type of BERT, GPT-2 or Llama",
        )
    with unusable("config.json cannot be used"):
        model_type = Fields(found, "config").choice("model_type", tuple(_READERS))
    for name in found:
        if name in _FIXED and found[name] not in _FIXED[name]:
            raise UnusableModel(
                f"The config asks for a {name} that is not supported",
                expected=" or ".join(map(str, _FIXED[name])),
                found=ascii(found[name])[:80],
                hint=_HINTS.get(name, "take a model of the plain architecture"),
            )
    with unusable("config.json cannot be used"):
        kept = {name: value for name, value in found.items() if name not in _LEFT_OUT and name not in _FIXED}
        for name in kept.keys() & _HINTS.keys():
            raise UnusableModel(f"The config has a {name}", expected="none", found=name, hint=_HINTS[name])
        fields = Fields(kept, "config")
        config = _READERS[model_type](fields)
        fields.done()
    if config.width % config.heads:
        raise UnusableModel(
            "The width is no multiple of the heads", expected=f"{config.heads} heads", found=config.width
        )
    return config


def _bert(fields: Fields) -> BaseConfig:
    vocabulary, width, depth, heads = _sizes(
        fields, "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"
    )
    context = fields.integer("max_position_embeddings", 4, TABLE_LIMIT)
    inner = fields.integer("intermediate_size", 1, INNER_LIMIT)
    _tied(fields)
    values: Document = {
        "hidden_act": fields.choice("hidden_act", ACTIVATIONS),
        "hidden_size": width,
        "intermediate_size": inner,
        "layer_norm_eps": _epsilon(fields, "layer_norm_eps"),
        "max_position_embeddings": context,
        "num_attention_heads": heads,
        "num_hidden_layers": depth,
        "type_vocab_size": fields.integer("type_vocab_size", 1, 16),
        "vocab_size": vocabulary,
    }
    return BaseConfig("bert", values, vocabulary, context, width, depth, heads, inner, tied=False)


def _gpt2(fields: Fields) -> BaseConfig:
    vocabulary, width, depth, heads = _sizes(fields, "vocab_size", "n_embd", "n_layer", "n_head")
    context = fields.integer("n_positions", 4, TABLE_LIMIT)
    inner, tied = 4 * width, _tied(fields)
    if fields.has("n_inner") and not fields.optional_null("n_inner"):
        inner = fields.integer("n_inner", 1, INNER_LIMIT)
    values: Document = {
        "activation_function": fields.choice("activation_function", ACTIVATIONS),
        "layer_norm_epsilon": _epsilon(fields, "layer_norm_epsilon"),
        "n_embd": width,
        "n_head": heads,
        "n_inner": inner,
        "n_layer": depth,
        "n_positions": context,
        "tie_word_embeddings": tied,
        "vocab_size": vocabulary,
    }
    return BaseConfig("gpt2", values, vocabulary, context, width, depth, heads, inner, tied)


def _llama(fields: Fields) -> BaseConfig:
    vocabulary, width, depth, heads = _sizes(
        fields, "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"
    )
    context = fields.integer("max_position_embeddings", 4, CONTEXT_LIMIT)
    inner = fields.integer("intermediate_size", 1, INNER_LIMIT)
    tied, theta = _tied(fields, default=False), _rope(fields)
    groups, size = heads, width // heads
    if fields.has("num_key_value_heads") and not fields.optional_null("num_key_value_heads"):
        groups = fields.integer("num_key_value_heads", 1, heads)
    if fields.has("head_dim") and not fields.optional_null("head_dim"):
        size = fields.integer("head_dim", 2, 512)
    if heads % groups or size % 2:
        raise MalformedMessage(
            "The heads do not fit", expected="key heads that divide the heads, of even size", found=f"{groups}, {size}"
        )
    values: Document = {
        "attention_bias": fields.flag("attention_bias") if fields.has("attention_bias") else False,
        "head_dim": size,
        "hidden_act": fields.choice("hidden_act", ACTIVATIONS),
        "hidden_size": width,
        "intermediate_size": inner,
        "max_position_embeddings": context,
        "mlp_bias": fields.flag("mlp_bias") if fields.has("mlp_bias") else False,
        "num_attention_heads": heads,
        "num_hidden_layers": depth,
        "num_key_value_heads": groups,
        "rms_norm_eps": _epsilon(fields, "rms_norm_eps"),
        "rope_theta": theta,
        "tie_word_embeddings": tied,
        "vocab_size": vocabulary,
    }
    return BaseConfig("llama", values, vocabulary, context, width, depth, heads, inner, tied, theta, size)


def _sizes(fields: Fields, vocabulary: str, width: str, depth: str, heads: str) -> tuple[int, int, int, int]:
    return (
        fields.integer(vocabulary, 2, VOCABULARY_LIMIT),
        fields.integer(width, 1, WIDTH_LIMIT),
        fields.integer(depth, 1, DEPTH_LIMIT),
        fields.integer(heads, 1, HEADS_LIMIT),
    )


def _epsilon(fields: Fields, name: str) -> float:
    found = fields.number(name) if fields.has(name) else 1e-5
    if not 1e-15 <= found <= 0.1:
        raise MalformedMessage(f"config.{name} is out of range", expected="1e-15 ... 0.1", found=found)
    return found


def _tied(fields: Fields, *, default: bool = True) -> bool:
    return fields.flag("tie_word_embeddings") if fields.has("tie_word_embeddings") else default


def _rope(fields: Fields) -> float:
    """The base of the rotary positions, in its older field or its newer one."""
    theta = fields.number("rope_theta") if fields.has("rope_theta") else 10_000.0
    if fields.has("rope_parameters") and not fields.optional_null("rope_parameters"):
        inner = fields.sub("rope_parameters")
        theta = inner.number("rope_theta")
        if inner.has("rope_type"):
            inner.choice("rope_type", ("default",))
        inner.done()
    if not 1.0 < theta <= 1e9:
        raise MalformedMessage("config.rope_theta is out of range", expected="1 ... 1e9", found=theta)
    return theta


_READERS: Mapping[str, Callable[[Fields], BaseConfig]] = {"bert": _bert, "gpt2": _gpt2, "llama": _llama}
