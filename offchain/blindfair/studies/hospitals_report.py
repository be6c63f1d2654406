"""The study of hospitals as a page and a document: how well each guess ranks sellers, the limit, and the interval.

Not here: the market and the guesses (`hospitals`).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.forecast import WIDENING
from blindfair.pricing.ranks import rank_correlation
from blindfair.pricing.utility import mean_and_margin
from blindfair.protocol.documents import Document
from blindfair.studies.coverage import Intervals, held_out_factors
from blindfair.studies.hospitals import MARKETS, SellerOutcome, SellerValue, run_table

REPETITIONS, QUICK_REPETITIONS = 20, 3

PUBLISHED = {
    "forecast": (0.959, 0.900),
    "gradient cosine": (0.913, 0.855),
    "data likeness": (0.285, 0.311),
    "random": (0.354, 0.352),
}
"""Influence scores, and their rivals, for 54 hospitals (arXiv 2512.06033): |Pearson| and |Spearman|."""

GOAL = 0.95
"""The Pearson correlation that was hoped for."""

Market = list[SellerOutcome]
_OF: dict[str, Callable[[SellerValue], float]] = {"loss": lambda value: value.loss, "AUC": lambda value: value.auc}


def write_hospitals(folder: Path, *, quick: bool = False) -> Document:
    """Measure, and write `hospitals.md` to a folder. The result as a document."""
    repetitions = QUICK_REPETITIONS if quick else REPETITIONS
    markets = run_markets(repetitions)
    found: Document = {
        "repetitions": repetitions,
        "sellers": len(markets[0]),
        "tables": {table: _table(markets, table) for table in MARKETS},
        "values": {kind: _value(markets, of) for kind, of in _OF.items()},
        "published": {name: list(pair) for name, pair in PUBLISHED.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hospitals.md").write_text(page(found), encoding="utf-8")
    return found


def run_markets(repetitions: int) -> list[Market]:
    """The sellers of all tables, for each repetition."""
    return [[one for name in MARKETS for one in run_table(name, seed)] for seed in range(repetitions)]


def _value(markets: Sequence[Market], of: Callable[[SellerValue], float]) -> Document:
    coverage = _coverage(markets, of)
    return {
        "correlations": {
            name: {"pearson": [*_mean(pearson)], "spearman": [*_mean(spearman)], "within": within}
            for name, (pearson, spearman, within) in _correlations(markets, of).items()
        },
        "limit_of_test_set": _limit(markets, of),
        "held": coverage,
    }


def _correlations(
    markets: Sequence[Market], of: Callable[[SellerValue], float]
) -> dict[str, tuple[list[float], list[float], float]]:
    """For each guess, |Pearson| and |Spearman| of each repetition over all sellers, and the mean Pearson within one
    table."""
    found = {}
    for name in markets[0][0].guesses:
        pearson, spearman, within = [], [], []
        for market in markets:
            guess, truth = (
                np.array([of(one.guesses[name]) for one in market]),
                np.array([of(one.realised) for one in market]),
            )
            pearson.append(abs(_pearson(guess, truth)))
            spearman.append(abs(rank_correlation(guess, truth) or 0.0))
            for table in MARKETS:
                places = [place for place, one in enumerate(market) if one.table == table]
                within.append(_pearson(guess[places], truth[places]))
        found[name] = pearson, spearman, float(np.mean(within))
    return found


def _limit(markets: Sequence[Market], of: Callable[[SellerValue], float]) -> float:
    """The Pearson correlation with the realised value that the true value would have: the square root of the realised
    value's reliability, from the halves of the test set (Spearman 1910, Brown 1910)."""
    halves = [
        _pearson(*(np.array([of(one.halves[part]) for one in market]) for part in range(2))) for market in markets
    ]
    mean = max(0.0, float(np.mean(halves)))
    return float(np.sqrt(2 * mean / (1 + mean)))


def _coverage(markets: Sequence[Market], of: Callable[[SellerValue], float]) -> Document:
    """How often the interval holds the value: as the worlds give it, and widened by what other tables need."""
    sellers = [one for market in markets for one in market]
    plain = Intervals(*(np.array([of(part) for part in parts]) for parts in (
        [one.guesses["forecast"] for one in sellers], [one.low for one in sellers], [one.high for one in sellers]
    )))  # fmt: skip
    truth = np.array([of(one.realised) for one in sellers])
    tables = np.array([one.table for one in sellers])
    factors = held_out_factors(plain, truth, tables)
    wide = plain if factors is None else plain.widened(factors)
    shipped = plain.widened(np.full(len(truth), WIDENING))
    ranked = np.sort(plain.errors(truth))
    return {
        "as_simulated": float(plain.holds(truth).mean()),
        "held_out": float(wide.holds(truth).mean()),
        "held_out_worst_table": min(float(wide.holds(truth)[tables == table].mean()) for table in MARKETS),
        "factor_of_all": float(ranked[min(len(ranked) - 1, int(np.ceil(0.95 * len(ranked))))]),
        "as_shipped": float(shipped.holds(truth).mean()),
        "as_shipped_width": float((shipped.high - shipped.low).mean()),
        "as_shipped_sign": float(((shipped.low > 0) | (shipped.high < 0)).mean()),
    }


