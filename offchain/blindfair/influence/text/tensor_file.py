"""A safetensors file of a base model: its header is checked before any tensor is read, and each is read once.

The format is eight bytes of the header's length, the header as JSON, and the numbers of all tensors without gaps. It
cannot hold code. Not here: tensors in a message (`influence.tensors`), and which ones a model has (`architectures`).
"""

import hashlib
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path

import torch

from blindfair.influence.refusal import unusable
from blindfair.influence.text.json_file import parse_json
from blindfair.protocol.documents import Document, canonical
from blindfair.protocol.errors import FileMissing, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Digest

HEADER_LIMIT = 2**23
"""Bytes of a header at most: ten thousand tensors with long names take one million."""

TENSOR_LIMIT = 2**14
"""Tensors of a file at most."""

_LENGTH = struct.Struct("<Q")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_TYPES: Mapping[str, tuple[torch.dtype, int]] = {
    "F32": (torch.float32, 4),
    "F16": (torch.float16, 2),
    "BF16": (torch.bfloat16, 2),
}
"""Number types that are read, and bytes of a number. All are made single precision, which holds each exactly."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """What the header says of one tensor."""

    kind: str
    """`F32`, `F16`, `BF16`, or a type that is not read."""

    shape: tuple[int, ...]
    start: int
    """Bytes from the beginning of the file."""

    length: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A file, or the bytes of one, whose header is consistent; no tensor is read yet."""

    name: str
    entries: Mapping[str, TensorEntry]
    source: Path | bytes = field(repr=False)

    @classmethod
    def read_header(cls, path: Path) -> "TensorFile":
        """Check the header: sizes agree with shapes, and tensors cover the file without gaps or overlaps.

        Raises FileMissing, UnusableModel.
        """
        if not path.is_file():
            raise FileMissing("A file of the model is missing", expected=path.name, found="no such file")
        return cls._checked(path.name, path, 0, path.stat().st_size)

    @classmethod
    def of_bytes(cls, data: bytes, name: str, start: int = 0) -> "TensorFile":
        """The same of a file's bytes, from `start` on, without a copy; `name` is for errors. Raises UnusableModel."""
        return cls._checked(name, data, start, len(data) - start)

    @classmethod
    def _checked(cls, name: str, source: Path | bytes, start: int, size: int) -> "TensorFile":
        with _opened(source) as file:
            file.seek(start)
            first = file.read(_LENGTH.size)
            length = _LENGTH.unpack(first)[0] if len(first) == _LENGTH.size else HEADER_LIMIT + 1
            if length > min(HEADER_LIMIT, size - _LENGTH.size):
                raise UnusableModel(
                    f"{name} is not safetensors",
                    expected=f"a header of at most {HEADER_LIMIT} bytes, all in the file",
                    found=f"{length} of {size} bytes",
                )
            header = parse_json(file.read(length), f"the header of {name}")
        header.pop("__metadata__", None)
        if len(header) > TENSOR_LIMIT:
            raise UnusableModel(f"{name} has too many tensors", expected=TENSOR_LIMIT, found=len(header))
        # They are shown in errors.
        strange = [each for each in header if not _NAME.fullmatch(each)]
        if strange:
            raise UnusableModel(
                f"{name} has a tensor without a proper name", expected=_NAME.pattern, found=ascii(strange[0][:80])
            )
        begin = start + _LENGTH.size + length
        entries = {}
        with unusable(f"The header of {name} cannot be used"):
            fields = Fields(header, "header")
            for each in header:
                entries[each] = _entry(each, fields.sub(each), begin, size)
        _check_cover(name, entries, begin, start, size)
        return cls(name, entries, source)

    def read(self, names: Mapping[str, str]) -> tuple[dict[str, torch.Tensor], dict[str, Digest]]:
        """The tensors in single precision and the SHA-256 of their stored bytes, under the names that `names` gives.

        `names` leads from names of the file to those. Raises UnusableModel for a type that is not read, for numbers
        that are not finite, and for a file that became shorter.
        """
        for name in names:
            _check_type(name, self.entries[name])
        tensors, digests = {}, {}
        with _opened(self.source) as file:
            for name, given in sorted(names.items()):
                tensors[given], digests[given] = _tensor(file, self.name, name, self.entries[name])
        return tensors, digests

    def repacked(self, names: Mapping[str, str]) -> bytes:
        """A file of these tensors alone, under the names that `names` gives, in their order, as they are stored.

        Raises UnusableModel for a file that became shorter.
        """
        header: Document = {}
        end, parts = 0, []
        with _opened(self.source) as file:
            for name, given in sorted(names.items(), key=lambda pair: pair[1]):
                entry = self.entries[name]
                file.seek(entry.start)
                raw = file.read(entry.length)
                if len(raw) != entry.length:
                    raise _became_shorter(self.name)
                header[given] = {
                    "data_offsets": [end, end + entry.length], "dtype": entry.kind, "shape": list(entry.shape)
                }  # fmt: skip
                end += entry.length
                parts.append(raw)
        text = canonical(header)
        text += b" " * (-len(text) % _LENGTH.size)
        return b"".join((_LENGTH.pack(len(text)), text, *parts))


