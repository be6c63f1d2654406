"""Records as numbers, gradient rows, queries and their scores in the clear.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "FeatureSchema",
    "Projection",
    "QuantisedRows",
    "ScoreScale",
    "Table",
    "choose_row_scale",
    "clear_scores",
    "displacement_query",
    "load_scoring_model",
    "quantise_query",
    "quantise_query_to_range",
    "quantise_rows",
    "read_table",
    "textbook_query",
]

_HOMES = {
    "FeatureSchema": "influence.encoding",
    "Projection": "influence.projection",
    "QuantisedRows": "influence.quantise",
    "ScoreScale": "influence.quantise",
    "Table": "influence.table",
    "choose_row_scale": "influence.quantise",
    "clear_scores": "influence.quantise",
    "displacement_query": "influence.query",
    "load_scoring_model": "influence.models",
    "quantise_query": "influence.quantise",
    "quantise_query_to_range": "influence.quantise",
    "quantise_rows": "influence.quantise",
    "read_table": "influence.table",
    "textbook_query": "influence.query",
}

if TYPE_CHECKING:
    from blindfair.influence.encoding import FeatureSchema
    from blindfair.influence.models import load_scoring_model
    from blindfair.influence.projection import Projection
    from blindfair.influence.quantise import (
        QuantisedRows,
        ScoreScale,
        choose_row_scale,
        clear_scores,
        quantise_query,
        quantise_query_to_range,
        quantise_rows,
    )
    from blindfair.influence.query import displacement_query, textbook_query
    from blindfair.influence.table import Table, read_table
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
