"""What people see: lines that fit, text that is not obeyed, colours and bars where somebody looks and nowhere else."""

import io
import json
import os
import pty
import subprocess
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND
from real_tables import LABEL, tumours
from rich.console import Console
from whole_demo import QUICK

from blindfair.agents.context import Event
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.screen import SCHEMA_LINES, DemoScreen
from blindfair.cli.lines import Lines, columns
from blindfair.protocol.records import encode_row


def terminal(width: int, **options: Any) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, **options)


def shown(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_long_text_is_wrapped_beside_its_label(width: int) -> None:
    console = terminal(width, no_color=True)
    words = [f"word{number}" for number in range(60)]
    Lines(console).item("seller", " ".join(words))
    lines = shown(console)
    assert max(map(len, lines)) <= min(width, 100)
    assert " ".join(" ".join(lines).split()) == " ".join(["seller", *words])
    assert all(line.startswith(" " * 10) for line in lines[1:])


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\r", "\x9b", "\u202e", "\u200b"])
def test_what_others_wrote_moves_no_cursor(character: str) -> None:
    console = Console(file=io.StringIO(), width=80)
    lines = Lines(console)
    text = f"a{character}[2Jb"
    lines.headline(text)
    lines.item("seller", text)
    lines.item("seller", "some words", right=text)
    lines.table([[text]], left=1)
    lines.verbatim(text)
    shown_text = "\n".join(shown(console))
    assert character not in shown_text
    assert shown_text.count("[2J") == 5


def test_a_number_at_the_end_of_a_line_is_never_cut() -> None:
    console = terminal(80, no_color=True)
    DemoScreen(console).event(Event("buyer", "accept", "accepts " + "something long " * 8, gas=123_456_789))
    lines = shown(console)
    assert lines[0].endswith("  123,456,789 gas")
    assert max(map(len, lines)) <= 80


def test_a_number_longer_than_the_line_is_never_cut() -> None:
    console = terminal(40, no_color=True)
    amount = "-123,456,789,012.123456789012345678"
    Lines(console).table([["case", "buyer"], ["honest", amount]], left=1)
    assert amount in "".join(shown(console))


@pytest.mark.parametrize(
    "text", ["[bold]", "[/]", "[red]red[/red]", "[link=https://example.com]x[/link]", ":smile:", "[bold", "a\\[b]"]
)
def test_text_of_others_is_printed_as_it_is(text: str) -> None:
    console = terminal(80)
    Lines(console).item("schema", text)
    Lines(console).headline(text, text)
    Lines(console).table([[text]], left=1)
    plain = "\n".join(shown(console)).replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert plain.count(text) == 4
    assert "\x1b" not in plain


def test_columns_are_as_wide_as_their_contents() -> None:
    assert columns([["a", "bb"], ["aaa", "b"]], left=1) == ["a    bb", "aaa   b"]


def test_a_long_schema_is_cut_and_says_so(tmp_path: Path) -> None:
    table = tmp_path / "wide.csv"
    lines = [",".join(str(number * place % 97) for place in range(1, 61)) + f",{number % 2}" for number in range(500)]
    table.write_text(",".join([*(f"c{place}" for place in range(60)), "y"]) + "\n" + "\n".join(lines) + "\n")
    console = terminal(80, no_color=True)
    DemoScreen(console).scenario(prepare(DemoOptions(records=table, label="y")))
    text = "\n".join(shown(console))
    assert f"and {61 - SCHEMA_LINES} more columns" in text
    assert "c10: number" in text
    assert "c59" not in text


def test_the_seller_says_how_many_copies_it_removed_and_offers_none() -> None:
    job = prepare(DemoOptions(duplicates=0.1))
    offered = [encode_row(row) for row in job.scenario.offer]
    assert len(set(offered)) == len(offered) == job.scenario.truth.flipped.size
    # A tenth of the offer was copied, and so a tenth is what was removed again.
    assert job.copies == round(0.1 * len(offered))
    assert job.scenario.truth.flipped.sum() == round(0.3 * len(offered))
    console = terminal(100, no_color=True)
    DemoScreen(console).scenario(job)
    text = " ".join(" ".join(shown(console)).split())
    assert f"{len(offered):,} records; in {round(0.3 * len(offered)):,} of them" in text
    assert f"removed before listing, because a listing holds none: {job.copies:,}" in text


# --- the installed command, on a terminal --------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """Standard output through a pipe, and what a terminal of 80 columns got as standard error."""

    out: str
    terminal: str


def watched(*arguments: object, **environment: str) -> Seen:
    """Run the command with a terminal as standard error."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(theirs)
    told = b""
    # Reading a terminal whose other end is closed is an error on Linux.
    while chunk := _read(ours):
        told += chunk
    os.close(ours)
    assert command.stdout is not None
    out = command.stdout.read().decode()
    command.stdout.close()
    assert command.wait() == 0, told.decode()
    return Seen(out, told.decode().replace("\r\n", "\n"))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


@pytest.fixture(scope="module")
def clean_offer(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """The demo on an offer without any trouble, its result on standard output and a terminal for the rest."""
    table = tumours(tmp_path_factory.mktemp("tumours") / "tumours.csv")
    return watched(
        "demo",
        "--records",
        table,
        "--label",
        LABEL,
        "--flipped",
        0,
        "--duplicates",
        0,
        *QUICK,
        "--json",
        "-",
        NO_COLOR="",
    )  # fmt: skip


@pytest.mark.deep
def test_the_result_alone_goes_to_standard_output(clean_offer: Seen) -> None:
    result = json.loads(clean_offer.out)
    assert [trade["final"] for trade in result["trades"]] == [
        "Released",
        "Refunded",
        "Refunded",
        "Released",
        "Released",
    ]
    assert "How the trades ended" in clean_offer.terminal


@pytest.mark.deep
def test_a_terminal_gets_colours_and_a_bar(clean_offer: Seen) -> None:
    assert "\x1b[36m" in clean_offer.terminal
    assert "what a purchase is worth" in clean_offer.terminal


@pytest.mark.deep
def test_a_clean_offer_is_found_clean_and_random_as_good(clean_offer: Seen) -> None:
    result = json.loads(clean_offer.out)
    utility = result["utility"]
    assert utility["flipped_label_auc"] is None
    assert utility["bad_share_true"] == 0
    assert utility["bad_share_estimated"] < 0.15
    assert utility["auc_by_score"] > utility["auc_random"] - 0.002
    assert "Random is as good" in clean_offer.terminal.replace("\n", " ")


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = terminal(80)
    DemoScreen(console).event(Event("buyer", "accept", "accepts", gas=5))
    (line,) = shown(console)
    assert line.endswith("5 gas")
    assert "\x1b" not in line
