"""The budget of the demo where none is named: of a small table it pays for a part, so that scores choose."""

from pathlib import Path

import pytest
from test_screen import shown, terminal

from blindfair.cli.demo.options import MIN_AUDIT_ROWS, PRICE_PER_RECORD, DemoOptions
from blindfair.cli.demo.prepared import Prepared, prepare
from blindfair.cli.demo.screen import DemoScreen
from blindfair.protocol.quantities import Wei


def prepared(folder: Path, rows: int, **options: object) -> Prepared:
    table = folder / "table.csv"
    lines = [f"{number % 7},{number * 37 % 101},{number * 53 % 97},{number % 2}" for number in range(rows)]
    table.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return prepare(DemoOptions(records=table, label="y", **options))  # type: ignore[arg-type]


def told(job: Prepared) -> str:
    console = terminal(200, no_color=True)
    DemoScreen(console).scenario(job)
    return next(line for line in shown(console) if line.strip().startswith("budget"))


@pytest.mark.parametrize("rows", [400, 800])
def test_of_a_small_table_it_pays_for_two_fifths_of_the_offer(rows: int, tmp_path: Path) -> None:
    job = prepared(tmp_path, rows, is_default_budget=True)
    offered = len(job.scenario.offer)
    assert job.options.affordable == int(0.4 * offered) < offered / 2
    assert f"for {job.options.affordable} of the {offered} records (40 %); --budget names another" in told(job)


def test_of_a_large_table_it_is_the_default_amount(tmp_path: Path) -> None:
    assert prepared(tmp_path, 3000, is_default_budget=True).options.budget == DemoOptions().budget


def test_it_always_pays_for_an_audit(tmp_path: Path) -> None:
    job = prepared(tmp_path, 200, is_default_budget=True)
    assert job.options.affordable == 2 * MIN_AUDIT_ROWS > 0.4 * len(job.scenario.offer)


def test_a_named_budget_stays_and_is_warned_of_where_it_buys_everything(tmp_path: Path) -> None:
    job = prepared(tmp_path, 400, budget=Wei(250 * PRICE_PER_RECORD))
    assert job.options.affordable == 250
    assert "for 220 of the 220 records (100 %): it pays for all of them" in told(job)
