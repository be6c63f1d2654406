"""The check of opened records: rows, scores and duplicates (PROTOCOL 5.4). The draw is in `draw` and exported here.

Not here: recomputing a row from its record (package `influence`), and the paths of what was opened (`merkle`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from blindfair.protocol.draw import (
    catch_probability,
    commit_buyer_randomness,
    commit_seller_randomness,
    draw,
    pass_probability,
    rows_to_audit,
)
from blindfair.protocol.errors import DuplicatesOpened, NoOpenings, RowsDisagree, ScoresDisagree, ShapeMismatch
from blindfair.protocol.quantities import RecordIndex

__all__ = [
    "AuditReport",
    "OpenedRow",
    "catch_probability",
    "check_duplicates",
    "check_scores",
    "commit_buyer_randomness",
    "commit_seller_randomness",
    "draw",
    "mean_bound",
    "pass_probability",
    "rows_to_audit",
]

ROUNDING_SHARE = 0.01
"""`rho`: the share of entries that may round to the other neighbour on another machine. Two honest computations differ
by about 1e-6 of an entry, and an entry must lie that close to a tie; a hundredth is far above what occurs."""

SCORE_ROUNDING = 1
"""Largest difference of a score from row and noise: honest noise of the encryption can move a tie (PROTOCOL 5.4)."""

FALSE_ALARM = 1e-4
"""The chance, at most, that one honest audit fails by its mean deviations."""


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """One drawn record, or one drawn group of records (PROTOCOL 4.5), as the buyer sees it."""

    record: RecordIndex
    """Its number in the listing; of a group the group's number."""

    committed: tuple[int, ...] | None
    """The row from the row tree, `k` entries; None in a bought sample, of which no row is opened (PROTOCOL 5.6)."""

    recomputed: tuple[int, ...]
    """The row that the buyer computes from the record itself, or from the records of the group; `k` entries."""

    scores: tuple[int, ...]
    """The decrypted scores, one a query."""

    noise: tuple[int, ...]
    """The part of each score that is the middle of its committed noise, in the score's unit (PROTOCOL 4.6)."""

    unit: str = "record"
    """The word for it in an error: a record or a group."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The findings of a passed audit: each figure beside the bound that it had to keep."""

    rows: int
    """`t`, the number of opened rows."""

    differing_entries: int
    """Entries of all committed rows that are not the recomputed ones, all within tolerance."""

    largest_score_deviations: tuple[int, ...]
    """The largest `|score - noise - <recomputed row, query>|`, one a query."""

    mean_deviations: tuple[float, ...]
    """The mean of `score - noise - <recomputed row, query>` over the rows, one a query."""

    mean_bounds: tuple[float, ...]
    """`mean_bound` of each query."""


def check_scores(
    opened: Sequence[OpenedRow],
    queries: Sequence[Sequence[int]],
    tolerance: int,
    modulus: int,
    slacks: Sequence[int],
) -> AuditReport:
    """Accept or refuse the opened rows and their scores (PROTOCOL 5.4).

    `queries` are the integer queries of the request, each `k` long; `tolerance` is how far an entry may lie off; scores
    are integers modulo `modulus`; `slacks` say for each query how far noise may lie from its middle. For each record
    every entry of the committed row, if that was opened, lies within `tolerance` of the recomputed one. The score, less
    the middle of its noise, is that of the committed row to within slack and `SCORE_ROUNDING`, and within
    `tolerance * ||query||_1` more of the recomputed row's. Over all records the mean deviation from the recomputed rows
    stays within `mean_bound` for every query, so that a seller cannot lean on what each record tolerates.

    Raises `NoOpenings` without rows, `ShapeMismatch` where sizes disagree, `RowsDisagree`, `ScoresDisagree`.
    """
    if len(slacks) != len(queries):
        raise ShapeMismatch("Queries and their slacks differ in number", expected=len(queries), found=len(slacks))
    if not opened:
        raise NoOpenings("An audit has nothing to look at", expected="at least 1 opened row", found=0)
    differing = sum(_check_row(row, queries, tolerance) for row in opened)
    largest, means, bounds = [], [], []
    for number, query in enumerate(queries):
        slack = slacks[number]
        deviations = [_deviation(row, number, query, tolerance, modulus, slack) for row in opened]
        mean = Fraction(sum(deviations), len(opened))
        bound = mean_bound(query, len(opened), len(queries), slack)
        if abs(mean) > bound + SCORE_ROUNDING:
            raise ScoresDisagree(
                f"The scores of query {number} lean to one side",
                expected=f"a mean deviation within {bound:.1f}",
                found=f"{float(mean):.1f}",
            )
        largest.append(max(map(abs, deviations)))
        means.append(float(mean))
        bounds.append(bound)
    return AuditReport(len(opened), differing, tuple(largest), tuple(means), tuple(bounds))


