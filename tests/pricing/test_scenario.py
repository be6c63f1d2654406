"""The demo's data: nobody holds what another does, and the truth about the offer is the truth."""

from collections import Counter

import numpy as np
import pytest

from blindfair.influence.table import Table
from blindfair.pricing.scenario import Scenario, make_scenario
from blindfair.protocol import errors
from blindfair.protocol.records import Cell, Row

FLIP, COPIES = 0.3, 0.1


@pytest.fixture(scope="module")
def numbered(trial: Table) -> Table:
    """The trial with a number in each row, so that every row can be told from every other."""
    rows = tuple((i, *row) for i, row in enumerate(trial.rows))
    return Table(("number", *trial.columns), rows, trial.label)


@pytest.fixture(scope="module")
def scenario(numbered: Table) -> Scenario:
    return make_scenario(numbered, 7, flip_share=FLIP, duplicate_share=COPIES)


def label(table: Table, row: Row) -> Cell:
    return row[table.columns.index(table.label)]


def test_the_parts_hold_every_record_once_and_in_the_stated_sizes(numbered: Table, scenario: Scenario) -> None:
    offered = tuple({row[0]: row for row in scenario.offer}.values())
    parts = [
        [int(str(row[0])) for row in part] for part in (scenario.train, scenario.validation, scenario.test, offered)
    ]
    numbers = sorted(number for part in parts for number in part)
    assert numbers == list(range(len(numbered.rows)))
    assert [len(part) / len(numbered.rows) for part in parts] == pytest.approx([0.05, 0.10, 0.30, 0.55], abs=0.002)
    rate = np.mean([value == 1 for value in numbered.labels()])
    for part in (scenario.train, scenario.validation, scenario.test):
        assert np.mean([label(numbered, row) == 1 for row in part]) == pytest.approx(rate, abs=0.02)


def test_only_the_offer_is_troubled_and_only_as_the_truth_says(numbered: Table, scenario: Scenario) -> None:
    for row in (*scenario.train, *scenario.validation, *scenario.test):
        assert row == numbered.rows[int(str(row[0]))]
    place = numbered.columns.index(numbered.label)
    for row, flipped in zip(scenario.offer, scenario.truth.flipped, strict=True):
        source = numbered.rows[int(str(row[0]))]
        assert (row[place] != source[place]) == flipped
        assert row[:place] == source[:place] and row[place + 1 :] == source[place + 1 :]


def test_copies_are_equal_to_their_originals_which_come_first(scenario: Scenario) -> None:
    copies = np.flatnonzero(scenario.truth.duplicate)
    for copy in copies:
        original = scenario.truth.original[copy]
        assert original < copy and scenario.offer[original] == scenario.offer[copy]
    assert max(Counter(row[0] for row in scenario.offer).values()) == 2
    distinct = len(scenario.offer) - len(copies)
    assert len(copies) == round(COPIES * distinct)
    assert scenario.truth.flipped[~scenario.truth.duplicate].sum() == round(FLIP * distinct)
    # Wrong records are copied as well as right ones.
    assert 0 < scenario.truth.flipped[copies].mean() < 1


def test_without_trouble_the_offer_is_the_rest_of_the_table(numbered: Table) -> None:
    clean = make_scenario(numbered, 7, flip_share=0, duplicate_share=0)
    assert not clean.truth.flipped.any() and not clean.truth.duplicate.any()
    assert all(row == numbered.rows[int(str(row[0]))] for row in clean.offer)


def test_a_seed_gives_one_scenario_and_another_seed_another(numbered: Table, scenario: Scenario) -> None:
    again = make_scenario(numbered, 7, flip_share=FLIP, duplicate_share=COPIES)
    assert again.offer == scenario.offer and again.test == scenario.test
    assert (again.truth.flipped == scenario.truth.flipped).all()
    other = make_scenario(numbered, 8, flip_share=FLIP, duplicate_share=COPIES)
    assert set(other.test) != set(scenario.test)


def test_texts_as_classes_are_flipped_too(numbered: Table) -> None:
    place = numbered.columns.index(numbered.label)
    rows = tuple((*row[:place], "ill" if row[place] else "well", *row[place + 1 :]) for row in numbered.rows)
    offer = make_scenario(Table(numbered.columns, rows, numbered.label), 7, flip_share=FLIP).offer
    assert {row[place] for row in offer} == {"ill", "well"}


def small(zeros: int, ones: int) -> Table:
    rows = tuple((i, int(i < ones)) for i in range(zeros + ones))
    return Table(("x", "y"), rows, "y")


def test_tables_too_small_to_divide_are_refused() -> None:
    assert len(make_scenario(small(180, 20), 0).train) == 10
    with pytest.raises(errors.NoRecords):
        make_scenario(small(100, 99), 0)
    with pytest.raises(errors.LabelUnusable):
        make_scenario(small(300, 19), 0)


@pytest.mark.parametrize("share", [-0.1, 0.91, 1.0, float("nan")])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(errors.InvalidOption):
        make_scenario(small(300, 300), 0, flip_share=share)
    with pytest.raises(errors.InvalidOption):
        make_scenario(small(300, 300), 0, duplicate_share=share)
