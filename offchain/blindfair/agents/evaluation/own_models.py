"""What of a request may be the buyer's own where the listing takes no models of unnamed buyers (PROTOCOL 2, 4.1).

Rows of the label's untrained linear model, as they are and at the prescribed scale, treat all records alike. A buyer
that chooses model, projection or scale makes the rows of all records but a few equal, and so aims all bits of an
evaluation at these few. Used by the buyer before it asks and by the seller before it spends. Nothing of it depends on a
record.
"""

import math

from blindfair.agents.buyer.valuer import Question
from blindfair.agents.evaluation.preprocessing import listed_schema
from blindfair.influence.corpus.text_preprocessing import is_text_preprocessing
from blindfair.pricing.rounding import known_scale
from blindfair.protocol.errors import FieldMismatch
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.units import Units

_PRECISION = 1e-9
"""How far a scale may lie from the prescribed one, as a share of it."""

ASK_THE_SELLER = "ask the seller to name you as a buyer, or to list with `own_models=True`"


def check_prescribed_model(asked: Request | Question, manifest: Manifest) -> None:
    """Check that a question chooses nothing but its direction, its bits and the features that it leaves out.

    That is: the untrained linear model of the listing's label, rows as they are, at the prescribed scale, without
    exponents. Raises FieldMismatch, for texts whatever is asked, and UnusableModel for parts that are no model.
    """
    if is_text_preprocessing(manifest.preprocessing):
        # Without these no model of texts asks for anything: there is no untrained one.
        raise _refusal("scoring model", "none: texts are scored by buyers' own models", asked.model_name[:64])
    # Imported here: torch takes seconds, and most commands check no model.
    from blindfair.influence.models import load_scoring_model
    from blindfair.influence.untrained import untrained_bound, untrained_model

    schema = listed_schema(manifest)
    _same("scoring model", untrained_model(schema).name, asked.model_name[:64])
    _same("projection", "identity", str(asked.projection.get("kind"))[:64])
    model = load_scoring_model(asked.model_name, asked.model_config, asked.weights)
    if model.weights.any():
        raise _refusal("weights", "all 0: an untrained model", "others")
    _same("bits of a row's exponent", 0, asked.exponent_bits)
    scale = known_scale(untrained_bound(schema), Units.named(asked.disclosure, manifest.record_count).size)
    if not math.isclose(asked.row_scale, scale, rel_tol=_PRECISION):
        raise _refusal("scale of rows", scale, asked.row_scale)


def _same(what: str, expected: object, found: object) -> None:
    if expected != found:
        raise _refusal(what, expected, found)


def _refusal(what: str, expected: object, found: object) -> FieldMismatch:
    return FieldMismatch(
        f"The listing takes no {what} of an unnamed buyer's own", expected=expected, found=found, hint=ASK_THE_SELLER
    )
