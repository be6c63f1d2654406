"""What travels of a scoring model: how it differs from its base model.

    none      nothing
    tensors   tensors that replace the base's whole, or a head that it does not have
    lora      alpha / r B A is added to the weights of some layers; tensors beside it may replace others

The file of a LoRA has the names that adapters have everywhere: `base_model.model.<module>.lora_A.weight`. Not here: the
base (`base_model`), and the files of an adapter (`adapter`).
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from blindfair.influence.refusal import unusable
from blindfair.influence.tensors import read_tensors
from blindfair.influence.text.tensor_file import TensorFile
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import MalformedMessage, UnusableModel
from blindfair.protocol.fields import Fields

Singles: TypeAlias = NDArray[np.float32]
"""Numbers in single precision, as weights travel."""

RANK_LIMIT = 256
"""Rank of a LoRA that travels or is read from files."""

STACKED_LIMIT = 2 * RANK_LIMIT
"""Rank of a LoRA in memory: fine-tuning stacks its own beside the one that it begins from."""

LAYERS_LIMIT = 1024
ALPHA_LIMIT = 4096.0

_PREFIX = "base_model.model."
_NAME = re.compile(r"[A-Za-z0-9_.]{1,160}")
_HEADER = 256
"""Bytes of the header of a file, for each tensor."""

_LINEAR = "linear layers of blocks"

KINDS = ("lora", "none", "tensors")


@dataclass(frozen=True, slots=True, eq=False)
class Lora:
    """`alpha / r B A` is added to the weights of each named layer: `down` is A, `r x inputs`, `up` B, `outputs x r`.

    Raises UnusableModel where they do not fit each other or are not finite.
    """

    r: int
    alpha: float
    down: Mapping[str, Singles]
    up: Mapping[str, Singles]

    def __post_init__(self) -> None:
        if not (1 <= self.r <= STACKED_LIMIT and 0 < self.alpha <= ALPHA_LIMIT):
            raise UnusableModel(
                "The LoRA is of a size that cannot be",
                expected=f"r in 1 ... {STACKED_LIMIT}, alpha up to {ALPHA_LIMIT:.0f}",
                found=f"r {self.r}, alpha {self.alpha}",
            )
        if self.down.keys() != self.up.keys() or not 1 <= len(self.down) <= LAYERS_LIMIT:
            raise UnusableModel(
                "The LoRA does not have both matrices of each layer",
                expected=f"1 ... {LAYERS_LIMIT} layers",
                found=f"{len(self.down)} and {len(self.up)}",
            )
        for name, matrix in self.down.items():
            if matrix.ndim != 2 or self.up[name].ndim != 2 or not len(matrix) == self.up[name].shape[1] == self.r:
                raise UnusableModel(
                    f"The LoRA of layer {name} is of another rank",
                    expected=f"{self.r} x inputs, outputs x {self.r}",
                    found=f"{matrix.shape}, {self.up[name].shape}",
                )
            _check_finite(name, matrix)
            _check_finite(name, self.up[name])

    def displacement(self, name: str) -> NDArray[np.float64]:
        """What is added to the weights of a layer: `outputs x inputs`, multiplied in double precision."""
        up, down = self.up[name].astype(np.float64), self.down[name].astype(np.float64)
        return np.asarray(self.alpha / self.r * (up @ down), dtype=np.float64)

    def stacked(self, other: "Lora") -> "Lora":
        """The LoRA that adds what both add: of the sum of both ranks, with zeros for layers that only one changes.

        Raises UnusableModel where that is more than `STACKED_LIMIT`.
        """
        r, down, up = self.r + other.r, {}, {}
        for name in (*self.down, *(each for each in other.down if each not in self.down)):
            of = next(each for each in (self, other) if name in each.down)
            inputs, outputs = of.down[name].shape[1], len(of.up[name])
            narrow, wide = np.zeros((r, inputs), np.float32), np.zeros((outputs, r), np.float32)
            for each, rows in ((self, slice(self.r)), (other, slice(self.r, r))):
                if name in each.down:
                    narrow[rows] = each.down[name]
                    # Into one of the two, so that alpha / r of the sum is 1.
                    wide[:, rows] = np.float32(each.alpha / each.r) * each.up[name]
            down[name], up[name] = narrow, wide
        return Lora(r, float(r), down, up)


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Tensors by their names in the network, and a LoRA; both may be missing. Raises UnusableModel as `Lora`."""

    tensors: Mapping[str, Singles] = field(default_factory=dict)
    lora: Lora | None = None

    def __post_init__(self) -> None:
        for name, tensor in self.tensors.items():
            _check_finite(name, tensor)

    @property
    def kind(self) -> str:
        """`none`, `tensors` or `lora`."""
        return "lora" if self.lora is not None else "tensors" if self.tensors else "none"

    @property
    def size(self) -> int:
        """Numbers that travel."""
        lora = () if self.lora is None else (*self.lora.down.values(), *self.lora.up.values())
        return sum(tensor.size for tensor in (*self.tensors.values(), *lora))

    def to_parts(self) -> tuple[Document, bytes]:
        """A field of the config, and safetensors; no bytes where nothing differs.

        Raises UnusableModel for a LoRA of a higher rank than travels.
        """
        if self.lora is not None and self.lora.r > RANK_LIMIT:
            raise UnusableModel("The LoRA is of too high a rank", expected=f"at most {RANK_LIMIT}", found=self.lora.r)
        document: Document = {"kind": self.kind}
        named = {_PREFIX + name: tensor for name, tensor in self.tensors.items()}
        tensors: list[JsonValue] = list(sorted(self.tensors))
        if self.kind != "none":
            document["tensors"] = tensors
        if self.lora is not None:
            layers: list[JsonValue] = list(sorted(self.lora.down))
            document |= {"alpha": self.lora.alpha, "layers": layers, "r": self.lora.r}
            for name in self.lora.down:
                named[_lora_name(name, "A")], named[_lora_name(name, "B")] = self.lora.down[name], self.lora.up[name]
        return document, safetensors.numpy.save(named) if named else b""

    @classmethod
    def from_parts(
        cls,
        document: Document,
        weights: bytes,
        shapes: Mapping[str, tuple[int, ...]],
        layers: Mapping[str, tuple[int, int]],
    ) -> "Difference":
        """A counterparty's difference, of a network with these tensors and these linear layers, outputs and inputs.

        Nothing larger than what it may hold is allocated. Raises UnusableModel.
        """
        with unusable("The difference from the base model cannot be used"):
            fields = Fields(document, "difference")
            kind = fields.choice("kind", KINDS)
            names = [] if kind == "none" else _names(fields, "tensors")
            adapted = _names(fields, "layers") if kind == "lora" else []
            r = fields.integer("r", 1, RANK_LIMIT) if kind == "lora" else 0
            alpha = fields.number("alpha") if kind == "lora" else 0.0
            fields.done()
        if kind == "none":
            if weights:
                raise UnusableModel("A model that is its base has weights", expected="0 bytes", found=len(weights))
            return cls()
        wanted = [_PREFIX + name for name in names] + [_lora_name(name, side) for name in adapted for side in "AB"]
        _check_known("tensors", names, shapes)
        _check_known(_LINEAR, adapted, layers)
        most = sum(math.prod(shapes[name]) for name in names) + r * sum(sum(layers[name]) for name in adapted)
        found = read_tensors(
            weights, "weights of the difference", max_bytes=4 * most, overhead=_HEADER * (len(wanted) + 1)
        )
        if found.keys() != set(wanted):
            missing, other = sorted(set(wanted) - found.keys()), sorted(found.keys() - set(wanted))
            raise UnusableModel(
                "The difference has other tensors than it says",
                expected=", ".join(missing[:3]) or f"only {len(wanted)}",
                found=", ".join(ascii(name)[:80] for name in other[:3]) or f"{len(missing)} missing",
            )
        singles = {name: _single(name, tensor) for name, tensor in found.items()}
        lora = None
        if kind == "lora":
            down, up = ({name: singles[_lora_name(name, side)] for name in adapted} for side in "AB")
            lora = Lora(r, alpha, down, up)
        difference = cls({name: singles[_PREFIX + name] for name in names}, lora)
        difference.check(shapes, layers)
        return difference

    @classmethod
    def of_file(cls, path: Path) -> "Difference":
        """Read the tensors of a file that holds the bytes of `to_parts`, of a difference without a LoRA.

        Raises FileMissing, UnusableModel.
        """
        file = TensorFile.read_header(path)
        found, _ = file.read({name: name.removeprefix(_PREFIX) for name in file.entries})
        return cls({name: tensor.numpy() for name, tensor in found.items()})

    def check(self, shapes: Mapping[str, tuple[int, ...]], layers: Mapping[str, tuple[int, int]]) -> None:
        """Raises UnusableModel unless it fits a network with these tensors and linear layers."""
        _check_known("tensors", self.tensors, shapes)
        for name, tensor in self.tensors.items():
            if tensor.shape != shapes[name]:
                raise UnusableModel(f"Tensor {name} is of another shape", expected=shapes[name], found=tensor.shape)
        if self.lora is None:
            return
        _check_known(_LINEAR, self.lora.down, layers)
        for name, down in self.lora.down.items():
            found = (len(self.lora.up[name]), down.shape[1])
            if found != layers[name]:
                raise UnusableModel(f"The LoRA of layer {name} is of another size", expected=layers[name], found=found)


