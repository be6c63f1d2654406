"""The tutorials on selling and buying: their commands are followed word by word, on one chain, with files of a user's.

The others have tests of their own: `test_front_pages` and `test_two_machines`.
"""

import csv
import json
import re
import subprocess
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path

import pytest
from local_chain import ROOT, LocalChain, environment, shell, wait_for

pytestmark = pytest.mark.deep

TUTORIALS = ROOT / "docs" / "tutorials"

RECORDS = 600
"""Of each table: enough for the purchase, and quicker than all."""


def commands_of(page: str) -> list[str]:
    """The blocks of commands of a tutorial, in their order."""
    return re.findall(r"^```sh\n(.*?)^```", (TUTORIALS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Followed:
    """What the two tutorials left in a folder, and what they printed."""

    home: Path
    rehearsed: str
    listed: str
    evaluated: str
    bought: str


@pytest.fixture(scope="module")
def followed(own_testnet: LocalChain) -> Followed:
    """The tutorials' commands, but for the port, the environment, which is this one, and a shorter rehearsal."""
    home = own_testnet.home

    def here(block: str) -> str:
        return block.replace("8545", str(own_testnet.port)).replace(". .venv/bin/activate\n", "")

    def run(block: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", here(block)],
            cwd=home,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, block + done.stderr
        return done.stdout + done.stderr

    renamed(home / "testnet" / "seller.csv", home / "mine.csv", RECORDS)
    renamed(home / "testnet" / "buyer.csv", home / "own.csv", RECORDS)
    rehearse, chain, offer, serve, status, account = commands_of("sell-your-table.md")
    find, evaluate, buy, use = commands_of("buy-for-your-model.md")
    assert chain == "./scripts/testnet\n"
    rehearsed, listed = run(f"{rehearse.rstrip()} --divisions 2"), run(offer)
    told = home / "serve.told"
    with shell(here(serve), home, told) as serving:
        wait_for("serves", told, serving)
        assert "outcome" in run(find)
        evaluated, bought = run(evaluate), run(buy)
        run(use)
        wait_for("withdraws its free balance", told, serving)
        assert "Released" in run(status)
    assert serving.returncode == 0, told.read_text()
    assert "0x" in run(account)
    return Followed(home, rehearsed, listed, evaluated, bought)


def renamed(source: Path, target: Path, most: int) -> None:
    """Copy a table's first records, with the label named as the tutorials name it."""
    header, *rows = source.read_text().splitlines(keepends=True)
    target.write_text(re.sub(r"\bcens\b", "outcome", header) + "".join(rows[:most]))


def test_the_tutorials_end_in_bought_records(followed: Followed) -> None:
    assert "ended Released" in " ".join(followed.bought.split())
    with (followed.home / "bought.csv").open(newline="") as file:
        bought = list(csv.DictReader(file))
    with (followed.home / "mine.csv").open(newline="") as file:
        offered = list(csv.DictReader(file))
    assert len(bought) == 200
    assert all(row == offered[int(row.pop("record"))] for row in bought)


def test_the_records_are_used_as_the_page_says(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    page = (TUTORIALS / "buy-for-your-model.md").read_text(encoding="utf-8")
    [program] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    monkeypatch.chdir(followed.home)
    exec(program, names)  # noqa: S102
    assert isinstance(train := names["train"], Sized)
    own = (followed.home / "own.csv").read_text().splitlines()
    assert len(train) == len(own) - 1 + 200


def test_the_rehearsal_leaves_what_the_page_names(followed: Followed) -> None:
    assert "What it was worth" in followed.rehearsed
    assert len(list((followed.home / "report").glob("*.png"))) == 3
    assert "utility" in json.loads((followed.home / "result.json").read_text())


def test_the_page_quotes_what_listing_prints(followed: Followed) -> None:
    [quoted] = re.findall(r"^```text\n(.*?)^```", (TUTORIALS / "sell-your-table.md").read_text(), re.M | re.S)
    assert " ".join(quoted.split()) in " ".join(followed.listed.split())


def test_an_evaluation_writes_what_the_page_says(followed: Followed) -> None:
    found = json.loads((followed.home / "scores.json").read_text())
    assert "information" in found
