"""The tables of scores with few bits. Not here: what an arm does (`few_bits`)."""

from collections.abc import Sequence

import numpy as np

from blindfair.studies.cells import CLEAN, RANDOM
from blindfair.studies.few_bits import (
    BOUND,
    EXACT,
    NO_CLASS,
    NORM,
    RANGE_BITS,
    REACHES,
    SCORE_BITS,
    SHARE,
    SIX_BITS,
    arm_name,
)
from blindfair.studies.reading import FewBits, Findings
from blindfair.studies.statistics import Result, gain, part_of_gain, worst
from blindfair.studies.table import TextTable
from blindfair.studies.worlds import Regime

_CLEAN = tuple(regime.value for regime in Regime if not regime.troubled)
_TWO, _MANY = "logistic", "softmax"


def few_bits_tables(found: Findings) -> list[TextTable]:
    """The tables for which there are findings."""
    cells = [cell for cell in found.bits if cell.result.family in (_TWO, _MANY)]
    if not cells:
        return []
    networks = [cell.result for cell in found.bits if cell.result.family not in (_TWO, _MANY)]
    tables = [_bits(cells), _ranges(cells), _regimes(cells), _data_sets(cells), _networks(networks)]
    return [table for table in tables if table.rows]


def _bits(cells: Sequence[FewBits]) -> TextTable:
    everything = [cell.result for cell in cells]
    two, many = ([one for one in everything if one.family == family] for family in (_TWO, _MANY))
    clean = [one for one in everything if one.regime in _CLEAN]
    rows = []
    for name, arm in (("exact", EXACT), *((f"{bits} + 1", arm_name(bits)) for bits in SCORE_BITS)):
        least, min_gain = worst(clean, arm, SHARE)
        regime, regime_gain = min(
            (
                (regime, gain(part, arm, RANDOM, SHARE))
                for regime in _CLEAN
                if (part := [one for one in clean if one.regime == regime])
            ),
            key=lambda pair: pair[1].mean,
        )
        rows.append(
            (
                name,
                str(gain(everything, arm, RANDOM, SHARE)),
                *(_part(part, arm) for part in (everything, two, many)),
                f"{np.mean([cell.off[arm] for cell in cells if arm in cell.off]):.3f}",
                f"{np.mean([one.bad[arm][0] for one in everything if one.bad_share > 0]):.3f}",
                str(gain(clean, arm, RANDOM, SHARE)),
                f"{regime} {regime_gain}",
                f"{least} {min_gain}",
            )
        )
    return TextTable(
        "few-bits",
        "Scores of few bits",
        f"The default query, middle buyer, {SHARE:.0%} bought, mean over data sets and all regimes.\n"
        "Seven data sets have two classes (logistic regression, AUC).\n"
        "Two have ten (softmax regression, accuracy); no query tells ten classes, so the class is not asked for.\n"
        "*Bits*: of the score, and of the class.\n"
        "*Of exact*: the gain as a part of the gain of exact scores; two and ten classes apart likewise.\n"
        "*Bad share off by*: the mean error of one estimate of the share of bad records.\n"
        "*Bad bought*: the share of bad records in the purchase.\n"
        "*Clean offers*: gain over random in the regimes " + ", ".join(_CLEAN) + ".",
        ("bits", "gain over random", "of exact", "two classes", "ten classes", "bad share off by", "bad bought",
         "clean offers", "worst clean regime", "worst data set in clean offers"),
        tuple(rows),
        breaks=("clean offers",),
    )  # fmt: skip


def _ranges(cells: Sequence[FewBits]) -> TextTable:
    two = [cell.result for cell in cells if cell.result.family == _TWO]
    ways = (("own reach x 1.2 (default)", ""), *((way, way) for way in (*REACHES, NORM, BOUND, SIX_BITS, NO_CLASS)))
    rows = []
    for name, way in ways:
        having = [one for one in two if arm_name(RANGE_BITS[0], way) in one.quality]
        if having:
            rows.append((name, *(_part(having, arm_name(bits, way)) for bits in RANGE_BITS)))
    return TextTable(
        "few-bits-ranges",
        "The range of a score",
        "The part of exact scores' gain over random that is kept; data sets of two classes, all regimes.\n"
        "All rows but the last ask for the class with one bit.\n"
        "*Own reach*: the largest score of the buyer's own records; scores beyond the range wrap around.\n"
        "*Rows clipped to a norm*: the 95th percentile of norms times the query's norm, by Cauchy and Schwarz.\n"
        "*No row can wrap*: the range of exact scores.\n"
        "*Six bits an entry*: gradient rows rounded to -31 ... 31.",
        ("range", *(f"{bits} bits" for bits in RANGE_BITS)),
        tuple(rows),
    )


