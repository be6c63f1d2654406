"""A text model as scoring model: a base model, a difference that travels, and how texts are cut.

Not here: gradient rows (`logra`), what travels (`difference`), and how a buyer finds one (`fine_tuning`).
"""

import contextlib
import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from blindfair.influence.architecture import CLASS_LIMIT
from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.refusal import unusable
from blindfair.influence.scoring_model import RowsEstimate
from blindfair.influence.text.agreement import RowAgreement, measure, of_lengths
from blindfair.influence.text.applying import applied, linear_layers, tensor_shapes
from blindfair.influence.text.architectures import ARCHITECTURES, HEAD, MEAN, POOLER, POOLINGS, TextArchitecture
from blindfair.influence.text.arithmetic import check_precision, whole_products
from blindfair.influence.text.base_model import BaseModel, BaseModels, find_base
from blindfair.influence.text.batches import BATCH_NUMBERS, Window, batch_tokens, batched
from blindfair.influence.text.difference import Difference
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.logra import layer_gradients, projected_rows
from blindfair.influence.text.network import TextNetwork
from blindfair.influence.text.windows import TextWindows
from blindfair.influence.threads import batches_at_once
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel, UnusableText
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.quantities import Digest, Seconds

AT_ONCE = 1024
"""Texts whose tokens are in memory at once."""

_DIGEST = 32
_OF_A_CORE = 0.8
"""What each of several cores does, beside one alone: they share memory (`scripts/bench texts`)."""