def _check_known(what: str, names: Iterable[str], known: Collection[str]) -> None:
    other = [name for name in names if name not in known]
    if other:
        raise UnusableModel(
            f"The difference changes {what} that the base model does not have",
            expected=f"{what} of the base model",
            found=", ".join(other[:3]),
        )


def _names(fields: Fields, name: str) -> list[str]:
    found = fields.texts(name, 160, LAYERS_LIMIT)
    for each in found:
        if not _NAME.fullmatch(each):
            raise MalformedMessage("A name cannot be that of a layer", expected=_NAME.pattern, found=ascii(each)[:80])
    if found != sorted(set(found)):
        raise MalformedMessage(f"difference.{name} is not sorted, or repeats a name")
    return found


def _lora_name(layer: str, side: str) -> str:
    return f"{_PREFIX}{layer}.lora_{side}.weight"


def _single(name: str, tensor: NDArray[np.generic]) -> Singles:
    if tensor.dtype != np.float32:
        raise UnusableModel(f"Tensor {name} is not in single precision", expected="float32", found=tensor.dtype)
    # Copied: what was read may not be aligned.
    return np.array(tensor, dtype=np.float32)


def _check_finite(name: str, tensor: Singles) -> None:
    broken = int(np.count_nonzero(~np.isfinite(tensor)))
    if broken:
        raise UnusableModel(
            f"Tensor {name} has weights that are not finite",
            expected="finite numbers",
            found=f"{broken} of {tensor.size} that are NaN or infinite",
        )
