"""What is wrong with a model, said by one name: a counterparty's description of it, and weights that are no numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import MalformedMessage, UnusableModel


@contextmanager
def unusable(what: str) -> Iterator[None]:
    """Turn a MalformedMessage of the block into an UnusableModel that says the same and names `what` was read."""
    try:
        yield
    except MalformedMessage as error:
        raise UnusableModel(f"{what}: {error.what}", expected=error.expected, found=error.found) from error


def check_finite(weights: Floats) -> None:
    """Raises UnusableModel with how many of the weights are NaN or infinite, unless none is."""
    broken = int(np.count_nonzero(~np.isfinite(weights)))
    if broken:
        raise UnusableModel(
            "The scoring model has weights that are not finite",
            expected="finite numbers",
            found=f"{broken} of {weights.size} that are NaN or infinite",
        )
