"""Gradient rows as a request asks for them: the seller computes all, the buyer those it sees (PROTOCOL 4.2, 5.4)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.models import load_scoring_model
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import quantise_rows
from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.messages import Request
from blindfair.protocol.records import decode_row


def gradient_rows(request: Request, records: Sequence[bytes]) -> tuple[NDArray[np.int16], float]:
    """One quantised row per record, and the share of entries that were clipped.

    Returns `n_records x k` int16 within +-2047, and a number between 0 and 1. Raises UnusableModel, ShapeMismatch,
    MalformedRecord.
    """
    model = load_scoring_model(request.model_name, request.model_config, request.weights)
    projection = Projection.from_parts(request.projection, request.basis)
    rows = model.rows([decode_row(record) for record in records], projection)
    if rows.shape[1] != request.dimension:
        raise ShapeMismatch(
            "The model's rows and the query differ in length", expected=request.dimension, found=rows.shape[1]
        )
    return quantise_rows(rows, request.row_scale)