def mean_bound(query: Sequence[int], rows: int, queries: int = 1, slack: int = 0) -> float:
    """How far the mean deviation of one of `queries` queries over `rows` rows may lie from zero.

    Under honest arithmetic the deviation of a row is `sum_j e_j q_j + s` with `e_j` in -1, 0, 1, independent, without
    lean, not zero with a chance of at most rho = `ROUNDING_SHARE`, and `s` uniform in `-slack ... slack`. So the mean
    over `t` rows is a sum of independent terms of mean zero, each at most `M = max(||q||_inf, slack) / t`, with
    variances that add up to at most `V = (rho ||q||_2^2 + slack^2 / 3) / t`. Bernstein's inequality,
    `P(|mean| > x) <= 2 exp(-x^2 / (2 (V + M x / 3)))`, solved for a chance of `FALSE_ALARM / queries`, with
    `L = ln(2 queries / FALSE_ALARM)`, gives

        x = M L / 3 + sqrt((M L / 3)^2 + 2 V L)

    about `4.5 sqrt(rho / t) ||q||_2` for an even query without slack, and more where a few large entries could flip by
    chance.
    """
    largest = max(slack, *(abs(q) for q in query), 0) / rows
    variance = (ROUNDING_SHARE * sum(q * q for q in query) + slack * slack / 3) / rows
    logarithm = math.log(2 * queries / FALSE_ALARM)
    linear = largest * logarithm / 3
    return linear + math.sqrt(linear * linear + 2 * variance * logarithm)


def check_duplicates(records: Mapping[RecordIndex, bytes]) -> None:
    """No two opened records have the same canonical bytes (PROTOCOL 5.4). Raises `DuplicatesOpened`."""
    seen: dict[bytes, RecordIndex] = {}
    for number, record in records.items():
        if record in seen:
            raise DuplicatesOpened("Two opened records are the same", found=f"records {seen[record]} and {number}")
        seen[record] = number


def _check_row(row: OpenedRow, queries: Sequence[Sequence[int]], tolerance: int) -> int:
    committed_row = row.recomputed if row.committed is None else row.committed
    sizes = {len(committed_row), len(row.recomputed), *map(len, queries)}
    if len(sizes) != 1 or not len(row.scores) == len(row.noise) == len(queries):
        raise ShapeMismatch(
            f"The opened row of {row.unit} {row.record} does not fit the queries",
            expected=f"{len(queries)} scores, and entries as many as a query's",
            found=f"{len(row.scores)} scores, lengths {sorted(sizes)}",
        )
    differing = 0
    for place, (committed, recomputed) in enumerate(zip(committed_row, row.recomputed, strict=True)):
        differing += committed != recomputed
        if abs(committed - recomputed) > tolerance:
            raise RowsDisagree(
                f"Entry {place} of the committed row of {row.unit} {row.record} is not the {row.unit}'s",
                expected=f"{recomputed} within {tolerance}",
                found=committed,
            )
    return differing


def _deviation(row: OpenedRow, number: int, query: Sequence[int], tolerance: int, modulus: int, slack: int) -> int:
    found = row.scores[number] - row.noise[number]
    bound = SCORE_ROUNDING + slack
    if row.committed is not None:
        _check_deviation(row, number, _centred(found - _product(row.committed, query), modulus), bound)
    deviation = _centred(found - _product(row.recomputed, query), modulus)
    _check_deviation(row, number, deviation, bound + tolerance * sum(abs(q) for q in query))
    return deviation


def _check_deviation(row: OpenedRow, number: int, deviation: int, bound: int) -> None:
    if abs(deviation) > bound:
        raise ScoresDisagree(
            f"{row.unit.capitalize()} {row.record}, query {number}: the reported score does not match the recomputed "
            "one, noise included",
            expected=f"{row.scores[number] - deviation} within {bound}",
            found=row.scores[number],
        )


def _product(row: Sequence[int], query: Sequence[int]) -> int:
    return sum(entry * q for entry, q in zip(row, query, strict=True))


def _centred(number: int, modulus: int) -> int:
    """The residue of least size."""
    return (number + modulus // 2) % modulus - modulus // 2
