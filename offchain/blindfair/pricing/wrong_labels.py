"""Other labels for records whose labels are right: what wrong labels look like to the buyer's model.

    classes    every other class, of many classes some drawn at random
    numbers    those of other records that differ

Not here: the scores of such records, and what is made of them (`valuation`, `label_calibration`).
"""

import numpy as np

from blindfair.influence.arrays import Labels
from blindfair.influence.encoding import FeatureSchema

OTHERS = 4
"""Wrong labels of a record at most: more cost rows and tell little more."""


def wrong_labels(schema: FeatureSchema, labels: Labels, known: Labels, rng: np.random.Generator) -> list[Labels]:
    """Return lists of wrong labels for `n` records, each as long as `labels`: every list counts the same.

    Of two classes there is one list, the other class, and nothing is drawn. Of up to `OTHERS + 1` classes there are all
    others, each once for a record. `known` are all of the buyer's labels, from which numbers are drawn.
    """
    if schema.target is None:
        classes = len(schema.classes)
        steps = np.tile(np.arange(1, classes), (len(labels), 1))
        if classes - 1 > OTHERS:
            steps = rng.permuted(steps, axis=1)[:, :OTHERS]
        return [np.asarray((labels + step) % classes, dtype=np.int64) for step in steps.T]
    ordered = np.sort(known)
    low, high = (np.searchsorted(ordered, labels, side) for side in ("left", "right"))
    # The numbers that equal a record's own are a run; a place is drawn among all others.
    others = ordered.size - (high - low)
    drawn = (rng.random((OTHERS, len(labels))) * others).astype(np.int64)
    return [ordered[np.where(place < low, place, place + (high - low))] for place in drawn]
