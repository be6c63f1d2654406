"""All numbers of an image are standardised alike, by what no few images decide, and a network takes them in order."""

from typing import Any

import numpy as np
import pytest
import torch

from blindfair.influence.architecture import SmallCnn
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import BOUND
from blindfair.influence.images.images import read_images
from blindfair.influence.label import LabelKind
from blindfair.influence.network import NetworkModel
from blindfair.influence.own_kinds import check_own_records
from blindfair.influence.seen_values import compare_values
from blindfair.influence.usefulness import compare_losses, compare_shades
from blindfair.protocol.arrays import encode_array
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import KindsDiffer, PreprocessingMisleads, UnusableModel
from blindfair.protocol.fields import Fields

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8)
LABELS = np.arange(40) % 2


def schema_of(pixels: Any, labels: Any = LABELS) -> FeatureSchema:
    images = read_images((pixels, labels))
    return FeatureSchema.infer(images.rows, images.columns, "label", label_kind=LabelKind.CLASSES)


def rows_of(pixels: Any, labels: Any = LABELS) -> tuple[Any, ...]:
    return read_images((pixels, labels)).rows


def test_centre_and_scale_are_medians_of_the_images_own() -> None:
    feature = schema_of(PIXELS).image
    assert feature is not None
    centre = np.median(PIXELS.mean(axis=(1, 2)))
    scale = np.median(np.sqrt(((PIXELS - centre) ** 2).mean(axis=(1, 2))))
    assert feature.centre == pytest.approx(centre, abs=1) and feature.scale == pytest.approx(scale, rel=0.05)
    assert feature.centre == round(feature.centre) and feature.scale == round(feature.scale)


def test_four_images_decide_nothing() -> None:
    white = PIXELS.astype("f8")
    white[:4] = 1e300
    plain, other = schema_of(PIXELS.astype("f8")).image, schema_of(white).image
    assert plain is not None and other is not None
    assert abs(plain.centre - other.centre) < 3 and abs(plain.scale - other.scale) < 3


@pytest.mark.parametrize("factor", [1e-300, 1e-5, 1.0, 1e5, 1e300])
def test_shades_of_any_size_come_out_alike(factor: float) -> None:
    pixels = RNG.normal(size=(10, 3, 3)) * factor
    features, _ = schema_of(pixels, np.arange(10) % 2).encode(rows_of(pixels, np.arange(10) % 2))
    assert 0.8 < features[:, :-1].std() < 1.2


def test_channels_follow_each_other() -> None:
    pixels = RNG.integers(0, 256, (10, 4, 3, 2), dtype=np.uint8)
    schema = schema_of(pixels, np.arange(10) % 2)
    feature = schema.image
    assert feature is not None and (feature.height, feature.width, feature.depth) == (4, 3, 2)
    features, _ = schema.encode(rows_of(pixels, np.arange(10) % 2))
    expected = (pixels.transpose(0, 3, 1, 2).reshape(10, -1) - feature.centre) / feature.scale
    assert np.array_equal(features[:, :-1], np.clip(expected, -BOUND, BOUND))


def test_what_is_no_such_image_gives_zeros() -> None:
    feature = schema_of(PIXELS).image
    assert feature is not None
    cells = [None, "text", 7, b"", encode_array(PIXELS[0].T), encode_array(PIXELS[0].astype("f4"))]
    assert not feature.encode(cells).any()
    assert not any(map(feature.fits, cells)) and feature.fits(encode_array(PIXELS[0]))


@pytest.mark.parametrize("pixels", [np.zeros((9, 2, 2), "u1"), np.full((9, 2, 2), 7, "u1"), PIXELS[:4]])
def test_images_that_do_not_vary_or_are_few_cannot_be_scored(pixels: Any) -> None:
    with pytest.raises(UnusableModel):
        schema_of(pixels, np.arange(len(pixels)) % 2)


