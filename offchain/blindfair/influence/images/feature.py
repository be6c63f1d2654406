"""An image as numbers that a model takes: all of its numbers, standardised alike (PROTOCOL 2).

    cell --ImageFeature.encode--> height x width numbers of the first channel, then of the next

Every place of an image has the same centre and scale: shades stay shades, and the description stays short. Not here:
reading images (`images`), and the other columns (`features`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.influence.features import BOUND
from blindfair.influence.robust import RARE, rounded_statistics
from blindfair.protocol.arrays import NUMBER_LIMIT, ArrayForm, form_of
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidListing, MalformedMessage
from blindfair.protocol.fields import Fields
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import NAME_LIMIT

_DIMENSIONS = (2, 3)


@dataclass(frozen=True, slots=True)
class ImageFeature:
    """`(x - centre) / scale` of each number of an image, clipped to +-`BOUND`.

    A cell that is no image of `form` gives zeros. Arithmetic is IEEE double precision, one number at a time.
    """

    column: str
    form: ArrayForm
    """Height and width, then channels if there are more than one."""

    centre: float
    scale: float

    @classmethod
    def infer(cls, column: str, cells: Sequence[Cell]) -> "ImageFeature | None":
        """Centre and scale that single images hardly move: the median of their means, and of their distances from it.

        A distance is the root mean square of an image's numbers less the centre. Both are rounded as those of a column
        are (`robust`). None for fewer than `RARE` images, and where they do not vary. Raises MalformedRecord for images
        of different forms.
        """
        images = [cell for cell in cells if isinstance(cell, bytes)]
        if len(images) < RARE:
            return None
        form = form_of(images[0])
        numbers = np.stack([_in_order(form.numbers(image)) for image in images])
        with np.errstate(over="ignore", invalid="ignore"):
            centre = float(np.median((numbers / numbers.shape[1]).sum(axis=1)))
            apart = np.abs(numbers - centre)
            # Divided first, so that squares of huge or tiny numbers stay in range.
            largest = apart.max(axis=1, keepdims=True)
            parts = np.divide(apart, largest, out=np.zeros_like(apart), where=largest > 0)
            scale = float(np.median(largest[:, 0] * np.sqrt((parts**2).mean(axis=1))))
        told = rounded_statistics(centre, Decimal(scale)) if math.isfinite(centre) and math.isfinite(scale) else None
        return None if told is None else cls(column, form, *told)

    @property
    def height(self) -> int:
        """Rows of an image."""
        return self.form.shape[0]

    @property
    def width(self) -> int:
        """Columns of an image."""
        return self.form.shape[1]

    @property
    def depth(self) -> int:
        """Channels of an image."""
        return self.form.shape[2] if len(self.form.shape) > 2 else 1

    @property
    def names(self) -> list[str]:
        """A name for each number, in order."""
        return [f"{self.column} {number}" for number in range(self.form.count)]

    def encode(self, cells: Sequence[Cell]) -> Floats:
        """`n` cells as `n x (height width depth)` numbers. Never fails."""
        found = np.full((len(cells), self.form.count), self.centre)
        for place, cell in enumerate(cells):
            if isinstance(cell, bytes) and self.fits(cell):
                found[place] = _in_order(self.form.numbers(cell))
        with np.errstate(over="ignore"):
            return np.clip((found - self.centre) / self.scale, -BOUND, BOUND)

    def fits(self, cell: Cell) -> bool:
        """Whether a cell is an image of this form."""
        return isinstance(cell, bytes) and len(cell) == self.form.size and cell.startswith(self.form.header)

    def to_document(self) -> Document:
        """The feature as a part of the schema's document."""
        return {
            "centre": self.centre,
            "column": self.column,
            "dtype": self.form.dtype,
            "kind": "image",
            "scale": self.scale,
            "shape": list(self.form.shape),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> "ImageFeature":
        """Raises MalformedMessage, also for a scale that is not above zero, and for what is no image."""
        shape = tuple(fields.integers("shape", 1, NUMBER_LIMIT, max(_DIMENSIONS)))
        try:
            form = ArrayForm(fields.text("dtype", NAME_LIMIT), shape)
        except InvalidListing as error:
            raise MalformedMessage(error.what, expected=error.expected, found=error.found) from error
        feature = cls(fields.text("column", NAME_LIMIT), form, fields.number("centre"), fields.number("scale"))
        fields.done()
        if len(shape) not in _DIMENSIONS:
            raise MalformedMessage("an image has another shape", expected="height x width, or x channels", found=shape)
        if not feature.scale > 0:
            raise MalformedMessage("a scale is not above zero", expected="> 0", found=feature.scale)
        return feature


def _in_order(image: NDArray[Any]) -> Floats:
    """The numbers of an image, one channel after another."""
    return np.asarray(np.moveaxis(image, 2, 0) if image.ndim > 2 else image, dtype=np.float64).ravel()
