"""An audit accepts honest rows and scores on any machine, and nothing that leans on the tolerance (PROTOCOL 5.4)."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.audit import (
    FALSE_ALARM,
    ROUNDING_SHARE,
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


def product(row: tuple[int, ...], query: tuple[int, ...]) -> int:
    return sum(a * b for a, b in zip(row, query, strict=True))


def honest(
    rows: int, queries: tuple[tuple[int, ...], ...] = (QUERY,), seed: int = 7, share: float = 0.0
) -> list[OpenedRow]:
    """Rows of a seller that computes what the protocol says, on a machine that rounds a share of entries otherwise."""
    chance = random.Random(seed)
    opened = []
    for number in range(rows):
        recomputed = tuple(chance.randint(-2000, 2000) for _ in range(K))
        committed = tuple(e + (chance.choice((-1, 1)) if chance.random() < share else 0) for e in recomputed)
        scores = tuple(product(committed, query) for query in queries)
        opened.append(OpenedRow(RecordIndex(number), committed, recomputed, scores))
    return opened


def test_an_exact_seller_passes_with_nothing_to_remark() -> None:
    report = check_scores(honest(59), [QUERY], 1)
    assert (report.rows, report.differing_entries) == (59, 0)
    assert report.largest_score_deviations == (0,)
    assert report.mean_deviations == (0.0,)
    assert report.mean_bounds == (mean_bound(QUERY, 59),)


def test_a_bought_sample_is_judged_by_its_records_alone() -> None:
    sample = [replace(row, committed=None) for row in honest(59, share=ROUNDING_SHARE)]
    report = check_scores(sample, [QUERY], 1)
    assert (report.rows, report.differing_entries) == (59, 0)
    assert report.largest_score_deviations[0] > 0
    faked = replace(sample[7], scores=(sample[7].scores[0] + 2 * MOST + 1,))
    with pytest.raises(ScoresDisagree):
        check_scores([*sample[:7], faked, *sample[8:]], [QUERY], 1)
    with pytest.raises(ScoresDisagree, match="lean to one side"):
        check_scores([replace(row, scores=(row.scores[0] + MOST // 2,)) for row in sample], [QUERY], 1)
    with pytest.raises(ShapeMismatch):
        check_scores([replace(sample[0], recomputed=sample[0].recomputed[1:])], [QUERY], 1)


def test_an_honest_seller_on_another_machine_passes() -> None:
    # 300 audits with a hundredth of all entries rounded to the other side: expected false alarms 0.03.
    for seed in range(300):
        report = check_scores(honest(20, seed=seed, share=ROUNDING_SHARE), [QUERY], 1)
        assert report.differing_entries <= 480
        assert abs(report.mean_deviations[0]) <= report.mean_bounds[0]


def test_a_concentrated_query_raises_no_false_alarm() -> None:
    # One entry carries everything; a single flip among few rows is not yet a lean.
    query = (100_000, *[0] * (K - 1))
    failures = 0
    for seed in range(2000):
        try:
            check_scores(honest(3, (query,), seed, ROUNDING_SHARE), [query], 1)
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
        nudged.append(replace(row, committed=committed, scores=(product(committed, QUERY),)))
    with pytest.raises(ScoresDisagree, match="lean"):
        check_scores(nudged, [QUERY], 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_seller_that_adds_to_all_scores_within_the_bound_fails(sign: int) -> None:
    inflated = [replace(row, scores=(row.scores[0] + sign * MOST,)) for row in honest(59)]
    with pytest.raises(ScoresDisagree, match="lean"):
        check_scores(inflated, [QUERY], 1)


@pytest.mark.parametrize("place", [0, 30, 58])
@pytest.mark.parametrize("added", [1, -1])
def test_one_score_beyond_its_bound_fails(place: int, added: int) -> None:
    opened = honest(59)
    opened[place] = replace(opened[place], scores=(opened[place].scores[0] + added * (MOST + 1),))
    with pytest.raises(ScoresDisagree, match=f"record {place} for query 0"):
        check_scores(opened, [QUERY], 1)


def test_scores_at_their_bounds_pass_if_they_do_not_lean() -> None:
    opened = honest(59)
    opened[3] = replace(opened[3], scores=(opened[3].scores[0] + MOST,))
    opened[9] = replace(opened[9], scores=(opened[9].scores[0] - MOST,))
    assert check_scores(opened, [QUERY], 1).largest_score_deviations == (MOST,)


@pytest.mark.parametrize("off", [2, -2, 4000])
def test_a_committed_row_of_something_else_fails(off: int) -> None:
    opened = honest(10)
    row = opened[4].committed
    opened[4] = replace(opened[4], committed=(*row[:7], row[7] + off, *row[8:]))
    with pytest.raises(RowsDisagree, match="Entry 7 "):
        check_scores(opened, [QUERY], 1)


def test_without_tolerance_one_unit_fails() -> None:
    opened = honest(10)
    opened[4] = replace(opened[4], committed=(opened[4].committed[0] + 1, *opened[4].committed[1:]))
    check_scores(opened, [QUERY], 1)
    with pytest.raises(RowsDisagree):
        check_scores(opened, [QUERY], 0)


def test_every_query_is_checked() -> None:
    other = tuple(-q for q in QUERY)
    opened = honest(59, (QUERY, other))
    assert len(check_scores(opened, [QUERY, other], 1).mean_bounds) == 2
    wrong = [replace(row, scores=(row.scores[0], row.scores[1] + 10_000)) for row in opened]
    with pytest.raises(ScoresDisagree, match="query 1"):
        check_scores(wrong, [QUERY, other], 1)


def test_nothing_opened_is_no_audit() -> None:
    with pytest.raises(NoOpenings):
        check_scores([], [QUERY], 1)


@pytest.mark.parametrize(
    ("changed", "queries"),
    [
        ({"committed": (0,) * (K - 1)}, [QUERY]),
        ({"recomputed": (0,) * (K + 1)}, [QUERY]),
        ({"scores": ()}, [QUERY]),
        ({"scores": (0, 0)}, [QUERY]),
        ({}, [QUERY, QUERY]),
        ({}, [QUERY[:-1]]),
        ({}, []),
    ],
)
def test_sizes_that_disagree_are_refused(changed: dict[str, tuple[int, ...]], queries: list[tuple[int, ...]]) -> None:
    opened = honest(3)
    opened[1] = replace(opened[1], **changed)  # type: ignore[arg-type]
    with pytest.raises(ShapeMismatch):
        check_scores(opened, queries, 1)


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
