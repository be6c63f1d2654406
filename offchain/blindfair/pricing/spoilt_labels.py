"""Wrong labels for a share of records, put in on purpose: the trouble of an offer whose truth is known.

    classes            another class, all others alike
    numbers, counts    the label of another record, which differs

Not here: wrong labels that a buyer gives its own records to calibrate trust (`wrong_labels`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.label import LabelKind
from blindfair.protocol.records import Cell


def spoilt_labels(
    labels: Sequence[Cell], kind: LabelKind, share: float, rng: np.random.Generator
) -> tuple[list[Cell], NDArray[np.bool_]]:
    """Return `n` labels of which a share is wrong, and which these are, `n` bool. Two labels or more must differ."""
    wrong = np.zeros(len(labels), dtype=np.bool_)
    wrong[rng.choice(len(labels), round(share * len(labels)), replace=False)] = True
    pool = sorted(set(labels), key=repr) if kind is LabelKind.CLASSES else list(labels)
    places: dict[Cell, list[int]] = {}
    for place, label in enumerate(pool):
        places.setdefault(label, []).append(place)
    found = list(labels)
    for record in np.flatnonzero(wrong).tolist():
        own = np.array(places[labels[record]])
        drawn = int(rng.integers(len(pool) - own.size))
        # The place among all others is one further for each of its own before it.
        found[record] = pool[drawn + int(np.searchsorted(own - np.arange(own.size), drawn, side="right"))]
    return found, wrong
