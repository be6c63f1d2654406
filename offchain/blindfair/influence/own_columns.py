"""The buyer's columns matched by name with a listing's, whatever their order, and those that its model does not read.

Names are the same if they are in NFC: one program writes "â" as one character, another as two.

    own columns --check--> ColumnsDiffer, with the names that differ alone
    own records --aligned--> records in the listing's order, None in columns that are left out
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import CategoryFeature
from blindfair.influence.spelling import look_alike, option, plain, shown, shown_apart
from blindfair.protocol.errors import ColumnsDiffer, InvalidOption
from blindfair.protocol.records import Cell, Row

_SHOWN = 8
"""Names of one side that are shown; tables may have thousands."""


@dataclass(frozen=True, slots=True)
class OwnColumns:
    """The columns of the buyer's records in order, its label, and columns that it leaves out."""

    columns: tuple[str, ...]
    label: str
    left_out: tuple[str, ...] = ()

    def check(self, columns: Sequence[str], label: str | None) -> None:
        """Check that the listing has these `columns` and this `label`, in any order. Raises ColumnsDiffer."""
        places = self._places(columns)
        kept_from = set(self._left_out(columns))
        missing = [name for name in columns if name not in places and name not in kept_from]
        more = [name for place, name in enumerate(self.columns) if place not in places.values()]
        if missing or more:
            theirs, ours = shown_apart(missing, more, _SHOWN)
            raise ColumnsDiffer(
                "Your table has other columns than the listing",
                expected=_listed(theirs, len(missing)) or "no other column",
                found=_listed(ours, len(more)) or "no such column",
                hint=_hint(missing, more),
            )
        if label is None or places.get(label) != self.columns.index(self.label):
            begin = "" if label is None else f"begin another directory with {option('label', label)}, or "
            raise ColumnsDiffer(
                "The listing has another label than you named",
                expected="no label" if label is None else repr(label),
                found=repr(self.label),
                hint=f"{begin}choose another listing; nothing was asked",
            )

    def read_by(self, listed: FeatureSchema) -> FeatureSchema:
        """Return the listing's feature schema without the columns that are left out. Raises InvalidOption where it
        reads nothing then."""
        left_out = set(self._left_out(listed.columns))
        features = tuple(feature for feature in listed.features if feature.column not in left_out)
        if not features:
            raise InvalidOption(
                "`exclude` names every column that models of this listing read",
                expected="at least one column for your model to read",
                found=", ".join(map(shown, self.left_out[:_SHOWN])),
                hint="leave fewer columns out, in another directory; nothing was asked",
            )
        return replace(listed, features=features)

    def own_schema(self, listed: FeatureSchema, rows: Sequence[Row], kept: Collection[str]) -> FeatureSchema:
        """Return a feature schema made of `rows` of the buyer's, aligned with the listing, for a model of its own.

        It reads columns that the listing has and does not fill, too, but none that is left out or in `kept`. Raises as
        `FeatureSchema.infer`.
        """
        categories = [feature.column for feature in listed.features if isinstance(feature, CategoryFeature)]
        excluded = {*self._left_out(listed.columns), *kept}
        return FeatureSchema.infer(
            rows,
            listed.columns,
            listed.label,
            categorical=categories,
            excluded=excluded,
            label_kind=listed.label_kind,
        )

    def aligned(self, columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
        """Return `rows` of the buyer's in the order of the listing's `columns`."""
        places = self._places(columns)
        order = [places.get(name) for name in columns]
        return [tuple(_cell(row, place) for place in order) for row in rows]

    def _places(self, columns: Sequence[str]) -> dict[str, int]:
        """Where each of the listing's columns is among the buyer's, for those that are there."""
        own = {name: place for place, name in enumerate(self.columns)}
        matched = _matched(columns, self.columns)
        return {name: own[matched[name]] for name in columns if name in matched}

    def _left_out(self, columns: Sequence[str]) -> list[str]:
        """The listing's columns that are left out."""
        return list(_matched(columns, self.left_out))


def _matched(listed: Sequence[str], own: Sequence[str]) -> dict[str, str]:
    """Return the own name of each of the listing's names that has one: the same, or else the same in NFC.

    Two names that are one in NFC are matched only as they are.
    """
    exact = set(own) & set(listed)
    by_form: dict[str, list[str]] = {}
    for name in own:
        by_form.setdefault(_composed(name), []).append(name)
    forms = Counter(map(_composed, listed))
    found = {}
    for name in listed:
        candidates = by_form.get(_composed(name), [])
        if name in exact:
            found[name] = name
        elif len(candidates) == forms[_composed(name)] == 1:
            found[name] = candidates[0]
    return found


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _cell(row: Row, place: int | None) -> Cell:
    return None if place is None else row[place]


def _listed(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (f" and {count - len(names):,} more" if count > len(names) else "")


def _hint(missing: Sequence[str], more: Sequence[str]) -> str:
    spelled = {plain(name): name for name in missing}
    renamed = [(name, spelled[plain(name)]) for name in more if plain(name) in spelled]
    renamed += [(one, other) for one in more[:_SHOWN] for other in missing[:_SHOWN] if look_alike(one, other)]
    if renamed:
        found, expected = (shown(name, escaped=True) for name in renamed[0])
        return f"write {expected} for {found} in the first line of your table, in another directory; nothing was asked"
    ways = []
    if more:
        ways.append(f"leave your own column out with {option('exclude', [more[0]])}")
    if missing:
        ways.append(f"add an empty column {shown(missing[0])} to your table")
    return f"{', and '.join(ways)}, in another directory; nothing was asked"
