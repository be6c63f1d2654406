"""An audit accepts honest rows and scores on any machine, and nothing that leans on the tolerance (PROTOCOL 5.4)."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.audit import (
    FALSE_ALARM,
    ROUNDING_SHARE,
    AuditReport,
    OpenedRow,
    check_duplicates,
    check_scores,
    mean_bound,
)
from blindfair.protocol.errors import (
    DuplicatesOpened,
    NoOpenings,
    RowsDisagree,
    ScoresDisagree,
    ShapeMismatch,
)
from blindfair.protocol.quantities import RecordIndex

K = 24
_CHANCE = random.Random(1)
QUERY = tuple(_CHANCE.randint(-4000, 4000) for _ in range(K))
MOST = sum(map(abs, QUERY))
T = 2**32 - 2**18 - 1
"""Scores are residues modulo this, centred."""

SLACK = 0
"""Noise lies at its middle here; the tests of noise that does not say so."""


def product(row: tuple[int, ...], query: tuple[int, ...]) -> int:
    return sum(a * b for a, b in zip(row, query, strict=True))


def honest(
    rows: int, queries: tuple[tuple[int, ...], ...] = (QUERY,), seed: int = 7, share: float = 0.0, bits: int = 3
) -> list[OpenedRow]:
    """Rows of a seller that computes what the protocol says, on a machine that rounds a share of entries otherwise.

    Noise leaves of each score so many bits, so that sums of score and noise may wrap around.
    """
    chance, slack = random.Random(seed), SLACK if bits < 32 else 0
    opened = []
    for number in range(rows):
        recomputed = tuple(chance.randint(-2000, 2000) for _ in range(K))
        committed = tuple(e + (chance.choice((-1, 1)) if chance.random() < share else 0) for e in recomputed)
        noise = tuple(chance.randrange(-(T >> (bits + 1)), T >> (bits + 1)) for _ in queries)
        scores = tuple(
            centred(product(committed, query) + each + chance.randint(-slack, slack))
            for query, each in zip(queries, noise, strict=True)
        )
        opened.append(OpenedRow(RecordIndex(number), committed, recomputed, scores, noise))
    return opened


def checked(
    opened: Sequence[OpenedRow], queries: Sequence[Sequence[int]], tolerance: int, slack: int | None = None
) -> AuditReport:
    """The audit, with the slack that `honest` rows have unless told otherwise."""
    return check_scores(opened, queries, tolerance, T, [SLACK if slack is None else slack] * len(queries))


def centred(number: int) -> int:
    return (number + T // 2) % T - T // 2


def more(row: OpenedRow, added: int) -> OpenedRow:
    """The same row of a seller that added to its score."""
    return replace(row, scores=(centred(row.scores[0] + added), *row.scores[1:]))


def unopened(rows: list[OpenedRow]) -> list[OpenedRow]:
    """The same as a bought sample, of which no row is opened."""
    return [replace(row, committed=None) for row in rows]


def test_an_exact_seller_passes_with_nothing_to_remark() -> None:
    report = checked(honest(59), [QUERY], 1)
    assert (report.rows, report.differing_entries) == (59, 0)
    assert report.largest_score_deviations == (0,)
    assert report.mean_deviations == (0.0,)
    assert report.mean_bounds == (mean_bound(QUERY, 59),)


def test_a_bought_sample_is_judged_by_its_records_alone() -> None:
    sample = unopened(honest(59, share=ROUNDING_SHARE))
    report = checked(sample, [QUERY], 1)
    assert (report.rows, report.differing_entries) == (59, 0)
    assert report.largest_score_deviations[0] > 0
    with pytest.raises(ScoresDisagree):
        checked([*sample[:7], more(sample[7], 2 * MOST + 2), *sample[8:]], [QUERY], 1)
    with pytest.raises(ScoresDisagree, match="lean to one side"):
        checked([more(row, MOST // 2) for row in sample], [QUERY], 1)
    with pytest.raises(ShapeMismatch):
        checked([replace(sample[0], recomputed=sample[0].recomputed[1:])], [QUERY], 1)


def test_an_honest_seller_on_another_machine_passes() -> None:
    # 300 audits with a hundredth of all entries rounded to the other side: expected false alarms 0.03.
    for seed in range(300):
        report = checked(honest(20, seed=seed, share=ROUNDING_SHARE), [QUERY], 1)
        assert report.differing_entries <= 480
        assert abs(report.mean_deviations[0]) <= report.mean_bounds[0]


def test_a_concentrated_query_raises_no_false_alarm() -> None:
    # One entry carries everything; a single flip among few rows is not yet a lean.
    query = (100_000, *[0] * (K - 1))
    failures = 0
    for seed in range(2000):
        try:
            checked(honest(3, (query,), seed, ROUNDING_SHARE), [query], 1)
        except ScoresDisagree:
            failures += 1
    assert failures <= 2


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_a_seller_that_nudges_entries_within_the_tolerance_fails(share: float) -> None:
    chance = random.Random(5)
    nudged = []
    for row in honest(59):
        committed = tuple(
            e + ((q > 0) - (q < 0) if chance.random() < share else 0)
            for e, q in zip(row.recomputed, QUERY, strict=True)
        )
        scores = (centred(product(committed, QUERY) + row.noise[0]),)
        nudged.append(replace(row, committed=committed, scores=scores))
    with pytest.raises(ScoresDisagree, match="lean"):
        checked(nudged, [QUERY], 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_seller_that_adds_to_all_scores_within_the_bound_fails(sign: int) -> None:
    inflated = [more(row, sign * MOST) for row in honest(59)]
    with pytest.raises(ScoresDisagree, match="Record 0, query 0"):
        checked(inflated, [QUERY], 1)
    with pytest.raises(ScoresDisagree, match="lean"):
        checked(unopened(inflated), [QUERY], 1)


@pytest.mark.parametrize("place", [0, 30, 58])
@pytest.mark.parametrize("added", [2, -2, T // 2])
def test_a_score_that_is_not_the_committed_rows_with_its_noise_fails(place: int, added: int) -> None:
    """Exactly, but for one unit that the encryption may round away: noise leaves no space to lean in."""
    opened = honest(59)
    checked([*opened[:place], more(opened[place], added // abs(added)), *opened[place + 1 :]], [QUERY], 1)
    opened[place] = more(opened[place], added)
    with pytest.raises(ScoresDisagree, match=f"Record {place}, query 0"):
        checked(opened, [QUERY], 1)


@pytest.mark.parametrize("place", [0, 30, 58])
@pytest.mark.parametrize("added", [1, -1])
def test_one_score_beyond_its_bound_fails(place: int, added: int) -> None:
    opened = unopened(honest(59))
    opened[place] = more(opened[place], added * (MOST + 2))
    with pytest.raises(ScoresDisagree, match=f"Record {place}, query 0"):
        checked(opened, [QUERY], 1)


def test_scores_at_their_bounds_pass_if_they_do_not_lean() -> None:
    opened = unopened(honest(59))
    opened[3], opened[9] = more(opened[3], MOST + 1), more(opened[9], -MOST - 1)
    assert checked(opened, [QUERY], 1).largest_score_deviations == (MOST + 1,)


def cheated(kind: str, row: OpenedRow, other: OpenedRow, chance: random.Random) -> OpenedRow:
    """A seller that lays other noise over a score than it committed to."""
    clear = product(row.recomputed, QUERY)
    laid = {
        "none": 0,
        "another record's": other.noise[0],
        "drawn again": chance.randrange(-(T >> 4), T >> 4),
        "leaning up": abs(row.noise[0]) if row.noise[0] < 0 else row.noise[0] + 10_000,
        "half as wide": row.noise[0] // 2,
    }[kind]
    return replace(row, scores=(centred(clear + laid),))


@pytest.mark.parametrize("kind", ["none", "another record's", "drawn again", "leaning up", "half as wide"])
def test_noise_that_was_not_committed_to_is_caught_as_often_as_a_faked_score(kind: str) -> None:
    """A tenth of a selection of 400, 59 drawn: 5.5 says 1 - 0.9^59, more than 99.7 %; 200 draws."""
    chance = random.Random(3)
    honest_rows = honest(400)
    bad = set(chance.sample(range(400), 40))
    rows = [
        cheated(kind, row, honest_rows[number - 1], chance) if number in bad else row
        for number, row in enumerate(honest_rows)
    ]
    caught = 0
    for _ in range(200):
        drawn = chance.sample(range(400), 59)
        try:
            checked([rows[number] for number in drawn], [QUERY], 1)
        except ScoresDisagree:
            caught += 1
        else:
            assert not bad & set(drawn)
    assert caught >= 196


@pytest.mark.parametrize("off", [2, -2, 4000])
def test_a_committed_row_of_something_else_fails(off: int) -> None:
    opened = honest(10)
    row = opened[4].committed
    assert row is not None
    opened[4] = replace(opened[4], committed=(*row[:7], row[7] + off, *row[8:]))
    with pytest.raises(RowsDisagree, match="Entry 7 "):
        checked(opened, [QUERY], 1)


def test_without_tolerance_one_unit_fails() -> None:
    opened = honest(10)
    row = opened[4].committed
    assert row is not None
    committed = (row[0] + 1, *row[1:])
    opened[4] = replace(more(opened[4], QUERY[0]), committed=committed)
    checked(opened, [QUERY], 1)
    with pytest.raises(RowsDisagree):
        checked(opened, [QUERY], 0)


def test_every_query_is_checked() -> None:
    other = tuple(-q for q in QUERY)
    opened = honest(59, (QUERY, other))
    assert len(checked(opened, [QUERY, other], 1).mean_bounds) == 2
    wrong = [replace(row, scores=(row.scores[0], centred(row.scores[1] + 10_000))) for row in opened]
    with pytest.raises(ScoresDisagree, match="query 1"):
        checked(wrong, [QUERY, other], 1)


def test_nothing_opened_is_no_audit() -> None:
    with pytest.raises(NoOpenings):
        checked([], [QUERY], 1)


@pytest.mark.parametrize(
    ("changed", "queries"),
    [
        ({"committed": (0,) * (K - 1)}, [QUERY]),
        ({"recomputed": (0,) * (K + 1)}, [QUERY]),
        ({"scores": ()}, [QUERY]),
        ({"scores": (0, 0)}, [QUERY]),
        ({"noise": ()}, [QUERY]),
        ({"noise": (0, 0)}, [QUERY]),
        ({}, [QUERY, QUERY]),
        ({}, [QUERY[:-1]]),
        ({}, []),
    ],
)
def test_sizes_that_disagree_are_refused(changed: dict[str, tuple[int, ...]], queries: list[tuple[int, ...]]) -> None:
    opened = honest(3)
    opened[1] = replace(opened[1], **changed)  # type: ignore[arg-type]
    with pytest.raises(ShapeMismatch):
        checked(opened, queries, 1)


@given(st.lists(st.integers(-(2**14), 2**14), max_size=40), st.integers(1, 200), st.integers(1, 16))
def test_the_bound_on_the_mean_behaves(query: list[int], rows: int, queries: int) -> None:
    bound = mean_bound(query, rows, queries)
    deviation = (ROUNDING_SHARE / rows * sum(q * q for q in query)) ** 0.5
    assert bound >= 4 * deviation
    assert bound <= mean_bound(query, rows, queries + 1)
    assert rows == 1 or bound <= mean_bound(query, rows - 1, queries)
    assert (bound == 0) == (not any(query))


def test_the_bound_worked_by_hand() -> None:
    # q = (3, 4), 50 rows, 2 queries: L = ln 40000, M = 4 / 50, V = 0.01 * 25 / 50.
    assert mean_bound([3, -4], 50, 2) == pytest.approx(0.713642, abs=1e-5)


def test_the_bound_holds_for_the_exact_distribution_of_flips() -> None:
    # One entry, t rows: the mean is (ups - downs) / t. Its exact tail beyond the bound, by convolution.
    for rows in (1, 5, 20, 59, 200):
        step = {-1: ROUNDING_SHARE / 2, 0: 1 - ROUNDING_SHARE, 1: ROUNDING_SHARE / 2}
        sums = {0: 1.0}
        for _ in range(rows):
            following: dict[int, float] = {}
            for total, chance in sums.items():
                for move, weight in step.items():
                    following[total + move] = following.get(total + move, 0.0) + chance * weight
            sums = following
        tail = sum(chance for total, chance in sums.items() if abs(total) / rows > mean_bound([1], rows))
        assert tail <= FALSE_ALARM


def test_equal_records_are_duplicates() -> None:
    check_duplicates({RecordIndex(1): b"a", RecordIndex(5): b"b", RecordIndex(9): b""})
    with pytest.raises(DuplicatesOpened, match="5 and 9"):
        check_duplicates({RecordIndex(1): b"a", RecordIndex(5): b"b", RecordIndex(9): b"b"})
    check_duplicates({})


# --- noise that lies in its part, and nobody knows where ---

WIDE = T >> 8
"""Half a part of the noise of a score of three bits: the noise is 16 parts wide, and an eighth of the modulus."""


def in_parts(rows: int, seed: int = 5, lean: float = 0.0) -> list[OpenedRow]:
    """Honest rows whose noise lies anywhere in its part, or rather to one side of it."""
    chance = random.Random(seed)
    return [more(row, round(WIDE * ((1 - lean) * chance.uniform(-1, 1) + lean))) for row in honest(rows, seed=seed)]


def test_noise_anywhere_in_its_part_passes() -> None:
    for seed in range(200):
        report = checked(in_parts(59, seed), [QUERY], 1, WIDE)
        assert abs(report.mean_deviations[0]) <= report.mean_bounds[0]


@pytest.mark.parametrize("added", [1.01, -1.01, 4])
def test_a_score_in_another_part_fails(added: float) -> None:
    opened = honest(59)
    opened[7] = more(opened[7], round(WIDE * added) + 2 * (1 if added > 0 else -1))
    with pytest.raises(ScoresDisagree, match="Record 7, query 0"):
        checked(opened, [QUERY], 1, WIDE)


@pytest.mark.parametrize("lean", [0.5, -0.5, 1.0])
def test_noise_that_leans_to_one_side_of_its_part_fails(lean: float) -> None:
    """What each record alone could have, all of them together could not."""
    leaning = in_parts(59, lean=abs(lean))
    opened = leaning if lean > 0 else [more(row, -2 * round(WIDE * 0.5)) for row in in_parts(59, lean=0.0)]
    with pytest.raises(ScoresDisagree):
        checked(opened, [QUERY], 1, WIDE)


def test_a_slack_for_each_query() -> None:
    with pytest.raises(ShapeMismatch, match="slacks"):
        check_scores(honest(3), [QUERY], 1, T, [])