def _pearson(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


def _mean(values: list[float]) -> tuple[float, float]:
    mean, margin = mean_and_margin(np.array(values))
    return float(mean), float(margin)


def _table(markets: Sequence[Market], table: str) -> Document:
    """The sellers of a table: how many, their records, and the mean and deviation of their values to four digits."""
    sellers = [one for found in markets for one in found if one.table == table]
    sizes = [one.records for one in sellers]
    values = {kind: np.array([of(one.realised) for one in sellers]) for kind, of in _OF.items()}
    return {
        "sellers": MARKETS[table].sellers,
        "records": [min(sizes), max(sizes)],
        **{kind: [round(float(found.mean()), 4), round(float(found.std()), 4)] for kind, found in values.items()},
    }


def page(document: Document) -> str:
    """The page of a document."""
    values: Any = document["values"]
    tables: Any = document["tables"]
    repetitions: Any = document["repetitions"]
    return _page(repetitions, document["sellers"], tables, values, document["published"])


def _correlation_lines(value: Mapping[str, Any], others: Mapping[str, Sequence[float]]) -> str:
    lines = []
    for name, found in value["correlations"].items():
        published = " / ".join(f"{number:.3f}" for number in others[name]) if name in others else ""
        shown = " | ".join(f"{mean:.3f} ± {margin:.3f}" for mean, margin in (found["pearson"], found["spearman"]))
        lines.append(f"| {name} | {shown} | {found['within']:+.2f} | {published} |")
    lines.append(f"| limit of the test set | {value['limit_of_test_set']:.3f} | | | |")
    return "\n".join(lines)


def _table_lines(tables: Mapping[str, Any]) -> str:
    lines = []
    for table, found in tables.items():
        least, most = found["records"]
        worth = " | ".join(f"{mean:+.4f} ± {deviation:.4f}" for mean, deviation in (found[kind] for kind in _OF))
        lines.append(f"| {table} | {found['sellers']} | {least} to {most} | {worth} |")
    return "\n".join(lines)


def _interval_lines(values: Mapping[str, Any]) -> str:
    lines = []
    for kind in _OF:
        held = values[kind]["held"]
        lines.append(
            f"| {kind} | {held['as_simulated']:.0%} | {held['held_out']:.0%} | {held['held_out_worst_table']:.0%} | "
            f"{held['as_shipped']:.0%} | {held['as_shipped_width']:.3f} | {held['as_shipped_sign']:.0%} |"
        )
    return "\n".join(lines)


def _reading(values: Mapping[str, Any]) -> str:
    """Whether the goal is met, and what limits the forecast, from the figures."""
    lines = []
    for kind in _OF:
        found = {name: each["pearson"][0] for name, each in values[kind]["correlations"].items()}
        met = "reaches" if found["forecast"] >= GOAL else "does not reach"
        lines.append(
            f"For the {kind} the forecast {met} the goal of {GOAL}: {found['forecast']:.2f}.\n"
            f"Without noise it has {found['forecast, exact scores']:.2f}, with the records seen "
            f"{found['records seen']:.2f}; the test set alone caps it at {values[kind]['limit_of_test_set']:.2f}.\n"
        )
    return "".join(lines)


def _page(
    repetitions: int,
    sellers: Any,
    tables: Mapping[str, Any],
    values: Mapping[str, Any],
    published: Any,
) -> str:
    head = "| guess | Pearson | Spearman | within a table | published |\n| --- | --- | --- | --- | --- |"
    return f"""# Hospitals: the value of a seller, forecast blind

This page is for readers who want to know how well scores tell what a seller is worth before anything is bought.
`scripts/study hospitals --report DIR --json FILE` made it; nothing here is written by hand.

There are {sellers} sellers, made of four real clinical tables, and one buyer for each table.
Each seller has its own size, case mix, share of wrong labels (0 to 50 %, none of a third) and missing columns.
No record is in two places.
The label of each table has two classes, so this page says nothing of more classes or of numbers.
[Another study](labels.md) measures those.
The buyer has 5 % of a table for training and 20 % for validation; of the largest, `visits`, 1 % and 5 %.
These shares were chosen after trials with half as many validation records, where the forecast was worse.
A quarter of the table tests.
It asks for the default bits, through noise.
The *value* of a seller is what buying all of its records changes on the test set.
The model is a logistic regression of the training records, with the purchase and without it.

| table | sellers | records | loss taken off | AUC gained |
| --- | --- | --- | --- | --- |
{_table_lines(tables)}

Means over sellers and repetitions, ± one standard deviation.

## How well each guess tells the value

Absolute correlations over all sellers of a repetition; means of {repetitions} repetitions, ± half of a 95 % interval.

- *Within a table*: the mean Pearson correlation among the sellers of one buyer, with its sign.
- *Forecast*: the product's, from scores alone.
- *Forecast, exact scores*: the same from scores of 32 bits, without noise.
- *Records seen*: the buyer has the records, trains on them, and measures on its validation records.
  This is no bound, but shows what the buyer's few own records allow without noise and without blindness.
- *Gradient cosine* and *data likeness* see the records, too.
- *Limit of the test set*: the correlation that the true value would have, as the halves of the test set differ.
- *Published*: influence scores for 54 hospitals with 1.29 million rows (arXiv 2512.06033), Pearson / Spearman.

{_reading(values)}
The value as the loss that is taken off:

{head}
{_correlation_lines(values["loss"], published)}

The value as the AUC that is gained:

{head}
{_correlation_lines(values["AUC"], published)}

## The interval of a forecast

The share of sellers of which the value lies in the forecast's interval of 95 %.

- *Simulated*: as the worlds of the forecast give it.
- *Held out*: widened by what the sellers of all *other* tables need (split conformal prediction), and on the worst
  table.
- *Product*: widened by {WIDENING:g} in all, as `buyer evaluate` shows it, with its mean width.
  That factor was found on these sellers, so *held out* is what a new table may expect.
- *Sign told*: so many of the product's intervals do not hold zero.

| value | simulated | held out | worst table | product | width | sign told |
| --- | --- | --- | --- | --- | --- | --- |
{_interval_lines(values)}
"""
