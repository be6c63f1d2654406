"""A buyer's own fine-tuned model in a folder of its own: its changed layers, which are kept and travel.

What is wrong with it is said with the folder's name. Not here: which tensors changed (`influence.text.changed_layers`),
and a LoRA in the files of peft (`adapters`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindfair.api.adapters import ADAPTER_FILES, DIFFERENCE_LIMIT
from blindfair.protocol.errors import BlindfairError, FileMissing, UnusableModel

if TYPE_CHECKING:
    from blindfair.influence.text import BaseModel, Difference

CHANGED_FILE = "changed_layers.safetensors"
"""The file in a buyer's directory that keeps the changed layers."""

KEPT_MODELS = {**dict.fromkeys(ADAPTER_FILES, "adapter"), CHANGED_FILE: "fine-tuned model"}
"""The files in a buyer's directory that keep its own model, and the form of it that each is of."""

_FILES = ("config.json", "tokenizer.json")
_HINT = "take a folder that the library transformers wrote with save_pretrained(), with its tokenizer.json"
_MIB = 2**20


def load_fine_tuned(folder: Path, base: "BaseModel", *, most: int = DIFFERENCE_LIMIT) -> "Difference":
    """Compare the fine-tuned model in a folder with its base model, and return what differs: `most` bytes in single
    precision.

    Raises FileMissing, MissingPackage, and UnusableModel where it is no model of this base, nothing differs, or more
    differs than travels, with the folder named.
    """
    _check_files(folder)
    # Imported here: torch takes seconds, and tables need none of it.
    from blindfair.influence.text.changed_layers import read_changed_layers

    try:
        found = read_changed_layers(folder, base)
    except UnusableModel as error:
        raise UnusableModel(_cannot(folder, error.what), **_of(error)) from error
    except FileMissing as error:
        raise FileMissing(_cannot(folder, error.what), **_of(error)) from error
    size = 4 * found.size
    if size > most:
        raise UnusableModel(
            _cannot(folder, "Its changed layers are larger than what a request can carry"),
            expected=f"at most {most / _MIB:,.0f} MiB in single precision",
            found=f"{size / _MIB:,.1f} MiB in {len(found.tensors)} tensors",
            hint="train fewer layers, or a LoRA for `adapter`; or name the folder as `base_model` with "
            "`send_base_model`, if the listing takes any base model",
        )
    return found


def changed_layers_file(difference: "Difference") -> bytes:
    """The bytes that keep the changed layers in a buyer's directory, the same for the same layers."""
    return difference.to_parts()[1]


def load_changed_layers(directory: Path) -> "Difference":
    """Read the changed layers that a buyer's directory keeps. Raises FileMissing, UnusableModel."""
    from blindfair.influence.text.difference import Difference

    return Difference.of_file(directory / CHANGED_FILE)


def _check_files(folder: Path) -> None:
    """Check that it is a folder of a whole model. Raises FileMissing."""
    for name in _FILES:
        if not (folder / name).is_file():
            is_adapter = (folder / ADAPTER_FILES[0]).is_file()
            raise FileMissing(
                _cannot(folder, "A file is missing"),
                expected=name,
                found="no such file" if folder.is_dir() else "no such folder",
                hint="this is the folder of an adapter: name it with `adapter`"
                if is_adapter
                else "copy the base model's tokenizer.json, if the tokenizer was not changed"
                if name == _FILES[1]
                else _HINT,
            )


def _cannot(folder: Path, what: str) -> str:
    return f"The fine-tuned model in {folder} cannot be used: {what}"


def _of(error: BlindfairError) -> dict[str, Any]:
    return {"expected": error.expected, "found": error.found, "hint": error.hint or _HINT}
