"""What few bits leave of the ranks of scores, simulated: the table of docs/explanation/disclosure.md."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression

OWN = 100
"""Records to which the buyer fits its model, and as many others by which it finds its query and the range."""

MARGIN = 1.2
"""The range is so much more than what the buyer's own records reach."""

BITS = (12, 8, 6, 4, 3, 2, 1)


def gradients(features: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Gradient rows of a logistic regression that was fitted to the first records, with its intercept's."""
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    features = np.hstack([features, np.ones((len(features), 1))])[np.random.default_rng(0).permutation(len(features))]
    labels = labels[np.random.default_rng(0).permutation(len(labels))]
    model = LogisticRegression(max_iter=2000, fit_intercept=False).fit(features[:OWN], labels[:OWN])
    rows: NDArray[np.float64] = features * (model.predict_proba(features)[:, 1] - labels)[:, None]
    return rows


def breast_cancer() -> NDArray[np.float64]:
    return gradients(*load_breast_cancer(return_X_y=True))


def digits() -> NDArray[np.float64]:
    features, digit = load_digits(return_X_y=True)
    return gradients(features, (digit % 2).astype(np.int64))


def normal() -> NDArray[np.float64]:
    return np.random.default_rng(1).standard_normal((2000, 512))


TABLES: dict[str, Callable[[], NDArray[np.float64]]] = {
    "breast cancer, k = 31": breast_cancer,
    "digits, k = 65": digits,
    "random, k = 512": normal,
}


@cache
def scores_of(name: str) -> tuple[NDArray[np.float64], float]:
    """Scores of the records on offer by a query from the buyer's own, and the range that the query is scaled to."""
    rows = TABLES[name]()
    if name.startswith("random"):
        query = np.random.default_rng(2).standard_normal(rows.shape[1])
    else:
        query = rows[OWN : 2 * OWN].mean(axis=0)
    scores = rows @ query
    return scores[2 * OWN :], MARGIN * float(abs(scores[OWN : 2 * OWN]).max())


def in_noise(scores: NDArray[np.float64], reach: float, bits: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Scores of so many bits: noise over 2^-bits of the range, then modulo the range."""
    noisy = scores + rng.uniform(-reach, reach, scores.shape) * 2.0**-bits
    wrapped: NDArray[np.float64] = (noisy + reach) % (2 * reach) - reach
    return wrapped


def ranks_left(name: str, bits: int) -> tuple[float, float]:
    """Spearman with the exact scores, and the share of the true top tenth that is in the noisy one; of 20 draws."""
    exact, reach = scores_of(name)
    tenth = len(exact) // 10
    top = set(np.argsort(-exact)[:tenth].tolist())
    found, share = [], []
    for seed in range(20):
        noisy = in_noise(exact, reach, bits, np.random.default_rng(seed))
        found.append(spearmanr(noisy, exact).statistic)
        share.append(len(top & set(np.argsort(-noisy)[:tenth].tolist())) / tenth)
    return float(np.mean(found)), float(np.mean(share))


def cell(name: str, bits: int) -> str:
    """As the page has it."""
    rank, share = ranks_left(name, bits)
    return f"{rank:.2f}, {share:.0%}".replace("%", " %")


def wrapped_share(name: str) -> float:
    """Scores beyond the range, without noise."""
    exact, reach = scores_of(name)
    return float((abs(exact) > reach).mean())


def table() -> str:
    """The rows of the page's table."""
    return "\n".join(f"| {bits} | " + " | ".join(cell(name, bits) for name in TABLES) + " |" for bits in BITS)