def _opened(source: Path | bytes) -> BufferedReader | BytesIO:
    return BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _became_shorter(name: str) -> UnusableModel:
    return UnusableModel(f"{name} became shorter while it was read", hint="load it again")


def _entry(name: str, fields: Fields, begin: int, size: int) -> TensorEntry:
    kind = fields.text("dtype", 16)
    shape = tuple(fields.integers("shape", 0, 2**40, 64))
    offsets = fields.integers("data_offsets", 0, size, 2)
    fields.done()
    if kind in _TYPES and (len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * _TYPES[kind][1]):
        raise UnusableModel(
            f"Tensor {name[:80]!r} has another length than its shape", expected=f"{kind} {shape}", found=offsets
        )
    if len(offsets) != 2:
        raise UnusableModel(f"Tensor {name[:80]!r} has no place", expected="two offsets", found=offsets)
    return TensorEntry(kind, shape, begin + offsets[0], offsets[1] - offsets[0])


def _check_cover(name: str, entries: Mapping[str, TensorEntry], begin: int, start: int, size: int) -> None:
    end = begin
    for entry in sorted(entries.values(), key=lambda each: (each.start, each.length)):
        if entry.start != end or entry.length < 0:
            break
        end += entry.length
    else:
        if end == start + size:
            return
    raise UnusableModel(
        f"The tensors of {name} do not fill it", expected="no gaps, overlaps or missing bytes", found=f"{size} bytes"
    )


def _tensor(file: BufferedReader | BytesIO, path: str, name: str, entry: TensorEntry) -> tuple[torch.Tensor, Digest]:
    dtype, _ = _TYPES[entry.kind]
    raw = bytearray(entry.length)
    file.seek(entry.start)
    if file.readinto(raw) != entry.length:
        raise _became_shorter(path)
    digest = Digest(hashlib.sha256(raw).digest())
    flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(entry.shape).to(torch.float32)
    # The extremes tell at a fraction of the cost: not a number is either of them.
    if tensor.numel() and not torch.isfinite(torch.stack(torch.aminmax(tensor))).all():
        broken = int(torch.count_nonzero(~torch.isfinite(tensor)))
        raise UnusableModel(
            f"Tensor {name!r} has weights that are not finite",
            expected="finite numbers",
            found=f"{broken} of {tensor.numel()} that are NaN or infinite",
            hint=f"look at that tensor in {path}: the training that wrote it failed; take an earlier checkpoint",
        )
    return tensor, digest


def check_readable(path: str, entries: Mapping[str, TensorEntry], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises UnusableModel, naming the tensors, unless `entries` have exactly these names and shapes, of types that are
    read. `entries` and `shapes` are under the same names."""
    missing, unexpected = sorted(shapes.keys() - entries.keys()), sorted(entries.keys() - shapes.keys())
    if missing:
        raise UnusableModel(f"{path} lacks tensors", expected=_listed(missing), found=f"{len(missing)} missing")
    if unexpected:
        raise UnusableModel(
            f"{path} has tensors that the architecture does not have",
            expected="only its own",
            found=_listed(unexpected),
            hint="save the model again without adapters or other heads",
        )
    for name, shape in shapes.items():
        entry = entries[name]
        if entry.shape != shape:
            raise UnusableModel(f"Tensor {name!r} is of another shape", expected=shape, found=entry.shape)
        _check_type(name, entry)


def _check_type(name: str, entry: TensorEntry) -> None:
    if entry.kind not in _TYPES:
        raise UnusableModel(
            f"Tensor {name!r} is of a type that is not read",
            expected=" or ".join(_TYPES),
            found=entry.kind,
            hint="save the model in single precision",
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
