"""A data set whose records can be told apart after they are divided and standardised: each has a number of its own."""

import numpy as np

from blindfair.studies.datasets import Dataset


def numbered(count: int = 1000, classes: int = 2) -> Dataset:
    """Record `i` is of class `i mod classes`; its only features are `i` and a second number."""
    number = np.arange(count, dtype=np.float64)
    second = np.random.default_rng(0).standard_normal(count)
    return Dataset("numbers", np.column_stack([number, second]), (number % classes).astype(np.int64), number % 5 == 0)
