"""The row of a group of records: the sum of their gradient rows, so that its score is the sum of theirs.

    real group row ~ sum of real rows of its records;  quantised like a record's row, with a scale for sums

Sums are taken before rounding, in real numbers: a group's entries have all twelve bits, within the same bounds, so that
every margin of blind scoring holds as it is. Sums of rounded rows would not be: of `g` rows they reach `2047 g`. Not
here: which records are a group (`protocol.disclosure_policy`), rounding (`quantise`).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import InvalidOption


def group_rows(batches: Iterable[Floats], size: int) -> Iterator[Floats]:
    """Rows of groups of `size` records in a row, from real rows `n x k` that come in batches of any length.

    Yields one batch of group rows for each batch in which a group ends, in order; the last group may have fewer
    records. No more than a batch is held. A group's sum does not depend on how its records fall into batches. Raises
    InvalidOption for a size under 1.
    """
    if size < 1:
        raise InvalidOption("A group has at least one record", expected=">= 1", found=size)
    begun: Floats | None = None
    count = 0
    for batch in batches:
        finished = []
        for start, stop in _pieces(len(batch), size, count):
            # Row after row: numpy's own order of adding depends on how many there are.
            begun = np.add.accumulate(batch[start:stop] if begun is None else np.vstack([begun, batch[start:stop]]))[-1]
            count += stop - start
            if count == size:
                finished.append(begun)
                begun, count = None, 0
        if finished:
            yield np.stack(finished)
    if begun is not None:
        yield begun[np.newaxis]


def _pieces(length: int, size: int, count: int) -> Iterator[tuple[int, int]]:
    """Where a batch is cut, if the group that is open has `count` records already."""
    start = 0
    while start < length:
        stop = min(length, start + size - count)
        yield start, stop
        start, count = stop, 0
