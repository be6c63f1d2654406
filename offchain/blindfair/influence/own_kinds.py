"""Whether the buyer's own records are written as a listing's: label, numbers, categories (PROTOCOL 2, 4.1).

    listed schema, own records --check_own_records--> warnings; ClassesDiffer, KindsDiffer

Not here: which columns there are (`own_columns`), and whether a model learns anything from them (`usefulness`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.columns import is_number_text
from blindfair.influence.encoding import Feature, FeatureSchema
from blindfair.influence.features import BOUND, NumberFeature, is_number, kind_of, same_value
from blindfair.influence.images.feature import ImageFeature
from blindfair.influence.label import NumberTarget
from blindfair.influence.spelling import difference, option, plain, shown, shown_apart
from blindfair.protocol.arrays import form_of
from blindfair.protocol.errors import ClassesDiffer, KindsDiffer
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import ColumnKind, Schema

REFUSED_SHARE = 0.5
"""Share of the buyer's records from which on a column that does not fit the listing's is refused."""

SPELLING_SHARE = 0.05
"""Share of the buyer's records from which on a column is refused whose cells the listing only spells otherwise."""

CLIPPED_SHARE = 0.2
"""Share of the buyer's number cells beyond the listing's +-`BOUND` from which on the buyer is warned."""

_SHOWN_COLUMNS = 5
_SHOWN_CLASSES = 8

_TRUTHS = ({"false", "0", "no", "n", "f"}, {"true", "1", "yes", "y", "t"})
"""Spellings of the two classes of a yes-or-no label, as `plain` gives them."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A column of which `offending` of `total` own cells are not what the listing has there; both sides' examples."""

    column: str
    offending: int
    total: int
    listed: str
    own: str
    kinds: str
    """Both kinds in words: "text (categories) in the listing and numbers in your table"."""

    only: str = ""
    """The only difference between the two spellings; empty if they are different values."""

    spelled: int = 0
    """Cells that the listing has in another spelling: easily mended, and easily overlooked."""

    is_text_listed: bool = False
    """Whether the listing has text where the buyer has numbers, which the buyer cannot mend."""

    @property
    def refused(self) -> bool:
        """Whether so many cells do not fit that the column tells a model nothing, or more than a few by spelling."""
        return self.offending > REFUSED_SHARE * self.total or self.spelled > SPELLING_SHARE * self.total

    def describe(self) -> str:
        """Return a sentence for people, without its end."""
        only = f"; {self.only}" if self.only else ""
        return (
            f"Column {self.column!r}: {self.offending:,} of {self.total:,} cells do not fit, {self.kinds}. The listing "
            f"has {self.listed}; {self.own} in your records{only}"
        )


def check_own_records(
    listed: FeatureSchema,
    records: Sequence[Sequence[Cell]],
    schema: Schema | None = None,
    *,
    accepted: bool = False,
) -> tuple[str, ...]:
    """Compare the buyer's own records with the listing's preprocessing; return a warning for each doubtful column.

    A column is doubtful where the listing has numbers and the buyer texts, or the other way round, or where none of the
    buyer's values is one that the listing names. With the manifest's `schema`, columns of categories too rare to be
    named are compared by their kind. One more warning where the listing's centres and scales clip more than
    `CLIPPED_SHARE` of the buyer's numbers, and one where they clip as many labels.

    Raises ClassesDiffer for other classes of the label; KindsDiffer for labels that are no numbers or counts as the
    listing's are, and for columns that are doubtful in more than `REFUSED_SHARE` of the records, or by spelling alone
    in more than `SPELLING_SHARE` of them, unless that was `accepted`.
    """
    cells = dict(zip(listed.columns, zip(*records, strict=True), strict=True))
    if listed.target is None:
        check_classes(listed.label, listed.classes, cells[listed.label])
    else:
        _check_numbers(listed.label, listed.target, cells[listed.label])
    found = [_misfit(feature, cells[feature.column]) for feature in listed.features]
    if schema is not None:
        found += [_unnamed(column, cells[column]) for column in _unnamed_columns(listed, schema)]
    misfits = [misfit for misfit in found if misfit is not None]
    refused = [misfit for misfit in misfits if misfit.refused]
    if refused and not accepted:
        raise _refusal(refused)
    return (
        *(f"{misfit.describe()}. Models read such cells as missing or other" for misfit in misfits),
        *_clipped(listed, cells),
        *_clipped_labels(listed, cells[listed.label]),
    )


