"""The axis of bits: its scores are the product's seen through the product's noise, its parts are ratios worked by hand,
its report is a function of the results and leaves the other report alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student
from study_pages import missing_lines

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.noise import noise_bound, usable_range
from blindfair.influence.table import Table
from blindfair.pricing.scenario import make_scenario
from blindfair.pricing.utility import scenario_schema
from blindfair.pricing.valuation import prepare_valuation
from blindfair.protocol import errors
from blindfair.protocol.documents import Document
from blindfair.studies import plan
from blindfair.studies.cells import CLEAN, RANDOM, Cell
from blindfair.studies.datasets import load
from blindfair.studies.families import family
from blindfair.studies.few_bits import (
    EXACT,
    NO_CLASS,
    NORM,
    PLAIN_MODULUS,
    RANGE_BITS,
    REACHES,
    SCORE_BITS,
    SHARE,
    SIX_BITS,
    Study,
    arm_name,
    run_few_bits,
)
from blindfair.studies.few_bits_tables import few_bits_tables
from blindfair.studies.reading import read
from blindfair.studies.report import FEW_BITS, TABLES, write_report
from blindfair.studies.statistics import Result, SharePart, gain, part_of_gain
from blindfair.studies.worlds import BuyerSize, Records, Regime, StudyTruth, StudyWorld, make_world

CELL = Cell("cancer", "logistic", Regime.COPIES, BuyerSize.MIDDLE, 1)


@pytest.fixture(scope="module")
def found() -> Document:
    return run_few_bits(CELL)


def arms(document: Document) -> dict[str, dict[str, float]]:
    return json.loads(json.dumps(document["arms"]))  # type: ignore[no-any-return]


@pytest.mark.deep
def test_a_cell_is_the_same_every_time(found: Document) -> None:
    assert json.dumps(run_few_bits(CELL)) == json.dumps(found)


def test_a_cell_has_every_number_of_bits_and_every_way_to_choose_the_range(found: Document) -> None:
    methods = arms(found)
    assert {RANDOM, CLEAN, EXACT, *map(arm_name, SCORE_BITS)} <= set(methods)
    for way in (*REACHES, NORM, SIX_BITS, NO_CLASS):
        assert {arm_name(bits, way) for bits in RANGE_BITS} <= set(methods)
    assert methods[CLEAN]["bad"] == 0
    # Nothing tells right from wrong without a score; eight bits do as exact scores do.
    assert methods[arm_name(0)]["bad"] > 0.2 > methods[arm_name(8)]["bad"]
    assert methods[arm_name(8)]["off"] == pytest.approx(methods[EXACT]["off"], abs=0.03)
    assert methods[arm_name(8)]["quality"] == pytest.approx(methods[EXACT]["quality"], abs=0.01)


@pytest.mark.deep
def test_ten_classes_have_no_class_query_and_networks_no_other_ranges() -> None:
    methods = arms(run_few_bits(Cell("digits", "softmax", Regime.WRONG_30, BuyerSize.SMALL, 0)))
    assert set(methods) == {RANDOM, CLEAN, EXACT, *map(arm_name, SCORE_BITS)}
    assert methods[EXACT]["bad"] < methods[RANDOM]["bad"]


def test_two_listings_have_no_estimate_together() -> None:
    methods = arms(run_few_bits(Cell("cancer", "logistic", Regime.SELLERS, BuyerSize.MIDDLE, 0)))
    assert methods[EXACT]["off"] is None
    assert methods[arm_name(3)]["bad"] < methods[RANDOM]["bad"]


def test_scores_and_their_range_are_the_products(trial: Table) -> None:
    scenario = make_scenario(trial, 1, duplicate_share=0)
    bits = 3
    valuation = prepare_valuation(
        scenario.train, scenario.validation, scenario_schema(scenario, ("arms",)),
        plain_modulus=PLAIN_MODULUS, rng=np.random.default_rng(0), bits=(bits, 1),
    )  # fmt: skip
    schema = valuation.model.schema
    assert isinstance(schema, FeatureSchema)
    parts = [Records(*schema.encode(rows)) for rows in (scenario.train, scenario.validation, scenario.offer)]
    count = len(scenario.offer)
    truth = StudyTruth(scenario.truth.flipped, np.zeros(count, dtype=np.bool_), np.arange(count), parts[2].y)
    world = StudyWorld(parts[0], parts[1], parts[2], parts[1], np.zeros(count, dtype=np.int64), truth, 2, None)
    study = Study(world, family("logistic", world), Cell("trial", "logistic", Regime.WRONG_30, BuyerSize.MIDDLE, 0))
    asked = study.asked()
    seen = asked.seen(bits, np.random.default_rng(0)).offer
    exact = valuation.integer_scores(scenario.offer)[0]
    unit = valuation.scale.real(np.array([1]))[0]
    assert asked.answer.offer.scores == pytest.approx(exact * unit, abs=1e-2)
    assert asked.range == pytest.approx(usable_range(PLAIN_MODULUS, bits) * unit, rel=1e-2)
    noise = np.abs(seen.scores - asked.answer.offer.scores)
    assert np.quantile(noise, 0.99) == pytest.approx(0.99 * noise_bound(PLAIN_MODULUS, bits) * unit, rel=0.05)
    assert asked.wrapped(bits)[0] == pytest.approx((np.abs(exact) > usable_range(PLAIN_MODULUS, bits)).mean(), abs=1e-2)


def test_a_norm_clips_rows_so_that_no_score_can_wrap() -> None:
    world = make_world(load("cancer"), Regime.CLEAN, BuyerSize.MIDDLE, 0)
    kind = family("logistic", world)
    study = Study(world, kind, CELL)
    asked = study.asked()
    clipped = study.ways(asked, kind)[NORM]  # type: ignore[arg-type]
    assert clipped.wrapped(3)[0] == 0
    reached, whole = (np.abs(one.answer.offer.scores).max() for one in (clipped, asked))
    assert reached < whole
    # That bound leaves more of the range empty, which is what it costs.
    assert clipped.range / reached > asked.range / whole


def result(seed: int, random: float, few: float, exact: float) -> Result:
    return Result(
        "a", "logistic", "wrong-30", "middle", seed, "AUC", (SHARE,), 0.7, 0.3, None, None,
        {RANDOM: (random,), "few": (few,), EXACT: (exact,)}, {},
    )  # fmt: skip


def test_a_part_of_a_gain_is_a_ratio_of_means_with_its_interval() -> None:
    cells = [result(0, 0.70, 0.72, 0.72), result(1, 0.70, 0.71, 0.72), result(2, 0.60, 0.63, 0.64)]
    found = part_of_gain(cells, "few", EXACT, RANDOM, SHARE)
    assert found is not None and found.mean == pytest.approx(0.06 / 0.08)
    left = np.array([0.02, 0.01, 0.03]) - 0.75 * np.array([0.02, 0.02, 0.04])
    assert found.margin == pytest.approx(student.ppf(0.975, 2) * left.std(ddof=1) / np.sqrt(3) / (0.08 / 3))
    assert str(SharePart(0.754, 0.031)) == "75% ± 3%" and str(SharePart(0.5, None)) == "50%"
    assert part_of_gain(cells[:1], "few", EXACT, RANDOM, SHARE) == SharePart(pytest.approx(1.0), None)  # type: ignore[arg-type]
    assert part_of_gain([result(0, 0.7, 0.7, 0.6)], "few", EXACT, RANDOM, SHARE) is None
    with pytest.raises(errors.InvalidOption):
        part_of_gain(cells, "no such method", EXACT, RANDOM, SHARE)


def test_the_plan_has_nine_data_sets_under_every_regime_with_twelve_seeds() -> None:
    cells = [cell for cell in plan.few_bits_plan() if cell.family != "mlp"]
    assert len({cell.data for cell in cells}) == 9
    for regime in Regime:
        of_regime = [(cell.data, cell.seed) for cell in cells if cell.regime is regime]
        assert len(of_regime) == len(set(of_regime)) == 9 * 12
    assert {cell.size for cell in cells} == {BuyerSize.MIDDLE}


def test_its_report_is_a_function_of_the_results_and_leaves_the_other_alone(found: Document, tmp_path: Path) -> None:
    (tmp_path / TABLES).write_text("as it was", encoding="utf-8")
    documents: list[Document] = [{"key": f"bits/cancer/logistic/copies/middle/{seed}", **found} for seed in range(2)]
    clean = run_few_bits(Cell("cancer", "logistic", Regime.CLEAN, BuyerSize.MIDDLE, 0))
    documents.append({"key": "bits/cancer/logistic/clean/middle/0", **clean})
    write_report(documents, tmp_path, tmp_path / "few.json", quick=False, only_bits=True)
    text = (tmp_path / FEW_BITS).read_text(encoding="utf-8")
    write_report(json.loads(json.dumps(documents)), tmp_path, tmp_path / "again.json", quick=False, only_bits=True)
    assert (tmp_path / FEW_BITS).read_text(encoding="utf-8") == text
    assert (tmp_path / "few.json").read_bytes() == (tmp_path / "again.json").read_bytes()
    assert (tmp_path / TABLES).read_text(encoding="utf-8") == "as it was"
    assert missing_lines(FEW_BITS, few_bits_tables(read(documents))) == []
    assert "`scripts/study queries --only-bits --report DIR`" in text and "3 cells of 2 seeds" in text
    summary = json.loads((tmp_path / "few.json").read_text(encoding="utf-8"))
    rows = {row["bits"]: row for row in summary["tables"]["few-bits"]["rows"]}
    cells = [cell.result for cell in read(documents).bits]
    assert rows["3 + 1"]["gain over random"] == str(gain(cells, arm_name(3), RANDOM, SHARE))
    assert rows["exact"]["of exact"].startswith("100%")
    assert rows["2 + 1"]["worst data set in clean offers"].startswith("cancer")
    assert [row["regime"] for row in summary["tables"]["few-bits-regimes"]["rows"]] == ["clean", "copies"]
    with pytest.raises(errors.CannotWrite):
        (tmp_path / "file").write_text("", encoding="utf-8")
        write_report(documents, tmp_path / "file", None, quick=False, only_bits=True)
