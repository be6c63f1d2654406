"""What a manifest tells of a column of numbers: no absurd cell moves it, and it is the same on every machine."""

import math
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.robust import RARE, robust_statistics
from blindfair.influence.table import Table

numbers = st.floats(allow_nan=False, allow_infinity=False)
tables = st.lists(numbers | st.integers(-3, 3).map(float), min_size=1, max_size=60)
ABSURD = (1e300, -1e300, 1.7976931348623157e308, 0.0, 5e-324)


def test_of_normal_numbers_they_are_mean_and_deviation() -> None:
    rng = random.Random(1)
    found = robust_statistics([rng.gauss(37.0, 8.2) for _ in range(20_001)])
    assert found is not None
    assert found[0] == 37.0 and found[1] == pytest.approx(8.2, abs=0.11)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # The quartiles are 1 and 3: 2 / 1.349 = 1.4826.
        ([0.0, 1.0, 2.0, 3.0, 4.0] * 4, (2.0, 1.5)),
        # The centre has the digits that the scale has: 123456.789 at a scale of 1.5e3.
        ([123456.789 + 1000 * step for step in (-2, -1, 0, 1, 2)], (123500.0, 1500.0)),
        # Of two middle numbers the smaller is the median, and one in the middle of two is rounded to the even one.
        ([0.0] * 10 + [1.0] * 10, (0.0, 0.74)),
        ([-0.0] * 10 + [1.0] * 10, (0.0, 0.74)),
        # Equal quartiles, ten of a hundred are 1: without four of them the share is 6 / 96, the deviation 0.242.
        ([0.0] * 90 + [1.0] * 10, (0.0, 0.24)),
        # Four that differ say nothing: a column that varies in so few records is left out.
        ([0.0] * 90 + [7.0] * (RARE - 1), None),
        # Nor do five to eight, as fewer than five are left without the four farthest: the scale would tell a cell.
        ([0.0] * 90 + [7.0, 200.0, 300.0, 400.0, 500.0], None),
        ([0.0] * 90 + [7.0] * (2 * RARE - 2), None),
        ([0.0] * 90 + [7.0] * (2 * RARE - 1), (0.0, 1.6)),
        ([7.0] + [0.0] * 90 + [7.0] * (2 * RARE - 3), None),
        ([3.0] * 50, None),
        ([1.0, 2.0, 3.0, 4.0], None),
        ([], None),
    ],
)
def test_known_columns(values: list[float], expected: tuple[float, float] | None) -> None:
    assert robust_statistics(values) == expected


@given(tables)
def test_whatever_the_numbers_two_digits_are_told_and_the_order_is_not(values: list[float]) -> None:
    found = robust_statistics(values)
    assert robust_statistics(sorted(values)) == robust_statistics(values[::-1]) == found
    if found is None:
        return
    centre, scale = found
    assert math.isfinite(centre) and 0 < scale < math.inf
    assert str(centre) != "-0.0"
    if scale < 1.7e308:
        assert float(f"{scale:.1e}") == scale
    # The centre is a whole number of the scale's second digit, as exactly as a double says it.
    unit = 10.0 ** (math.floor(math.log10(scale)) - 1)
    if unit > 1e-200 and abs(centre) < 1e12 * unit:
        assert abs(centre / unit - round(centre / unit)) < 1e-3


@given(tables.filter(lambda values: len(values) >= 2 * RARE), st.sampled_from(ABSURD))
def test_what_is_told_stays_within_the_other_cells_however_absurd_one_is(values: list[float], absurd: float) -> None:
    found = robust_statistics([*values, absurd])
    if found is None:
        return
    low, high = min(values), max(values)
    centre, scale = found
    assert scale / 2 <= 1.05 * (high / 2 - low / 2) + 5e-324
    assert low - scale <= centre <= high + scale


@pytest.mark.parametrize("absurd", [1e300, -1e300, 10**400, -(10**9)])
def test_an_absurd_cell_in_any_column_of_a_real_table_changes_nothing(trial: Table, absurd: float) -> None:
    rows = list(trial.rows)
    label = trial.columns.index(trial.label)
    schema = FeatureSchema.infer(rows, trial.columns, trial.label)
    spoilt = tuple(cell if place == label else absurd for place, cell in enumerate(rows[17]))
    assert FeatureSchema.infer([*rows, spoilt], trial.columns, trial.label) == schema
    # Nor does it show in this table whether one record is there.
    assert FeatureSchema.infer(rows[1:], trial.columns, trial.label) == schema


SCRIPT = """
import random
from blindfair.influence.encoding import FeatureSchema
from blindfair.protocol.documents import canonical
rng = random.Random(5)
rows = [(rng.gauss(0, 10.0 ** (place % 9)), rng.choice("abcd"), rng.randrange(3), place % 2) for place in range(3001)]
rng.shuffle(rows)
print(canonical(FeatureSchema.infer(rows, ("x", "c", "n", "y"), "y").to_document()).hex())
"""


def test_two_machines_get_equal_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """Another hash seed, another processor path of numpy, another number of threads."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "77",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
        "OMP_NUM_THREADS": "3",
    }
    other = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True, text=True)
    exec(SCRIPT, {})  # noqa: S102
    assert capsys.readouterr().out == other.stdout


@pytest.mark.parametrize(("others", "told"), [(RARE, False), (2 * RARE - 2, False), (2 * RARE - 1, True)])
def test_a_column_whose_scale_few_records_decide_is_not_published(others: int, told: bool) -> None:
    rare = [7.0, *(100.0 * number for number in range(2, others + 1))]
    rows = [(cell, float(place % 11), place % 2) for place, cell in enumerate([0.0] * 995 + rare)]
    schema = FeatureSchema.infer(rows, ("rare", "steps", "y"), "y")
    assert [feature.column for feature in schema.features] == (["rare", "steps"] if told else ["steps"])
