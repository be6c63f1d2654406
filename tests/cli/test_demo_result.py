"""One whole demo on a table as people have them: what the result file, the report and the screen say of it."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from real_tables import LABEL, UGLY_HEADER
from whole_demo import ENDINGS, QUICK, Demo, check_money

from blindfair.api.amounts import show_ether
from blindfair.cli.demo.options import MIN_AUDIT_ROWS, DemoOptions
from blindfair.cli.demo.prepared import without_copies
from blindfair.influence.table import read_table
from blindfair.pricing.scenario import make_scenario
from blindfair.pricing.utility import SEEDS
from blindfair.protocol.audit import catch_probability

PAID = {"commit", "deposit", "accept", "reveal", "release"}
"""The steps of a listing, and of an order that ends well: in all cases that of the evaluation does."""

STEPS = {
    "honest": {*PAID, "withdraw"},
    "corrupted_chunk": {*PAID, "dispute"},
    "no_reveal": {*PAID, "refund"},
    "inflated_scores": {*PAID, "withdraw", "claim"},
    "silent_buyer": {*PAID, "withdraw", "claim"},
}


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("case", ENDINGS)
def test_each_case_ends_as_it_must_with_the_money_right_to_the_wei(case: str, demo: Demo) -> None:
    check_money(demo.trade(case), demo.result)


@pytest.mark.parametrize("case", STEPS)
def test_each_case_counts_the_gas_of_its_steps(case: str, demo: Demo) -> None:
    trade = demo.trade(case)
    assert set(trade["gas"]) == {name.partition(":")[0] for name in trade["transactions"]} == STEPS[case]
    parts = {name.partition(":")[2] for name in trade["transactions"]} - {""}
    assert parts == {"evaluation", "sample", *(["rest"] if case == "honest" else [])}
    # A commit alone is 68 bytes, and no call of the honest trade carries a chunk.
    assert 68 <= trade["calldata_bytes"] < 7000
    assert all(20_000 < gas < 300_000 for gas in trade["gas"].values())
    assert all(re.fullmatch("0x[0-9a-f]{64}", digest) for digest in trade["transactions"].values())


def test_the_price_is_that_of_the_records_bought(demo: Demo) -> None:
    bought = rows_of(demo.report / "bought.csv")[1:]
    assert len(bought) * 10**15 == demo.trade("honest")["price_wei"] <= 4 * 10**17


def test_inflated_scores_are_stopped_by_the_audit(demo: Demo) -> None:
    assert demo.trade("inflated_scores")["error"] in ("ScoresDisagree", "RowsDisagree")
    assert all(demo.trade(case)["error"] is None for case in ENDINGS if case != "inflated_scores")


def test_scores_are_bounded_and_in_the_noise_that_the_listing_committed_to(demo: Demo) -> None:
    scores, information = demo.result["scores"], demo.result["scores"]["information"]
    assert scores["as_committed"] is True
    assert 0.8 < scores["spearman_float64"] < 0.99
    assert 3.99 < scores["bits_per_record"] <= 4
    assert scores["seen_bits"] == 8
    assert scores["flooding_bits"] >= 40
    assert information["evaluation_bits_per_record"] == 4
    assert information["free_bits"] <= 0.05 * information["record_bits"] * scores["records"]
    assert information["disclosed_bits"] <= 0.3 * information["record_bits"] * scores["records"]
    assert scores["fee_wei"] == int(information["evaluation_fee_wei"])
    assert scores["loss"]["records"] > 80 and scores["loss"]["projected_spearman"] == pytest.approx(1)
    assert 0.999 < scores["loss"]["rounded_spearman"] <= 1
    assert scores["loss"]["seen_spearman"] == pytest.approx(scores["spearman_float64"], abs=0.1)
    seen = f"seen through the noise of 3 bits: Spearman {scores['loss']['seen_spearman']:.4f}"
    assert seen in " ".join((demo.ended.out + demo.ended.err).split())
    assert scores["records"] == 550
    assert scores["seller_us_per_record"] > 0
    assert scores["upload_bytes"] > scores["download_bytes"] > 550 * 4


def test_the_audit_says_what_it_catches(demo: Demo) -> None:
    audit, bought = demo.result["audit"], len(rows_of(demo.report / "bought.csv")) - 1
    assert audit["passed"] is True
    assert audit["rows"] == 59
    assert audit["catches_5_percent_fakes"] == pytest.approx(catch_probability(0.05, audit["rows"], bought))


def test_utility_is_measured_over_as_many_divisions_as_asked_for(demo: Demo) -> None:
    utility = demo.result["utility"]
    assert utility["seeds"] == int(QUICK[-1])
    assert DemoOptions().divisions == len(SEEDS) == 10
    assert utility["bad_share_true"] == pytest.approx(0.3, abs=0.01)
    for other in ("random", "before"):
        low, high = utility[f"gain_over_{other}_ci95"]
        gain = utility["auc_by_score"] - utility[f"auc_{other}"]
        assert low < gain < high
        assert (low + high) / 2 == pytest.approx(gain)


def test_the_bought_records_are_those_that_were_offered(demo: Demo) -> None:
    table = read_table(demo.table, LABEL)
    offer = without_copies(make_scenario(table, 0, flip_share=0.3, duplicate_share=0.05)).offer
    header, *bought = rows_of(demo.report / "bought.csv")
    assert header == ["record", *UGLY_HEADER]
    assert [row[0] for row in bought] == sorted({row[0] for row in bought}, key=int)
    as_in_the_file = {row[0]: row for row in rows_of(demo.table)[1:]}
    for number, *cells in bought:
        # The demo flips labels; every other cell is as the file has it, NA as NA.
        assert cells[:-1] == as_in_the_file[cells[0]][:-1]
        assert cells[-1] == offer[int(number)][-1]


def test_every_record_has_a_score_and_the_bought_ones_a_mark(demo: Demo) -> None:
    header, *scores = rows_of(demo.report / "scores.csv")
    assert header == ["record", "score_nats_positive_is_helpful", "bought"]
    assert [int(row[0]) for row in scores] == list(range(550))
    bought = {row[0] for row in rows_of(demo.report / "bought.csv")[1:]}
    assert {row[0] for row in scores if row[2] == "1"} == bought
    mean = {mark: np.mean([float(row[1]) for row in scores if row[2] == mark]) for mark in "01"}
    assert mean["1"] > 0 and mean["1"] > mean["0"]


def test_the_receipt_names_order_transactions_digests_and_disclosure(demo: Demo) -> None:
    receipt = json.loads((demo.report / "receipt.json").read_text())
    honest = demo.trade("honest")
    assert receipt["final"] == "Released"
    assert receipt["price_wei"] == str(honest["price_wei"])
    assert receipt["transactions"] == honest["transactions"]
    assert {"listing_root", "manifest", "evaluation", "delivery_root", "key_commitment"} == set(receipt["digests"])
    assert all(re.fullmatch("0x[0-9a-f]{64}", digest) for digest in [receipt["order"], *receipt["digests"].values()])
    assert receipt["disclosed"]["records_opened_in_the_audit"] == 0
    assert receipt["disclosed"]["total_bits"] == pytest.approx(550 * receipt["disclosed"]["bits_per_record"])


def test_the_schema_is_the_one_that_the_buyer_sent(demo: Demo) -> None:
    schema = json.loads((demo.report / "schema.json").read_text())
    kinds = {feature["column"]: feature["kind"] for feature in schema["features"]}
    assert kinds == {
        "[bold]cd4[/]": "number",
        "cd4 before": "number",
        "weight": "number",
        "treatment, in words": "category",
        "symptoms": "category",
    }
    assert schema["classes"] == ["No", "Yes"]


@pytest.mark.parametrize("name", ["scores.png", "utility.png", "gas.png"])
def test_the_report_has_its_pictures(name: str, demo: Demo) -> None:
    picture = imread(demo.report / name)
    assert picture.shape[:2] == (585, 1040)
    blue = np.abs(picture[:, :, :3] - np.array([0x1B, 0x6C, 0xA8]) / 255).max(axis=2) < 0.01
    assert blue.sum() > 500


def test_the_budget_of_an_own_table_pays_for_a_part_of_it(demo: Demo) -> None:
    found = re.search(r"budget +[0-9.]+ ether, for ([0-9,]+) of the ([0-9,]+) records", demo.ended.err)
    assert found is not None, demo.ended.err
    paid, offered = (int(number.replace(",", "")) for number in found.groups())
    assert paid == max(int(0.4 * offered), 2 * MIN_AUDIT_ROWS) < offered


def test_the_picture_of_the_scores_says_why_the_highest_are_not_bought(demo: Demo) -> None:
    description = (demo.report / "scores.png").read_bytes().partition(b"Description\0")[2]
    assert description.startswith(b"Why not the highest scores: a record is wanted if its label is probably right")


def test_nothing_but_the_report_is_in_its_directory(demo: Demo) -> None:
    assert sorted(path.name for path in demo.report.iterdir()) == [
        "bought.csv",
        "gas.png",
        "receipt.json",
        "schema.json",
        "scores.csv",
        "scores.png",
        "utility.png",
    ]


# --- the screen ----------------------------------------------------------------------------------------------------


def test_text_from_the_table_is_printed_as_it_is(demo: Demo) -> None:
    assert "[bold]cd4[/]: number" in demo.ended.err
    assert "[red]zidovudine[/red]" in demo.ended.err
    assert "\x1b" not in demo.ended.err + demo.ended.out


def test_the_screen_says_what_it_will_take_before_the_first_trade(demo: Demo) -> None:
    before, _, after = demo.ended.err.partition("\nhonest: an honest trade\n")
    assert after
    estimate = " ".join(before.split())
    told = re.search(r"([0-9,]+) B up, ([0-9,]+) B down, [0-9,]+ MiB of memory, [0-9.]+ s", estimate)
    assert told
    # The messages add some thousand bytes to the ciphertexts: the reply that is paid for comes in chunks with hashes.
    for shown, key in zip(told.groups(), ("upload_bytes", "download_bytes"), strict=True):
        assert int(shown.replace(",", "")) == pytest.approx(demo.result["scores"][key], abs=20_000)


def test_results_go_to_standard_output_and_progress_does_not(demo: Demo) -> None:
    assert "How the trades ended" in demo.ended.out
    assert "sends the request" not in demo.ended.out
    assert "sends the request" in demo.ended.err
    assert "How the trades ended" not in demo.ended.err


def test_money_is_shown_to_the_sixth_digit(demo: Demo) -> None:
    price = demo.trade("honest")["price_wei"]
    shown, bond = (f"{amount / 10**18:.6f}".rstrip("0") for amount in (price, demo.trade("honest")["bond_wei"]))
    (line,) = re.findall(r"^  honest +Released .*$", demo.ended.out, re.MULTILINE)
    assert line.split()[2:6] == [shown, bond, f"-{shown}", f"+{shown}"]


def test_the_screen_says_how_to_read_a_score(demo: Demo) -> None:
    assert "positive = helpful, in nats" in demo.ended.out


def test_the_screen_says_what_was_disclosed_beside_what_a_record_holds(demo: Demo) -> None:
    text, scores = " ".join(demo.ended.out.split()), demo.result["scores"]
    held = scores["information"]["record_bits"]
    assert f"at most 4 bits of about {held} a record (" in text
    assert f"{4 * scores['records']:,} bits of the listing, for a fee of {show_ether(scores['fee_wei'])} ether" in text
    assert "and no record; after paying" in text
    assert "anybody all together, by any number of evaluations: at most" in text
    assert f"bought first as a sample for {show_ether(demo.result['audit']['sample_price_wei'])} ether" in text
    assert "the money at risk" in text


def test_the_screen_says_what_is_worse_than_hoped(demo: Demo) -> None:
    text = " ".join(demo.ended.out.split())
    low, _ = demo.result["utility"]["gain_over_before_ci95"]
    assert ("Buying is not shown to be worth anything" in text) == (low <= 0)


def test_the_result_has_the_figures_of_the_trade_and_the_sentences_that_the_screen_shows(demo: Demo) -> None:
    text, trade = " ".join(demo.ended.out.split()), demo.result["trade"]
    assert f"AUC on the test set {trade['auc_before']:.4f} before, {trade['auc_after']:.4f} after" in text
    assert f"{trade['bad_share_estimated']:.0%} of it was thought bad before paying" in text
    assert f"in truth {trade['bad_share_true']:.0%}" in text
    assert trade["records_bought"] == len(rows_of(demo.report / "bought.csv")) - 1
    low, high = trade["trust_ci95"]
    assert 0 <= low <= trade["trust"] <= high <= 1
    assert trade["trust"] == pytest.approx(1 - trade["bad_share_estimated"])
    assert text.count(" but ") >= len(demo.result["but"]) > 0
    assert all(sentence in text for sentence in demo.result["but"])


def test_no_line_is_wider_than_a_hundred_columns(demo: Demo) -> None:
    assert max(len(line) for line in (demo.ended.out + demo.ended.err).splitlines()) <= 100


def test_nothing_of_the_agents_stays_behind(demo: Demo) -> None:
    written = {path.name for path in demo.table.parent.iterdir()}
    assert written == {"ugly.csv", "result.json", "a"}


def names_in(document: Any, name: str = "") -> set[str]:
    """The fields of a result as docs/reference/results.md names them: maps by step count as one."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return set().union(*(names_in(item, f"{name}[]") for item in document))
    if isinstance(document, dict) and name.rpartition(".")[2] not in ("gas", "bytes", "transactions", "seconds"):
        return set().union(*(names_in(value, f"{name}.{key}".lstrip(".")) for key, value in document.items()))
    return {name}


def test_every_field_of_the_result_is_documented_and_no_other(demo: Demo) -> None:
    table = (
        (Path(__file__).parents[2] / "docs" / "reference" / "results.md")
        .read_text(encoding="utf-8")
        .split("### Texts")[0]
    )
    first_cells = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    documented = {name for cell in first_cells for name in re.findall("`([^`]+)`", cell)}
    assert documented == names_in(demo.result)


def test_the_receipt_says_what_was_never_promised(demo: Demo) -> None:
    said = " ".join(json.loads((demo.report / "receipt.json").read_text())["said_openly"])
    for topic in ("query's direction", "bits of the listing", "opened in the audit", "disappoints"):
        assert topic in said
