"""How far two honest machines may lie apart in the rows of a text model: measured, with a stated factor (PROTOCOL 5.4).

For small networks a rigorous bound goes along with every number (`influence.disagreement`). For transformers such a
bound is useless: it assumes that all roundings of thousands of terms lean to one side, layer after layer, and ends
above any entry. Here the error itself is measured: rows of the buyer's own records in single precision against the same
rows in double, whose own error is a billion times smaller. With `e` the errors in units of a rounded row:

    largest = 2 FACTOR max |e|                    two machines, each as far off as FACTOR times the worst seen
    share   = 2 FACTOR max over entries of rms e  chance that an entry rounds otherwise, over records

An entry rounds otherwise on another machine if a tie lies between the two numbers, so with a chance of their distance
in units. While `largest < 1` integers differ by one at most: the tolerance is 1. The audit allows for a share of
`ROUNDING_SHARE`. Where `largest` is 1 or more, it is given as the share, and a buyer refuses to ask.

Beside it stands what theory expects: errors of sums that do not lean grow with the root of the number of terms
(Higham and Mary 2019, SIAM J. Sci. Comput. 41, theorem 2.4), and those of products in a row add up as a random walk:

    expected = u sqrt(terms of all sums on the way forward and back) 2047        u = 2^-24

Other batch sizes, padding, threads and implementations of attention were seen to move rows less than `e` itself: their
errors are of the same kind. Not here: the audit (`protocol.audit`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.text.architectures import TextLayer
from blindfair.influence.text.base_config import BaseConfig
from blindfair.protocol.rows import ROW_LIMIT

FACTOR = 4
"""How much farther off than measured another machine, or another record, may be."""

_U = 2.0**-24


@dataclass(frozen=True, slots=True)
class RowAgreement:
    """What was measured, in units of a rounded row."""

    error: float
    """The largest error of an entry."""

    spread: float
    """The largest root mean square, over records, of the error of an entry."""

    expected: float
    """The error of a full entry that theory expects: a figure to compare with, no bound."""

    @property
    def largest(self) -> float:
        """How far two honest machines may lie apart."""
        return 2 * FACTOR * self.error

    @property
    def share(self) -> float:
        """The share of entries that may round otherwise; `largest` where that is 1 or more."""
        return 2 * FACTOR * self.spread if self.largest < 1 else self.largest


def measure(
    single: Floats,
    double: Floats,
    row_scales: Floats,
    layers: Sequence[TextLayer],
    config: BaseConfig,
    longest: int,
) -> RowAgreement:
    """Compare rows `n x k` in single precision with those in double, each row at its scale, units per 1.0."""
    errors = (single - double) * row_scales[:, np.newaxis]
    spread = np.sqrt((errors**2).mean(axis=0)) if len(errors) else np.zeros(1)
    return RowAgreement(
        float(np.abs(errors).max(initial=0.0)), float(spread.max(initial=0.0)), expected(layers, config, longest)
    )


def of_lengths(rows: Floats, others: Floats) -> Floats:
    """Rows `n x k`, each as long as the one of `others`; not finite where they have no length."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(rows * (_lengths(others) / _lengths(rows)), dtype=np.float64)


def _lengths(rows: Floats) -> Floats:
    return np.asarray(np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float64)


def expected(layers: Sequence[TextLayer], config: BaseConfig, longest: int) -> float:
    """The probable error of a full entry, in units: `u sqrt(terms) 2047`.

    Forward, a layer sums its inputs, and attention a head's numbers and the window's tokens; back, its outputs and the
    same again; a norm sums the width. Layers side by side are counted one after another, so the figure is rather large.
    """
    terms = sum(layer.inputs + layer.outputs for layer in layers)
    terms += config.depth * (2 * (config.width // config.heads + longest) + 8 * config.width) + longest
    return _U * math.sqrt(terms) * ROW_LIMIT
