"""Blind scoring alone gives what the plain product gives, and loads nothing of chains, money and agents."""

import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindfair as bf
from blindfair.protocol.errors import (
    FieldMismatch,
    InvalidOption,
    MalformedCiphertext,
    QueryOutOfBounds,
    ShapeMismatch,
    UnknownParameters,
    UnusableModel,
)

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(1)
ROWS = RNG.uniform(-1, 1, (50, 6))
QUERY = RNG.uniform(-1, 1, 6)
SETS = ("bfv-8192-32", "bfv-8192-32-expanded")


@pytest.fixture(scope="module")
def rows() -> bf.BlindRows:
    return bf.BlindRows(ROWS, largest=1.0)


@pytest.mark.parametrize("parameters", SETS)
def test_exact_scores_are_the_product_but_for_rounding(rows: bf.BlindRows, parameters: str) -> None:
    asked = bf.BlindQuery(QUERY, largest=1.0, parameters=parameters)
    scores = asked.decrypt(rows.reply(asked.message, max_bits=32), records=50)
    # Half a step of each entry, times the query's; the query itself is rounded far finer.
    assert np.abs(scores - ROWS @ QUERY).max() <= 0.51 / 2047 * np.abs(QUERY).sum()
    assert asked.noise.tolist() == [0.0]
    assert asked.disclosure(records=50).total_bits == pytest.approx(32 * 50, rel=1e-3)


def test_few_bits_leave_scores_in_noise_that_is_stated(rows: bf.BlindRows) -> None:
    asked = bf.BlindQuery(QUERY, largest=1.0, bits=3, reach=float(np.abs(ROWS @ QUERY).max()))
    scores = asked.decrypt(rows.reply(asked.message, max_bits=3), records=50)
    errors = np.abs(scores - ROWS @ QUERY)
    assert asked.noise[0] / 3 < errors.max() < 1.01 * asked.noise[0]
    assert asked.disclosure(records=50).total_bits == pytest.approx(3 * 50, rel=1e-3)


def test_several_queries_have_a_row_of_scores_each(rows: bf.BlindRows) -> None:
    queries = np.stack([QUERY, -2 * QUERY])
    asked = bf.BlindQuery(queries, largest=1.0)
    scores = asked.decrypt(rows.reply(asked.message, max_bits=64), records=50)
    assert np.abs(scores - queries @ ROWS.T).max() < 0.01


def test_query_and_rows_with_different_bounds_are_refused_and_not_scaled(rows: bf.BlindRows) -> None:
    with pytest.raises(FieldMismatch, match=r"`largest`.*expected largest=1, .*found largest=0\.5"):
        rows.reply(bf.BlindQuery(QUERY, largest=0.5).message, max_bits=32)
    with pytest.raises(MalformedCiphertext, match="not the message of a BlindQuery"):
        rows.reply(b"BFQ2" + bytes(100), max_bits=32)


def test_rows_with_missing_numbers_are_told_as_numbers() -> None:
    with pytest.raises(UnusableModel, match="1 of 4 are NaN or infinite") as caught:
        bf.BlindRows([[1.0, np.nan], [0.5, 0.25]], largest=1.0)
    assert "gradient" not in str(caught.value)


def test_rows_give_no_more_than_their_side_allows(rows: bf.BlindRows) -> None:
    asked = bf.BlindQuery(np.stack([QUERY, QUERY]), largest=1.0, bits=3, reach=1.0)
    with pytest.raises(FieldMismatch, match="max_bits"):
        rows.reply(asked.message, max_bits=5)
    assert rows.reply(asked.message, max_bits=6)


def test_entries_beyond_the_agreed_size_are_clipped_and_counted() -> None:
    rows = bf.BlindRows([[4.0, 1.0], [0.5, 0.5]], largest=1.0)
    asked = bf.BlindQuery([1.0, 0.0], largest=1.0)
    assert rows.clipped == 0.25
    assert asked.decrypt(rows.reply(asked.message, max_bits=32), records=2) == pytest.approx([1.0, 0.5], abs=1e-3)


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(InvalidOption):
        bf.BlindQuery(QUERY, largest=0.0)
    with pytest.raises(InvalidOption, match="reach"):
        bf.BlindQuery(QUERY, largest=1.0, bits=3)
    with pytest.raises(UnknownParameters):
        bf.BlindQuery(QUERY, largest=1.0, bits=33)
    with pytest.raises(UnknownParameters):
        bf.BlindQuery(QUERY, largest=1.0, parameters="small")
    with pytest.raises(QueryOutOfBounds):
        bf.BlindQuery([0.0, 0.0], largest=1.0)
    with pytest.raises(ShapeMismatch):
        bf.BlindQuery(1.0, largest=1.0)
    with pytest.raises(ShapeMismatch):
        bf.BlindRows(QUERY, largest=1.0)
    with pytest.raises(UnusableModel):
        bf.BlindRows([[np.nan, 1.0]], largest=1.0)


@pytest.mark.parametrize("query", [[1, 2, "secret"], [[1.0, 2.0], [1.0]], [1j], [10**400]])
def test_what_is_no_number_is_refused_by_name(query: Any) -> None:
    with pytest.raises(InvalidOption, match="`query` holds something that is not a number") as caught:
        bf.BlindQuery(query, largest=5.0)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(InvalidOption, match="`rows` holds something that is not a number"):
        bf.BlindRows([query], largest=5.0)


def test_a_query_shows_no_secret(rows: bf.BlindRows) -> None:
    assert repr(bf.BlindQuery(QUERY, largest=1.0)).startswith("BlindQuery(1 of 32 bits, ")
    assert repr(rows) == "BlindRows(50 x 6)"


def test_the_example_runs_and_loads_nothing_of_chains_money_and_agents() -> None:
    code = (
        "import runpy, sys; runpy.run_path('examples/blind_scoring.py', run_name='__main__');"
        "print([name for name in ('torch', 'web3', 'blindfair.chain', 'blindfair.agents') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    exact, told, few, *_, loaded = done.stdout.splitlines()
    assert exact.startswith("exact: the largest error is 0.0")
    assert told == "tells at most 32.0 bits a record; noise floods the rest by 42"
    assert few.startswith("3 bits: noise up to ")
    assert loaded == "[]"
