"""A buyer's LoRA adapter in a folder, as the library peft writes it: what is wrong with it is said with the folder's
name. Not here: which adapters are taken (`influence.text.adapter`), and whether one fits a base (`pricing.texts`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from blindfair.agents.policy import SellerPolicy
from blindfair.influence.projection import ENTRY_LIMIT
from blindfair.protocol.errors import FileMissing, UnusableModel

if TYPE_CHECKING:
    from blindfair.influence.text import BaseModel, Difference

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""The files that are read, and copied into a buyer's directory under these names."""

DIFFERENCE_LIMIT = SellerPolicy().max_sealed_message - 4 * ENTRY_LIMIT - 2**25
"""Bytes of a fine-tuned model's difference from its base in single precision: what a seller takes in one message, less
the largest projection and 32 MiB for the encrypted query."""

_HINT = "take a folder that the library peft wrote with save_pretrained()"
_SMALLER = "train a LoRA of a lower rank, or of fewer layers"


def adapter_files(folder: Path) -> Mapping[str, bytes]:
    """The bytes of both files by name, to be copied. Raises FileMissing, and UnusableModel where they are too long."""
    _check_files(folder)
    try:
        return {name: (folder / name).read_bytes() for name in ADAPTER_FILES}
    except OSError as error:
        raise FileMissing(
            f"The adapter in {folder} cannot be used: A file cannot be read",
            expected=" and ".join(ADAPTER_FILES),
            found=error.strerror,
        ) from error


def load_adapter(folder: Path) -> "Difference":
    """Read the adapter in a folder. Raises FileMissing, and UnusableModel where it is no plain LoRA, is larger than
    travels, or holds numbers that are not finite, with the folder named."""
    _check_files(folder)
    # Imported here: torch takes seconds, and tables need none of it.
    from blindfair.influence.text.adapter import read_adapter

    try:
        found = read_adapter(folder)
    except UnusableModel as error:
        raise _unusable(folder, error, _HINT) from error
    if 4 * found.size > DIFFERENCE_LIMIT:
        raise _too_large(folder, ADAPTER_FILES[1], 4 * found.size)
    return found


def check_fits_base(folder: Path, base: "BaseModel", adapter: "Difference", *, labelled: bool) -> None:
    """Check what can be checked of an adapter without a listing: its layers, and that a head is for texts with labels.

    Raises UnusableModel with the folder named.
    """
    from blindfair.influence.text.architectures import HEAD
    from blindfair.pricing.texts.adapted import check_fits

    head = adapter.tensors.get(f"{HEAD}.weight")
    classes = 0 if not labelled else 2 if head is None or head.ndim != 2 else len(head)
    try:
        check_fits(base, classes, adapter)
    except UnusableModel as error:
        raise _unusable(folder, error, error.hint) from error


def _check_files(folder: Path) -> None:
    """Check that both files are there, and no longer than travels. Raises FileMissing, UnusableModel."""
    for name in ADAPTER_FILES:
        path = folder / name
        if not path.is_file():
            pickled = (folder / "adapter_model.bin").exists() and path.suffix == ".safetensors"
            is_whole = (folder / "model.safetensors").is_file()
            raise FileMissing(
                f"The adapter in {folder} cannot be used: A file is missing",
                expected=name,
                found="adapter_model.bin" if pickled else "no such file" if folder.is_dir() else "no such folder",
                hint="this is the folder of a whole model: name it with `fine_tuned`" if is_whole else _HINT,
            )
        size = path.stat().st_size
        if size > DIFFERENCE_LIMIT:
            raise _too_large(folder, name, size)


def _unusable(folder: Path, error: UnusableModel, hint: str) -> UnusableModel:
    what = f"The adapter in {folder} cannot be used: {error.what}"
    return UnusableModel(what, expected=error.expected, found=error.found, hint=error.hint or hint)


def _too_large(folder: Path, name: str, size: int) -> UnusableModel:
    return UnusableModel(
        f"The adapter in {folder} cannot be used: {name} is larger than what a request can carry",
        expected=f"at most {DIFFERENCE_LIMIT:,} bytes in single precision",
        found=f"{size:,}",
        hint=_SMALLER,
    )
