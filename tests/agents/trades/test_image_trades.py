"""Trades of real images scored by a convolutional network: what was listed arrives, and a seller that scores other
images, labels or shades than it delivers is found out."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from trade import BUYER_POLICY, PER_RECORD, TERMS, UNIFORM, Parties, World, assert_scores_of, make_parties

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.evaluation.preprocessing import check_reads, listed_schema
from blindfair.agents.seller.checks import RequestCost
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.api.image_options import image_preprocessing, listed_images
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.images.images import Images, images_of, read_images
from blindfair.influence.models import load_scoring_model
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.pricing.learners import CnnLearner, Learner, LogisticLearner, MlpLearner
from blindfair.protocol.arrays import ArrayForm
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import FieldMismatch, InvalidOption, KindsDiffer
from blindfair.protocol.manifest import Manifest, Schema
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import ETHER, Digest, Secret, Wei
from blindfair.protocol.records import RecordEncoding, Row
from blindfair.protocol.signing import Domain

OFFERED, OWN = 100, 90
LEARNER = CnnLearner(steps=10, early=5, entries=16, channels=(3, 4))


@cache
def digits() -> Images:
    """Handwritten digits 0, 1, 2 of 8 x 8 shades, in a fixed random order."""
    data = load_digits(n_class=3)
    order = np.random.default_rng(2).permutation(len(data.target))[: OFFERED + OWN]
    return read_images((data.images[order].astype("u1"), data.target[order]))


def part(start: int, end: int) -> Images:
    return read_images((digits().pixels[start:end], list(digits().labels[start:end])))


def goods(*, wrong: int = 0, **terms: Any) -> ListingSpec:
    """All images, the first `wrong` of them under another label."""
    right = part(0, OFFERED)
    labels = [(int(str(label)) + (number < wrong)) % 3 for number, label in enumerate(right.labels)]
    images = read_images((right.pixels, labels))
    return ListingSpec(
        name="digits",
        description="",
        licence="BSD-3-Clause",
        consent="public data",
        encoding=RecordEncoding.ARRAY,
        schema=images.schema(),
        preprocessing=image_preprocessing(images, own_models=True).to_document(),
        records=listed_images(images, 1024, without_copies=False),
        terms=replace(TERMS, **terms),
    )


def valuer(learner: Learner = LEARNER, own: tuple[Row, ...] | None = None) -> TabularValuer:
    rows = part(OFFERED, OFFERED + OWN).rows if own is None else own
    return TabularValuer(rows[:30], rows[30:], ("image", "label"), "label", pricing=UNIFORM, seed=0, learner=learner)


def manifest(**changes: Any) -> Manifest:
    spec = goods()
    dataset = ChunkedDataset.build(spec.records, spec.chunk_size, Secret(bytes(32)))
    return replace(spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32)), **changes)


def parties_of(directory: Path, seller_type: Callable[..., Seller] = Seller, wrong: int = 0) -> tuple[World, Parties]:
    world = World(directory / "world")
    policy = replace(BUYER_POLICY, budget=Wei(30 * PER_RECORD))
    spec = goods(wrong=wrong)
    return world, make_parties(world, seller_type=seller_type, goods=spec, valuer=valuer(), buyer_policy=policy)


def test_images_are_scored_by_a_network_and_arrive_as_they_were_listed(tmp_path: Path) -> None:
    world, parties = parties_of(tmp_path)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == ("Released", None, "Released")
    bought, found = parties.buyer.bought(), parties.buyer.review()
    assert 10 <= len(bought) <= 30 and parties.buyer.audited_rows == 10
    assert parties.deltas() == (-len(bought) * PER_RECORD, len(bought) * PER_RECORD)
    listing = found.listing.manifest
    assert listing.encoding is RecordEncoding.ARRAY and found.request.model_name == "small-cnn"
    numbers = [number for number, _ in bought]
    pixels, labels = images_of(listing.schema, [listing.schema.decode(listing.encoding, data) for _, data in bought])
    assert pixels.dtype == digits().pixels.dtype and np.array_equal(pixels, digits().pixels[numbers])
    assert labels.tolist() == [digits().labels[number] for number in numbers]
    made = valuer().valuation(parties.seller.manifest)
    rows = made.model.rows(part(0, OFFERED).rows, made.projection)
    assert_scores_of(parties, made.rounding.apply(rows))
    # Every delivered chunk is full: lengths tell nothing of an image or its label.
    dataset = parties.seller.dataset
    assert {len(chunk) for chunk in dataset.chunks} == {1024} and len(dataset.chunks) == OFFERED
    parties.close()
    world.close()


class ImageLiar(Seller):
    """Commits to rows of records that it has changed, and delivers those that it listed."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        model = load_scoring_model(request.model_name, self.config(request), request.weights)
        projection = Projection.from_parts(request.projection, request.basis)
        rows = [self.changed(self._spec.decode(record)) for record in self._spec.records]
        return quantise_rows(model.rows(rows, projection), request.row_scale, request.exponent_bits)

    def config(self, request: Request) -> Any:
        return request.model_config

    def changed(self, row: Row) -> Row:
        return row


