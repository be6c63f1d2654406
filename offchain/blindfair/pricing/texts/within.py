"""The query within a space that does not hold it: rows score there as nearly as can be as they do by the whole query.

    p = argmin  sum over known rows of (x . p - s)^2 + ridge |p - q|^2       x: a row in the space, of length 1
                                                                             s: its score by the whole query
                                                                             q: the query's part in the space

`q` alone leaves out what lies outside. What texts have inside tells of it: rows are far from evenly spread. The seller
sees the space and not `p`, so it learns no more. Not here: the space (`influence.text.bases`).
"""

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.text.scoring import unit_rows
from blindfair.protocol.errors import ShapeMismatch

_RIDGE = 0.1
"""Times the mean square of an entry: rows are fewer than their entries."""


def query_within(part: Floats, rows: Floats, scores: Floats) -> Floats:
    """Return the `k` numbers by which projected rows `n x k` score most nearly as by the whole query.

    `part` are the `k` numbers of the query's part in the space; `scores` are the `n` scores of the rows, as they are
    before any is divided by its length. Rows of zeros do not count. Raises ShapeMismatch.

    >>> rng = np.random.default_rng(0)
    >>> inside = rng.normal(size=(500, 2))
    >>> outside = 3 * inside[:, 0]
    >>> np.round(query_within(np.array([1.0, 1.0]), inside, inside.sum(axis=1) + outside))
    array([4., 1.])
    """
    if rows.ndim != 2 or part.shape != rows.shape[1:] or scores.shape != rows.shape[:1]:
        raise ShapeMismatch(
            "Rows, their scores and the query do not fit each other",
            expected=f"{len(part)} entries, {len(scores)} scores",
            found=rows.shape,
        )
    lengths = np.linalg.norm(rows, axis=1)
    units = unit_rows(rows)
    missed = np.where(lengths > 0, scores / np.where(lengths > 0, lengths, 1.0), 0.0) - units @ part
    squares = units.T @ units
    ridge = _RIDGE * max(float(np.trace(squares)) / len(squares), np.finfo(np.float64).tiny)
    return np.asarray(
        part + np.linalg.solve(squares + ridge * np.eye(len(squares)), units.T @ missed), dtype=np.float64
    )
