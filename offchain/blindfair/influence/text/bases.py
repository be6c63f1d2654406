"""How a buyer finds the projection of a text model: from its query, and from the rows of texts of its own.

    first stage, a layer   S_in, S_out: main singular vectors of the query's matrix, then main directions of own factors
    second stage           M: the query, in parts by layer; then main directions of own rows

So the score of a low-rank query, such as a LoRA's displacement, is that of whole rows up to rounding, whatever `k` is;
main directions alone lose some of it (`scripts/study hidden`). The seller sees the basis, and so the query's directions
among others: a query that must stay secret is not put into it. Nor are main directions shown one by one then: one of
them may be nearly the query. Not here: applying a projection (`influence.projection`, `logra`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.bases import principal_directions
from blindfair.influence.projection import ENTRY_LIMIT, Projection, Sides
from blindfair.influence.text.covariances import factor_covariances, main_directions
from blindfair.influence.text.logra import projected_rows
from blindfair.influence.text.main_vectors import main_singular
from blindfair.influence.text.model import TextModel
from blindfair.protocol.errors import InvalidOption, NoRecords, ShapeMismatch

SIDE = 16
K = 128
K_LARGEST = 512

FACTOR_TEXTS = 256
"""Texts in whose factors the main directions of layers are found: thousands of tokens for 16 directions."""

_NOTHING = 1e-6
"""Directions under this share of the largest are rounding errors."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundProjection:
    """A projection, and the rows `n x k` of the texts that it was found with."""

    projection: Projection
    rows: Floats


