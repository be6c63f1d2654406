"""The demo's three pictures: who was bought by what score, what the purchase was worth, and what each step cost."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from blindfair.agents.store import write_atomically
from blindfair.cli.demo.cases import TradeResult
from blindfair.pricing.utility import Utility

_T_975_10_SEEDS = 2.262
_BY_SCORE, _RANDOM, _CLEAN = "#1b6ca8", "#8a8a8a", "#3a9d5d"
_BANDS = (
    ("auc_clean", "clean only (nobody could know)", _CLEAN),
    ("auc_by_score", "by blind score", _BY_SCORE),
    ("auc_random", "at random", _RANDOM),
)


def draw_scores(path: Path, scores: NDArray[np.float64], bought: NDArray[np.bool_]) -> None:
    """The distribution of the scores of `n` records, with the bought part (`n` bool) marked."""
    figure, axes = _sheet("Blind scores of the offered records", "score in nats (positive = helpful)", "records")
    edges = np.histogram_bin_edges(scores, bins=48)
    axes.hist(scores, bins=list(edges), color="#d5dbe1", label=f"offered: {scores.size:,}")
    axes.hist(scores[bought], bins=list(edges), color=_BY_SCORE, label=f"bought: {int(bought.sum()):,}")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_utility(path: Path, utility: Utility) -> None:
    """Test AUC by the share of the offer bought: by score, at random and clean only, with 95 % bands over the seeds."""
    figure, axes = _sheet(
        f"What the purchase does for the model ({len(utility.outcomes)} seeds)",
        "share of the offer bought",
        "AUC on a test set of neither party",
    )
    order = np.argsort(utility.shares)
    shares = np.array(utility.shares)[order]
    before = float(np.mean([outcome.auc_before for outcome in utility.outcomes]))
    for arm, label, colour in _BANDS:
        curve = utility.curve(arm)[:, order]
        mean = curve.mean(axis=0)
        half = _T_975_10_SEEDS * curve.std(axis=0, ddof=1) / np.sqrt(len(curve))
        axes.plot(shares, mean, marker="o", markersize=4, color=colour, label=label)
        axes.fill_between(shares, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(before, color="black", linewidth=0.8, linestyle="--", label="before")
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_gas(path: Path, trades: Mapping[str, TradeResult]) -> None:
    """Gas of every step that occurred in any case."""
    gas = {step: used for trade in trades.values() for step, used in trade.gas.items()}
    figure, axes = _sheet("Gas of each step, counted", "gas", "")
    steps = list(gas)[::-1]
    bars = axes.barh(steps, [gas[step] for step in steps], color=_BY_SCORE)
    axes.bar_label(bars, labels=[f" {gas[step]:,}" for step in steps])
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter(lambda used, _: f"{used:,.0f}")
    _save(figure, path)


def _sheet(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_atomically(path, buffer.getvalue(), 0o644)