def test_the_schema_survives_its_document() -> None:
    schema = schema_of(PIXELS)
    assert FeatureSchema.from_document(schema.to_document()) == schema
    assert "images of 6 x 5 numbers" in schema.describe()


CHANGES: list[Document] = [
    {"scale": 0.0}, {"scale": -1.0}, {"shape": []}, {"shape": [30]}, {"shape": [0, 5]}, {"shape": [300, 300]},
    {"dtype": "|O"}, {"dtype": ">f4"}, {"shape": [2, 2, 2, 2]}, {"missing": True}, {"kind": "images"}, {"centre": "0"},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_hostile_description_of_images_is_refused(change: Document) -> None:
    document = schema_of(PIXELS).to_document()
    document["features"] = [{**document["features"][0], **change}]  # type: ignore[index,dict-item]
    with pytest.raises(UnusableModel):
        FeatureSchema.from_document(document)


def test_a_network_of_colour_images_has_the_gradients_of_autograd() -> None:
    pixels, labels = RNG.normal(size=(15, 5, 6, 3)), np.arange(15) % 3
    network = SmallCnn(height=5, width=6, depth=3, channels=(2,), classes=3)
    theta = np.random.default_rng(1).normal(size=network.parameters) / 3
    model = NetworkModel(schema_of(pixels, labels), network, theta)
    rows = model.rows(rows_of(pixels, labels))
    X, y = model.schema.encode(rows_of(pixels, labels))
    for number in (0, 7):
        point = torch.from_numpy(theta).requires_grad_()
        one = torch.from_numpy(X[number : number + 1, :-1].copy())
        loss = network.losses(point, one, torch.from_numpy(y[number : number + 1])).sum()
        (expected,) = torch.autograd.grad(loss, point)
        np.testing.assert_allclose(rows[number], expected.numpy(), atol=1e-12)
    read = SmallCnn.from_fields(Fields(network.to_document()), 90, 3)
    assert read == network and "depth" not in SmallCnn(height=5, width=6, channels=(2,), classes=3).to_document()
    with pytest.raises(UnusableModel, match="no images of this form"):
        SmallCnn.from_fields(Fields(network.to_document()), 30, 3)


@pytest.mark.parametrize(
    ("own", "told"),
    [(PIXELS[:, :5], "5 x 5"), (PIXELS.astype("f4"), "<f4"), (PIXELS[..., np.newaxis], "6 x 5 x 1")],
)
def test_own_images_of_another_form_are_refused(own: Any, told: str) -> None:
    with pytest.raises(KindsDiffer, match="another form") as caught:
        check_own_records(schema_of(PIXELS), rows_of(own))
    assert told in str(caught.value.found)


@pytest.mark.parametrize("change", [lambda x: x / 255, lambda x: x * 255, lambda x: x + 5000])
def test_own_images_in_another_unit_are_refused_and_accepted(change: Any) -> None:
    listed, own = schema_of(PIXELS.astype("f8")), rows_of(change(PIXELS.astype("f8")))
    with pytest.raises(PreprocessingMisleads, match="all white, all black or all grey"):
        compare_shades(own, listed)
    assert len(compare_shades(own, listed, accepted=True)) == 1
    assert compare_shades(rows_of(PIXELS.astype("f8")), listed) == ()
    assert compare_losses(own[:20], own[20:], listed) is None


def test_own_images_that_are_clipped_are_told() -> None:
    listed, bright = schema_of(PIXELS.astype("f8")), rows_of(PIXELS.astype("f8") * 20)
    assert any("clipped" in warning for warning in check_own_records(listed, bright))
    assert check_own_records(listed, rows_of(PIXELS.astype("f8"))) == ()


def test_images_that_were_seen_are_not_compared_value_by_value() -> None:
    images = read_images((PIXELS, LABELS))
    repeated = rows_of(PIXELS[[0] * 20 + [1] * 20], LABELS)
    assert compare_values(images.schema(), repeated, rows_of(PIXELS[5:15], LABELS[5:15])) == ()
