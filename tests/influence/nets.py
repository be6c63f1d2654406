"""What the tests of networks share: real images, one small network of every kind, and settings of them."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from blindfair.influence.architecture import Architecture, Mlp, SmallCnn, SoftmaxRegression
from blindfair.influence.arrays import Classes, Floats

NETWORKS: tuple[Architecture, ...] = (
    SoftmaxRegression(inputs=64, classes=10),
    Mlp(inputs=64, hidden=(12,), classes=10),
    Mlp(inputs=64, hidden=(9, 7), classes=10),
    SmallCnn(height=8, width=8, channels=(3, 4), classes=10),
)
NAMES = ("softmax", "mlp", "deep mlp", "cnn")


@cache
def digits() -> tuple[Floats, Classes]:
    """1,797 images of 8 x 8, standardised, and their digits."""
    data = load_digits()
    X = (data.data - data.data.mean(0)) / (data.data.std(0) + 1e-9)
    return np.ascontiguousarray(np.clip(X, -8, 8)), data.target.astype(np.int64)


def somewhere(network: Architecture, seed: int = 0) -> Floats:
    """Parameters at which nothing is zero."""
    return network.initial(seed) + 0.2 * np.random.default_rng(seed + 1).normal(size=network.parameters)
