"""The demo of tables whose label has more than two classes, or is a number or a count."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from command import Ended, Inside
from matplotlib.image import imread
from real_tables import write_csv
from rich.console import Console
from sklearn.datasets import load_diabetes, load_digits
from whole_demo import ENDINGS

from blindfair.cli.demo.home import demo_home
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.screen import DemoScreen
from blindfair.influence.label import LabelKind
from blindfair.protocol.errors import FileMissing, InvalidOption, LabelUnusable

LABEL = "the label"


def progress(path: Path, unit: int = 1) -> Path:
    """442 records: how far a disease went in a year, also in whole units."""
    data = load_diabetes()
    labels = data.target if unit == 1 else data.target // unit
    return write_csv(
        path, [*data.feature_names, LABEL], ([*x, f"{y:g}"] for x, y in zip(data.data, labels, strict=True))
    )


def ten_digits(path: Path, records: int = 600) -> Path:
    """Digits by their pixels, in words, so that no order of numbers helps."""
    data = load_digits()
    rows = zip(data.data[:records], data.target[:records], strict=True)
    return write_csv(path, [*data.feature_names, LABEL], ([*x, f"digit {y}"] for x, y in rows))


def ended_well(home: Path, table: Path, *options: object) -> tuple[Ended, dict[str, Any], Path]:
    """Run a whole demo; what it printed, its result and its report."""
    result, report = home / "result.json", home / "report"
    ended = Inside()(
        "demo", "--records", table, "--label", LABEL, *options, "--json", result, "--report", report,
        "--divisions", 2, "--seed", 1,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return ended, json.loads(result.read_text()), report


def check(found: tuple[Ended, dict[str, Any], Path], measure: str, name: str, flipped: str, asked: str) -> None:
    """Assert what holds of every label: five endings, the measure in document, words and picture, one query."""
    ended, result, report = found
    assert {trade["case"]: trade["final"] for trade in result["trades"]} == ENDINGS
    errors = {trade["case"]: trade["error"] for trade in result["trades"] if trade["error"] is not None}
    assert set(errors) == {"inflated_scores"} and errors["inflated_scores"] in ("ScoresDisagree", "RowsDisagree")
    assert result["audit"]["passed"] is True and result["scores"]["as_committed"] is True
    # The class is asked of two classes alone.
    assert 2.99 < result["scores"]["bits_per_record"] <= 3

    utility = result["utility"]
    assert utility["measure"] == measure
    arms = {f"{measure}_{arm}" for arm in ("before", "by_score", "random", "clean")}
    assert arms <= set(utility) and "auc_before" not in utility
    low, high = utility["gain_over_random_ci95"]
    assert (low + high) / 2 == pytest.approx(utility[f"{measure}_by_score"] - utility[f"{measure}_random"])

    told, before = " ".join(ended.out.split()), " ".join(ended.err.split())
    assert f"measure {name}: " in told and f"{name} on the test set" in told and f"mean {name}: before" in told
    assert f"the demo has {flipped}. Copies" in before
    assert asked in told
    assert ("Buying is not shown to be worth anything" in told or "Buying is not worth it" in told) == (
        utility["gain_over_before_ci95"][0] <= 0
    )
    assert max(len(line) for line in (ended.out + ended.err).splitlines()) <= 100
    assert imread(report / "utility.png").shape[:2] == (585, 1040)


def header_of(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


@pytest.mark.deep
def test_a_number_is_traded_and_judged_by_r2(tmp_path: Path) -> None:
    table = progress(tmp_path / "progress.csv")
    found = ended_well(tmp_path, table)
    check(found, "r2", "R2", "put the label of another record", "squared error / 2, label in standard deviations: ")
    _, result, report = found
    assert header_of(report / "scores.csv") == ["record", "score_positive_is_helpful", "bought"]
    assert 0.2 < result["utility"]["r2_before"] < 0.6
    with (report / "bought.csv").open(newline="", encoding="utf-8") as file:
        bought = list(csv.DictReader(file))
    written = {row[-1] for row in csv.reader(table.read_text().splitlines())}
    assert {row[LABEL] for row in bought} <= written


@pytest.mark.deep
def test_a_count_is_traded_and_judged_by_d2(tmp_path: Path) -> None:
    found = ended_well(tmp_path, progress(tmp_path / "counted.csv", 30), "--label-kind", "count")
    check(found, "d2", "D2", "put the label of another record", "nats of the count in the label's unit: ")


@pytest.mark.deep
@pytest.mark.parametrize("model", ["logistic", "mlp"])
def test_ten_classes_are_traded_and_judged_by_accuracy(model: str, tmp_path: Path) -> None:
    found = ended_well(tmp_path, ten_digits(tmp_path / "digits.csv"), "--model", model)
    check(found, "accuracy", "accuracy", "put another class", "positive = helpful, in nats: ")
    _, result, report = found
    assert header_of(report / "scores.csv")[1] == "score_nats_positive_is_helpful"
    schema = json.loads((report / "schema.json").read_text())
    assert len(schema["classes"]) == 10
    # Rows of the network are projected to as many numbers as the buyer has records, of 128 at most.
    assert result["scores"]["k"] == (90 if model == "mlp" else 10 * (len(schema["features"]) + 1))


# --- refused before any work ---------------------------------------------------------------------------------------


def demo(inside: Inside, table: Path, *options: object) -> Ended:
    return inside("demo", "--records", table, "--label", LABEL, *options, "--json", "r.json", "--report", "report")


def test_a_network_learns_classes_alone(tmp_path: Path, clean: Path, inside: Inside) -> None:
    ended = demo(inside, progress(tmp_path / "t.csv"), "--model", "mlp")
    ended.failed(InvalidOption, "--model logistic", "the label is a number", "--label-kind classes")


def test_the_kind_of_the_label_is_one_of_three(tmp_path: Path, clean: Path, inside: Inside) -> None:
    ended = demo(inside, progress(tmp_path / "t.csv"), "--label-kind", "amount")
    assert ended.code == InvalidOption.exit_code and ended.err.startswith("error: InvalidOption: --label-kind names")
    assert "classes or number or count" in ended.err


@pytest.mark.parametrize("options", [[], ["--modality", "text"]], ids=["trial", "texts"])
def test_the_kind_of_the_label_is_for_a_table_of_ones_own(options: list[str], clean: Path, inside: Inside) -> None:
    inside("demo", "--label-kind", "count", *options).failed(InvalidOption, "--label-kind")


def test_a_label_in_words_is_no_number_and_no_listing_is_spoken_of(tmp_path: Path, clean: Path, inside: Inside) -> None:
    ended = demo(inside, ten_digits(tmp_path / "t.csv"), "--label-kind", "number")
    ended.failed(LabelUnusable, "read the label as classes with --label-kind classes")
    assert " list with " not in ended.err


def test_a_folder_in_place_of_a_table_is_told_to_be_one(tmp_path: Path, clean: Path, inside: Inside) -> None:
    """The demo has no option --files, so the hint names the command that has it."""
    demo(inside, tmp_path).failed(FileMissing, "a folder", "name a table in it; blindfair seller list takes")


def test_a_count_has_whole_numbers(tmp_path: Path, clean: Path, inside: Inside) -> None:
    table = write_csv(tmp_path / "t.csv", ["x", LABEL], ([number % 7, number / 2] for number in range(300)))
    demo(inside, table, "--label-kind", "count").failed(LabelUnusable, "whole numbers", "--label-kind number")


def test_a_class_that_wrong_labels_leave_too_rare_is_found_before_the_trades(
    tmp_path: Path, clean: Path, inside: Inside
) -> None:
    """The divisions are measured last: what one of them could not list must not end the demo after five trades."""
    labels = [f"c{number % 30}" for number in range(600)]
    table = write_csv(tmp_path / "t.csv", ["x", LABEL], ([number % 7, label] for number, label in enumerate(labels)))
    ended = demo(inside, table, "--flipped", 0.9, "--divisions", 50)
    ended.failed(LabelUnusable, "at least 5 of each class, in each division", "--flipped")


def test_another_kind_of_label_is_another_demo(tmp_path: Path, inside: Inside) -> None:
    """A directory goes on with what it was begun with."""
    table = progress(tmp_path / "t.csv")
    home = tmp_path / "home"
    job = prepare(DemoOptions(records=table, label=LABEL, label_kind=LabelKind.COUNT))
    with demo_home(home, job.options, job.digest):
        pass
    ended = inside("demo", "--records", table, "--label", LABEL, "--directory", home)
    ended.failed(InvalidOption, "expected  --label-kind count", "found     no --label-kind")


# --- what the demo says before it begins ---------------------------------------------------------------------------


def scenario_text(options: DemoOptions) -> str:
    console = Console(file=io.StringIO(), width=100)
    DemoScreen(console).scenario(prepare(options))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_codes_of_the_trial_are_no_numbers_on_screen() -> None:
    numbers, _, rest = scenario_text(DemoOptions()).partition("columns numbers that are codes, read as categories: ")
    assert "columns read as numbers: age" in numbers and "arms" not in numbers
    assert rest.startswith("arms columns the label")


def test_the_trouble_of_two_classes_is_told_as_ever() -> None:
    assert "353 of them the demo has flipped the label. Copies" in scenario_text(DemoOptions())


def test_the_trouble_of_other_labels_is_told_as_it_is(tmp_path: Path) -> None:
    classes = scenario_text(DemoOptions(records=ten_digits(tmp_path / "d.csv"), label=LABEL))
    assert "the demo has put another class. Copies" in classes
    assert f"{LABEL}: 10 classes: 'digit 0', 'digit 1'" in classes
    number = scenario_text(DemoOptions(records=progress(tmp_path / "n.csv"), label=LABEL))
    assert "the demo has put the label of another record. Copies" in number
    assert f"{LABEL}: a number, centre" in number