@dataclass(frozen=True, slots=True, eq=False)
class TextModel:
    """`base` with `difference`, reading `windows`; a classifier has a head for `classes`, and a language model none.

    A head reads `pooling` of a window: `mean`, or `pooler`, the base's. `output_layer` says whether a language model's
    rows have the gradient of its output layer too. Raises UnusableModel where they do not fit each other.
    """

    NAME: ClassVar[str] = "text-model"

    base: BaseModel
    difference: Difference
    windows: TextWindows
    classes: int = 0
    pooling: str = MEAN
    output_layer: bool = False
    attention: str = "sdpa"
    """Not part of the model: which implementation computes it, `sdpa` or `eager`."""

    network: TextNetwork = field(init=False, repr=False)
    _moved: dict[tuple[torch.dtype, torch.device], TextNetwork] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        architecture = self.architecture
        if architecture.causal != (self.classes == 0) or not 0 <= self.classes <= CLASS_LIMIT or self.classes == 1:
            raise UnusableModel(
                "This is no number of classes for the architecture",
                expected="0" if architecture.causal else f"2 ... {CLASS_LIMIT}",
                found=self.classes,
            )
        if self.pooling not in POOLINGS or (self.pooling == POOLER and not self.base.has_pooler):
            raise UnusableModel("The base model has no such pooling", expected=MEAN, found=self.pooling)
        if self.output_layer and not architecture.causal:
            raise UnusableModel("A classifier has no output layer of tokens", expected=False, found=True)
        longest = self.windows.window + len(self.base.special)
        if longest > self.base.context:
            raise UnusableModel(
                "A window is longer than what the base model reads",
                expected=f"at most {self.base.context - len(self.base.special)} tokens",
                found=self.windows.window,
            )
        self.difference.check(tensor_shapes(self.base, self.classes), linear_layers(self.base))
        missing = {f"{HEAD}.weight", f"{HEAD}.bias"} - self.difference.tensors.keys()
        if self.classes and missing:
            raise UnusableModel("The difference lacks the head of a classifier", expected=", ".join(sorted(missing)))
        network = TextNetwork.build(
            architecture,
            self.base.config,
            applied(self.base, self.difference),
            classes=self.classes,
            pooling=self.pooling,
            output_layer=self.output_layer,
            attention=self.attention,
        )
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "_moved", {})

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.NAME

    @property
    def architecture(self) -> TextArchitecture:
        """What kind of text model it is."""
        return ARCHITECTURES[self.base.architecture]

    @property
    def k(self) -> int:
        """Entries `d` of a gradient row before projection: one for each weight of its layers."""
        return sum(layer.outputs * layer.inputs for layer in self.network.layers)

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch at most, padding included."""
        longest = self.windows.window + len(self.base.special)
        return batch_tokens(self.base.config, causal=self.architecture.causal, longest=longest)

    def read(self, texts: Sequence[str], labels: Sequence[int] | None, *, first: int = 0) -> list[Window]:
        """The windows of all records, numbered from `first` in errors. Raises UnusableText, ShapeMismatch."""
        self._check_labels(len(texts), labels)
        causal, special = self.architecture.causal, self.base.special
        before, after = list(special[:1]), list(special[1:])
        found = []
        for number, tokens in enumerate(self.base.tokenizer.encode(texts, first=first)):
            cut = self.windows.cut(tokens, causal=causal, record=first + number)
            parts = sum(len(part) - 1 for part in cut) if causal else len(cut)
            label = 0 if labels is None else int(labels[number])
            found += [Window(number, [*before, *part, *after], 1.0 / parts, label) for part in cut]
        return found

    def readable(self, texts: Sequence[str]) -> list[int]:
        """The places of the texts in which the model finds something to score, ascending."""
        found, labels = [], None if self.architecture.causal else [0]
        for place, text in enumerate(texts):
            try:
                self.read([text], labels)
            except UnusableText:
                continue
            found.append(place)
        return found

    def rows(
        self,
        texts: Sequence[str],
        labels: Sequence[int] | None,
        projection: Projection,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        tokens: int | None = None,
    ) -> Floats:
        """`n x k` projected gradients of each record's loss, sign +: the sign of a score is in the query.

        `labels` are class codes from 0; none for a language model. Computed in `dtype`, single precision unless told,
        `tokens` at once. Raises UnusableText naming a record, ShapeMismatch, UnusableModel, InvalidOption for half
        precision.
        """
        check_precision(dtype)
        network = self._network(dtype, device)
        found = np.empty((len(texts), projection.k))
        for start in range(0, len(texts), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            windows = self.read(texts[part], None if labels is None else labels[part], first=start)
            found[part] = projected_rows(
                network,
                windows,
                len(texts[part]),
                projection,
                tokens=tokens or self.batch_tokens,
                dtype=dtype,
                device=device,
            )
        return found

    def losses(self, texts: Sequence[str], labels: Sequence[int] | None) -> Floats:
        """Each record's loss, `n` nats: a token's mean for a language model, a window's for a classifier.

        Raises UnusableText, ShapeMismatch.
        """
        found = torch.zeros(len(texts), dtype=torch.float64)
        for start in range(0, len(texts), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            windows = self.read(texts[part], None if labels is None else labels[part], first=start)
            for batch in batched(windows, tokens=self.batch_tokens):
                with torch.no_grad(), whole_products():
                    found.index_add_(0, batch.records + start, self.network.losses(batch).double())
        return found.numpy()

    def states(self, texts: Sequence[str]) -> Floats:
        """What a classifier's head reads of each text, the mean over its windows: `n x width`.

        Raises UnusableText, and ShapeMismatch for a language model.
        """
        found = torch.zeros((len(texts), self.base.config.width), dtype=torch.float64)
        windows = self.read(texts, [0] * len(texts))
        for batch in batched(windows, tokens=self.batch_tokens):
            with torch.no_grad(), whole_products():
                found.index_add_(0, batch.records, (self.network.states(batch) * batch.weights[:, None]).double())
        return found.numpy()

    def layer_gradients(self, texts: Sequence[str], labels: Sequence[int] | None) -> tuple[Floats, ...]:
        """The gradient of the sum of all losses by each layer's weights, `outputs x inputs`. Raises as `rows`."""
        return layer_gradients(self.network, self.read(texts, labels), tokens=self.batch_tokens)

    def agreement(
        self,
        texts: Sequence[str],
        labels: Sequence[int] | None,
        projection: Projection,
        row_scales: Floats,
        single: Floats | None = None,
        *,
        normalised: bool = False,
    ) -> RowAgreement:
        """How near to the exact rows of these `n` records single precision comes, at `row_scales`, `n`.

        `single` are their rows in single precision, if they are known. With `normalised`, lengths are not compared:
        each machine divides a row by the length that it finds itself.
        """
        if single is None:
            single = self.rows(texts, labels, projection)
        double = self.rows(texts, labels, projection, dtype=torch.float64)
        if normalised:
            double = of_lengths(double, single)
        longest = self.windows.window + len(self.base.special)
        return measure(single, double, row_scales, self.network.layers, self.base.config, longest)

    def disagreement(
        self,
        texts: Sequence[str],
        labels: Sequence[int] | None,
        projection: Projection,
        row_scales: Floats,
        single: Floats | None = None,
        *,
        normalised: bool = False,
    ) -> float:
        """The share of entries that may round otherwise on another honest machine, from these rows (`agreement`)."""
        return self.agreement(texts, labels, projection, row_scales, single, normalised=normalised).share

    def mean_windows(self, texts: Sequence[str]) -> float:
        """Windows of a text on average; one in which the model finds nothing to score has none."""
        found = 0
        for text in texts:
            with contextlib.suppress(UnusableText):
                (tokens,) = self.base.tokenizer.encode([text])
                found += len(self.windows.cut(tokens, causal=self.architecture.causal))
        return found / max(1, len(texts))

    def estimate(self, records: int, k: int = 512, *, windows: float = 1.0) -> RowsEstimate:
        """What rows of `k` entries of so many records of so many full `windows` each will cost: from a trial batch."""
        longest = self.windows.window + len(self.base.special)
        weight = 1.0 / (self.windows.window - 1) if self.architecture.causal else 1.0
        count = math.ceil(records * windows)
        trial = max(1, min(count, self.batch_tokens // longest))
        tried = [Window(number, [1] * longest, weight, 0) for number in range(trial)]
        (batch,) = batched(tried, tokens=trial * longest)
        start = time.perf_counter()
        pass_back(self.network, batch, lambda number, inputs: None, lambda number, kept, slopes: None)
        threads = batches_at_once()
        seconds = (time.perf_counter() - start) * count / trial / max(1.0, _OF_A_CORE * threads)
        rows_bytes = 8 * records * k
        peak = rows_bytes + threads * 4 * BATCH_NUMBERS
        return RowsEstimate(records, rows_bytes, peak, Seconds(int(seconds) + 1), windows)

    def to_parts(self) -> tuple[Document, bytes]:
        """Config and safetensors weights, as `from_parts` takes them."""
        difference, weights = self.difference.to_parts()
        config: Document = {
            "architecture": self.base.architecture,
            "base": hex_text(self.base.digest),
            "classes": self.classes,
            "difference": difference,
            "output_layer": self.output_layer,
            "pooling": self.pooling,
            "windows": self.windows.to_document(),
        }
        return config, weights

    @classmethod
    def from_parts(
        cls, config: Document, weights: bytes, bases: Mapping[Digest, BaseModel] | BaseModels
    ) -> "TextModel":
        """A counterparty's model, checked in full. Raises UnusableModel."""
        with unusable("The config of the scoring model cannot be used"):
            fields = Fields(config, "config")
            architecture = fields.choice("architecture", tuple(ARCHITECTURES))
            wanted = Digest(fields.data("base", _DIGEST))
            classes = fields.integer("classes", 0, CLASS_LIMIT)
            difference = fields.document("difference")
            output_layer = fields.flag("output_layer")
            pooling = fields.choice("pooling", POOLINGS)
            windows = TextWindows.from_fields(fields.sub("windows"))
            fields.done()
        base = find_base(bases, wanted)
        if base.architecture != architecture:
            raise UnusableModel(
                "The base model is of another architecture", expected=architecture, found=base.architecture
            )
        shapes = tensor_shapes(base, 0 if ARCHITECTURES[architecture].causal else classes)
        found = Difference.from_parts(difference, weights, shapes, linear_layers(base))
        return cls(base, found, windows, classes, pooling, output_layer)

    def _network(self, dtype: torch.dtype, device: torch.device | None) -> TextNetwork:
        wanted = (dtype, device or torch.device("cpu"))
        if wanted == (torch.float32, torch.device("cpu")):
            return self.network
        if wanted not in self._moved:
            moved = copy.deepcopy(self.network.module).to(device=wanted[1], dtype=dtype)
            network = self.network
            self._moved[wanted] = TextNetwork(network.architecture, moved, network.layers, network.pooling)
        return self._moved[wanted]

    def _check_labels(self, records: int, labels: Sequence[int] | None) -> None:
        if (labels is None) != self.architecture.causal:
            raise ShapeMismatch(
                "Labels and text model do not fit",
                expected="no labels" if self.architecture.causal else "a class for each text",
                found="none" if labels is None else f"{len(labels)} labels",
            )
        if labels is not None and len(labels) != records:
            raise ShapeMismatch("Texts and labels differ in number", expected=records, found=len(labels))
        if labels is not None and len(labels) and not 0 <= min(labels) <= max(labels) < self.classes:
            raise ShapeMismatch(
                "A class code is none of the model's", expected=f"0 ... {self.classes - 1}", found=int(max(labels))
            )
