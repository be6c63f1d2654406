"""Scoring models for texts: named transformer architectures, their gradient rows, and how a buyer asks with them.

Needs the extra `blindfair[text]`. Nothing outside of this package imports the library that builds transformers, and
this package imports it only when a model is built. The names of `__all__` are public, and loaded when they are first
used.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "BaseModel",
    "BaseModels",
    "Difference",
    "FineTuned",
    "Lora",
    "TextModel",
    "TextScoring",
    "TextWindows",
    "find_projection",
    "fine_tune",
    "project_query",
]

_HOMES = {
    "BaseModel": "influence.text.base_model",
    "BaseModels": "influence.text.base_model",
    "Difference": "influence.text.difference",
    "FineTuned": "influence.text.fine_tuning",
    "Lora": "influence.text.difference",
    "TextModel": "influence.text.model",
    "TextScoring": "influence.text.scoring",
    "TextWindows": "influence.text.windows",
    "find_projection": "influence.text.bases",
    "fine_tune": "influence.text.fine_tuning",
    "project_query": "influence.text.bases",
}

if TYPE_CHECKING:
    from blindfair.influence.text.base_model import BaseModel, BaseModels
    from blindfair.influence.text.bases import find_projection, project_query
    from blindfair.influence.text.difference import Difference, Lora
    from blindfair.influence.text.fine_tuning import FineTuned, fine_tune
    from blindfair.influence.text.model import TextModel
    from blindfair.influence.text.scoring import TextScoring
    from blindfair.influence.text.windows import TextWindows
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
