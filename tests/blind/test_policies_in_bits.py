"""Scores per group and in all: what comes out, how many bits it may tell at most, and what it does not protect."""

from pathlib import Path

import numpy as np
import pytest
from few_bits import TABLES, ranks_left, scores_of, table, wrapped_share
from numpy.typing import NDArray
from scipy.stats import spearmanr

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.influence.grouping import group_rows
from blindfair.influence.quantise import QuantisedRows, quantise_query, quantise_rows
from blindfair.protocol.audit import OpenedRow, check_scores
from blindfair.protocol.disclosure_policy import DisclosurePolicy
from blindfair.protocol.errors import RowsDisagree, ScoresDisagree
from blindfair.protocol.quantities import RecordIndex
from blindfair.protocol.rows import ROW_LIMIT

ROWS = np.random.default_rng(4).normal(size=(103, 6))
QUERY = np.random.default_rng(5).normal(size=6)
POLICIES = ["per-record", "per-group-10", "per-group-500"]


def grouped(policy: DisclosurePolicy, rows: NDArray[np.float64] = ROWS) -> tuple[QuantisedRows, float]:
    """The quantised rows of the groups, and their scale."""
    sums = np.vstack(list(group_rows([rows], policy.group_size(len(rows)))))
    scale = ROW_LIMIT / float(np.abs(sums).max())
    return quantise_rows(sums, scale), scale


def blind(rows: QuantisedRows, query: NDArray[np.int64]) -> NDArray[np.int64]:
    encrypted, secret = encrypt_queries(DEFAULT, query[np.newaxis])
    reply = evaluate(encode_rows(DEFAULT, rows.entries), encrypted.to_bytes())
    scores: NDArray[np.int64] = decrypt_reply(DEFAULT, secret, reply, len(rows.entries), 1)[0]
    return scores


@pytest.mark.parametrize("name", POLICIES)
def test_a_groups_score_is_the_sum_of_its_records_scores(name: str) -> None:
    policy = DisclosurePolicy.named(name)
    rows, scale = grouped(policy)
    query, unit = quantise_query(QUERY, DEFAULT.plain_modulus)
    scores = blind(rows, query)
    assert len(scores) == policy.groups(len(ROWS))
    single = ROWS @ QUERY
    members = [policy.members(group, len(ROWS)) for group in range(len(scores))]
    expected = np.array([single[group.start : group.stop].sum() for group in members])
    # Half a unit of rounding an entry of the row, and of the query.
    rounding = (0.5 * np.abs(QUERY).sum() + 0.5 * 6 * ROW_LIMIT * unit) / scale
    np.testing.assert_allclose(scores * unit / scale, expected, rtol=0, atol=rounding)


@pytest.mark.parametrize(("name", "scores"), [("per-record", 103), ("per-group-10", 11), ("total", 1)])
def test_bits_are_bounded_by_the_number_of_scores(name: str, scores: int) -> None:
    policy = DisclosurePolicy.named(name)
    found = Disclosure.of(DEFAULT, records=103, bits=(32, 3), exponent_bits=3, policy=policy)
    assert (found.records, found.scores) == (103, scores)
    assert found.total_bits == found.bits_per_record * scores
    assert found.bits_per_record == pytest.approx(38, abs=1e-3)


def test_a_group_is_audited_by_the_records_in_it() -> None:
    policy = DisclosurePolicy(10)
    rows, scale = grouped(policy)
    query, _ = quantise_query(QUERY, DEFAULT.plain_modulus)
    scores = blind(rows, query)

    def opened(group: int, records: NDArray[np.float64]) -> OpenedRow:
        [recomputed] = quantise_rows(np.vstack(list(group_rows([records], 10))), scale).entries.tolist()
        committed = tuple(rows.entries[group].tolist())
        return OpenedRow(RecordIndex(group), committed, tuple(recomputed), (int(scores[group]),), (0,))

    parts = {group: policy.members(group, len(ROWS)) for group in policy.groups_of(
        tuple(RecordIndex(record) for record in (*range(20, 40), *range(100, 103))), len(ROWS))}  # fmt: skip
    honest = [opened(group, ROWS[part.start : part.stop]) for group, part in parts.items()]
    assert check_scores(honest, [query.tolist()], 1, DEFAULT.plain_modulus, [0]).largest_score_deviations == (0,)
    # One of the ten records is not the one that was scored.
    other = ROWS[20:30].copy()
    other[3] = -other[3]
    with pytest.raises(RowsDisagree, match="is not the record's"):
        check_scores([opened(2, other), *honest[1:]], [query.tolist()], 1, DEFAULT.plain_modulus, [0])
    false = [OpenedRow(row.record, row.committed, row.recomputed, (row.scores[0] + 10**8,), (0,)) for row in honest]
    with pytest.raises(ScoresDisagree):
        check_scores(false, [query.tolist()], 1, DEFAULT.plain_modulus, [0])


def test_a_group_does_not_protect_a_record_from_a_model_that_is_blind_to_the_others() -> None:
    """What the page says that this policy does not do: the bits of a group may all be about one record."""
    rows = ROWS.copy()
    aimed_at = [7, 15, 64]
    rows[[record for record in range(len(rows)) if record not in aimed_at]] = 0.0
    quantised, scale = grouped(DisclosurePolicy(10), rows)
    query, unit = quantise_query(QUERY, DEFAULT.plain_modulus)
    scores = blind(quantised, query) * unit / scale
    np.testing.assert_allclose(scores[[0, 1, 6]], ROWS[aimed_at] @ QUERY, rtol=0.01, atol=0.01)


# --- few bits: the table in docs/explanation/disclosure.md ------------------------------------------------------------


def test_the_page_has_the_ranks_that_few_bits_leave() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "disclosure.md").read_text(encoding="utf-8")
    assert f"| bits | {' | '.join(TABLES)} |" in page
    assert table() in page
    wrapped = [f"{wrapped_share(name):.1%}".replace("%", " %") for name in TABLES]
    assert f"Of the scores, {wrapped[0]}, {wrapped[1]} and {wrapped[2]} lie beyond the range" in page


@pytest.mark.parametrize("bits", [8, 4, 3, 1])
def test_few_bits_of_the_engine_leave_what_the_simulation_leaves(bits: int) -> None:
    """Breast cancer by real evaluations: scores differ from simulated ones as two draws of the noise do."""
    name = "breast cancer, k = 31"
    exact, reach = scores_of(name)
    # One column that is the score itself, and a query that makes its reach half of the plain modulus.
    rows = np.rint(exact / abs(exact).max() * ROW_LIMIT).astype(np.int16)[:, None]
    query = np.array([[round(DEFAULT.plain_modulus / 2 / reach * abs(exact).max() / ROW_LIMIT)]])
    encrypted, secret = encrypt_queries(DEFAULT, query, [bits])
    encoded, found = encode_rows(DEFAULT, rows), []
    for _ in range(8):
        reply = evaluate(encoded, encrypted.to_bytes(), bits=[bits])
        found.append(spearmanr(decrypt_reply(DEFAULT, secret, reply, len(rows), 1)[0], exact).statistic)
    assert np.mean(found) == pytest.approx(ranks_left(name, bits)[0], abs=0.1)
