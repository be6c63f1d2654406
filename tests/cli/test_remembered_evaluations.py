"""Evaluations that an account had, remembered beside its keystore: what is refused by them, and that a trade goes on
without them."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, Ended, Inside
from local_chain import LocalChain, shell, wait_for
from real_tables import LABEL, tumours, write_csv
from rich.console import Console

from blindfair.cli.buyer.evaluations import FILE
from blindfair.cli.buyer.remembered import remember, remembered
from blindfair.cli.lines import Lines
from blindfair.protocol.errors import InvalidOption, MalformedFile

pytestmark = pytest.mark.deep

DAMAGED: dict[str, Callable[[Path], Any]] = {
    "a list": lambda path: path.write_text("[]"),
    "no JSON": lambda path: path.write_text('{"listing'),
    "no texts": lambda path: path.write_text('{"listing": 1}'),
    "no text at all": lambda path: path.write_bytes(b"\xff\x00"),
    "a directory": lambda path: path.mkdir(),
    "too large": lambda path: path.open("wb").truncate(2**30),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_named_and_stops_no_trade(damage: str, tmp_path: Path) -> None:
    path, told = tmp_path / FILE, io.StringIO()
    DAMAGED[damage](path)
    with pytest.raises(MalformedFile, match="is damaged") as caught:
        remembered(path)
    assert "move it away" in caught.value.hint
    remember(path, "listing 0x01", "here", Lines(Console(file=told, width=400)))
    assert "keeps no note of this" in " ".join(told.getvalue().split())
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_that_cannot_be_written_stops_no_trade(tmp_path: Path) -> None:
    told = io.StringIO()
    remember(tmp_path / "gone" / FILE, "listing 0x01", "here", Lines(Console(file=told, width=400)))
    assert "evaluations.json cannot be written" in " ".join(told.getvalue().split())


def test_purchases_that_end_at_once_lose_no_entry(tmp_path: Path) -> None:
    path = tmp_path / FILE
    writing = f"""
import sys, io
from pathlib import Path
from rich.console import Console
from blindfair.cli.buyer.remembered import remember
from blindfair.cli.lines import Lines
for number in range(40):
    remember(Path({str(path)!r}), f"{{sys.argv[1]}} {{number}}", "here", Lines(Console(file=io.StringIO())))
"""
    python = Path(COMMAND).with_name("python")
    (tmp_path / "writing.py").write_text(writing)

    def write(name: str) -> None:
        with shell(f"exec {python} {tmp_path / 'writing.py'} {name}", tmp_path, tmp_path / name) as process:
            assert process.wait(120) == 0, (tmp_path / name).read_text()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, ("a", "b", "c")))
    assert len(remembered(path)) == 3 * 40


def test_each_account_is_answered_once_and_a_lost_note_costs_nothing(
    testnet: LocalChain, tmp_path: Path, inside: Inside
) -> None:
    with tumours(tmp_path / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(tmp_path / "offer.csv", header, rows[:300])
    write_csv(tmp_path / "own.csv", header, rows[300:])
    accounts = tmp_path / "accounts"
    accounts.mkdir(mode=0o700)
    addresses = [testnet.party(tmp_path / name) for name in ("seller", "alice", "bob")]
    for name in ("alice", "bob"):
        shutil.move(tmp_path / name / "keystore.json", accounts / f"{name}.json")
    secret: list[object] = ["--password-file", tmp_path / "password"]
    place: list[object] = ["--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment]
    listed = inside(
        "seller", "list", "--directory", tmp_path / "seller", *secret, *place, "--records", tmp_path / "offer.csv",
        "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
        "--opened-share", "0.5", "--buyer", addresses[1], "--buyer", addresses[2], "--json", tmp_path / "listing.json",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    listing = json.loads((tmp_path / "listing.json").read_text())["listing"]

    def evaluate(name: str, directory: str, *more: str) -> Ended:
        return inside(
            "buyer", "evaluate", "--directory", tmp_path / directory, *secret, *place, "--listing", listing,
            "--keystore", accounts / f"{name}.json", "--own", tmp_path / "own.csv", "--label", LABEL,
            "--budget", "0.05", "--audit-rows", "10", "--yes", "--poll", "0.1", *more,
        )  # fmt: skip

    def goes_on(command: str, *more: object) -> Ended:
        return inside("buyer", command, "--directory", tmp_path / "first", *secret, "--poll", "0.1", *more)

    serving = f"exec {COMMAND} seller serve --directory {tmp_path / 'seller'} --poll 0.1 "
    serving += f"--password-file {tmp_path / 'password'}"
    with shell(serving, tmp_path, tmp_path / "told") as process:
        wait_for("serves", tmp_path / "told", process)
        for name, directory in (("alice", "first"), ("bob", "of bob")):
            ended = evaluate(name, directory, "--quiet")
            assert ended.code == 0, ended.err
        assert len(remembered(accounts / FILE)) == 2

        evaluate("alice", "second", "--quiet").failed(
            InvalidOption, f"an earlier one in {tmp_path / 'first'}", "go on in that"
        )
        assert "makes the query" not in evaluate("alice", "second").err
        (tmp_path / "first").rename(tmp_path / "elsewhere")
        evaluate("alice", "third", "--quiet").failed(
            InvalidOption, "it is not there any more: go on where it was moved to, or restore it"
        )
        (tmp_path / "elsewhere").rename(tmp_path / "first")

        DAMAGED["no JSON"](accounts / FILE)
        evaluate("alice", "fourth", "--quiet").failed(MalformedFile, str(accounts / FILE), "nothing was asked")
        for ended in (goes_on("resume"), goes_on("buy", "--yes")):
            assert ended.code == 0, ended.err
            assert "keeps no note of this" in " ".join(ended.err.split())
    status = json.loads(inside("seller", "status", "--directory", tmp_path / "seller", "--json", "-").out)
    assert status["used"]["evaluations"] == 2
