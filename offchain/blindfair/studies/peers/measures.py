"""From the documents of the jobs to one number for each measure and method. Nothing is computed here but means.

A method that takes a damping was tried with several: what counts is the best of them, for each measure anew and for
every method alike, so that no one is judged by a setting that does not suit it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.protocol.documents import Document
from blindfair.studies.peers.datamodels import DISPLACEMENT

KINDS = ("softmax", "mlp")
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Measure:
    """One column: `values` has each method's mean over seeds, printed by `form`. Greater is better unless `least`."""

    name: str
    form: str
    values: Mapping[str, float]
    least: bool = False

    def best(self, *, ours: bool) -> tuple[str, float] | None:
        """The best of our methods, or of the peers'; None if there is none."""
        names = [name for name in self.values if name.startswith(OURS) == ours]
        if not names:
            return None
        name = (min if self.least else max)(names, key=self.values.__getitem__)
        return name, self.values[name]

    def shown(self, method: str) -> str:
        """The value as a table shows it."""
        return format(self.values[method], self.form) if method in self.values else ""


def all_measures(documents: Sequence[Document]) -> list[Measure]:
    """The measures for which there are documents, each under its key `peers/<what>/<data>/<model>/<regime>/<seed>`."""
    found: list[Measure] = []
    for kind in KINDS:
        clean = _of(documents, "datamodels", kind, "clean")
        found += [
            _measure(f"{kind}: sums for the total", "+.3f", clean, "total"),
            _measure(f"{kind}: sums for each query", "+.3f", clean, "each"),
            _measure(f"{kind}: seconds", ".2f", clean, "seconds", least=True),
        ]
    for kind in KINDS:
        learnt = _of(documents, "datamodels", kind, "wrong-30")
        found.append(_measure(f"{kind}: told apart, learnt", ".3f", learnt, "told_apart"))
        for regime in ("wrong-10", "wrong-30"):
            offers = _of(documents, "purchases", kind, regime)
            found += [
                _measure(f"{kind}, {regime}: told apart", ".3f", offers, "told_apart"),
                _measure(f"{kind}, {regime}: top", "+.4f", offers, "top", over="random"),
                _measure(f"{kind}, {regime}: trust", "+.4f", offers, "trust", over="random"),
            ]
    return [measure for measure in found if measure.values]


def methods_of(measures: Sequence[Measure]) -> list[str]:
    """Ours first, then the peers', each in the order in which they appear."""
    names = list(dict.fromkeys(name for measure in measures for name in measure.values))
    return sorted(names, key=lambda name: (not name.startswith(OURS), name != DISPLACEMENT))


def _of(documents: Sequence[Document], what: str, kind: str, regime: str) -> list[Document]:
    wanted = [what, kind, regime]
    return [one for one in documents if [str(one["key"]).split("/")[place] for place in (1, 3, 4)] == wanted]


def _measure(
    name: str, form: str, documents: Sequence[Document], field: str, *, over: str = "", least: bool = False
) -> Measure:
    values: dict[str, list[float]] = {}
    for document in documents:
        base = float(str(document[over])) if over else 0.0
        for method, entry in document.items():
            value = entry.get(field) if isinstance(entry, dict) else None
            if value is not None:
                values.setdefault(method, []).append(float(str(value)) - base)
    best: dict[str, float] = {}
    for method, numbers in values.items():
        # One that failed for some seed has no mean to compare.
        if len(numbers) == len(documents):
            mean, family = float(np.mean(numbers)), _family(method)
            best[family] = (min if least else max)(mean, best.get(family, mean))
    return Measure(name, form, best, least)


def _family(method: str) -> str:
    """The name without its damping."""
    name, _, last = method.rpartition(", ")
    try:
        float(last)
    except ValueError:
        return method
    return name
