"""The table of thieves: `scripts/study theft` measures it, docs/studies/theft.md keeps it.

Not here: the thieves (`digits`, `askers`), and the sections on what is refused or mended since (`refused`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blindfair.protocol.documents import Document, JsonValue
from blindfair.studies.theft.askers import membership_advantage, steal_by_regression
from blindfair.studies.theft.channel import CLASS_BITS, LABEL, SCORE_BITS, Stolen, Target, trial
from blindfair.studies.theft.digits import pack_greedily, steal_digits, steal_one_column, steal_unadapted
from blindfair.studies.theft.refused import Aimed, Besides, measure_aimed, measure_besides

PAID_SHARE = 0.3
"""Share of a record that all evaluations of a listing may tell together for fees, by default."""

BEFORE = (32,) * 5
"""Bits that one free evaluation could ask for before bits were bounded."""

SEEDS = 5


@dataclass(frozen=True, slots=True)
class Theft:
    """One row: a thief under the old rules, by one evaluation, and with all that a listing tells for fees."""

    thief: str
    before: Stolen
    once: Stolen
    paid: Stolen


def measure(target: Target, seed: int) -> tuple[list[Theft], dict[str, float]]:
    """Every thief on one table, and the membership advantage by bits."""
    rng = np.random.default_rng(seed)
    budget = int(PAID_SHARE * target.record_bits)
    evaluations = budget // (SCORE_BITS + CLASS_BITS)

    def digits(queries: list[int], labels: bool) -> Stolen:
        packings = pack_greedily(target, queries, known=[LABEL] if labels else [])
        return steal_digits(target, packings, labels=labels, rng=rng)

    def one_column(bits: int) -> Stolen:
        names = [name for name in target.columns if name != LABEL]
        return max((steal_one_column(target, name, bits, rng) for name in names), key=lambda stolen: stolen.cells)

    thefts = [
        Theft("columns as digits of a score, packed for the bits there are", digits(list(BEFORE), False),
              digits([SCORE_BITS], True), digits([budget - 1], True)),
        Theft("the same, packed as for 32 bits", digits(list(BEFORE), False),
              steal_unadapted(target, SCORE_BITS, rng), steal_unadapted(target, budget - 1, rng)),
        Theft("the one column that pays most", one_column(BEFORE[0] - 1), one_column(SCORE_BITS), one_column(budget)),
        Theft("regression on random directions", steal_by_regression(target, len(BEFORE), BEFORE[0] - 1, rng),
              steal_by_regression(target, 1, SCORE_BITS, rng),
              steal_by_regression(target, evaluations, SCORE_BITS, rng)),
    ]  # fmt: skip
    advantage = {
        str(bits): float(np.mean([membership_advantage(target, bits, rng) for _ in range(SEEDS)]))
        for bits in (1, SCORE_BITS, SCORE_BITS + CLASS_BITS, 8, budget, BEFORE[0])
    }
    return thefts, advantage


def write_theft(folder: Path, target: Target | None = None) -> Document:
    """Measure, and write `theft.md` to a folder. The result as a document."""
    target = trial() if target is None else target
    runs = [measure(target, seed) for seed in range(SEEDS)]
    thefts = [_mean([run[0][place] for run in runs]) for place in range(len(runs[0][0]))]
    advantage = {bits: float(np.mean([run[1][bits] for run in runs])) for bits in runs[0][1]}
    aimed, besides = measure_aimed(target), measure_besides(target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "theft.md").write_text(_page(target, thefts, advantage, aimed, besides), encoding="utf-8")
    rows: list[JsonValue] = [
        {"thief": each.thief, "before": _row(each.before), "once": _row(each.once), "paid": _row(each.paid)}
        for each in thefts
    ]
    return {
        "guessed_cells": target.guessed_cells,
        "record_bits": target.record_bits,
        "thefts": rows,
        "membership_advantage": dict(advantage),
        "aimed": aimed.to_document(),
        "besides": besides.to_document(),
    }


def _row(one: Stolen) -> Document:
    information = None if np.isnan(one.information) else one.information
    return {"spent": one.spent, "information": information, "cells": one.cells}


def _mean(thefts: list[Theft]) -> Theft:
    def over(part: Callable[[Theft], Stolen]) -> Stolen:
        found = [part(each) for each in thefts]
        return Stolen(
            found[0].spent, float(np.mean([each.information for each in found])),
            float(np.mean([each.cells for each in found])),
        )  # fmt: skip

    return Theft(thefts[0].thief, *(over(part) for part in (lambda t: t.before, lambda t: t.once, lambda t: t.paid)))


def _page(target: Target, thefts: list[Theft], advantage: dict[str, float], aimed: Aimed, besides: Besides) -> str:
    held, guessed = target.record_bits, target.guessed_cells

    def cell(one: Stolen) -> str:
        share = (
            ""
            if np.isnan(one.information)
            else f"{min(100.0, 100 * one.information / held):.1f} % of the information, "
        )
        return f"{share}{100 * (one.cells - guessed):+.1f} points"

    rows = "\n".join(
        f"| {each.thief} | {cell(each.before)} | {cell(each.once)} | {cell(each.paid)} |" for each in thefts
    )
    budget = int(PAID_SHARE * held)
    asked = "\n".join(f"| {bits} | {value:.2f} |" for bits, value in advantage.items())
    return f"""# What thieves read

Made by `scripts/study theft --report DIR`; nothing here is written by hand.

The table is ACTG175 without its numberings: {len(target.table.rows):,} records of {len(target.columns)} columns.
A record holds {held} bits.
Guessing each column's most frequent value gets {100 * guessed:.1f} % of all cells right.
A thief is assumed to know which values occur in each column, so these are upper bounds.
Points are percent of all cells above guessing.
Its label has two classes, so this page says nothing of more classes or of numbers.

- **Before**: one free evaluation of five queries of 32 bits, under the rules until bits were bounded.
- **One evaluation**: {SCORE_BITS} bits of a score and {CLASS_BITS} of the class, the defaults of today.
- **All that is sold**: {budget} bits a record, what all evaluations of a listing may tell together at the defaults.
  By whatever accounts, it costs fees of {100 * PAID_SHARE:.0f} % of the listing's price.
  A buyer that spends these fees on records, to which they are credited, gets records for them besides.

| thief | before | one evaluation | all that is sold |
| --- | --- | --- | --- |
{rows}

## Membership

A buyer that knows all cells of a person asks whether that person is in the listing.
The advantage is the share of true answers "yes" less that of false ones: 0 is a coin, 1 is certainty.

| bits of the score | advantage |
| --- | --- |
{asked}

{aimed.page()}
{besides.page()}"""