def _refusal(refused: Sequence[Misfit]) -> KindsDiffer:
    first, more = refused[0], len(refused) - 1
    others = ", ".join(repr(misfit.column) for misfit in refused[1:_SHOWN_COLUMNS])
    unshown = f" and {len(refused) - _SHOWN_COLUMNS:,} more" if len(refused) > _SHOWN_COLUMNS else ""
    beside = f"; also {others}{unshown}" if more else ""
    exclude = option("exclude", [misfit.column for misfit in refused])
    return KindsDiffer(
        f"Column {first.column!r} has {first.kinds}: {first.offending} of {first.total} cells do not fit{beside}",
        expected=first.listed,
        found=f"{first.own} in your records",
        hint=f"{_mending(first)} begin another directory with {exclude}, or with `accept_kinds=True` to read such "
        "cells as missing or other; nothing was asked",
    )


def _mending(misfit: Misfit) -> str:
    """The remedy to try before a column is left out, as the beginning of a hint."""
    only = f"{misfit.only}; " if misfit.only else ""
    if not misfit.is_text_listed:
        return f"{only}write the column as the listing does; or"
    if misfit.spelled:
        return f"{only}read your column as text with {option('text', [misfit.column])} in another directory; or"
    return (
        "the seller's table is at fault, where one cell makes the whole column text, so leave your numbers as they are:"
    )


def _misfit(feature: Feature, cells: Sequence[Cell]) -> Misfit | None:
    if isinstance(feature, NumberFeature):
        texts = [cell for cell in cells if isinstance(cell, str)]
        if not texts:
            return None
        # A column with one text is all text: the cell that made it so is the one to look at.
        blamed = [text for text in texts if not is_number_text(text.strip())] or texts
        blame = f" ({len(blamed):,} of {len(texts):,} are no numbers)" if len(blamed) < len(texts) else ""
        kinds = f"numbers in the listing and text in your table{blame}"
        return Misfit(feature.column, len(texts), len(cells), "numbers", shown(blamed[0]), kinds)
    if isinstance(feature, ImageFeature):
        return _other_form(feature, cells)
    named = [value for value in feature.values if value is not None]
    filled: list[Cell] = [cell for cell in cells if cell is not None]
    kinds_named = {kind_of(value) for value in named}
    if not named or not filled:
        return None
    spelled = {plain(value) for value in named}
    unknown = [cell for cell in dict.fromkeys(filled) if not any(same_value(cell, value) for value in named)]
    if len(unknown) < len(dict.fromkeys(filled)):
        # Some do match. Other categories are what "other" is for, but not other kinds and spellings.
        unknown = [cell for cell in unknown if kind_of(cell) not in kinds_named or plain(cell) in spelled]
    strange = {(kind_of(cell), cell) for cell in unknown}
    offending = sum((kind_of(cell), cell) in strange for cell in filled)
    if not offending:
        return None
    theirs, ours = shown_apart(named, unknown)
    listed_kind, own_kind = _kind(named), _kind(unknown)
    kinds = (
        "other categories in the listing than in your table"
        if listed_kind == own_kind
        else f"{listed_kind} in the listing (categories) and {own_kind} in your table"
    )
    listed, own = f"values such as {', '.join(theirs)}", ", ".join(ours)
    return Misfit(
        feature.column,
        offending,
        len(cells),
        listed,
        own,
        kinds,
        difference(named, unknown),
        spelled=sum((kind_of(cell), cell) in strange and plain(cell) in spelled for cell in filled),
        is_text_listed=(listed_kind, own_kind) == ("text", "numbers"),
    )


def _other_form(feature: ImageFeature, cells: Sequence[Cell]) -> Misfit | None:
    strange = [cell for cell in cells if not feature.fits(cell)]
    if not strange:
        return None
    first = strange[0]
    own = str(form_of(first)) if isinstance(first, bytes) else "no image"
    kinds = "images of another form in the listing than yours"
    return Misfit(feature.column, len(strange), len(cells), str(feature.form), own, kinds)


def _unnamed_columns(listed: FeatureSchema, schema: Schema) -> list[str]:
    """The columns of categories that models might read, and of which no value is frequent enough to be named."""
    read = {listed.label, *(feature.column for feature in listed.features)}
    return [
        column.name
        for column in schema.columns
        if column.scored and column.kind is not ColumnKind.NUMBER and column.name not in read
    ]


