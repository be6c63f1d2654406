"""The tutorial on texts: its commands are followed word by word on a practice chain, with fewer texts than it has."""

import csv
import gzip
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from local_chain import ROOT, LocalChain, environment, shell, wait_for

PAGE = ROOT / "docs" / "tutorials" / "sell-and-buy-texts.md"
INSTALLS = "pip install"

OFFERED, OWN = 300, 150
"""Texts of each file, fewer than all. By far fewer, noise would decide whether enough are chosen for a sample."""


def blocks(language: str) -> list[str]:
    """The page's blocks of one language, in their order, without the indent of a list."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [re.sub("^    ", "", block, flags=re.MULTILINE) if INSTALLS in block else block for block in found]


@dataclass(frozen=True)
class FollowedTexts:
    """What the tutorial left in a folder, and what it printed."""

    home: Path
    listed: str
    evaluated: str
    bought: str


def shorten(file: Path, most: int) -> None:
    """Keep a file's first texts."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        lines = stream.readlines()
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.writelines(lines[:most])


@pytest.fixture(scope="module")
def followed_texts(own_testnet: LocalChain) -> FollowedTexts:
    """The tutorial's commands, but for the port, the installation, and the demo, which has tests of its own."""
    pytest.importorskip("transformers")
    home = own_testnet.home

    def here(block: str) -> str:
        return block.replace("8545", str(own_testnet.port)).replace("offchain/blindfair", f"{ROOT}/offchain/blindfair")

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

    install, demo, labelled, chain, copied, offer, serve, evaluate, buy = blocks("sh")
    assert INSTALLS in install and chain == "./scripts/testnet\n"
    assert demo.startswith("blindfair demo --modality text ")
    assert INSTALLS in labelled and "\nblindfair demo --modality labelled-text " in labelled
    run(copied)
    shorten(home / "practice" / "offer.jsonl.gz", OFFERED)
    shorten(home / "practice" / "own.jsonl.gz", OWN)
    listed = run(offer)
    told = home / "serve.told"
    with shell(here(serve), home, told) as serving:
        wait_for("serves", told, serving)
        evaluated, bought = run(evaluate), run(buy)
        wait_for("withdraws its free balance", told, serving)
    assert serving.returncode == 0, told.read_text()
    return FollowedTexts(home, listed, evaluated, bought)


@pytest.mark.deep
def test_the_tutorial_ends_in_bought_texts(followed_texts: FollowedTexts) -> None:
    assert "ended Released" in " ".join(followed_texts.bought.split())
    with (followed_texts.home / "bought.csv").open(newline="") as file:
        bought = list(csv.DictReader(file))
    with gzip.open(followed_texts.home / "practice" / "offer.jsonl.gz", "rt") as stream:
        offered = {json.loads(line)["text"] for line in stream}
    assert bought and all(row.keys() == {"record", "text"} and row["text"] in offered for row in bought)


@pytest.mark.deep
def test_the_buyer_is_told_what_it_asks_by(followed_texts: FollowedTexts) -> None:
    assert "asks by the" in followed_texts.evaluated
    assert "information" in json.loads((followed_texts.home / "scores.json").read_text())


@pytest.mark.deep
def test_the_lines_of_python_make_both_sides(followed_texts: FollowedTexts, monkeypatch: pytest.MonkeyPatch) -> None:
    [program] = blocks("python")
    names: dict[str, object] = {}
    monkeypatch.chdir(followed_texts.home)
    exec(program, names)  # noqa: S102
    assert {"listing", "wanted"} <= names.keys()
