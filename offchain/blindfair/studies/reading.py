"""From the ledger's documents to what the tables are made of. Nothing is computed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blindfair.protocol.documents import Document
from blindfair.studies.statistics import Result


@dataclass(frozen=True, slots=True)
class Findings:
    """All results of a study, by kind. Entries of the last three are the name of the case and its document."""

    cells: tuple[Result, ...]
    sums: tuple[tuple[str, Document], ...]
    lots: tuple[tuple[str, Document], ...]
    attacks: tuple[tuple[str, Document], ...]

    def where(self, **fixed: object) -> list[Result]:
        """The cells whose fields have these values."""
        return [cell for cell in self.cells if all(getattr(cell, name) == value for name, value in fixed.items())]


def read(documents: Sequence[Document]) -> Findings:
    """Sort the documents of a ledger."""
    kinds: dict[str, list[tuple[str, Document]]] = {"cells": [], "sums": [], "lots": [], "attacks": []}
    for document in documents:
        kind, _, case = str(document["key"]).partition("/")
        kinds[kind].append((case, document))
    return Findings(
        cells=tuple(_result(case, document) for case, document in kinds["cells"]),
        sums=tuple(kinds["sums"]),
        lots=tuple(kinds["lots"]),
        attacks=tuple(kinds["attacks"]),
    )


def _result(case: str, document: Any) -> Result:
    data, family, regime, size, seed = case.split("/")
    arms = document["arms"]
    return Result(
        data=data,
        family=family,
        regime=regime,
        size=size,
        seed=int(seed),
        judge=document["judge"],
        shares=tuple(document["shares"]),
        before=document["before"],
        bad_share=document["bad_share"],
        bad_estimated=document["bad_estimated"],
        told_apart=document["told_apart"],
        quality={name: tuple(arm["quality"]) for name, arm in arms.items()},
        bad={name: tuple(arm["bad"]) for name, arm in arms.items()},
    )
