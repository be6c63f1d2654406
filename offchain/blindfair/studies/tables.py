"""The tables of purchases, each a function of the findings; and the list of all. Not here: writing them (`report`)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from blindfair.studies.cells import BEFORE, CLEAN, DEFAULT, RANDOM
from blindfair.studies.reading import Findings
from blindfair.studies.side_tables import attacks_table, bundles_table, intervals_table, sums_table
from blindfair.studies.statistics import Result, gain, gap_share, methods_of, worst
from blindfair.studies.table import TextTable
from blindfair.studies.worlds import Regime

DISCLOSED = "limit: all features and labels disclosed"
KNOWS_ALL = "limit: scores of a model that knows all"
TRUE_LABELS = "limit: true labels"
MAIN_SHARE = 0.3


def all_tables(found: Findings) -> list[TextTable]:
    """The tables for which there are findings."""
    tables = [
        _bar(found),
        _methods(found),
        _sizes_of_purchase(found),
        _data_sets(found),
        _buyers(found),
        _networks(found),
        _estimates(found),
        _outlook(found),
        sums_table(found),
        bundles_table(found),
        intervals_table(found),
        attacks_table(found),
    ]
    return [table for table in tables if table.rows]


def _bar(found: Findings) -> TextTable:
    rows = []
    for regime, cells in _by_regime(found.where(family="logistic", size="middle")):
        for share in (0.1, MAIN_SHARE):
            least, min_gain = worst(cells, DEFAULT, share)
            rows.append(
                (
                    regime,
                    f"{share:.0%}",
                    f"{gain(cells, CLEAN, RANDOM, share).mean:+.4f}",
                    str(gain(cells, DEFAULT, RANDOM, share)),
                    _percent(gap_share(cells, DEFAULT, share)),
                    str(gain(cells, BEFORE, RANDOM, share)),
                    _percent(gap_share(cells, BEFORE, share)),
                    _percent(gap_share(cells, DISCLOSED, share)),
                    _percent(gap_share(cells, KNOWS_ALL, share)),
                    f"{least} {min_gain}",
                )
            )
    return TextTable(
        "bar",
        "The bar",
        "Logistic regression, middle buyer, mean over data sets.\n"
        "Gains are in AUC over random, with 95 % intervals over seeds.\n"
        "The limits choose in the same way by better scores; they are given as parts of the gap.\n"
        "*Of gap*: the gain as a part of the gap from random to clean.\n"
        "*All disclosed*: scores of a model fitted to everything offered, with labels as they are, right or wrong.\n"
        "*Truth known*: scores of a model that knows the true labels.\n"
        "*Worst data set*: the one where trust gains least over random.",
        ("regime", "bought", "clean", "trust", "trust: of gap", "old default", "old default: of gap",
         "limit: all disclosed", "limit: truth known", "worst data set"),
        tuple(rows),
        keys=2,
        breaks=("limit: all disclosed",),
    )  # fmt: skip


def _methods(found: Findings) -> TextTable:
    cells = found.where(family="logistic", size="middle")
    regimes = [regime for regime, _ in _by_regime(cells)]
    rows = []
    for method in methods_of(cells):
        if method == RANDOM:
            continue
        row = [method]
        for regime in regimes:
            having = [cell for cell in cells if cell.regime == regime and method in cell.quality]
            row.append(f"{1e4 * gain(having, method, RANDOM, MAIN_SHARE).mean:+.0f}" if having else "")
        rows.append(tuple(row))
    return TextTable(
        "methods",
        "Every method",
        f"Gains in AUC over random, times 10,000, {MAIN_SHARE:.0%} bought.\nThe cells are those of the table above.",
        ("method", *regimes),
        tuple(rows),
    )


def _sizes_of_purchase(found: Findings) -> TextTable:
    rows = []
    cells = found.where(family="logistic", size="middle")
    for regime, part in _by_regime(cells):
        shares = part[0].shares
        rows.append((regime, *(f"{gain(part, DEFAULT, RANDOM, share)}{_of_gap(part, share)}" for share in shares)))
    columns = tuple(f"{share:.0%}" for share in cells[0].shares) if cells else ()
    return TextTable(
        "purchases",
        "Sizes of purchase",
        "Gain of trust over random in AUC, by the share of the offer that is bought.\n"
        "In brackets: that gain as a part of the gap from random to clean.\n"
        "The cells are those of the tables above.",
        ("regime", *columns),
        tuple(rows),
    )


def _data_sets(found: Findings) -> TextTable:
    rows = []
    for data in sorted({cell.data for cell in found.where(family="logistic", size="middle")}):
        for regime, cells in _by_regime(found.where(family="logistic", size="middle", data=data)):
            rows.append(_plain_row(cells, data, regime))
    return TextTable(
        "data-sets",
        "Each data set",
        f"Logistic regression, middle buyer, AUC, {MAIN_SHARE:.0%} bought.\n{_PLAIN_NOTE}",
        ("data set", "regime", *_PLAIN_COLUMNS),
        tuple(rows),
        keys=2,
    )


def _buyers(found: Findings) -> TextTable:
    rows = []
    for size in ("small", "middle", "large"):
        for regime in ("clean", "wrong-30", "shift-wrong-30"):
            names = {cell.data for cell in found.where(size="large")}
            cells = [cell for cell in found.where(family="logistic", size=size, regime=regime) if cell.data in names]
            if cells:
                rows.append(_plain_row(cells, size, regime))
    return TextTable(
        "buyers",
        "Small and large buyers",
        f"Logistic regression, AUC, {MAIN_SHARE:.0%} bought, on the data sets that were tried with buyers of every "
        "size.\n"
        "A small buyer has 7.5 % of the data set, a middle one 15 %, a large one 30 %.\n"
        f"{_PLAIN_NOTE}",
        ("buyer", "regime", *_PLAIN_COLUMNS),
        tuple(rows),
        keys=2,
    )


def _networks(found: Findings) -> TextTable:
    rows = []
    networks = [cell for cell in found.cells if cell.family != "logistic"]
    for family, data in dict.fromkeys((cell.family, cell.data) for cell in networks):
        for regime, cells in _by_regime([cell for cell in networks if (cell.family, cell.data) == (family, data)]):
            rows.append(_plain_row(cells, f"{family}, {data} ({cells[0].judge})", regime))
    return TextTable(
        "networks",
        "Networks",
        f"Middle buyer, {MAIN_SHARE:.0%} bought; AUC for two classes, accuracy for more.\n{_PLAIN_NOTE}",
        ("model, data set", "regime", *_PLAIN_COLUMNS),
        tuple(rows),
        keys=2,
        breaks=("trust over random",),
    )


def _estimates(found: Findings) -> TextTable:
    rows = []
    for regime, cells in _by_regime(found.where(family="logistic", size="middle")):
        known = [cell for cell in cells if cell.bad_estimated is not None]
        if not known:
            continue
        true = np.array([cell.bad_share for cell in known])
        estimated = np.array([cell.bad_estimated for cell in known], dtype=np.float64)
        apart = [cell.told_apart for cell in known if cell.told_apart is not None]
        bought = [cell.bad[DEFAULT][cell.shares.index(MAIN_SHARE)] for cell in known]
        rows.append(
            (
                regime,
                f"{true.mean():.2f}",
                f"{estimated.mean():.2f}",
                f"{np.abs(estimated - true).mean():.2f}",
                f"{np.mean(apart):.3f}" if apart else "",
                f"{np.mean(bought):.2f}",
            )
        )
    return TextTable(
        "estimates",
        "The share of bad records, estimated blind",
        "Logistic regression, middle buyer.\n"
        "*Off by*: the mean error of one estimate.\n"
        "*Told apart*: how well the score tells bad records from good ones (AUC).\n"
        f"*Bought*: the share of bad records in a purchase of {MAIN_SHARE:.0%}.",
        ("regime", "true", "estimated", "off by", "told apart", "bought"),
        tuple(rows),
    )


_STEPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 1.0)


def _outlook(found: Findings) -> TextTable:
    cells = [cell for cell in found.where(family="logistic") if cell.bad_estimated is not None]
    rows = []
    for low, high in pairwise(_STEPS):
        part = [cell for cell in cells if cell.bad_estimated is not None and low <= cell.bad_estimated < high]
        if not part:
            continue
        chosen, drawn = (np.array([cell.at(method, MAIN_SHARE) for cell in part]) for method in (DEFAULT, RANDOM))
        before = np.array([cell.before for cell in part])
        rows.append(
            (
                f"{low:.0%} to {high:.0%}",
                str(len(part)),
                f"{np.mean([cell.bad_share for cell in part]):.2f}",
                f"{(chosen - drawn).mean():+.4f}",
                f"{(chosen - before).mean():+.4f}",
                f"{(chosen > before).mean():.0%}",
                f"{(drawn - before).mean():+.4f}",
            )
        )
    return TextTable(
        "outlook",
        "What the estimate says about a purchase",
        f"All cells of logistic regression, by the estimated share of bad records; {MAIN_SHARE:.0%} bought.\n"
        "*Over before*: against the model that the buyer had before the purchase.\n"
        "*Better than before*: in so many of the cells a purchase by trust made a better model.",
        ("bad, estimated", "cells", "bad, true", "trust over random", "trust over before", "better than before",
         "random over before"),
        tuple(rows),
    )  # fmt: skip


_PLAIN_COLUMNS = (
    "seeds",
    "before",
    "random",
    "clean",
    "trust",
    "old default",
    "trust over random",
    "of gap",
    "true labels",
)
_PLAIN_NOTE = "*True labels* is a limit: the default's selection, if the true labels were known."


def _plain_row(cells: Sequence[Result], *names: str) -> tuple[str, ...]:
    def mean(method: str) -> str:
        return f"{np.mean([cell.at(method, MAIN_SHARE) for cell in cells]):.4f}"

    return (
        *names,
        str(len({cell.seed for cell in cells})),
        f"{np.mean([cell.before for cell in cells]):.4f}",
        mean(RANDOM),
        mean(CLEAN),
        mean(DEFAULT),
        mean(BEFORE),
        str(gain(cells, DEFAULT, RANDOM, MAIN_SHARE)),
        _percent(gap_share(cells, DEFAULT, MAIN_SHARE)),
        mean(TRUE_LABELS),
    )


def _by_regime(cells: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    found = [(regime.value, [cell for cell in cells if cell.regime == regime.value]) for regime in Regime]
    return [(regime, part) for regime, part in found if part]


def _of_gap(cells: Sequence[Result], share: float) -> str:
    part = _percent(gap_share(cells, DEFAULT, share))
    return f" ({part})" if part else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