def find_projection(
    model: TextModel,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    queries: Sequence[Sequence[Floats]],
    *,
    side: int = SIDE,
    k: int = K,
    rotated_by: np.random.Generator | None = None,
) -> FoundProjection:
    """A staged projection that holds each query and the main directions of own rows; and these rows.

    With `rotated_by` the second stage is rotated at random: the seller sees the space of its directions, none of them.

    A query is a matrix `outputs x inputs` for each layer; `side` directions are kept of each side of a layer, and `k`
    entries of a row, fewer if the rows span fewer or a request cannot hold as many. Main directions of layers are those
    of `FACTOR_TEXTS` texts, evenly taken. Raises InvalidOption, NoRecords, ShapeMismatch, UnusableText, and
    UnusableModel where both stages are too large together.
    """
    if not (1 <= side <= 256 and 1 <= k <= K_LARGEST):
        raise InvalidOption(
            "The size of a projection is out of range", expected=f"side 1 ... 256, k 1 ... {K_LARGEST}", found=(side, k)
        )
    if not len(texts):
        raise NoRecords("There are no texts to find directions in", expected="at least 1", found=0)
    shapes = [(layer.outputs, layer.inputs) for layer in model.network.layers]
    for query in queries:
        if [part.shape for part in query] != shapes:
            raise ShapeMismatch(
                "A query does not fit the layers of the text model",
                expected=f"{len(shapes)} matrices",
                found=len(query),
            )
    some = evenly(len(texts), FACTOR_TEXTS)
    windows = model.read(
        [texts[place] for place in some], None if labels is None else [labels[place] for place in some]
    )
    sides = []
    for number, factors in factor_covariances(model.network, windows, tokens=model.batch_tokens):
        asked = [_directions(query[number], side // len(queries)) for query in queries]
        outer = _side([left for left, _ in asked], factors.outer, side)
        inner = _side([right for _, right in asked], factors.inner, side)
        sides.append(Sides(inner, outer))
    first = tuple(sides)
    k = max(1, min(k, _most_entries(first)))
    parts = [_parts(first, query, max(1, k // 2 // len(queries))) for query in queries]
    rows = _first_rows(model, texts, labels, first)
    known = _orthonormal(np.vstack(parts).T)[:, :k] if parts else np.zeros((rows.shape[1], 0))
    left = rows - (rows @ known) @ known.T
    more = min(k, rows.shape[1]) - known.shape[1]
    if more > 0 and np.linalg.norm(left) > _NOTHING * np.linalg.norm(rows):
        found = principal_directions(left, more).entries
        if found is not None:
            known = _orthonormal(np.hstack([known, found]))
    entries = known @ (_cosines(known.shape[1]) if rotated_by is None else _rotation(known.shape[1], rotated_by))
    return FoundProjection(Projection.staged(first, entries), rows @ entries)


def _most_entries(sides: Sequence[Sides]) -> int:
    """How long a projected row may be, so that both stages fit into a request."""
    first = sum(pair.inner.size + pair.outer.size for pair in sides)
    return (ENTRY_LIMIT - first) // max(1, sum(pair.k for pair in sides))


def evenly(count: int, most: int) -> list[int]:
    """At most so many of `count` places, at even distances.

    >>> evenly(9, 3), evenly(2, 3)
    ([0, 4, 8], [0, 1])
    """
    return [int(place) for place in np.linspace(0, count - 1, min(count, most)).round()]


def _cosines(k: int) -> Floats:
    """The orthonormal `k x k` matrix of the discrete cosine transform.

    It changes no score. Without it the first entry alone would hold the query of a layer that outweighs all others, as
    a classifier's head does, and no seller takes a query of one entry.
    """
    places = np.arange(k)
    found = np.cos(np.pi / max(1, k) * np.outer(places, places + 0.5)) * np.sqrt(2 / max(1, k))
    found[:1] /= np.sqrt(2)
    return np.asarray(found, dtype=np.float64)


def _rotation(k: int, rng: np.random.Generator) -> Floats:
    """An orthogonal `k x k` matrix, drawn evenly of all (Mezzadri 2007, arXiv math-ph/0609050). It changes no score."""
    found, upper = np.linalg.qr(rng.standard_normal((k, k)))
    return np.asarray(found * np.sign(np.diag(upper)), dtype=np.float64)


def project_query(projection: Projection, query: Sequence[Floats]) -> Floats:
    """The `k` numbers whose scores of projected rows come nearest to those of `query`, a matrix a layer, on rows.

    Raises ShapeMismatch.
    """
    return projection.project_layers(query)


def _directions(matrix: Floats, share: int) -> tuple[Floats, Floats]:
    """Main directions of a query's layer, of its outputs and of its inputs, at most `share`.

    A matrix of low rank is held whole. Of others half of the share is, so that own factors keep the other.
    """
    left, values, right = main_singular(matrix, max(1, share))
    rank = int((values > _NOTHING * values.max(initial=0.0)).sum()) if values.any() else 0
    kept = rank if rank <= share else max(1, share // 2)
    return left[:, :kept], right[:, :kept]


def _side(asked: Sequence[Floats], covariance: Floats | None, side: int) -> Floats:
    """`d x side` orthonormal directions: those of the queries, then those of own factors."""
    found = [*asked] if covariance is None else [*asked, main_directions(covariance, side)]
    if not found:
        raise NoRecords("A layer this large takes its directions from a query", expected="a query", found="none")
    return _orthonormal(np.hstack(found))[:, :side]


def _orthonormal(columns: Floats) -> Floats:
    """An orthonormal basis of the columns, each adding to those before it; nearly dependent ones are left out."""
    kept: list[Floats] = []
    for column in columns.T:
        size = np.linalg.norm(column)
        if not size:
            continue
        rest = column / size
        # Twice: once leaves a rounding error of the size of what is left.
        for _ in range(2):
            if kept:
                basis = np.array(kept)
                rest = rest - (rest @ basis.T) @ basis
        if np.linalg.norm(rest) > 1e-5:
            kept.append(rest / np.linalg.norm(rest))
    return np.array(kept).T if kept else np.eye(len(columns), 1)


def _parts(sides: Sequence[Sides], query: Sequence[Floats], most: int) -> Floats:
    """The query in the entries of the first stage, in parts of one layer or of several in a row: `parts x k0`."""
    places = np.cumsum([0, *(pair.k for pair in sides)])
    found = []
    for group in np.array_split(np.arange(len(sides)), min(most, len(sides))):
        part = np.zeros(places[-1])
        for number in group:
            part[places[number] : places[number + 1]] = sides[number].project_query(query[number])
        if part.any():
            found.append(part)
    return np.array(found).reshape(len(found), places[-1])


def _first_rows(
    model: TextModel, texts: Sequence[str], labels: Sequence[int] | None, sides: tuple[Sides, ...]
) -> Floats:
    """Rows of the first stage alone, `n x k0`, however many entries it gives."""
    wide = Projection(sum(pair.k for pair in sides), sides=sides)
    return projected_rows(model.network, model.read(texts, labels), len(texts), wide, tokens=model.batch_tokens)
