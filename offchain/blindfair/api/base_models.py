"""Loading the base model of a folder that a person named: what is wrong with it is said with the folder's name.

And whether it can read a person's texts and label. Not here: which base models are taken (`influence.text`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindfair.protocol.errors import BlindfairError, FileMissing, LabelUnusable, UnusableModel

if TYPE_CHECKING:
    from blindfair.influence.text import BaseModel, TextWindows

_HINT = "take a folder that the library transformers wrote with save_pretrained(), with its tokenizer.json"


def check_folder(folder: Path) -> None:
    """Raises FileMissing, naming the folder, where no base model is there. Cheap: nothing of the model is read."""
    if not (folder / "config.json").is_file():
        raise FileMissing(
            f"The base model in {folder} cannot be used: A file of the base model is missing",
            expected="config.json",
            found="no such file" if folder.is_dir() else "no such folder",
            hint=_HINT,
        )


def load_base(folder: Path) -> "BaseModel":
    """Load the base model in a folder. Raises what `BaseModel.load` raises, with the folder named."""
    # Imported here: torch takes seconds, and tables need none of it.
    from blindfair.influence.text import BaseModel

    try:
        return BaseModel.load(folder)
    except UnusableModel as error:
        raise UnusableModel(f"The base model in {folder} cannot be used: {error.what}", **_of(error)) from error
    except FileMissing as error:
        raise FileMissing(f"The base model in {folder} cannot be used: {error.what}", **_of(error)) from error


def _of(error: BlindfairError) -> dict[str, Any]:
    return {"expected": error.expected, "found": error.found, "hint": error.hint or _HINT}


def check_label_fits(base: "BaseModel", label: str | None) -> None:
    """Raises LabelUnusable for a language model where there is a label, and for a classifier where there is none."""
    from blindfair.influence.text.architectures import ARCHITECTURES

    if ARCHITECTURES[base.architecture].causal != (label is None):
        raise LabelUnusable(
            "The base model and the label do not fit",
            expected="a language model, GPT-2 or Llama" if label is None else "a classifier, BERT",
            found=f"{base.architecture}, {'no label' if label is None else f'the label {label!r}'}",
            hint="name another base model, or another `label`",
        )


def check_readable(base: "BaseModel", texts: Sequence[str], windows: "TextWindows") -> None:
    """Raises UnusableText, naming the record, for a text in which the base model finds nothing to score."""
    from blindfair.influence.text.architectures import ARCHITECTURES

    is_causal = ARCHITECTURES[base.architecture].causal
    for number, tokens in enumerate(base.tokenizer.encode(texts)):
        windows.cut(tokens, causal=is_causal, record=number)
