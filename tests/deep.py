"""Cases that `scripts/deep` runs beside those of every run."""

import pytest


def deep(*values: object) -> list[object]:
    """The values as cases of `pytest.mark.parametrize` that are deep: a quicker case shows nearly the same."""
    return [pytest.param(value, marks=pytest.mark.deep) for value in values]
