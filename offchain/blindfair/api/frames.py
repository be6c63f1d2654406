"""The results of a purchase as pandas data frames, and its scores as a picture.

Both libraries are loaded when they are asked for.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.written import companion_names
from blindfair.protocol.errors import MissingPackage
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import Column
from blindfair.protocol.units import Units

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BINS = 40
"""Bars of the picture of scores."""


def bought_frame(manifest: Manifest, bought: Sequence[tuple[int, bytes]]) -> "pd.DataFrame":
    """Return bought records as a data frame: a column for each of the listing's, numbers as numbers, missing as None,
    images as arrays.

    The index `record` has their numbers in the listing. Raises MissingPackage.
    """
    schema = manifest.schema
    kept = [place for place, column in enumerate(schema.columns) if column.name not in companion_names(schema)]
    rows = [schema.decode(manifest.encoding, data) for _, data in bought]
    index = _pandas().Index([number for number, _ in bought], name="record", dtype="int64")
    columns = {
        schema.columns[place].name: [_shown(row[place], schema.columns[place]) for row in rows] for place in kept
    }
    return _pandas().DataFrame(columns, index=index)


def _shown(cell: Cell, column: Column) -> object:
    """A cell of a data frame: an image as an array."""
    return column.form.numbers(cell) if isinstance(cell, bytes) and column.form is not None else cell


def scores_frame(scores: Floats, units: Units, chosen: Collection[int]) -> "pd.DataFrame":
    """Return the score of each record, or each group of records, and whether it is among the chosen records.

    The index has the records' numbers, or the groups'. Raises MissingPackage.
    """
    members = [units.members([unit]) for unit in range(units.count)]
    index = _pandas().Index(np.arange(units.count), name=units.name)
    chosen = frozenset(chosen)
    is_chosen = [chosen.issuperset(numbers) for numbers in members]
    return _pandas().DataFrame({"score": scores, "chosen": is_chosen}, index=index)


def plot_scores(scores: Floats, is_chosen: Sequence[bool], unit: str, axes: "Axes | None" = None) -> "Axes":
    """Draw how many records have which score, the chosen ones apart, into `axes` or a new figure."""
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(7, 3.5), layout="constrained").subplots()
    chosen = np.asarray(is_chosen, dtype=bool)
    edges = np.histogram_bin_edges(scores, BINS)
    parts = [scores[chosen], scores[~chosen]]
    axes.hist(parts, bins=edges.tolist(), stacked=True, label=["chosen", "not chosen"])
    axes.axvline(0.0, linewidth=0.8, color="black")
    axes.set_xlabel("score: positive is helpful")
    axes.set_ylabel(f"{unit}s")
    axes.legend()
    return axes


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingPackage(
            "A data frame needs pandas", expected="pandas", found="it is not installed", hint="pip install pandas"
        ) from error
    return pandas
