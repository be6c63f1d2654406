"""`scripts/bench scoring`: a real run of it, small; what it writes; and the line that it draws."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from blindfair.blind.parameters import DEFAULT

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "benchmarks"))

from bench import main
from bench_fit import Line, Point, fit, print_fit

KEYS = {
    "mode",
    "k",
    "n",
    "seller_us_per_record",
    "encode_us_per_record",
    "upload_bytes",
    "download_bytes_per_record",
    "buyer_seconds",
    "peak_rss_bytes",
    "spearman",
    "exact",
    "flooding_bits",
    "disclosed_bits_per_record",
}
"""As readers of the file know them."""

REAL = Line(entry=2e-9, place=4e-7, coordinate=3e-5)
SHAPES = [(n, k) for n in (8_000, 100_000, 1_000_000) for k in (128, 512, 1024)]


@pytest.mark.deep
def test_a_small_run_writes_exact_scores_under_the_agreed_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["scoring", "--k", "8", "--n", "60", "--mode", "coordinates", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures) == {"rows", "numpy_us_per_record"}
    (row,) = figures["rows"]
    assert set(row) == KEYS
    assert (row["mode"], row["k"], row["n"], row["exact"]) == ("coordinates", 8, 60, True)
    assert row["spearman"] > 0.999
    assert row["flooding_bits"] > 40 and row["disclosed_bits_per_record"] <= 32
    assert all(row[name] > 0 for name in KEYS - {"mode", "exact"})
    assert list(figures["numpy_us_per_record"]) == ["8"] and figures["numpy_us_per_record"]["8"] > 0
    assert "loading" in capsys.readouterr().out


def points(line: Line) -> list[Point]:
    return [Point("coordinates", n, k, line.seconds(DEFAULT, n, k)) for n, k in SHAPES]


def test_times_that_grow_linearly_lie_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(DEFAULT, points(REAL))
    np.testing.assert_allclose(
        (found.entry, found.place, found.coordinate), (REAL.entry, REAL.place, REAL.coordinate), rtol=1e-6
    )
    print_fit(DEFAULT, points(REAL))
    assert "at worst off by 0%" in capsys.readouterr().out


def test_times_that_grow_faster_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With the square of the records: no line goes through all of them."""
    print_fit(DEFAULT, [Point("coordinates", n, k, 1e-13 * n * n * k) for n, k in SHAPES])
    printed = capsys.readouterr().out
    assert printed.count("on the line") == len(SHAPES)
    assert int(printed.rsplit("off by ", 1)[1].split("%")[0]) > 50


def test_points_that_many_lines_go_through_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    same_k = [Point("coordinates", n, 512, REAL.seconds(DEFAULT, n, 512)) for n in (8_000, 20_000, 50_000, 100_000)]
    same_n = [Point("coordinates", 8_000, k, REAL.seconds(DEFAULT, 8_000, k)) for k in (64, 128, 512, 1024)]
    for few in (points(REAL)[:3], same_k, same_n):
        print_fit(DEFAULT, few)
    assert capsys.readouterr().out == ""
