"""Thieves that read statistically: is this person in the listing, and what does regression make of many scores.

Not here: columns read as digits (`digits`).
"""

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.studies.theft.channel import LABEL, MODULUS, Stolen, Target, told
from blindfair.studies.theft.digits import OWN_SHARE


def features(target: Target, columns: tuple[str, ...]) -> Floats:
    """The cells of these columns, standardised: `n x k`. Missing ones are the mean."""
    cells = np.array([target.cells(column) for column in columns], dtype=np.float64).T
    cells = np.where(np.isnan(cells), np.nanmean(cells, axis=0), cells)
    spread = cells.std(axis=0)
    return np.asarray((cells - cells.mean(axis=0)) / np.where(spread > 0, spread, 1.0), dtype=np.float64)


def membership_advantage(target: Target, bits: int, rng: np.random.Generator, *, people: int = 200) -> float:
    """How much better than by a coin a buyer tells whether a person, all of whose cells it knows, is in the listing.

    Half of `people` are taken out of the listing. The query is the person's own row, so that its score is the largest
    there can be. In the listing the buyer sees a score at that place, give or take the noise, or else it sees those of
    others only. It says yes where the nearest score is nearer than for the median person. True less false yeses: 0 is a
    coin, 1 is certainty.
    """
    rows = features(target, target.columns)
    chosen = rng.choice(len(rows), people, replace=False)
    absent = chosen[: people // 2]
    listed = np.setdiff1d(np.arange(len(rows)), absent)
    nearest = np.empty(people)
    for number, person in enumerate(chosen):
        products = rows[listed] @ rows[person]
        own = float(rows[person] @ rows[person])
        unit = (0.5 - 0.5**bits) / max(own, float(np.abs(products).max()))
        scores = np.rint(products * unit * MODULUS).astype(np.int64)[np.newaxis, :]
        seen = told(scores, [bits], rng)[0]
        apart = np.abs((seen - own * unit + 0.5) % 1.0 - 0.5)
        # Within the noise of the expected place, the fewer others have such a score the surer it is.
        inside = apart <= 0.5 ** (bits + 1)
        expected = np.mean(np.abs((np.outer(products * unit, np.ones(1)) - own * unit + 0.5) % 1.0 - 0.5) <= 0.5**bits)
        nearest[number] = inside.mean() / max(float(expected), 1e-9)
    says_yes = nearest >= np.median(nearest)
    return float(says_yes[people // 2 :].mean() - says_yes[: people // 2].mean())


def steal_by_regression(
    target: Target, evaluations: int, score_bits: int, rng: np.random.Generator, *, labels: bool = True
) -> Stolen:
    """Ask random directions, one an evaluation, and regress every column on all noisy scores and the label.

    The regression is learnt on the thief's own records of the same kind, with the same noise; a column of few values
    gets the value that is most frequent near the regressed number.
    """
    columns = target.columns
    rows = features(target, tuple(column for column in columns if column != LABEL))
    own = rng.random(len(rows)) < OWN_SHARE
    directions = rng.standard_normal((rows.shape[1], evaluations))
    products = rows @ directions
    unit = (0.5 - 0.5**score_bits) / (1.2 * np.abs(products[own]).max(axis=0))
    scores = np.rint(products * unit * MODULUS).astype(np.int64).T
    seen = told(scores, [score_bits] * evaluations, rng).T
    sides = 2.0 * target.codes(LABEL)[:, np.newaxis] - 1.0
    inputs = np.column_stack([seen, sides if labels else 0 * sides, np.ones(len(rows))])
    right = []
    for column in columns:
        codes = target.codes(column)
        if column == LABEL and labels:
            right.append(1.0)
            continue
        right.append(float((_regressed(inputs, codes, own) == codes[~own]).mean()))
    spent = evaluations * score_bits + (1.0 if labels else 0.0)
    return Stolen(spent, float("nan"), float(np.mean(right)))


def _regressed(inputs: Floats, codes: Integers, own: np.typing.NDArray[np.bool_]) -> Integers:
    """The value that each record that is not the thief's own has most likely, by its regressed number."""
    penalty = np.eye(inputs.shape[1])
    weights = np.linalg.solve(inputs[own].T @ inputs[own] + penalty, inputs[own].T @ codes[own])
    known, asked = inputs[own] @ weights, inputs[~own] @ weights
    edges = np.unique(np.quantile(known, np.arange(1, 16) / 16))
    places, wanted = np.searchsorted(edges, known), np.searchsorted(edges, asked)
    best = np.full(edges.size + 1, np.bincount(codes[own]).argmax())
    for place in np.unique(places):
        best[place] = np.bincount(codes[own][places == place]).argmax()
    return np.asarray(best[wanted], dtype=np.int64)
