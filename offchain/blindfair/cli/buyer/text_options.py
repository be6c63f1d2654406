"""The options of `buyer evaluate` that are for texts alone."""

from pathlib import Path
from typing import Annotated

import typer

OwnBaseModel = Annotated[
    Path | None,
    typer.Option(
        "--base-model",
        metavar="DIR",
        help="With --text-column: the folder of a base model that the listing names, or see --send-base-model.",
    ),
]
ShowQuery = Annotated[
    bool,
    typer.Option(
        "--show-query",
        help="With --text-column: let the seller see your query's directions, so that no part of the query is "
        "lost. Decide before you ask: a listing answers each buyer once per scoring model.",
    ),
]
Adapter = Annotated[
    Path | None,
    typer.Option(
        "--adapter",
        metavar="DIR",
        help="With --text-column: the folder of a LoRA that the library peft wrote for the base model, your own "
        "fine-tuned model. Texts are scored by it, and THE SELLER SEES ITS WEIGHTS. Without it, nothing of your "
        "model but the projection is sent.",
    ),
]
FineTuned = Annotated[
    Path | None,
    typer.Option(
        "--fine-tuned",
        metavar="DIR",
        help="With --text-column: the folder of your own whole model, fine-tuned from the base model. Texts are scored "
        "by it, and THE SELLER SEES ITS CHANGED LAYERS: these are sent, at most 160 MiB.",
    ),
]
SendBaseModel = Annotated[
    bool,
    typer.Option(
        "--send-base-model",
        help="With --text-column: SEND THE SELLER YOUR WHOLE BASE MODEL where it does not hold it and the listing "
        "takes any, at most 504 MiB.",
    ),
]
