"""Images with a label each, of one form: from a folder, a file or from memory, to records and back.

    folder / images.npy + labels.npy   or labels.csv, with a column of labels in the order of the images
    folder / *.npy + labels.csv        one image a file; the column `file` has their names
    file                               the images; the labels lie beside it, or behind them in the same file
    (images, labels)                   two arrays

Not here: one npy file (`npy`), the numbers that a model takes (`feature`), and terms (`api.listing_options`).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.columns import typed_column
from blindfair.influence.csv_file import BYTE_LIMIT
from blindfair.influence.frames import Frame
from blindfair.influence.images.npy import read_arrays
from blindfair.influence.reading import ColumnReading
from blindfair.influence.table import Table
from blindfair.influence.table_file import read_table_file
from blindfair.protocol.arrays import ARRAY_DTYPES, NUMBER_LIMIT, ArrayForm, encode_array
from blindfair.protocol.chunks import CHUNK_COUNT_LIMIT
from blindfair.protocol.errors import (
    FileMissing,
    InvalidListing,
    InvalidOption,
    LabelMissing,
    NoRecords,
    TooLarge,
    UnusableImages,
)
from blindfair.protocol.records import Cell, RecordEncoding, Row
from blindfair.protocol.schema import Column, ColumnKind, Schema

ImageSource: TypeAlias = tuple[Any, Any]
"""Images and labels in memory: two arrays, `n x height x width` or `n x height x width x channels`, and `n`."""

IMAGE_COLUMN = "image"
LABEL_COLUMN = "label"
"""The label's name, if its owner gives it no other."""

IMAGES_FILE, LABELS_FILE, LABELS_TABLE = "images.npy", "labels.npy", "labels.csv"

CHANNEL_LIMIT = 4

_LABEL_BYTES = 4096
"""Bytes of a label in an array, at most, unless the label itself is longer."""

_FILE_COLUMN = "file"
_SUFFIX = ".npy"


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """`pixels` is `n x height x width` or `n x height x width x channels`, little-endian; each has a label."""

    pixels: NDArray[Any]
    labels: tuple[Cell, ...]
    label: str
    label_form: ArrayForm

    def __repr__(self) -> str:
        return f"Images({len(self.labels):,} images of {self.form}, label {self.label!r})"

    @property
    def form(self) -> ArrayForm:
        """The form of each image."""
        return ArrayForm(self.pixels.dtype.str, self.pixels.shape[1:])

    @property
    def columns(self) -> tuple[str, str]:
        """The columns of a record."""
        return IMAGE_COLUMN, self.label

    @property
    def readings(self) -> tuple[ColumnReading, ...]:
        """How columns were read: of images there is nothing to tell."""
        return ()

    @property
    def encoding(self) -> RecordEncoding:
        """How the records are encoded."""
        return RecordEncoding.ARRAY

    def alike_but_texts(self) -> int:
        """None: nothing is listed as it was written."""
        return 0

    @property
    def rows(self) -> tuple[Row, ...]:
        """Each image with its label. Raises InvalidListing, MalformedRecord."""
        return tuple((encode_array(image), label) for image, label in zip(self.pixels, self.labels, strict=True))

    def table(self) -> Table:
        """The same as a table of two columns."""
        return Table(self.columns, self.rows, self.label)

    def schema(self) -> Schema:
        """The columns as a manifest names them (PROTOCOL 2)."""
        # Floats are classes too, and only columns of numbers hold them.
        is_real = any(isinstance(label, float) for label in self.labels)
        kind = ColumnKind.NUMBER if is_real else ColumnKind.CATEGORY
        return Schema(
            (
                Column(IMAGE_COLUMN, ColumnKind.ARRAY, form=self.form),
                Column(self.label, kind, form=self.label_form),
            ),
            self.label,
        )

    def copies(self) -> dict[int, int]:
        """Every image that is the same as an earlier one, whatever its label, with the first that is."""
        first: dict[bytes, int] = {}
        both = ((number, first.setdefault(image.tobytes(), number)) for number, image in enumerate(self.pixels))
        return {number: earlier for number, earlier in both if earlier < number}

    def to_bytes(self) -> bytes:
        """Images and labels as one file, which `read_images` reads."""
        file = io.BytesIO()
        np.save(file, self.pixels, allow_pickle=False)
        np.save(file, _label_array(self.labels, self.label_form), allow_pickle=False)
        return file.getvalue()


