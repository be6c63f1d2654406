"""What an agent lists of images, and how models read them; terms and prices are `listing_options`."""

from blindfair.api.copies import correct_first, other_labels_said
from blindfair.influence.encoding import WIDTH_LIMIT, FeatureSchema
from blindfair.influence.images.images import Images
from blindfair.influence.label import CLASSES_LIMIT, LabelKind
from blindfair.pricing.information import check_record_bits, measure_images
from blindfair.protocol.arrays import encode_array_rows
from blindfair.protocol.chunks import fill_record
from blindfair.protocol.errors import InvalidListing, InvalidOption, LabelUnusable


def listed_images(images: Images, chunk_size: int, *, without_copies: bool) -> tuple[bytes, ...]:
    """The records of a listing of images, filled up to whole chunks; the first of equal images alone if told so.

    Raises InvalidListing for equal images otherwise, whatever their labels: one that is there under two labels tells a
    model nothing, and under one it is paid twice.
    """
    copies = images.copies()
    if copies and not without_copies:
        number, first = next(iter(copies.items()))
        others = other_labels_of_images(images)
        raise InvalidListing(
            "Some images are the same",
            expected="different images",
            found=f"{len(copies)} copies; image {number} is image {first}, for example"
            + ("" if others is None else f"; {others}"),
            hint="remove them, or list the first of equal images alone: `without_copies=True`"
            + ("" if others is None else correct_first("image")),
        )
    rows = [row for number, row in enumerate(images.rows) if number not in copies]
    return tuple(fill_record(record, chunk_size) for record in encode_array_rows(rows))


def other_labels_of_images(images: Images) -> str | None:
    """How many copies have another label than the image that they repeat, as `other_labels_said` says it."""
    return other_labels_said(images.labels, images.copies(), "image", "image")


def measured_image_bits(images: Images) -> int:
    """How many bits an image holds with its label. Raises InvalidListing where that is too little."""
    copies = images.copies()
    kept = [number for number in range(len(images.labels)) if number not in copies]
    held = measure_images(images.pixels[kept], [images.labels[number] for number in kept]).bits
    check_record_bits(held)
    return held


def image_preprocessing(images: Images, *, own_models: bool) -> FeatureSchema:
    """How scoring models read the images, for the manifest.

    Raises InvalidOption where only `own_models` could score images so large, LabelUnusable, UnusableModel where the
    images do not vary.
    """
    if len(set(images.labels)) > CLASSES_LIMIT:
        raise LabelUnusable(
            f"The label {images.label!r} of the images has too many values",
            expected=f"2 to {CLASSES_LIMIT} classes",
            found=len(set(images.labels)),
            hint="models of images learn classes: join values to fewer",
        )
    schema = FeatureSchema.infer(images.rows, images.columns, images.label, label_kind=LabelKind.CLASSES)
    if not own_models and schema.row_width > WIDTH_LIMIT:
        raise InvalidOption(
            "Images of this size are scored by models that buyers bring",
            expected=f"named `buyers`, or `own_models`; or at most {WIDTH_LIMIT:,} numbers an image, times classes",
            found=f"{schema.row_width:,}, and neither",
            hint="name your buyers, or scale the images down: with a model of its own anybody can aim all bits of an "
            "evaluation at few images",
        )
    return schema