class SwappedPixels(ImageLiar):
    """Two rows of each image change places."""

    def changed(self, row: Row) -> Row:
        assert isinstance(row[0], bytes)
        image = row[0][-64:]
        return (row[0][:-64] + image[24:32] + image[8:24] + image[:8] + image[32:], *row[1:])


class BetterLabels(ImageLiar):
    """Sells wrong labels, and scores the images under the right ones."""

    def changed(self, row: Row) -> Row:
        truth = {cells[0]: cells[1] for cells in part(0, OFFERED).rows}
        return (row[0], truth[row[0]])


class OtherShades(ImageLiar):
    """Images are scored at another scale than the manifest's."""

    def config(self, request: Request) -> Any:
        schema: Any = request.model_config["schema"]
        feature = {**schema["features"][0], "scale": 0.9 * schema["features"][0]["scale"]}
        return {**request.model_config, "schema": {**schema, "features": [feature]}}


@pytest.mark.deep
@pytest.mark.parametrize("liar", [SwappedPixels, BetterLabels, OtherShades])
def test_scores_of_other_images_fail_the_audit(liar: type[Seller], tmp_path: Path) -> None:
    world, parties = parties_of(tmp_path, liar, wrong=60 if liar is BetterLabels else 0)
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "RowsDisagree"
    assert parties.deltas() == (0, 0)
    parties.close()
    world.close()


@pytest.mark.deep
def test_rows_of_the_liar_that_changes_nothing_are_right(tmp_path: Path) -> None:
    """Or the test above would show nothing."""
    world, parties = parties_of(tmp_path, ImageLiar)
    parties.run(lambda: parties.buyer.outcome is not None or parties.paid())
    assert parties.buyer.outcome is None or parties.buyer.outcome.error is None
    assert parties.buyer.audited_rows == 10
    parties.close()
    world.close()


def test_an_unnamed_buyer_brings_the_untrained_model_and_no_network() -> None:
    listing = manifest(terms=replace(TERMS, own_models=False))
    check_prescribed_model(valuer(LogisticLearner()).question(listing), listing)
    for learner in (LEARNER, MlpLearner(steps=5, early=2, entries=8)):
        with pytest.raises(FieldMismatch, match="unnamed buyer"):
            check_prescribed_model(valuer(learner).question(listing), listing)


@pytest.mark.parametrize("change", [{"scale": 1.0}, {"centre": 0.0}, {"shape": [4, 16]}])
def test_a_model_that_reads_images_otherwise_is_refused(change: dict[str, Any]) -> None:
    listing = manifest()
    made = valuer().valuation(listing)
    document: Any = made.model.schema.to_document()
    document["features"][0].update(change)
    other = replace(made.model, schema=FeatureSchema.from_document(document))  # type: ignore[type-var]
    with pytest.raises(FieldMismatch, match="otherwise than the listing"):
        check_reads(other, listing, made.projection)


def test_a_listing_whose_preprocessing_is_of_other_images_is_not_asked() -> None:
    listing = manifest()
    first = replace(listing.schema.columns[0], form=ArrayForm("|u1", (4, 16)))
    other = replace(listing, schema=Schema((first, *listing.schema.columns[1:]), "label"))
    assert listed_schema(listing).image is not None
    with pytest.raises(FieldMismatch, match="another form"):
        listed_schema(other)
    with pytest.raises(FieldMismatch, match="another form"):
        valuer().question(other)


def test_own_images_of_another_size_are_told_before_anything_is_asked() -> None:
    own = read_images((digits().pixels[OFFERED:, :7], list(digits().labels[OFFERED:]))).rows
    with pytest.raises(KindsDiffer, match="another form"):
        valuer(own=own).question(manifest())


def test_a_network_of_images_needs_images() -> None:
    schema = FeatureSchema.infer([(float(n % 7), n % 2) for n in range(40)], ("a", "y"), "y")
    with pytest.raises(InvalidOption, match="learns images"):
        CnnLearner().for_label(schema)


def test_large_images_are_learnt_by_a_network_alone_and_what_it_costs_is_known() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 40, 40, 3), dtype=np.uint8)
    images = read_images((pixels, np.arange(60) % 10))
    schema = image_preprocessing(images, own_models=True)
    assert schema.row_width == 48_010
    with pytest.raises(InvalidOption, match="too long for images"):
        LogisticLearner().for_label(schema)
    learner = CnnLearner(entries=8).for_label(schema)
    model = learner.reference(schema, learner.encode(schema, images.rows))
    projection = learner.basis(model.gradients(*learner.encode(schema, images.rows)))
    cost = RequestCost.of(model, projection, records=10_000, queries=2)
    assert cost.memory < 2**32 and cost.products < 2**40
