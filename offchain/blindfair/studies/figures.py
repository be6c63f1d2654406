"""The pictures of the report, small PNG files. Not here: their numbers, which the tables have, too."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindfair.studies.cells import BEFORE, CLEAN, DEFAULT, RANDOM
from blindfair.studies.reading import Findings
from blindfair.studies.side_tables import bundle_arrays
from blindfair.studies.statistics import gain
from blindfair.studies.tables import DISCLOSED, MAIN_SHARE
from blindfair.studies.worlds import Regime

_DPI = 90
_BARS = ((BEFORE, "#b8b8b8"), (DEFAULT, "#1f6fb4"), (DISCLOSED, "#8fc1e3"), (CLEAN, "#3a9a4b"))


def draw_figures(found: Findings, directory: Path) -> None:
    """Draw what there are findings for."""
    if found.where(family="logistic", size="middle"):
        _save(directory / "gains.png", (8.0, 3.6), lambda axes: _gains(found, axes))
        _save(directory / "bad-share.png", (4.2, 3.6), lambda axes: _estimates(found, axes))
    if found.where(family="logistic", size="middle", regime="wrong-30"):
        _save(directory / "purchases.png", (5.2, 3.6), lambda axes: _purchases(found, axes))
    if found.bundles:
        _save(directory / "bundles.png", (4.2, 3.6), lambda axes: _bundles(found, axes))


def _save(path: Path, size: tuple[float, float], draw: Callable[[Axes], None]) -> None:
    # Text as paths and no date, so that equal numbers give equal files.
    with matplotlib.rc_context({"font.size": 8, "svg.hashsalt": "study"}):
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        draw(figure.subplots())
        figure.savefig(path, metadata={"Software": None})


def _gains(found: Findings, axes: Axes) -> None:
    cells = found.where(family="logistic", size="middle")
    regimes = [regime.value for regime in Regime if any(cell.regime == regime.value for cell in cells)]
    for number, (method, colour) in enumerate(_BARS):
        gains = [gain([c for c in cells if c.regime == regime], method, RANDOM, MAIN_SHARE) for regime in regimes]
        places = np.arange(len(regimes)) + 0.2 * (number - 1.5)
        axes.bar(
            places,
            [one.mean for one in gains],
            0.2,
            yerr=[one.margin or 0.0 for one in gains],
            color=colour,
            label=method,
            error_kw={"linewidth": 0.7},
        )
    axes.axhline(0.0, color="black", linewidth=0.7)
    axes.axhline(-0.002, color="red", linewidth=0.7, linestyle=":")
    axes.set_xticks(range(len(regimes)), regimes, rotation=30, ha="right")
    axes.set_ylabel(f"AUC over random, {MAIN_SHARE:.0%} of the offer bought")
    axes.legend(frameon=False)


def _purchases(found: Findings, axes: Axes) -> None:
    for regime, style in (("wrong-30", "-"), ("clean", "--")):
        cells = found.where(family="logistic", size="middle", regime=regime)
        if not cells:
            continue
        shares = cells[0].shares
        before = np.mean([cell.before for cell in cells])
        for method, colour in ((RANDOM, "#b03030"), (DEFAULT, "#1f6fb4"), (CLEAN, "#3a9a4b")):
            values = [np.mean([cell.at(method, share) for cell in cells]) for share in shares]
            axes.plot([0.0, *shares], [before, *values], style, color=colour, label=f"{method}, {regime}", marker=".")
    axes.set_xlabel("share of the offer bought")
    axes.set_ylabel("AUC after the purchase, mean over data sets")
    axes.legend(frameon=False)


def _estimates(found: Findings, axes: Axes) -> None:
    cells = [cell for cell in found.where(family="logistic", size="middle") if cell.bad_estimated is not None]
    rng = np.random.default_rng(0)
    true = np.array([cell.bad_share for cell in cells])
    axes.plot(
        true + 0.008 * rng.standard_normal(true.size),
        [cell.bad_estimated or 0.0 for cell in cells],
        ".",
        markersize=2.5,
        alpha=0.5,
        color="#1f6fb4",
    )
    axes.plot([0, 0.7], [0, 0.7], color="black", linewidth=0.7)
    axes.set_xlabel("true share of bad records")
    axes.set_ylabel("estimated blind")


def _bundles(found: Findings, axes: Axes) -> None:
    bundles = bundle_arrays(found)
    for kind, colour in (("whole", "#b03030"), ("part", "#1f6fb4")):
        axes.plot(
            bundles[f"forecast_{kind}_mean"], bundles[kind], ".", markersize=3, alpha=0.6, color=colour, label=kind
        )
    ends = [min(bundles["whole"].min(), bundles["part"].min()), max(bundles["whole"].max(), bundles["part"].max())]
    axes.plot(ends, ends, color="black", linewidth=0.7)
    axes.set_xlabel("gain in AUC, forecast")
    axes.set_ylabel("gain in AUC, realised")
    axes.legend(frameon=False)
