"""Every regime makes the trouble that its name says, of records that are divided without overlap."""

import numpy as np
import pytest
from numbered import numbered

from blindfair.protocol import errors
from blindfair.studies import datasets
from blindfair.studies.datasets import Dataset, load
from blindfair.studies.worlds import (
    COPIED,
    OFFER_SHARE,
    RECORD_LIMIT,
    BuyerSize,
    Records,
    Regime,
    StudyWorld,
    make_world,
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return numbered()


def world(data: Dataset, regime: Regime, size: BuyerSize = BuyerSize.MIDDLE, seed: int = 0) -> StudyWorld:
    return make_world(data, regime, size, seed)


def places(world: StudyWorld, records: Records) -> set[int]:
    """The numbers of records, from their standardised first feature."""
    own = np.sort(world.own.X[:, 0])
    step = np.diff(np.sort(np.concatenate([own, world.test.X[:, 0], world.offer.X[:, 0]]))).min()
    return set(np.rint(records.X[:, 0] / step).astype(int).tolist())


@pytest.mark.parametrize("size", BuyerSize)
def test_no_record_is_in_two_parts_and_each_has_its_share(data: Dataset, size: BuyerSize) -> None:
    made = world(data, Regime.CLEAN, size)
    parts = [places(made, part) for part in (made.train, made.validation, made.offer, made.test)]
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert len(made.offer) == round(OFFER_SHARE * 1000)
    expected = {BuyerSize.SMALL: 75, BuyerSize.MIDDLE: 150, BuyerSize.LARGE: 300}[size]
    assert len(made.own) == pytest.approx(expected, abs=2)
    assert (made.offer.X[:, -1] == 1).all() and abs(made.own.X[:, :-1].mean()) < 1e-9


def test_a_clean_offer_has_nothing_wrong(data: Dataset) -> None:
    made = world(data, Regime.CLEAN)
    assert made.truth.fine.all() and (made.offer.y == made.truth.label).all() and not made.listing.any()


def test_wrong_labels_are_of_the_stated_share_and_nested_from_regime_to_regime(data: Dataset) -> None:
    few, some, many = (world(data, regime) for regime in (Regime.WRONG_10, Regime.WRONG_30, Regime.WRONG_50))
    for made, share in ((few, 0.1), (some, 0.3), (many, 0.5)):
        assert made.truth.wrong.mean() == pytest.approx(share, abs=0.06)
        assert ((made.offer.y != made.truth.label) == made.truth.wrong).all()
        np.testing.assert_array_equal(made.offer.X, few.offer.X)
    assert (some.truth.wrong | ~few.truth.wrong).all() and (many.truth.wrong | ~some.truth.wrong).all()


def test_a_wrong_label_of_many_classes_may_be_any_other() -> None:
    made = world(numbered(2000, 5), Regime.WRONG_50)
    off = (made.offer.y - made.truth.label)[made.truth.wrong] % 5
    assert set(off.tolist()) == {1, 2, 3, 4}


def test_noise_takes_the_features_of_others_and_leaves_the_labels(data: Dataset) -> None:
    clean, noisy = world(data, Regime.CLEAN), world(data, Regime.NOISE)
    spoiled = noisy.truth.spoiled
    assert spoiled.mean() == pytest.approx(0.3, abs=0.06) and (noisy.offer.y == clean.offer.y).all()
    np.testing.assert_array_equal(noisy.offer.X[~spoiled], clean.offer.X[~spoiled])
    for column in range(2):
        assert set(noisy.offer.X[spoiled, column]) <= set(clean.offer.X[:, column])
    assert (noisy.offer.X[spoiled] != clean.offer.X[spoiled]).any(axis=1).mean() > 0.95


@pytest.mark.parametrize("regime", [Regime.COPIES, Regime.NEAR_COPIES])
def test_a_third_of_the_listing_are_copies_of_the_rest(data: Dataset, regime: Regime) -> None:
    made = world(data, regime)
    copies = made.truth.original != np.arange(len(made.offer))
    assert copies.mean() == pytest.approx(COPIED / (1 + COPIED), abs=0.01)
    source = made.truth.original[copies]
    assert not copies[source].any() and (source < np.flatnonzero(copies)).all()
    assert (made.offer.y[copies] == made.offer.y[source]).all()
    apart = np.abs(made.offer.X[copies] - made.offer.X[source]).max(axis=1)
    assert (apart == 0).all() if regime is Regime.COPIES else 0 < apart.mean() < 0.2
    assert (made.offer.X[:, -1] == 1).all() and not made.truth.fine[copies].any()


def test_under_shift_the_training_records_alone_lack_the_subgroup(data: Dataset) -> None:
    before, made = world(data, Regime.CLEAN), world(data, Regime.SHIFT_WRONG)
    assert len(made.train) == pytest.approx(0.8 * len(before.train), abs=8)
    assert len(made.validation) == len(before.validation) and len(made.offer) == len(before.offer)
    assert made.truth.wrong.mean() == pytest.approx(0.3, abs=0.06)
    assert not world(data, Regime.SHIFT).truth.bad.any()


def test_the_imbalance_thins_the_lower_classes_to_a_third(data: Dataset) -> None:
    before, made = world(data, Regime.CLEAN), world(data, Regime.IMBALANCE)
    counts = np.bincount(before.offer.y), np.bincount(made.offer.y)
    assert counts[1][1] == counts[0][1] and counts[1][0] == pytest.approx(counts[0][0] / 3, abs=1)
    assert made.truth.fine.all()


def test_the_second_seller_is_the_worse_one(data: Dataset) -> None:
    made = world(data, Regime.SELLERS)
    shares = [made.truth.wrong[made.listing == number].mean() for number in range(2)]
    assert shares[0] == pytest.approx(0.05, abs=0.04) and shares[1] == pytest.approx(0.5, abs=0.1)


def test_the_same_seed_gives_the_same_world_and_another_another(data: Dataset) -> None:
    one, same, other = world(data, Regime.COPIES), world(data, Regime.COPIES), world(data, Regime.COPIES, seed=1)
    assert one.offer.X.tobytes() == same.offer.X.tobytes() and one.test.y.tobytes() == same.test.y.tobytes()
    assert one.offer.X.tobytes() != other.offer.X.tobytes()


@pytest.mark.parametrize(
    "name", ["affairs", "cancer", "diabetes", "digits", "digits-high", "election", "mnist", "trial"]
)
def test_every_data_set_is_there_and_real(name: str) -> None:
    data = load(name)
    assert np.isfinite(data.features).all() and len(data.features) == len(data.classes) == len(data.subgroup) > 400
    assert set(np.unique(data.classes)) == set(range(data.class_count)) and 0.1 < data.subgroup.mean() < 0.8
    made = world(data, Regime.SHIFT)
    assert set(np.unique(made.train.y)) == set(range(data.class_count))
    assert len(made.own) + len(made.test) + len(made.offer) <= RECORD_LIMIT


def test_unknown_and_missing_data_sets_are_named() -> None:
    with pytest.raises(errors.InvalidOption, match="not known"):
        load("nobody")
    with pytest.raises(errors.FileMissing, match="no_such_package"):
        datasets.installed("no_such_package", "data.csv")
    with pytest.raises(errors.FileMissing):
        datasets.installed("numpy", "no/such/file.csv")