def holds_images(source: object) -> TypeGuard["Path | str | ImageSource"]:
    """Whether a source of records is one of images: a pair in memory, an npy file, or a folder of such files."""
    if isinstance(source, tuple):
        return True
    if not isinstance(source, Path | str):
        return False
    path = Path(source)
    return path.suffix == _SUFFIX or (path.is_dir() and any(path.glob("*" + _SUFFIX)))


def read_images(source: "Path | str | Frame | ImageSource", label: str = LABEL_COLUMN) -> Images:
    """Read images and labels, as the head of this module says.

    Raises FileMissing, TooLarge, NoRecords, UnusableImages for anything that is not listed (types, shapes, numbers that
    are not finite, labels of another length), LabelMissing, InvalidOption, and what `read_table_file` raises.
    """
    if label == IMAGE_COLUMN:
        raise InvalidOption(
            "`label` is the name of the images", expected="another name", found=repr(label), hint="leave it out"
        )
    if isinstance(source, tuple):
        if len(source) != 2:
            raise UnusableImages(
                "Images in memory are two arrays",
                expected="(images, labels)",
                found=f"{len(source)} arrays",
                hint="give the labels too: a model learns from both",
            )
        return _checked(np.asarray(source[0]), np.asarray(source[1]), label, "the images", "the labels")
    if not isinstance(source, Path | str):
        raise UnusableImages(
            "These are no images",
            expected="a folder, an npy file, or two arrays",
            found=type(source).__name__,
            hint="give (images, labels)",
        )
    path = Path(source)
    if path.is_dir() and not (path / IMAGES_FILE).exists():
        return _of_files(path, label)
    file = path / IMAGES_FILE if path.is_dir() else path
    arrays = read_arrays(file)
    if len(arrays) > 1:
        return _checked(arrays[0], arrays[1], label, str(file), str(file))
    beside = file.parent / LABELS_FILE
    if beside.exists():
        return _checked(arrays[0], read_arrays(beside)[0], label, str(file), str(beside))
    table = file.parent / LABELS_TABLE
    return _checked(arrays[0], _listed_labels(table, label)[1], label, str(file), str(table))


