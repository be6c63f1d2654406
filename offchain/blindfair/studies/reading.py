"""From the ledger's documents to what the tables are made of. Nothing is computed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blindfair.protocol.documents import Document
from blindfair.studies.few_bits import SHARE
from blindfair.studies.statistics import Result


@dataclass(frozen=True, slots=True)
class FewBits:
    """A cell of the axis of bits. Methods in `result` are arms; `off` is how far each estimate of the bad share is off.

    `wrapped` and `wrapped_expected` are the shares of scores beyond the usable range: of the offer, and of the buyer's
    own records, by which it is expected.
    """

    result: Result
    off: dict[str, float]
    wrapped: float
    wrapped_expected: float


@dataclass(frozen=True, slots=True)
class Findings:
    """All results of a study, by kind. Entries of the last three are the name of the case and its document."""

    cells: tuple[Result, ...]
    bits: tuple[FewBits, ...]
    sums: tuple[tuple[str, Document], ...]
    bundles: tuple[tuple[str, Document], ...]
    attacks: tuple[tuple[str, Document], ...]

    def where(self, **fixed: object) -> list[Result]:
        """The cells whose fields have these values."""
        return [cell for cell in self.cells if all(getattr(cell, name) == value for name, value in fixed.items())]


def read(documents: Sequence[Document]) -> Findings:
    """Sort the documents of a ledger."""
    kinds: dict[str, list[tuple[str, Document]]] = {"cells": [], "bits": [], "sums": [], "bundles": [], "attacks": []}
    for document in documents:
        kind, _, case = str(document["key"]).partition("/")
        kinds[kind].append((case, document))
    return Findings(
        cells=tuple(_result(case, document) for case, document in kinds["cells"]),
        bits=tuple(_few_bits(case, document) for case, document in kinds["bits"]),
        sums=tuple(kinds["sums"]),
        bundles=tuple(kinds["bundles"]),
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


def _few_bits(case: str, document: Any) -> FewBits:
    data, family, regime, size, seed = case.split("/")
    arms = document["arms"]
    result = Result(
        data=data,
        family=family,
        regime=regime,
        size=size,
        seed=int(seed),
        judge=document["judge"],
        shares=(SHARE,),
        before=document["before"],
        bad_share=document["bad_share"],
        bad_estimated=None,
        told_apart=None,
        quality={name: (arm["quality"],) for name, arm in arms.items()},
        bad={name: (arm["bad"],) for name, arm in arms.items()},
    )
    off = {name: arm["off"] for name, arm in arms.items() if arm.get("off") is not None}
    return FewBits(result, off, document["wrapped"], document["wrapped_expected"])
