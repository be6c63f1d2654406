"""Cells and runs: the same again, resumed after a kill without doing anything twice, a report that is a function of
the file of results, statistics that are right on an example worked by hand."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student
from study_pages import missing_lines

from blindfair.protocol import errors
from blindfair.protocol.documents import Document
from blindfair.studies import jobs, plan
from blindfair.studies.attacks import run_attacks
from blindfair.studies.bundles import run_bundles
from blindfair.studies.cells import BEFORE, CLEAN, DEFAULT, NETWORK_SHARES, RANDOM, SHARES, Cell, run_cell
from blindfair.studies.jobs import StudyJob, few_bits_jobs, run_jobs, study_jobs
from blindfair.studies.ledger import Ledger
from blindfair.studies.reading import read
from blindfair.studies.report import TABLES, write_report
from blindfair.studies.statistics import Gain, Result, gain, gap_share, worst
from blindfair.studies.sums import run_sums
from blindfair.studies.tables import all_tables
from blindfair.studies.worlds import BuyerSize, Regime


@pytest.fixture(scope="module")
def cell() -> Cell:
    return Cell("cancer", "logistic", Regime.COPIES, BuyerSize.SMALL, 3)


@pytest.fixture(scope="module")
def found(cell: Cell) -> Document:
    return run_cell(cell)


def arms(document: Document) -> dict[str, dict[str, list[float]]]:
    return json.loads(json.dumps(document["arms"]))  # type: ignore[no-any-return]


def test_a_cell_is_the_same_every_time(cell: Cell, found: Document) -> None:
    assert json.dumps(run_cell(cell)) == json.dumps(found)


def test_a_cell_says_what_every_method_bought(found: Document) -> None:
    methods = arms(found)
    sizes = [max(1, round(share * int(str(found["offer"])))) for share in SHARES]
    assert methods[RANDOM]["bought"] == sizes and found["judge"] == "AUC"
    assert methods[CLEAN]["bad"] == [0.0] * len(SHARES)
    assert methods["limit: true labels"]["bad"] == [0.0] * len(SHARES)
    for method in (DEFAULT, BEFORE):
        assert methods[method]["bad"][1] < methods[RANDOM]["bad"][1]
        assert all(0.5 < quality <= 1 for quality in methods[method]["quality"])
    assert "trust, copies kept" in methods and float(str(found["told_apart"])) > 0.9


@pytest.mark.deep
def test_networks_are_bought_for_too() -> None:
    document = run_cell(Cell("cancer", "softmax", Regime.WRONG_30, BuyerSize.SMALL, 0))
    assert document["judge"] == "AUC" and document["shares"] == list(NETWORK_SHARES)
    methods = arms(document)
    assert methods[DEFAULT]["bad"][1] < 0.5 * methods[RANDOM]["bad"][1]


def job(key: str, ran: list[str]) -> StudyJob:
    def run() -> Document:
        ran.append(key)
        return {"number": len(key)}

    return StudyJob(key, 1.0, run)


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    path, ran = tmp_path / "deep" / "results.jsonl", list[str]()
    run_jobs([job("a", ran), job("bb", ran)], Ledger(path), io.StringIO())
    # Killed while it wrote the second line.
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:-9], encoding="utf-8")
    screen = io.StringIO()
    run_jobs([job("a", ran), job("bb", ran), job("ccc", ran)], Ledger(path), screen)
    assert ran == ["a", "bb", "bb", "ccc"] and "2 of 3 jobs to do" in screen.getvalue()
    assert path.read_text(encoding="utf-8").startswith(whole)
    assert [entry["key"] for entry in Ledger(path)] == ["a", "bb", "ccc"]
    run_jobs([job("a", ran)], Ledger(path), screen)
    assert len(ran) == 4


def test_what_was_found_now_is_in_the_order_in_which_it_is_read_later(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "results.jsonl")
    ledger.add("a", {"second": 2, "first": 1})
    again = Ledger(tmp_path / "results.jsonl")
    assert list(ledger["a"].items()) == list(again["a"].items())


def test_a_line_that_is_no_document_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"key": "a", "n": 1}\nnonsense\n[1]\n{"key": "b"}\n', encoding="utf-8")
    ledger = Ledger(path)
    assert "a" in ledger and "b" in ledger and len(list(ledger)) == 2
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_results_that_cannot_be_kept_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(errors.CannotWrite):
        Ledger(tmp_path / "file" / "results.jsonl")
    with pytest.raises(errors.CannotWrite):
        write_report([], tmp_path / "file" / "report", None, quick=True)


def test_the_plan_has_twelve_seeds_of_every_regime_and_no_job_twice() -> None:
    cells = plan.full_plan()
    for regime in Regime:
        assert {cell.seed for cell in cells if cell.regime is regime and cell.family == "logistic"} == set(range(12))
    assert len({cell.data for cell in cells}) >= 8 and len({cell.family for cell in cells}) == 4
    for quick in (True, False):
        keys = [one.key for one in study_jobs(quick)]
        assert len(set(keys)) == len(keys)
    assert sum(one.seconds for one in study_jobs(True)) < 180
    assert sum(one.seconds for one in study_jobs(False)) < 4800
    assert sum(one.seconds for one in few_bits_jobs(False)) < 1800
    assert {one.key for one in few_bits_jobs(False)} < {one.key for one in study_jobs(False)}
    assert jobs.FEW_SEEDS <= plan.SEEDS


def result(data: str, seed: int, random: float, trust: float, clean: float) -> Result:
    return Result(
        data, "logistic", "wrong-30", "middle", seed, "AUC", (0.3,), 0.7, 0.3, 0.28, 0.9,
        {RANDOM: (random,), DEFAULT: (trust,), CLEAN: (clean,), BEFORE: (random,)},
        {DEFAULT: (0.1,)},
    )  # fmt: skip


HAND = [
    result("a", 0, 0.70, 0.72, 0.74), result("b", 0, 0.80, 0.82, 0.84),
    result("a", 1, 0.70, 0.73, 0.74), result("b", 1, 0.80, 0.83, 0.86),
    result("a", 2, 0.70, 0.71, 0.72), result("b", 2, 0.80, 0.81, 0.82),
]  # fmt: skip


def test_the_interval_is_students_over_seeds_of_means_over_data_sets() -> None:
    found = gain(HAND, DEFAULT, RANDOM, 0.3)
    # Means over the data sets: 0.02, 0.03, 0.01; their deviation is 0.01.
    assert found.mean == pytest.approx(0.02)
    assert found.margin == pytest.approx(student.ppf(0.975, 2) * 0.01 / np.sqrt(3))
    assert gap_share(HAND, DEFAULT, 0.3) == pytest.approx(0.02 / np.mean([0.04, 0.05, 0.02]))
    assert gap_share([result("a", 0, 0.7, 0.71, 0.701)], DEFAULT, 0.3) is None
    alone = gain(HAND[:1], DEFAULT, RANDOM, 0.3)
    assert alone.mean == pytest.approx(0.02) and alone.margin is None
    worse = [*HAND, *(result("c", seed, 0.7, 0.69, 0.75) for seed in range(3))]
    name, least = worst(worse, DEFAULT, 0.3)
    assert name == "c" and least.mean == pytest.approx(-0.01)
    assert str(Gain(-0.01234, 0.005)) == "-0.0123 ± 0.0050"
    with pytest.raises(errors.InvalidOption):
        gain(HAND, "no such method", RANDOM, 0.3)


@pytest.fixture(scope="module")
def documents(found: Document) -> list[Document]:
    cells: list[Document] = [{"key": f"cells/cancer/logistic/copies/middle/{seed}", **found} for seed in range(2)]
    return [
        *cells,
        {"key": "sums/cancer/logistic/0", **run_sums("cancer", "logistic", 0)},
        {"key": "bundles/cancer/0", **run_bundles("cancer", 0)},
        {"key": "attacks/digits-high/0", **run_attacks("digits-high", 0)},
    ]


@pytest.mark.deep
def test_the_report_is_a_function_of_the_results(documents: list[Document], tmp_path: Path) -> None:
    again = [json.loads(json.dumps(document)) for document in documents]
    for place, source in (("one", documents), ("two", again)):
        write_report(source, tmp_path / place / "report", tmp_path / f"{place}.json", quick=True)
    one, two = (sorted((tmp_path / place / "report").iterdir()) for place in ("one", "two"))
    assert [path.name for path in one] == [path.name for path in two]
    assert {"bad-share.png", "gains.png", "bundles.png", TABLES} <= {path.name for path in one}
    for left, right in zip(one, two, strict=True):
        assert left.read_bytes() == right.read_bytes()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    summary = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert summary["cells"] == 2 and {"bar", "methods", "sums", "bundles", "attacks"} <= set(summary["tables"])
    text = (tmp_path / "one" / "report" / TABLES).read_text(encoding="utf-8")
    assert "scripts/study queries --quick" in text and "## The bar" in text
    assert missing_lines(TABLES, all_tables(read(documents))) == []
    # What a table says is what the cell found.
    (row,) = (row for row in summary["tables"]["data-sets"]["rows"] if row["regime"] == "copies")
    found = arms(documents[0])[RANDOM]["quality"][SHARES.index(0.3)]
    assert row["random"] == f"{found:.4f}"
    assert len(read(documents).cells) == 2


def test_the_copies_of_a_seller_earn_nothing_where_they_are_grouped() -> None:
    found: dict[str, dict[str, float]] = json.loads(json.dumps(run_attacks("digits-high", 1)))
    assert found["every record listed twice"]["copies"] == 0 < found["the same, copies not grouped"]["copies"]
    assert found["every record listed twice"]["revenue"] == pytest.approx(found["honest"]["revenue"], rel=0.1)
    assert found["near-copies, four further queries"]["copies"] < found["near-copies"]["copies"]
    pleasing = found["labels by the buyer's query, stolen"]
    assert pleasing["bad_estimated"] < 0.05 and pleasing["right"] < 1
    assert pleasing["warned"] == 1 and not any(found[name]["warned"] for name in found if name.startswith("honest"))
    assert found["each class listed by itself"]["revenue"] == found["each class listed by itself"]["records"] == 0
    assert found["each class listed with a tenth of the other"]["revenue"] < 0.5 * found["honest"]["revenue"]


def test_a_forecast_knows_a_bad_bundle_from_a_good_one(documents: list[Document]) -> None:
    found: dict[str, dict[str, list[float]]] = json.loads(
        json.dumps(next(document for document in documents if str(document["key"]).startswith("bundles/")))
    )
    del found["key"]
    good, bad = found["clean/1.0"], found["wrong-50/1.0"]
    assert good["forecast_whole"][0] > bad["forecast_whole"][0] + 0.005
    for bundle in found.values():
        for kind in ("whole", "part"):
            mean, low, high = bundle[f"forecast_{kind}"]
            assert low <= mean <= high


@pytest.mark.deep
def test_the_command_says_what_is_wrong_with_its_options(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    wrong = subprocess.run(
        [sys.executable, "-m", "blindfair.studies", "queries", "--report", str(tmp_path / "file" / "x")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert wrong.returncode == errors.CannotWrite.exit_code and "CannotWrite" in wrong.stderr
    assert "Traceback" not in wrong.stderr
