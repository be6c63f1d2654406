"""The options of `seller list` that are for texts alone."""

from pathlib import Path
from typing import Annotated

import typer

BaseModels = Annotated[
    list[Path] | None,
    typer.Option(
        "--base-model",
        metavar="DIR",
        help="With --text-column: a folder with config.json, model.safetensors and tokenizer.json of a model that "
        "buyers score with, and hold too. May be repeated.",
    ),
]
AnyBaseModel = Annotated[
    bool,
    typer.Option(
        "--any-base-model",
        help="With --text-column: score with base models that buyers send, too, of up to twice the size of the "
        "largest --base-model. Messages of 600 MiB are read then.",
    ),
]
Window = Annotated[
    int,
    typer.Option("--window", metavar="TOKENS", help="With --text-column: tokens that models read at once, at most."),
]
MaxWindows = Annotated[
    int,
    typer.Option(
        "--max-windows", metavar="NUMBER", help="With --text-column: windows of a text that are scored, at most."
    ),
]
