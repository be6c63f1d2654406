"""Whether a scoring model, or the buyer's own records, fit the preprocessing of a listing (PROTOCOL 2, 4.1).

    asked schema --check_built_on--> FieldMismatch, unless it is the listing's, columns left out
    own records  --check_own_records--> warnings; FieldMismatch where label or columns are spelt otherwise

Not here: how the listing's schema is computed and applied (`encoding`).
"""

from collections.abc import Sequence

import numpy as np

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import BOUND, CategoryFeature, Feature, NumberFeature, is_number, kind_of, same_value
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import FieldMismatch
from blindfair.protocol.records import Cell

REFUSED_SHARE = 0.5
"""Share of the buyer's records from which on a column that does not fit the listing's is refused."""

CLIPPED_SHARE = 0.2
"""Share of the buyer's number cells beyond the listing's +-`BOUND` from which on the buyer is warned."""

_SHOWN = 60


def check_built_on(asked: FeatureSchema, listed: FeatureSchema) -> None:
    """Check that a scoring model prepares records as the listing says; it may leave columns out.

    So a request says nothing of the buyer's records by its preprocessing. It does not keep a thief from packing columns
    into a score: query, scale of the rows and projection are still the buyer's, and bits are what bounds it. Equal
    means equal as canonical JSON: 1 and 1.0 are, 1 and true are not. Raises FieldMismatch.
    """
    ours, theirs = listed.to_document(), asked.to_document()
    for what in ("columns", "label", "classes"):
        expected, found = ours[what], theirs[what]
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


def check_own_records(listed: FeatureSchema, records: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """Compare the buyer's own records with the listing's preprocessing; return a warning for each doubtful column.

    A column is doubtful where the listing has numbers and the buyer texts, or the other way round, or where none of the
    buyer's values is one that the listing names. One more warning where the listing's centres and scales clip more
    than `CLIPPED_SHARE` of the buyer's numbers. Raises FieldMismatch for other classes of the label, and for a column
    that is doubtful in more than `REFUSED_SHARE` of the records.
    """
    places = {column: place for place, column in enumerate(listed.columns)}
    _check_classes(listed, [record[places[listed.label]] for record in records])
    warnings = []
    for feature in listed.features:
        cells = [record[places[feature.column]] for record in records]
        offending = _offending(feature, cells)
        if not offending:
            continue
        expected = "numbers" if isinstance(feature, NumberFeature) else f"values such as {_listed(feature)}"
        found = f"{_short(offending[0])} in your records"
        if len(offending) > REFUSED_SHARE * len(cells):
            raise FieldMismatch(
                f"Your records write column {feature.column!r} otherwise than the listing: {len(offending)} of "
                f"{len(cells)} cells do not fit",
                expected=expected,
                found=found,
                hint="write the column as the listing does, or choose another listing; nothing was asked",
            )
        warnings.append(
            f"Column {feature.column!r}: {len(offending)} of {len(cells)} cells do not fit the listing, which has "
            f"{expected}; {found}. Models read such cells as missing or other"
        )
    return (*warnings, *_clipped(listed, records))


def _clipped(listed: FeatureSchema, records: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """A sentence where so many of the buyer's number cells are clipped that little is left of them."""
    places = {column: place for place, column in enumerate(listed.columns)}
    numbers = beyond = 0
    for feature in listed.features:
        if isinstance(feature, NumberFeature):
            cells = [cell for record in records if is_number(cell := record[places[feature.column]])]
            numbers += len(cells)
            beyond += int((np.abs(feature.encode(cells)[:, 0]) >= BOUND).sum())
    if beyond <= CLIPPED_SHARE * numbers:
        return ()
    return (
        f"{beyond:,} of {numbers:,} numbers in your records are clipped by the listing's centres and scales, "
        f"{beyond / numbers:.0%}: models see little of them",
    )


def _check_classes(listed: FeatureSchema, labels: Sequence[Cell]) -> None:
    own = sorted({kind_of(label) + ": " + _short(label): label for label in labels}.items())
    if all(any(same_value(label, value) for value in listed.classes) for _, label in own):
        return
    raise FieldMismatch(
        f"Your records have other classes in the label {listed.label!r} than the listing",
        expected=" and ".join(map(_short, listed.classes)),
        found=" and ".join(_short(label) for _, label in own[:4]),
        hint="write your labels as the listing does; nothing was asked",
    )


def _offending(feature: Feature, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that cannot be what the listing has in this column."""
    if isinstance(feature, NumberFeature):
        return [cell for cell in cells if isinstance(cell, str)]
    named = [value for value in feature.values if value is not None]
    filled: list[Cell] = [cell for cell in cells if cell is not None]
    if named and not any(same_value(cell, value) for cell in filled for value in named):
        return filled
    kinds = {kind_of(value) for value in named}
    return [cell for cell in filled if kinds and kind_of(cell) not in kinds]


def _listed(feature: CategoryFeature) -> str:
    named = [value for value in feature.values if value is not None]
    return ", ".join(map(_short, named[:3]))


def _bytes(feature: Feature) -> bytes:
    return canonical(feature.to_document())


def _mismatch(what: str, expected: object, found: object) -> FieldMismatch:
    return FieldMismatch(
        what,
        expected=_short(expected, 300),
        found=_short(found, 300),
        hint="build the scoring model on the manifest's preprocessing; columns may be left out, and a linear map of "
        "your own goes into the projection",
    )


def _short(value: object, limit: int = _SHOWN) -> str:
    # `repr`, so that a counterparty's text cannot break out of the line.
    shown = repr(value)
    return shown if len(shown) <= limit else shown[:limit] + "..."
