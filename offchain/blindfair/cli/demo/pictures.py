"""The demo's pictures: who was bought by what score and of what source, what buying adds, what each step cost."""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from blindfair.cli.demo.cases import TradeResult
from blindfair.pricing.utility import Utility, mean_and_margin
from blindfair.pricing.value_shape import value_shape

if TYPE_CHECKING:
    # Texts are an extra.
    from blindfair.pricing.texts.utility import TextUtility

_BOUGHT, _REST, _RANDOM, _CLEAN = "#1b6ca8", "#d5dbe1", "#8a8a8a", "#3a9d5d"
_ARMS = (
    ("clean", "clean only: nobody could know", _CLEAN),
    ("by_score", "by blind score", _BOUGHT),
    ("at_random", "at random", _RANDOM),
)
_BINS = 48
_DOTS_PER_INCH = 130

STEPS = {
    "commit": "seller",
    "deposit": "seller",
    "accept": "buyer",
    "reveal": "seller",
    "release": "seller",
    "dispute": "buyer",
    "refund": "buyer",
    "claim": "seller",
    "withdraw": "seller",
}
"""Transactions in the order in which the protocol knows them, and who sends them here (PROTOCOL 3, 7)."""


def draw_scores(scores: NDArray[np.float64], bought: NDArray[np.bool_], meaning: str, why: str) -> bytes:
    """The distribution of the scores of `n` records, with the bought part (`n` bool) marked, as PNG.

    `why` says below it how records are chosen, and is the picture's description for those who do not see it.
    """
    figure, axes = _sheet(
        f"Blind scores of {scores.size:,} offered records; the {int(bought.sum()):,} bought ones in blue",
        f"{meaning}, positive = helpful",
        "records",
    )
    figure.supxlabel(why, fontsize="small", color="#555555", x=0.01, ha="left")
    edges = list(np.histogram_bin_edges(scores, bins=_BINS))
    axes.hist(scores, bins=edges, color=_REST, label="offered")
    axes.hist(scores[bought], bins=edges, color=_BOUGHT, label="of these bought")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.legend(frameon=False)
    return _png(figure, why)


def draw_sources(offered: Mapping[str, int], bought: Mapping[str, int]) -> bytes:
    """How many texts of each source were offered, and how many of them bought, as PNG."""
    figure, axes = _sheet("Sources of the offered texts; the bought ones in blue", "texts", "")
    axes.barh(list(offered), list(offered.values()), color=_REST, label="offered")
    bars = axes.barh(
        list(offered), [bought.get(source, 0) for source in offered], color=_BOUGHT, label="of these bought"
    )
    axes.bar_label(bars, labels=[f" {bought.get(source, 0)} of {count}" for source, count in offered.items()])
    axes.invert_yaxis()
    axes.legend(frameon=False)
    return _png(figure)


def draw_value_curve(scores: NDArray[np.float64], bought: NDArray[np.bool_]) -> bytes:
    """The running sum of the scores of `n` records, the highest first, beside that of the bought part, as PNG.

    Both end where their records do. A curve that falls has come to records that hurt, as far as scores tell.
    """
    shape = value_shape(scores)
    why = (
        f"The highest {shape.carries:.0%} of the scores hold 80 % of all that is positive; {shape.hurts:.0%} of all "
        f"are negative.\nBought are {bought.mean():.0%} of the offer. Scores are seen through noise."
    )
    figure, axes = _sheet(
        f"Value of {scores.size:,} offered records, the highest score first", "records", "sum of scores"
    )
    figure.supxlabel(why, fontsize="small", color="#555555", x=0.01, ha="left")
    for part, label, colour in ((scores, "all offered", _RANDOM), (scores[bought], "the bought ones", _BOUGHT)):
        sums = np.concatenate([[0.0], np.cumsum(np.sort(part)[::-1])])
        axes.plot(np.arange(sums.size), sums, color=colour, label=label)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.legend(frameon=False)
    return _png(figure, why)


def draw_utility(utility: Utility) -> bytes:
    """What a purchase adds to the quality of the buyer's own model, by the share of the offer bought, as PNG.

    Gains are paired: the quality after less the one before, of the same seed. Differences between seeds, far greater
    than any gain, are thus left out. Bands are 95 % intervals of the mean over seeds.
    """
    name = utility.quality.name
    figure, axes = _sheet(
        f"What buying adds to the buyer's model: mean over {len(utility.outcomes)} seeds, with 95 % bands",
        "share of the offer bought",
        f"{name} after less {name} before, same seed",
    )
    order = np.argsort(utility.shares)
    shares = np.array(utility.shares)[order]
    before = utility.curve("before")[:, np.newaxis]
    for arm, label, colour in _ARMS:
        mean, margin = mean_and_margin(utility.curve(arm)[:, order] - before)
        axes.plot(shares, mean, marker="o", markersize=4, color=colour, label=label)
        axes.fill_between(shares, mean - margin, mean + margin, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.8, linestyle="--", label="no purchase")
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.yaxis.set_major_formatter(lambda gain, _: f"{gain:+.3f}" if gain else "0")
    # Outside: the curves may be anywhere.
    figure.legend(frameon=False, loc="outside lower center", ncols=len(_ARMS) + 1)
    return _png(figure)


def draw_text_worth(utility: "TextUtility") -> bytes:
    """How far each purchase lowers the loss of the test texts under that of own texts alone, as PNG.

    Dots are divisions, bars are their means. Gains are paired: losses of the same division.
    """
    figure, axes = _sheet(
        f"What buying adds: {len(utility.outcomes)} divisions and their mean",
        "loss after own texts alone less loss after the purchase: positive = helpful",
        "",
    )
    names = [
        f"at random, {utility.mean('bought_texts'):.0f} texts",
        f"by blind score, {utility.mean('bought_texts'):.0f} texts",
        f"all {utility.wanted_texts} wanted: nobody could know",
    ]
    for place, (arm, colour) in enumerate((("random", _RANDOM), ("by_score", _BOUGHT), ("wanted", _CLEAN))):
        gains = utility.losses("own") - utility.losses(arm)
        axes.barh(place, gains.mean(), color=colour, alpha=0.4)
        axes.scatter(gains, np.full(gains.size, place), color=colour, zorder=3)
    axes.set_yticks(range(len(names)), names)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda gain, _: f"{gain:+.4g}" if gain else "0")
    axes.invert_yaxis()
    return _png(figure)


def draw_gas(trades: Mapping[str, TradeResult]) -> bytes:
    """Gas of every step, from the first case in which it occurred, in the order of the protocol, as PNG."""
    gas: dict[str, int] = {}
    for trade in trades.values():
        gas = trade.gas | gas
    figure, axes = _sheet(
        "Gas of each step, counted; blue are those of the honest trade",
        "gas, summed over the orders of a trade: evaluation, sample and rest",
        "",
    )
    steps = [step for step in STEPS if step in gas]
    colours = [_BOUGHT if step in trades["honest"].gas else _RANDOM for step in steps]
    bars = axes.barh([f"{step} ({STEPS[step]})" for step in steps], [gas[step] for step in steps], color=colours)
    axes.invert_yaxis()
    axes.bar_label(bars, labels=[f" {gas[step]:,}" for step in steps])
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter(lambda used, _: f"{used:,.0f}")
    return _png(figure)


def _sheet(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure, description: str | None = None) -> bytes:
    buffer = BytesIO()
    written = {} if description is None else {"Description": " ".join(description.split())}
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata=written)
    return buffer.getvalue()