def images_of(schema: Schema, rows: Sequence[Row]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images and labels of records of a listing, as they were listed.

    Raises InvalidListing where it is not a listing of images, MalformedRecord.
    """
    names = [column.name for column in schema.columns]
    if len(names) != 2 or schema.label != names[1]:
        raise InvalidListing("These records are no images with a label", expected="two columns", found=len(names))
    form, label_form = schema.array_form, schema.columns[1].form
    images = np.empty((len(rows), *form.shape), form.dtype)
    for place, row in enumerate(rows):
        if isinstance(row[0], bytes):
            images[place] = form.numbers(row[0])
    return images, _label_array([row[1] for row in rows], label_form)


def _label_array(labels: Sequence[Cell], form: ArrayForm | None) -> NDArray[Any]:
    """Labels as an array of a form, or of one of their own where that would change them: a seller may lie about it."""
    try:
        plain = np.array(labels)
    except OverflowError:
        plain = np.array(labels, dtype=object)
    if plain.dtype.kind == "O" or plain.tolist() != list(labels):
        plain = np.array([str(label) for label in labels])
    if form is None or np.dtype(form.dtype).itemsize > _LABEL_BYTES:
        return plain
    try:
        with np.errstate(all="ignore"):
            found = plain.astype(form.dtype)
    except (ValueError, OverflowError):
        return plain
    return found if found.tolist() == plain.tolist() else plain


def _of_files(folder: Path, label: str) -> Images:
    names, labels = _listed_labels(folder / LABELS_TABLE, label, _FILE_COLUMN)
    images = []
    for name in names:
        # A table may come from anywhere: it names files of this folder and no others.
        if Path(name).name != name:
            raise UnusableImages(
                f"{folder / LABELS_TABLE} names a file of another folder",
                expected="names of files in the same folder",
                found=ascii(name[:80]),
                hint="move the images there",
            )
        images.append(read_arrays(folder / name)[0])
        # All are of one size, so the first one tells what all take, before they are in memory.
        if images[0].nbytes * len(names) > BYTE_LIMIT:
            raise TooLarge(
                f"The images of {folder} are too large",
                expected=f"at most {BYTE_LIMIT} bytes in all",
                found=images[0].nbytes * len(names),
                hint="list a part of them, or scale them down",
            )
        if images[-1].shape != images[0].shape or images[-1].dtype != images[0].dtype:
            raise UnusableImages(
                f"{folder / name} is not like the first image",
                expected=f"shape {images[0].shape}, type {images[0].dtype}",
                found=f"shape {images[-1].shape}, type {images[-1].dtype}",
                hint="scale all images to one size",
            )
    return _checked(np.stack(images), labels, label, str(folder), str(folder / LABELS_TABLE))


def _listed_labels(path: Path, label: str, *more: str) -> tuple[list[str], NDArray[Any]]:
    """The column of `more`, or nothing, and the labels of a table."""
    if not path.exists():
        raise FileMissing(
            "There are no labels beside the images",
            expected=f"{LABELS_FILE} or {LABELS_TABLE} in {path.parent}",
            found="neither",
            hint="numpy.save('labels.npy', labels), with a label for each image",
        )
    file = read_table_file(path)
    for name in (label, *more):
        if name not in file.columns:
            raise LabelMissing(
                f"{path} has no column {name!r}",
                expected=repr(name),
                found=", ".join(file.columns[:8]),
                hint="`label=COLUMN` names the column of the labels; `file` has the names of image files",
            )
    place = file.columns.index(label)
    cells = typed_column(label, [row[place] for row in file.rows], file.lines)
    if None in cells:
        line = file.lines[cells.index(None)]
        raise LabelMissing(
            "An image has no label", expected="one for each", found=f"none in line {line}", hint="remove the image"
        )
    names = [row[file.columns.index(name)] for name in more for row in file.rows]
    return names, np.array(cells)


def _checked(pixels: NDArray[Any], labels: NDArray[Any], label: str, images_name: str, labels_name: str) -> Images:
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    _check_pixels(pixels, images_name)
    if labels.shape != (len(pixels),):
        raise UnusableImages(
            f"{labels_name} does not have a label for each image",
            expected=f"shape ({len(pixels)},)",
            found=f"shape {labels.shape}",
            hint="labels are in the order of the images",
        )
    labels = labels.astype(labels.dtype.newbyteorder("<"))
    try:
        form = ArrayForm(labels.dtype.str, ())
    except InvalidListing as error:
        raise UnusableImages(
            f"{labels_name} holds no labels",
            expected="whole numbers or texts",
            found=f"type {labels.dtype}",
            hint="labels.astype('int64'), or astype(str)",
        ) from error
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise LabelMissing(
            "An image has no label",
            expected="a finite number or a text",
            found=f"NaN in {labels_name}",
            hint="remove the image",
        )
    return Images(pixels, tuple(labels.tolist()), label, form)


def _check_pixels(pixels: NDArray[Any], name: str) -> None:
    shape = pixels.shape
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and not 1 <= shape[3] <= CHANNEL_LIMIT):
        raise UnusableImages(
            f"{name} is no array of images",
            expected=f"n x height x width, or n x height x width x channels with at most {CHANNEL_LIMIT} channels",
            found=f"shape {shape}",
            hint="flat images: images.reshape(n, height, width); channels last: images.transpose(0, 2, 3, 1)",
        )
    if not len(pixels):
        raise NoRecords(f"{name} has no image", expected="2 or more", found=0, hint="is this the right file?")
    if not 1 <= pixels[0].size <= NUMBER_LIMIT or len(pixels) > CHUNK_COUNT_LIMIT:
        raise UnusableImages(
            f"{name} has images that are too large, or too many",
            expected=f"at most {NUMBER_LIMIT:,} numbers an image, {CHUNK_COUNT_LIMIT:,} images",
            found=f"{pixels[0].size:,} numbers, {len(pixels):,} images",
            hint="scale them down, or list a part of them",
        )
    if pixels.dtype.str not in ARRAY_DTYPES:
        raise UnusableImages(
            f"{name} has numbers of a type that is not listed",
            expected="uint8, uint16, float32 or float64",
            found=str(pixels.dtype)[:80],
            hint="images.astype('uint8') if the shades are 0 to 255",
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        rest = tuple(range(1, pixels.ndim))
        number = int(np.argmin(np.isfinite(pixels).all(axis=rest)))
        raise UnusableImages(
            f"{name} has numbers that are not finite",
            expected="finite numbers",
            found=f"NaN or infinity in image {number}, counted from 0",
            hint="remove the image, or numpy.nan_to_num(images)",
        )
