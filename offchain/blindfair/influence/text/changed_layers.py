"""The tensors in which a fine-tuned model in a folder differs from its base model: all of it that travels.

Config and tokenizer have to be the base's. Not here: what a difference may be (`difference`), and a LoRA in files of
its own (`adapter`).
"""

from pathlib import Path

import torch

from blindfair.influence.architecture import CLASS_LIMIT
from blindfair.influence.text.architectures import ARCHITECTURES, HEAD
from blindfair.influence.text.base_files import BaseFiles
from blindfair.influence.text.base_model import BaseModel
from blindfair.influence.text.difference import LAYERS_LIMIT, Difference, Singles
from blindfair.influence.text.tensor_file import TensorFile
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import UnusableModel

_HALVES = (torch.float16, torch.bfloat16)
_HEAD = (f"{HEAD}.weight", f"{HEAD}.bias")
_OTHER_BASE = "name the base model that it was fine-tuned from"


def read_changed_layers(directory: Path, base: BaseModel) -> Difference:
    """The difference of the fine-tuned model in a folder from its base: changed tensors, and a classifier's head.

    A tensor that is the base's rounded to half precision counts as unchanged: a model that was saved so would differ
    everywhere. Raises FileMissing, MissingPackage, and UnusableModel for what is no model or not this base's, for
    weights that are not finite, and where nothing differs.
    """
    files = BaseFiles.of_folder(directory)
    # Before the weights are read, which takes longest.
    _check_config(_config(files), {"model_type": base.config.model_type, **base.config.values})
    if files.tokenizer().digest != base.tokenizer.digest:
        raise UnusableModel(
            "The fine-tuned model has another tokenizer than the base model",
            expected=f"tokenizer 0x{base.tokenizer.digest.hex()[:16]}",
            found="another vocabulary, or another way to split texts",
            hint=f"{_OTHER_BASE}, or copy its tokenizer.json if the tokenizer was not changed",
        )
    head = {} if ARCHITECTURES[base.architecture].causal else _head(files.weights, base.config.width)
    tuned = BaseModel.load(directory)
    more = sorted(tuned.tensors.keys() - base.tensors.keys())
    if more:
        raise UnusableModel(
            "The fine-tuned model has layers that the base model lacks",
            expected="only those of the base model",
            found=", ".join(more),
            hint="agree with the seller on a base model that was saved with its pooler",
        )
    changed = {
        name: tensor.numpy() for name, tensor in tuned.tensors.items() if not _is_same(tensor, base.tensors[name])
    }
    if not changed and not head:
        raise UnusableModel(
            "The fine-tuned model is the base model: no layer differs",
            expected="at least 1 changed tensor",
            found=f"{len(tuned.tensors)} tensors as in the base model",
            hint="leave `fine_tuned` out: the base model scores alike",
        )
    if len(changed) + len(head) > LAYERS_LIMIT:
        raise UnusableModel(
            "The fine-tuned model changes more tensors than a request can name",
            expected=f"at most {LAYERS_LIMIT}",
            found=len(changed) + len(head),
            hint="train fewer layers",
        )
    return Difference({**changed, **head})


def _config(files: BaseFiles) -> Document:
    return {"model_type": files.config.model_type, **files.config.values}


def _check_config(found: Document, expected: Document) -> None:
    # Of another architecture all fields differ.
    names = [name for name in ("model_type", *sorted(expected)) if found.get(name) != expected[name]][:3]
    if names:
        is_other = names[0] == "model_type"
        raise UnusableModel(
            "The fine-tuned model is of another architecture than the base model"
            if is_other
            else "The fine-tuned model has other sizes or settings than the base model",
            expected=", ".join(f"{name} = {expected[name]}" for name in (names[:1] if is_other else names)),
            found=", ".join(f"{name} = {found.get(name)}" for name in (names[:1] if is_other else names)),
            hint=f"{_OTHER_BASE}; a model with other sizes or more tokens cannot be sent as its changed layers",
        )


def _head(file: TensorFile, width: int) -> dict[str, Singles]:
    """The head of a classifier, if the folder has one. Raises UnusableModel where it is not one layer over classes."""
    found = {name: entry.shape for name, entry in file.entries.items() if name.startswith(f"{HEAD}.")}
    if not found:
        return {}
    classes = found.get(_HEAD[1], (0,))[0] if len(found.get(_HEAD[1], ())) == 1 else 0
    if found != {_HEAD[0]: (classes, width), _HEAD[1]: (classes,)} or not 2 <= classes <= CLASS_LIMIT:
        raise UnusableModel(
            "The fine-tuned model has a head that is not one layer over two classes or more",
            expected=f"{_HEAD[0]} (classes, {width}), {_HEAD[1]} (classes)",
            found=", ".join(f"{name[:80]} {shape}" for name, shape in sorted(found.items())[:3]),
            hint="train the head on the classes of the listing, or save the model without it",
        )
    tensors, _ = file.read({name: name for name in _HEAD})
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _is_same(tensor: torch.Tensor, of_base: torch.Tensor) -> bool:
    return torch.equal(tensor, of_base) or any(torch.equal(tensor, of_base.to(half).float()) for half in _HALVES)
