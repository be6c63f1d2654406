"""Gradient rows as a request asks for them: the seller computes all, the buyer those it sees (PROTOCOL 4.2, 5.4).

Not here: whether the buyer accepts what the seller computed (`buyer_checks`).
"""

from collections.abc import Sequence

from blindfair.influence.arrays import Floats
from blindfair.influence.models import load_scoring_model
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.messages import Request
from blindfair.protocol.records import Row


def gradient_rows(request: Request, records: Sequence[Row]) -> QuantisedRows:
    """One row per record, rounded at the least exponent that clips none of its entries, if the request allows one.

    Raises UnusableModel, ShapeMismatch.
    """
    return quantise_rows(real_rows(request, records), request.row_scale, request.exponent_bits)


def estimate_rows(request: Request, records: int) -> str:
    """What computing the rows of so many records will take, in words, from a trial. Raises UnusableModel."""
    found = load_scoring_model(request.model_name, request.model_config, request.weights).estimate(records)
    return f"about {found.seconds} s and {found.peak_bytes / 2**20:,.0f} MiB for {found.records:,} records"


def real_rows(request: Request, records: Sequence[Row]) -> Floats:
    """The same before they are rounded: `n_records x k`. Raises UnusableModel, ShapeMismatch."""
    model = load_scoring_model(request.model_name, request.model_config, request.weights)
    projection = Projection.from_parts(request.projection, request.basis)
    rows = model.rows(records, projection)
    if rows.shape[1] != request.dimension:
        raise ShapeMismatch(
            "The model's rows and the query differ in length", expected=request.dimension, found=rows.shape[1]
        )
    return rows