_SHOWN = (1, 2, 3, 4, 5)


def _regimes(cells: Sequence[FewBits]) -> TextTable:
    rows = []
    for regime in Regime:
        part = [cell.result for cell in cells if cell.result.regime == regime.value]
        if part:
            gains = [str(gain(part, arm, RANDOM, SHARE)) for arm in (CLEAN, EXACT, *map(arm_name, _SHOWN))]
            rows.append((regime.value, *gains))
    return TextTable(
        "few-bits-regimes",
        "Few bits, by regime",
        "Gain over random, mean over the same data sets.",
        ("regime", "clean", "exact", *(f"{bits} + 1" for bits in _SHOWN)),
        tuple(rows),
        breaks=(f"{_SHOWN[0]} + 1",),
    )


def _data_sets(cells: Sequence[FewBits]) -> TextTable:
    rows = []
    for data, family in dict.fromkeys((cell.result.data, cell.result.family) for cell in cells):
        part = [cell for cell in cells if cell.result.data == data]
        results = [cell.result for cell in part]
        clean = [one for one in results if one.regime in _CLEAN]
        rows.append(
            (
                f"{data}, {family}",
                str(len({one.seed for one in results})),
                str(gain(results, EXACT, RANDOM, SHARE)),
                *(_part(results, arm_name(bits)) for bits in RANGE_BITS),
                f"{np.mean([cell.wrapped for cell in part]):.2%}",
                f"{np.mean([cell.wrapped_expected for cell in part]):.2%}",
                *(str(gain(clean, arm, RANDOM, SHARE)) for arm in (EXACT, *map(arm_name, RANGE_BITS))),
            )
        )
    return TextTable(
        "few-bits-data",
        "Few bits, each data set",
        "*Exact*: the gain of exact scores over random, all regimes; few bits as a part of it.\n"
        f"*Wrapped*: the share of the offer's scores beyond the usable range, mean over {_listed(RANGE_BITS)} bits.\n"
        "*Expected*: the same of the buyer's own held-out scores, by which it is expected.\n"
        "*Clean*: gain over random in clean offers.",
        ("data set", "seeds", "exact", *(f"{bits} + 1" for bits in RANGE_BITS), "wrapped", "expected", "clean: exact",
         *(f"clean: {bits} + 1" for bits in RANGE_BITS)),
        tuple(rows),
        breaks=("clean: exact",),
    )  # fmt: skip


def _networks(results: Sequence[Result]) -> TextTable:
    rows = []
    for data, family, regime in dict.fromkeys((one.data, one.family, one.regime) for one in results):
        part = [one for one in results if (one.data, one.family, one.regime) == (data, family, regime)]
        arms = (CLEAN, EXACT, *map(arm_name, RANGE_BITS), *(arm_name(bits, NO_CLASS) for bits in RANGE_BITS))
        rows.append((f"{family}, {data}", regime, *(str(gain(part, arm, RANDOM, SHARE)) for arm in arms)))
    return TextTable(
        "few-bits-networks",
        "Few bits, by a network",
        "Gain over random in AUC.\n"
        "*And class*: the class is asked for; at a network it takes more than one bit.\n"
        "*Alone*: the class is not asked for.",
        ("model, data set", "regime", "clean", "exact", *(f"{bits} and class" for bits in RANGE_BITS),
         *(f"{bits} alone" for bits in RANGE_BITS)),
        tuple(rows),
        keys=2,
        breaks=(f"{RANGE_BITS[0]} and class", f"{RANGE_BITS[0]} alone"),
    )  # fmt: skip


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _part(results: Sequence[Result], arm: str) -> str:
    if not results:
        return ""
    found = part_of_gain(results, arm, EXACT, RANDOM, SHARE)
    return "" if found is None else str(found)
