"""How a buyer finds the projection of a text model: from its query, and from the rows of texts of its own.

Not here: applying a projection (`projection`, `logra`).
"""

from collections.abc import Sequence

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.text.model import TextModel


def find_projection(
    model: TextModel,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    queries: Sequence[Sequence[Floats]],
    *,
    side: int = 16,
    k: int = 128,
) -> Projection:
    """A staged projection that holds each query and the main directions of rows."""
    raise NotImplementedError


def project_query(projection: Projection, query: Sequence[Floats]) -> Floats:
    """The `k` numbers whose scores of projected rows come nearest to those of `query`, a matrix a layer, on rows."""
    raise NotImplementedError
