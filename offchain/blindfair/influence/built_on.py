"""Whether a scoring model is built on the preprocessing of a listing (PROTOCOL 2, 4.1).

    asked schema --check_built_on--> FieldMismatch, unless it is the listing's, columns left out

Not here: how the listing's schema is computed and applied (`encoding`), and the buyer's own records (`own_kinds`).
"""

from blindfair.influence.encoding import Feature, FeatureSchema
from blindfair.influence.spelling import shown
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import FieldMismatch


def check_built_on(asked: FeatureSchema, listed: FeatureSchema) -> None:
    """Check that a scoring model prepares records as the listing says; it may leave columns out.

    So a request says nothing of the buyer's records by its preprocessing. It does not keep a thief from packing columns
    into a score: query, scale of the rows and projection are still the buyer's, and bits are what bounds it. Equal
    means equal as canonical JSON: 1 and 1.0 are, 1 and true are not. Raises FieldMismatch.
    """
    ours, theirs = listed.to_document(), asked.to_document()
    for what in ("columns", "label", "classes", "target"):
        expected, found = ours.get(what), theirs.get(what)
        if canonical({what: expected}) != canonical({what: found}):
            raise _mismatch(f"The scoring model has other {what} than the listing", expected, found)
    prepared = {feature.column: feature for feature in listed.features}
    for feature in asked.features:
        known = prepared.get(feature.column)
        if known is None or _bytes(known) != _bytes(feature):
            raise _mismatch(
                f"The scoring model prepares column {feature.column!r} otherwise than the listing",
                "no feature of it" if known is None else known.to_document(),
                feature.to_document(),
            )
    used = {feature.column for feature in asked.features}
    order = [feature.column for feature in listed.features if feature.column in used]
    if order != [feature.column for feature in asked.features]:
        raise _mismatch(
            "The scoring model has the listing's features in another order",
            order,
            [feature.column for feature in asked.features],
        )


def _bytes(feature: Feature) -> bytes:
    return canonical(feature.to_document())


def _mismatch(what: str, expected: object, found: object) -> FieldMismatch:
    return FieldMismatch(
        what,
        expected=shown(expected, limit=300),
        found=shown(found, limit=300),
        hint="build the scoring model on the manifest's preprocessing; columns may be left out, and a linear map of "
        "your own goes into the projection",
    )
