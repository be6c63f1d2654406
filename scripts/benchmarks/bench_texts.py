"""What gradient rows of texts cost: as a ratio to a plain pass forward and back over the same batches in the same run.

The plain pass computes the gradients by all weights, summed over the batch, as a step of training does. A second ratio
is to a pass by the weights of the same layers alone: embeddings, norms and the output layer stay frozen in both. Models
have random weights: their time is that of trained ones. Not here: what rows are worth (`studies`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from blindfair.influence.projection import Projection, Sides
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows
from blindfair.influence.text.batches import Window, batched
from blindfair.influence.text.logra import projected_rows
from blindfair.influence.threads import on_cores

WINDOW = 64
RECORDS = 64
SPEED_RECORDS = 128
"""Enough for many batches: the last ones leave a core idle."""

TIMES = 5
COUNTING = "total = 0\nfor number in range(20_000_000): total += number & 7"
SEED = 7

SHAPES: dict[str, dict[str, Any]] = {
    "MiniLM": {
        "model_type": "bert",
        "vocab_size": 30522,
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "hidden_act": "gelu",
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    },
    "GPT-2, 4 x 256": {
        "model_type": "gpt2",
        "vocab_size": 4096,
        "n_embd": 256,
        "n_layer": 4,
        "n_head": 4,
        "n_positions": 128,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
    },
    "Llama, 8 x 384": {
        "model_type": "llama",
        "vocab_size": 8192,
        "hidden_size": 384,
        "intermediate_size": 1024,
        "num_hidden_layers": 8,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
    },
}


@dataclass(frozen=True)
class Costs:
    """Seconds of the processor for one record."""

    plain: float
    """A pass by all weights."""

    layers: float
    """A pass by the weights of the same layers."""

    rows: float
    forward: float

    @property
    def ratio(self) -> float:
        """Rows to the plain pass."""
        return self.rows / self.plain


def texts(options: argparse.Namespace) -> dict[str, object]:
    """Gradient rows of texts beside a plain pass forward and back, for three kinds of transformers."""
    figures: dict[str, object] = {}
    for cores in options.cores:
        figures[f"counting on {cores} cores"] = limit = machine_speed_up(cores)
        print(f"{cores} programs that only count are {limit:.2f} times as fast as one: this machine's limit now")
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            model = _model(shape, Path(folder) / name)
            for threads in options.threads:
                with threadpool_limits(threads):
                    torch.set_num_threads(threads)
                    for k in options.k:
                        costs = measure(model, k, options.side)
                        print(
                            f"{name}, k = {k}, {threads} threads: rows {costs.ratio:.2f}, forward alone "
                            f"{costs.forward / costs.plain:.2f} of a plain pass of {1000 * costs.plain:.1f} ms; "
                            f"rows {costs.rows / costs.layers:.2f} of a pass by the same layers"
                        )
                        figures[f"{name}, k {k}, {threads} threads"] = costs.ratio
            for cores in options.cores:
                with threadpool_limits(1):
                    torch.set_num_threads(1)
                    faster = speed_up(model, options.k[0], options.side, cores)
                    print(f"{name}, k = {options.k[0]}: rows on {cores} cores {faster:.2f} times as fast as on one")
                    figures[f"{name}, k {options.k[0]}, speed on {cores} cores"] = faster
    return figures


def machine_speed_up(cores: int) -> float:
    """How many times as fast so many programs that share nothing are as one, by the clock: what the machine allows."""

    def count(programs: int) -> float:
        start = time.perf_counter()
        running = [subprocess.Popen([sys.executable, "-c", COUNTING]) for _ in range(programs)]  # noqa: S603
        for program in running:
            program.wait()
        return time.perf_counter() - start

    best = [float("inf"), float("inf")]
    for _ in range(TIMES):
        best = [min(so_far, count(programs)) for so_far, programs in zip(best, (1, cores), strict=True)]
    return cores * best[0] / best[1]


def speed_up(model: TextModel, k: int, side: int, cores: int) -> float:
    """How many times as fast rows are on so many cores as on one by the clock, the best of several times in turn."""
    windows, projection = _given(model, k, side, SPEED_RECORDS)

    def rows(count: int) -> float:
        start = time.perf_counter()
        with on_cores(count):
            projected_rows(model.network, windows, SPEED_RECORDS, projection, tokens=model.batch_tokens)
        return time.perf_counter() - start

    best = [float("inf"), float("inf")]
    for _ in range(TIMES):
        best = [min(so_far, rows(count)) for so_far, count in zip(best, (1, cores), strict=True)]
    return best[0] / best[1]


def measure(model: TextModel, k: int, side: int) -> Costs:
    """The least of several times, in turn, so that each meets the same company on the machine."""
    windows, projection = _given(model, k, side, RECORDS)
    tokens, network = model.batch_tokens, model.network
    weights = [network.module.get_parameter(f"{layer.name}.weight") for layer in network.layers]

    def back(parameters: list[torch.nn.Parameter]) -> None:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for batch in batched(windows, tokens=tokens):
            torch.autograd.grad(network.losses(batch).sum(), parameters)
        for parameter in parameters:
            parameter.requires_grad_(False)

    def plain() -> None:
        back(list(network.module.parameters()))

    def layers() -> None:
        back(weights)

    def forward() -> None:
        with torch.no_grad():
            for batch in batched(windows, tokens=tokens):
                network.losses(batch)

    def rows() -> None:
        projected_rows(network, windows, RECORDS, projection, tokens=tokens)

    best = [float("inf")] * 4
    for _ in range(TIMES):
        best = [min(so_far, _seconds(work)) for so_far, work in zip(best, (plain, layers, rows, forward), strict=True)]
    return Costs(*(seconds / RECORDS for seconds in best))


def _given(model: TextModel, k: int, side: int, records: int) -> tuple[list[Window], Projection]:
    """Windows and a projection by chance."""
    rng = np.random.default_rng(SEED)
    special = list(model.base.special)
    weight = 1.0 if model.classes else 1.0 / (WINDOW - 1)
    length = WINDOW - len(special)
    windows = [
        Window(number, [*special[:1], *rng.integers(5, 300, size=length).tolist(), *special[1:]], weight, 0)
        for number in range(records)
    ]
    sides = tuple(
        Sides(
            rng.normal(size=(layer.inputs, min(side, layer.inputs))),
            rng.normal(size=(layer.outputs, min(side, layer.outputs))),
        )
        for layer in model.network.layers
    )
    entries = rng.normal(size=(sum(pair.k for pair in sides), k))
    projection = Projection.staged(sides, entries)
    return windows, projection


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _model(shape: dict[str, Any], folder: Path) -> TextModel:
    """A base model with random weights from a folder, as any other."""
    from safetensors.torch import save_file

    from blindfair.influence.text.architectures import architecture_of, expected_shapes, outline
    from blindfair.influence.text.base_config import check_config

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(shape))
    config = check_config(dict(shape))
    generator = torch.Generator().manual_seed(SEED)
    tensors = {
        name: torch.randn(size, generator=generator) / 20 + (1.0 if name.endswith("norm.weight") else 0.0)
        for name, size in expected_shapes(outline(architecture_of(config), config)).items()
    }
    save_file(tensors, folder / "model.safetensors")
    words = [f"w{number}" for number in range(config.vocabulary - 4)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    tokenizer: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: number for number, token in enumerate(tokens)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    base = BaseModel.load(folder)
    if base.architecture != "bert-classifier":
        return TextModel(base, Difference(), TextWindows(WINDOW, 1))
    head = torch.randn((3, config.width), generator=generator).numpy().astype(np.float32) / np.float32(20)
    difference = Difference({"classifier.weight": head, "classifier.bias": np.zeros(3, dtype=np.float32)})
    return TextModel(base, difference, TextWindows(WINDOW, 1), 3)