def _unnamed(column: str, cells: Sequence[Cell]) -> Misfit | None:
    numbers = [cell for cell in cells if is_number(cell)]
    if not numbers:
        return None
    kinds = "text in the listing (categories) and numbers in your table"
    listed = "text, of which no value is frequent, so that models of this listing do not read it"
    return Misfit(column, len(numbers), len(cells), listed, shown(numbers[0]), kinds, is_text_listed=True)


def _clipped(listed: FeatureSchema, columns: Mapping[str, Sequence[Cell]]) -> tuple[str, ...]:
    """A sentence where so many of the buyer's number cells are clipped that little is left of them."""
    numbers = beyond = 0
    for feature in listed.features:
        if isinstance(feature, NumberFeature):
            cells = [cell for cell in columns[feature.column] if is_number(cell)]
            numbers += len(cells)
            beyond += int((np.abs(feature.encode(cells)[:, 0]) >= BOUND).sum())
        elif isinstance(feature, ImageFeature):
            shades = feature.encode(columns[feature.column])
            numbers, beyond = numbers + shades.size, beyond + int((np.abs(shades) >= BOUND).sum())
    if beyond <= CLIPPED_SHARE * numbers:
        return ()
    return (
        f"{beyond:,} of {numbers:,} numbers in your records are clipped by the listing's centres and scales, "
        f"{beyond / numbers:.0%}: models see little of them",
    )


def _clipped_labels(listed: FeatureSchema, labels: Sequence[Cell]) -> tuple[str, ...]:
    """A sentence where so many of the buyer's labels are clipped that they may be in another unit."""
    if listed.target is None:
        return ()
    beyond = int((np.abs(listed.target.encode(labels)) >= BOUND).sum())
    if beyond <= CLIPPED_SHARE * len(labels):
        return ()
    return (
        f"{beyond:,} of {len(labels):,} of your labels are clipped by the listing's centre and scale, "
        f"{beyond / len(labels):.0%}: is {shown(listed.label)} in the same unit?",
    )


def check_classes(label: str, classes: Sequence[Cell], labels: Sequence[Cell]) -> None:
    """Raises ClassesDiffer where the buyer has classes besides the listing's."""
    own = sorted({(kind_of(one), one): one for one in labels}.values(), key=lambda cell: (kind_of(cell), shown(cell)))
    if all(any(same_value(one, value) for value in classes) for one in own):
        return
    theirs, ours = shown_apart(classes, own)
    raise ClassesDiffer(
        f"Your records have other classes in the label {label!r} than the listing",
        expected=_joined(theirs, len(classes)),
        found=_joined(ours, len(own)),
        hint=f"{_mapping(classes, own)}, in another directory; nothing was asked",
    )


def _check_numbers(label: str, target: NumberTarget, labels: Sequence[Cell]) -> None:
    wrong = [cell for cell in labels if not target.takes(cell)]
    if wrong:
        raise KindsDiffer(
            f"The label {label!r} is a {target.kind.value} in the listing, and your table has others in "
            f"{len(wrong):,} of {len(labels):,} records",
            expected=target.expected,
            found=shown(wrong[0]),
            hint="leave these records out or correct them, in another directory; nothing was asked",
        )


def _joined(values: Sequence[str], count: int) -> str:
    return " and ".join(values) + (f" and {count - len(values):,} more" if count > len(values) else "")


def _mapping(listed: Sequence[Cell], own: Sequence[Cell]) -> str:
    """The listing's spelling of each own class, if it is clear."""
    pairs = [(value, label) for label in own for value in listed if _same_class(value, label)]
    if len(pairs) != len(own) or len({shown(value) for value, _ in pairs}) != len(own):
        return (
            f"write your labels as the listing does, {_joined(list(map(shown, listed[:_SHOWN_CLASSES])), len(listed))}"
        )
    changes = [f"{shown(value)} for {shown(label)}" for value, label in pairs if not same_value(value, label)]
    return f"in the label's column write {' and '.join(changes)}"


def _same_class(one: Cell, other: Cell) -> bool:
    first, second = plain(one), plain(other)
    return first == second or any({first, second} <= truth for truth in _TRUTHS)


def _kind(cells: Sequence[Cell]) -> str:
    return "numbers" if all(is_number(cell) for cell in cells) else "text"
