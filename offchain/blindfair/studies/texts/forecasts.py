"""Whether a buyer of texts could forecast the gain of its purchase: from what it knows before it pays.

Each guess is of the fall of the test loss below that after own texts alone. It is fitted on all other domains, so that
none tells its own. A forecast is worth having if it errs less than the mean of other domains. Not here: how purchases
are made and judged (`purchases`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.studies.table import TextTable
from blindfair.studies.texts.purchases import SCORE
from blindfair.studies.texts.tables import LABELLED, PLAIN

_LEAST_DOMAINS = 3
_SECTIONS = {PLAIN: "texts for a language model", LABELLED: "labelled texts for a classifier"}


def forecast_table(lines: Sequence[Any]) -> TextTable | None:
    """The errors of all guesses, for each section; None where fewer than three domains were measured."""
    rows = []
    for section, told in _SECTIONS.items():
        mine = [line for line in lines if line["section"] == section]
        # Domains that differ in wrong labels alone share all their texts.
        domains = np.array([line["domain"].split(",")[0] for line in mine for _ in _bought(line)])
        if len(np.unique(domains)) < _LEAST_DOMAINS:
            continue
        gains, known = _gains(mine), _known(mine)
        errors = [
            _error(gains, np.zeros_like(gains)),
            _error(gains, _held_out(gains, domains, None)),
            *(_error(gains, _held_out(gains, domains, each)) for each in known),
        ]
        rows.append((
            told, str(len(gains)), f"{gains.mean():+.4f} ± {gains.std():.4f}", f"{(gains > 0).mean():.0%}",
            *(f"{error:.4f}" for error in errors),
        ))  # fmt: skip
    if not rows:
        return None
    return TextTable(
        "forecasts",
        "Can the gain be forecast?",
        "The gain is over no purchase: the fall of the test loss below that after own texts alone, in nats.\n"
        "Guesses are fitted on the purchases of all *other* domains.\n"
        "A forecast is worth having if its error is smaller than that of the mean of other domains.\n"
        "The product makes none for texts.\n"
        "*Gain*: mean over purchases by score ± one standard deviation, and how often it is above zero.\n"
        "*Errors*: root mean squares of gain less guess.\n"
        "*Nothing*: the guess is zero.\n"
        "*Size*: a line by the share of the offer that is bought.\n"
        "*Own fit*: a line by what own texts gained, times the logarithm of one plus that share.\n"
        "*Both*: a plane by both.",
        ("purchases of", "number", "gain", "above zero", "error: nothing", "mean", "size", "own fit", "both"),
        tuple(rows),
    )


def _bought(line: Any) -> list[Any]:
    return [each for each in line["purchases"] if each["arm"] == SCORE]


def _gains(lines: Sequence[Any]) -> Floats:
    return np.array([line["own"]["loss"] - each["loss"] for line in lines for each in _bought(line)])


def _known(lines: Sequence[Any]) -> tuple[Floats, Floats, Floats]:
    """What the buyer knows before it pays, as the columns of each guess."""
    shares = np.array(
        [sum(each["bought"].values()) / sum(line["offered"].values()) for line in lines for each in _bought(line)]
    )
    own = np.array([line["base"]["loss"] - line["own"]["loss"] for line in lines for _ in _bought(line)])
    size, fit = shares[:, np.newaxis], (own * np.log1p(shares))[:, np.newaxis]
    return size, fit, np.hstack([size, fit])


def _held_out(gains: Floats, domains: np.typing.NDArray[np.str_], known: Floats | None) -> Floats:
    """The guess for each purchase, fitted by least squares on those of other domains; their mean without `known`."""
    ones = np.ones((len(gains), 1))
    columns = ones if known is None else np.hstack([ones, known])
    found = np.empty(len(gains))
    for domain in np.unique(domains):
        others = domains != domain
        weights = np.linalg.lstsq(columns[others], gains[others], rcond=None)[0]
        found[~others] = columns[~others] @ weights
    return found


def _error(gains: Floats, guesses: Floats) -> float:
    return float(np.sqrt(np.mean((gains - guesses) ** 2)))
