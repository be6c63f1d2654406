"""Thieves with models of their own read chosen people whole, a listing refuses such models by default, and what the
pages say of both is what the study computes."""

import re
from pathlib import Path

import numpy as np
import pytest

from blindfair.studies.theft.aimed import STEPS, Pattern, centred_share, locate, read_entries
from blindfair.studies.theft.besides import length_bits
from blindfair.studies.theft.channel import Target, trial
from blindfair.studies.theft.chosen import KNOWN, NETWORK, PROJECTION, Encoded, by_network, by_projection, steal_chosen

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def target() -> Target:
    return trial()


@pytest.fixture(scope="module")
def listing(target: Target) -> Encoded:
    return Encoded.of(target)


def test_a_score_weighs_the_rows_before_and_after_it_as_a_product_of_polynomials_does() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(-2047, 2048, (50, 3)).astype(np.int16)
    query = Pattern.shuffled(50, np.arange(3), np.arange(1, STEPS), rng)
    expected = np.zeros(50)
    for score in range(50):
        for record in range(50):
            place = 49 + score - record
            expected[score] += query.multipliers[place] * float(rows[record, query.entries[place]]) / STEPS
    assert np.abs(centred_share(query.told(rows, 32, rng) - expected)).max() < 1e-4
    clipped = np.where(rows < 0, -2047, 2047).astype(np.int16)
    assert np.abs(centred_share(query.told(clipped, 32, rng) - query.told_if_all_were_clipped())).max() < 1e-4


def test_scores_of_three_bits_give_away_one_record_among_records_of_zeros() -> None:
    rng = np.random.default_rng(1)
    rows = np.zeros((400, 6), dtype=np.int16)
    rows[123] = -500, 2047, 0, 7, -1, -512
    signs = Pattern.shuffled(400, np.array([5]), np.array([-1, 1]), rng)
    digits = Pattern.shuffled(400, np.arange(5), np.arange(1, STEPS), rng)
    found = locate(centred_share(signs.told(rows, 1, rng)), signs, 5)
    assert (found.place, found.sign) == (123, -1)
    values = np.arange(-2046, 2048)
    left = read_entries(
        digits.told(rows, 3, rng), digits, 3, dict.fromkeys(range(5), 123), dict.fromkeys(range(5), values)
    )
    assert [left[entry].tolist() for entry in range(5)] == [[-500], [2047], [0], [7], [-1]]


@pytest.mark.parametrize(("thief", "people", "evaluations"), [(PROJECTION, 1, 3), (NETWORK, 11, 1)])
def test_one_evaluation_reads_chosen_people_whole(listing: Encoded, thief: str, people: int, evaluations: int) -> None:
    stolen = steal_chosen(listing, thief, people, evaluations, np.random.default_rng(people))
    assert (stolen.whole, stolen.wrong) == (people * evaluations, 0)


def test_the_thief_uses_nothing_of_a_person_but_what_it_knows(listing: Encoded) -> None:
    """With all other features of these people, and their classes, replaced by others' it asks the same."""
    rng = np.random.default_rng(2)
    people = rng.choice(listing.known_by(KNOWN), 4, replace=False)
    known = [listing.schema.names.index(column) for column in KNOWN]
    X, y = listing.X.copy(), listing.y.copy()
    unknown = np.setdiff1d(np.arange(listing.schema.width), known)
    donors = rng.choice(np.setdiff1d(np.arange(len(y)), people), 4, replace=False)
    X[np.ix_(people, unknown)], y[people] = X[np.ix_(donors, unknown)], 1 - y[people]
    other = Encoded(listing.schema, X, y)
    for first, second in (
        (by_projection(listing, people[:1], KNOWN), by_projection(other, people[:1], KNOWN)),
        (by_network(listing, listing.X[people], KNOWN), by_network(other, X[people], KNOWN)),
    ):
        assert first.model.to_parts() == second.model.to_parts()
        assert first.projection.to_parts() == second.projection.to_parts()
        assert first.row_scale == second.row_scale


def test_lengths_of_listed_records_tell_nothing(target: Target) -> None:
    own, listed = length_bits(target)
    assert listed == 0.0
    assert own == pytest.approx(3.26, abs=0.005)


def test_the_pages_quote_the_study() -> None:
    """README.md and docs/explanation/privacy.md quote the generated page, which is held against the code."""
    study = (DOCS / "studies" / "theft.md").read_text(encoding="utf-8")
    privacy = (DOCS / "explanation" / "privacy.md").read_text(encoding="utf-8")
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    whole = {
        (by, int(people)): tuple(map(int, found))
        for by, people, *found in re.findall(r"\| (a \w+) \| (\d+) \| \d+ \| (\d+) of (\d+) \|", study)
    }
    one, eleven, sixteen = whole[PROJECTION, 1], whole[NETWORK, 11], whole[NETWORK, 16]
    [features] = re.findall(r"the label and all (\d+) features", study)
    assert f"{one[0]} of {one[1]} people by a projection, {eleven[0]} of {eleven[1]} by a network" in privacy
    assert f"the label and all {features} features" in privacy
    assert f"of 16 people at once, {sixteen[0]} of {sixteen[1]} were read whole" in privacy
    [advantage] = re.findall(r"The advantage is (\d\.\d\d), over", study)
    assert f"{advantage} by one evaluation with `--own-models`" in privacy
    [length] = re.findall(r"would tell (\d\.\d) bits each", study)
    assert f"{length} bits a record that nothing counts" in privacy
    [records] = re.findall(r"\| of the records \| (\d+) % \|", study)
    [(scales, told)] = re.findall(r"\| scales of a million \| (\d+) % \| (\d+) of 5 \|", study)
    [without] = re.findall(r"\| without the columns that tell most \| (\d+) % \|", study)
    [offered] = re.findall(r"Of the offered labels (\d+) % are wrong", study)
    bought = f"the buyer bought {scales} % and {without} %, and {records} % by honest preprocessing"
    assert f"Of {offered} % wrong labels offered, {bought}" in privacy
    [own] = re.findall(r"The buyer has (\d+) training and (\d+) validation records", study)
    assert f"with {own[0]} and {own[1]} it was told in {told} of 5 divisions" in privacy
    assert f"{eleven[0] * 11 // eleven[1]} of 11 chosen people whole" in readme
