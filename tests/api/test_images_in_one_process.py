"""Images by the Python interface: a whole trade, and what owners give that cannot be used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from blindfair.api.buying import make_purchase
from blindfair.api.listing import make_listing
from blindfair.api.local_market import LocalMarket
from blindfair.api.own_records import TableOptions
from blindfair.cli.buyer.export import default_export, export_bought
from blindfair.protocol.errors import (
    BlindfairError,
    InvalidListing,
    InvalidOption,
    LabelUnusable,
    NoRecords,
    UnusableImages,
)

TERMS: dict[str, Any] = {"price_per_record": "0.001", "licence": "any", "consent": "public data"}
DIGITS = load_digits()
ORDER = np.random.default_rng(5).permutation(len(DIGITS.target))
PIXELS, LABELS = DIGITS.images.astype("f4")[ORDER], np.array([f"digit {d}" for d in DIGITS.target])[ORDER]
FEW = np.flatnonzero(np.isin(DIGITS.target[ORDER], [3, 8]))
"""Threes and eights."""


@pytest.mark.deep
def test_a_trade_from_arrays_gives_back_arrays_and_files(tmp_path: Path) -> None:
    offered, own = FEW[:120], FEW[120:260]
    listing = make_listing((PIXELS[offered], LABELS[offered]), label="digit", **TERMS)
    wanted = make_purchase(
        (PIXELS[own], LABELS[own]), label="digit", budget="0.05", fee="0.01", audit_rows=8, min_audit_rows=8
    )
    with LocalMarket(tmp_path / "market") as market:
        seller = market.sell(listing)
        buyer = market.buyer(seller, wanted)
        choice = buyer.evaluate()
        assert choice.forecast is not None
        assert buyer.buy().final == "Released"
        pixels, labels = buyer.images()
        frame = buyer.records()
        folder = default_export(tmp_path, buyer.agent.review().listing.manifest)
        assert export_bought(buyer.agent, folder) == len(pixels) > 8
    numbers = np.load(folder / "records.npy")
    for found, found_labels in (
        (pixels, labels),
        (np.load(folder / "images.npy", allow_pickle=False), np.load(folder / "labels.npy", allow_pickle=False)),
    ):
        assert found.dtype == PIXELS.dtype and found_labels.dtype == LABELS.dtype
        assert found.tobytes() == PIXELS[offered][numbers].tobytes()
        assert found_labels.tobytes() == LABELS[offered][numbers].tobytes()
    assert frame.index.tolist() == numbers.tolist() and list(frame.columns) == ["image", "digit"]
    assert np.array_equal(np.stack(frame["image"].tolist()), pixels)
    # What was bought is again a folder of images.
    assert make_purchase(folder, label="digit", budget="1").valuer is not None


def test_what_an_image_holds_is_measured_and_stands_in_the_terms() -> None:
    listing = make_listing((PIXELS[FEW[:100]], LABELS[FEW[:100]]), **TERMS)
    # 64 places of 17 shades are 262 bits at most; a class of two is one.
    assert 60 < listing.spec.terms.record_bits < 64 * np.log2(17) + 1
    assert listing.spec.terms.bits_per_record == 4
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8)
    held = make_listing((noise, np.arange(200) % 2), own_models=True, **TERMS).spec.terms.record_bits
    # Each of 200 images adds log2(200) bits at most to what is seen of a place.
    assert 64 * 6.5 < held < 64 * 8


def test_copies_are_refused_or_left_out_whatever_their_label() -> None:
    pixels, labels = PIXELS[FEW[:60]].copy(), LABELS[FEW[:60]].copy()
    pixels[7], labels[7] = pixels[3], "digit 8" if labels[3] == "digit 3" else "digit 3"
    with pytest.raises(InvalidListing, match="Some images are the same") as caught:
        make_listing((pixels, labels), **TERMS)
    assert "image 7 is image 3" in str(caught.value.found)
    other = "1 copy has another label than the first image that is the same: image 7 and image 3, for example"
    assert other in str(caught.value.found) and "Correct the labels first" in caught.value.hint
    listing = make_listing((pixels, labels), without_copies=True, **TERMS)
    assert (len(listing.spec.records), listing.copies_left_out) == (59, 1)
    said = "1 of 60 records are left out: each is a copy of an earlier one"
    assert listing.notes == (said, f"{other}. The first image's label is listed; correct it if it is wrong")
    assert repr(listing) == f"PreparedListing({listing.spec!r}, 1 record left out: see .notes)"
    labels[7] = labels[3]
    with pytest.raises(InvalidListing) as caught:
        make_listing((pixels, labels), **TERMS)
    assert "another label" not in str(caught.value)
    assert make_listing((pixels, labels), without_copies=True, **TERMS).notes == (said,)


def pair(**changes: Any) -> tuple[Any, Any]:
    return changes.get("pixels", PIXELS[:100]), changes.get("labels", LABELS[:100])


LARGE = np.random.default_rng(1).integers(0, 256, (60, 25, 25), dtype=np.uint8)

BAD: dict[str, tuple[dict[str, Any], type[BlindfairError], str]] = {
    "large images for anybody": (
        {"records": pair(pixels=LARGE, labels=np.arange(60) % 10)}, InvalidOption, "models that buyers bring"
    ),
    "many classes": ({"records": pair(labels=np.arange(100))}, LabelUnusable, "too many values"),
    "one class": ({"records": pair(labels=["a"] * 100)}, LabelUnusable, "2 to 64 classes"),
    "images that do not vary": ({"records": pair(pixels=np.zeros((100, 4, 4)))}, InvalidListing, "images are the same"),
    "images that hold little": (
        {"records": pair(pixels=np.eye(100, dtype="u1").reshape(100, 10, 10))}, InvalidOption, "One evaluation"
    ),
    "a column that is left out": ({"records": pair(), "exclude": ["image"]}, InvalidOption, "`exclude` is for tables"),
    "a kind of label": ({"records": pair(), "label_kind": "number"}, InvalidOption, "`label_kind` is for tables"),
    "a column of texts": ({"records": pair(), "text_column": "t"}, InvalidOption, "`text_column` is for tables"),
    "flat images": ({"records": pair(pixels=PIXELS[:100].reshape(100, 64))}, UnusableImages, "no array of images"),
    "an array": ({"records": PIXELS, "label": "y"}, InvalidOption, "images: (images, labels)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_images_that_cannot_be_listed_are_named(name: str) -> None:
    arguments, error, told = BAD[name]
    arguments = dict(arguments)
    with pytest.raises(error) as caught:
        make_listing(arguments.pop("records"), **arguments, **TERMS)
    assert told in str(caught.value)


def test_large_images_are_listed_for_named_buyers() -> None:
    images = LARGE, np.arange(60) % 10
    listing = make_listing(images, buyers=["0x" + "11" * 20], bits=8, **TERMS)
    assert listing.spec.terms.own_models and len(listing.spec.records) == 60


def test_own_images_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="`exclude` is for tables"):
        make_purchase(pair(), budget="1", exclude=["image"])
    with pytest.raises(InvalidOption, match="`text_column` is for texts"):
        make_purchase(pair(), budget="1", text_column="t", base_model=tmp_path)
    with pytest.raises(NoRecords):
        make_purchase(pair(pixels=PIXELS[:0], labels=[]), budget="1")
    assert TableOptions("label", [], 0, images=True).read({"own.csv": pair()}).columns == ("image", "label")
