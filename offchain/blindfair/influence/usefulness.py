"""Whether a listing's preprocessing leaves the buyer's own records something to learn, found out before it asks.

    own records, listed schema --compare_losses--> losses of a constant, under the listing's, and under one of their own

The linear model of the label judges it whatever the buyer learns by: it is the preprocessing that is judged, in
milliseconds.
Not here: whether columns and labels are spelt as the listing's (`built_on`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blindfair.influence.arrays import Floats, Labels
from blindfair.influence.encoding import FeatureSchema, infer_features
from blindfair.influence.images.feature import ImageFeature
from blindfair.influence.linear_fits import linear_fit
from blindfair.influence.spelling import shown
from blindfair.influence.table import identifies
from blindfair.protocol.errors import BlindfairError, PreprocessingMisleads
from blindfair.protocol.records import Row

MIN_SHARE = 0.25
"""The least part of the gain over a constant, by the buyer's own preprocessing, that the listing's must reach."""

SURE = 3.0
"""Standard errors over the validation records by which a difference of losses counts."""

SHADES = 8.0
"""How many times larger or smaller than that of the buyer's own images the scale of a listing's images may be."""

_PENALTY = 1.0


@dataclass(frozen=True, slots=True)
class Usefulness:
    """Mean validation losses of a record, in nats where the label has classes: of the best constant, and of linear
    models fitted to the training records.

    `misleads` where the own preprocessing is surely better than a constant, and the listing's surely worse than the
    own, taking off less than `MIN_SHARE` of what that takes off. `unread` are columns that only the own one reads."""

    constant: float
    listed: float
    own: float
    misleads: bool
    unread: tuple[str, ...] = ()

    def describe(self) -> str:
        """The three losses, in a sentence without an end."""
        return (
            f"validation loss {self.listed:.3f} under the listing's preprocessing, {self.own:.3f} under one made of "
            f"your own records, {self.constant:.3f} of a constant"
        )

    def check(self, *, accepted: bool = False) -> tuple[str, ...]:
        """A warning where it misleads and that was `accepted`, else nothing. Raises PreprocessingMisleads."""
        if not self.misleads:
            return ()
        unread = f"; the listing's does not read {', '.join(map(shown, self.unread[:12]))}" if self.unread else ""
        if accepted:
            return (f"The listing's preprocessing hides what your records tell: {self.describe()}{unread}",)
        raise PreprocessingMisleads(
            "Under the listing's preprocessing your own records teach a model next to nothing, so its scores would not "
            "tell good records from bad",
            expected=f"validation loss of at most {self.constant - MIN_SHARE * (self.constant - self.own):.3f}",
            found=f"{self.describe()}{unread}",
            hint="choose another listing, or begin another directory with `accept_preprocessing=True`; "
            "nothing was asked",
        )


def compare_losses(train: Sequence[Row], validation: Sequence[Row], listed: FeatureSchema) -> Usefulness | None:
    """Compare them on the buyer's own records; None where these allow no comparison, such as training records of one
    class, and of images (`compare_shades`).

    The own preprocessing may read every column but the label, also those that the listing keeps from models: what they
    would tell is lost as well. It leaves out columns that look like identifiers. Raises ShapeMismatch and UnusableModel
    for records that are not of the listing's form.
    """
    if listed.image is not None:
        return None
    fitted, judged = listed.encode(train), listed.encode(validation)
    if np.unique(fitted[1]).size < 2 or np.unique(judged[1]).size < 2:
        return None
    try:
        records = [*train, *validation]
        names = {
            name for name, cells in zip(listed.columns, zip(*records, strict=True), strict=True) if identifies(cells)
        }
        features = infer_features(records, listed.columns, {listed.label, *names})
        own = replace(listed, features=features)
        by_own = _losses(own.encode(train), own.encode(validation), listed)
        by_listed = _losses(fitted, judged, listed)
    except BlindfairError:
        # Nothing varies in the buyer's records, or a fit does not converge: no evidence against the listing.
        return None
    by_constant = linear_fit(listed).constant_losses(judged[1])
    better, behind = by_constant - by_own, by_listed - by_own
    poor = float((by_constant - by_listed).mean()) < MIN_SHARE * float(better.mean())
    used = {feature.column for feature in listed.features}
    return Usefulness(
        constant=float(by_constant.mean()),
        listed=float(by_listed.mean()),
        own=float(by_own.mean()),
        misleads=poor and _surely_positive(better) and _surely_positive(behind),
        unread=tuple(feature.column for feature in own.features if feature.column not in used),
    )


def compare_shades(records: Sequence[Row], listed: FeatureSchema, *, accepted: bool = False) -> tuple[str, ...]:
    """Compare the listing's centre and scale of images with those of the buyer's own; a warning where they mislead.

    Their linear model would take too long to judge them by. Raises PreprocessingMisleads unless that was `accepted`.
    """
    theirs = listed.image
    if theirs is None:
        return ()
    place = listed.columns.index(theirs.column)
    own = ImageFeature.infer(theirs.column, [row[place] for row in records])
    if own is None:
        return ()
    is_near = abs(theirs.centre - own.centre) <= SHADES * theirs.scale
    if is_near and own.scale / SHADES <= theirs.scale <= own.scale * SHADES:
        return ()
    found = (
        f"centre {theirs.centre:.6g} and scale {theirs.scale:.6g} in the listing, {own.centre:.6g} and "
        f"{own.scale:.6g} of your own images"
    )
    if accepted:
        return (f"The listing's preprocessing hides what your images tell: {found}",)
    raise PreprocessingMisleads(
        "Under the listing's preprocessing your own images are all white, all black or all grey",
        expected=f"a scale within {SHADES:g} times that of your own images, and a centre among their shades",
        found=found,
        hint="are your shades in the listing's unit, 0 to 255 or 0 to 1? Change them, choose another listing, or begin "
        "another directory with `accept_preprocessing=True`; nothing was asked",
    )


def _losses(fitted: tuple[Floats, Labels], judged: tuple[Floats, Labels], listed: FeatureSchema) -> Floats:
    """Each judged record's loss under the linear model of the listing's label."""
    model = linear_fit(listed)
    return model.losses(model.fit(*fitted, _PENALTY), *judged)


def _surely_positive(differences: Floats) -> bool:
    error = float(differences.std(ddof=1)) / np.sqrt(differences.size)
    return bool(differences.mean() > SURE * error)
