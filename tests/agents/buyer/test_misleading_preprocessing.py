"""A seller publishes preprocessing under which scores tell nothing: the buyer is told before it asks."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trade import UNIFORM, listing_spec

import blindfair.cli.demo
from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.evaluation.preprocessing import listed_schema
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.table import Table, read_table
from blindfair.influence.usefulness import Usefulness, compare_losses
from blindfair.pricing.learners import MlpLearner
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import PreprocessingMisleads
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Secret
from blindfair.protocol.records import Row
from blindfair.protocol.signing import Domain

STRONG = {"days", "cd420", "cd496", "cd40", "offtrt"}
OWN = 300
Change = Callable[[list[Any]], list[Any]]


@cache
def trial() -> Table:
    return read_table(Path(blindfair.cli.demo.__file__).parent / "data" / "ACTG175.csv", "cens")


@cache
def records() -> tuple[list[Row], list[Row]]:
    rows = [trial().rows[place] for place in np.random.default_rng(0).permutation(len(trial().rows))]
    return rows[:OWN], rows[OWN : 2 * OWN]


@cache
def listing() -> Manifest:
    goods = listing_spec()
    schema = FeatureSchema.infer(trial().rows, trial().columns, "cens", excluded=trial().identifiers())
    goods = replace(goods, schema=trial().schema(trial().identifiers()), preprocessing=schema.to_document())
    dataset = ChunkedDataset.build(goods.records, goods.chunk_size, Secret(bytes(32)))
    return goods.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


def changed(change: Change) -> Manifest:
    document: Any = listing().preprocessing
    return replace(listing(), preprocessing={**document, "features": change(document["features"])})


def judged(manifest: Manifest, train: list[Row], validation: list[Row]) -> Usefulness:
    found = compare_losses(train, validation, listed_schema(manifest))
    assert found is not None
    return found


def valuer(manifest: Manifest, **options: Any) -> TabularValuer:
    train, validation = records()
    return TabularValuer(train, validation, trial().columns, "cens", pricing=UNIFORM, seed=1, **options)


def scaled(scale: float) -> Change:
    return lambda features: [{**each, "scale": scale} for each in features]


def shifted(features: list[Any]) -> list[Any]:
    return [{**each, "centre": each["centre"] + 100 * each["scale"]} for each in features]


def only(features: list[Any]) -> list[Any]:
    return [each for each in features if each["column"] == "race"]


def without_strong(features: list[Any]) -> list[Any]:
    return [each for each in features if each["column"] not in STRONG]


MISLEADING = {
    "scale 1e6": (scaled(1e6), 0.589),
    "centre + 100 scales": (shifted, 0.592),
    "one junk column": (only, 0.586),
    "no strong columns": (without_strong, 0.568),
}


@pytest.mark.parametrize(("change", "loss"), MISLEADING.values(), ids=MISLEADING)
def test_a_listing_of_misleading_preprocessing_is_not_asked_about(change: Change, loss: float) -> None:
    misled = changed(change)
    with pytest.raises(PreprocessingMisleads, match="next to nothing") as caught:
        valuer(misled).question(misled)
    found = str(caught.value.found)
    assert f"validation loss {loss:.3f}" in found
    assert "0.329 under one made of your own records, 0.577 of a constant" in found
    assert ("does not read" in found) == (change in (only, without_strong))
    assert "`accept_preprocessing=True`" in caught.value.hint
    [told, *_] = [note for note in valuer(misled, accept_preprocessing=True).question(misled).notes if "hides" in note]
    assert f"{loss:.3f}" in told


def test_whatever_the_buyer_learns_by_it_is_told() -> None:
    misled = changed(only)
    with pytest.raises(PreprocessingMisleads):
        valuer(misled, learner=MlpLearner(hidden=4, steps=20, entries=8)).question(misled)


def test_numbers_that_are_all_clipped_are_told_where_their_signs_still_teach() -> None:
    misled = changed(scaled(1e-6))
    notes = valuer(misled).question(misled).notes
    assert [note for note in notes if "numbers in your records are clipped" in note and "58%" in note]


@pytest.mark.parametrize("kept", [(), ("days",), ("age", "cd420")], ids=str)
def test_an_honest_listing_is_asked_about_without_a_word(kept: tuple[str, ...]) -> None:
    """Also where it keeps a column from models that tells much."""
    honest = changed(lambda features: [each for each in features if each["column"] not in kept])
    notes = valuer(honest).question(honest).notes
    assert not [note for note in notes if "clipped" in note or "hides" in note]


@pytest.mark.parametrize("size", [12, 30, 60, 120])
def test_honest_listings_are_not_refused_by_buyers_of_few_records(size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(20):
        own = [trial().rows[place] for place in rng.choice(len(trial().rows), size, replace=False)]
        found = compare_losses(own[: size // 3], own[size // 3 :], listed_schema(listing()))
        assert found is None or not found.misleads


def test_where_nothing_can_be_learnt_nothing_is_said() -> None:
    label, rng = trial().columns.index("cens"), np.random.default_rng(4)
    train, validation = (
        [tuple(int(rng.integers(2)) if place == label else cell for place, cell in enumerate(row)) for row in rows]
        for rows in records()
    )
    for change in (only, shifted, without_strong):
        assert judged(changed(change), train, validation).check() == ()


def test_records_of_one_class_are_no_evidence() -> None:
    train, validation = records()
    label = trial().columns.index("cens")
    one = [row for row in train if row[label] == 0]
    assert compare_losses(one, validation, listed_schema(changed(only))) is None


def test_row_numbers_of_the_buyer_that_tell_its_labels_are_no_reason_to_refuse() -> None:
    """A table that is sorted by its label: the numbers tell it, and no honest listing lets models read them."""
    label = trial().columns.index("cens")
    columns = (*trial().columns, "number")
    train, validation = (
        [(*row, number + start + 10_000 * int(str(row[label]))) for number, row in enumerate(rows)]
        for start, rows in zip((0, OWN), records(), strict=True)
    )
    schema = replace(listed_schema(changed(without_strong)), columns=columns)
    found = compare_losses(train, validation, replace(listed_schema(listing()), columns=columns))
    assert found is not None and not found.misleads and found.own > 0.3
    misled = compare_losses(train, validation, schema)
    assert misled is not None and misled.misleads
