"""`-q` leaves results, errors and questions; `-v` adds requests and tracebacks; both stand anywhere on the line."""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, Inside
from local_chain import LocalChain
from rich.console import Console
from test_disclosure_option import PURCHASE
from test_fee_option import COST
from typer.main import get_command

from blindfair.agents.context import Event
from blindfair.agents.seller.progress import PROGRESS
from blindfair.cli.buyer.fee import agreed_fee
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.main import app
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.verbosity import Verbosity, choose, with_verbosity_options
from blindfair.protocol.errors import FileMissing, NodeFailure

EVENTS = (Event("seller", "reply", "sends the reply", size=7), Event("seller", PROGRESS, "scores: 1 of 9 blocks"))


@pytest.fixture(autouse=True)
def normal_again() -> Iterator[None]:
    yield
    choose(Verbosity.NORMAL)


def commands(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from commands(below)


def test_every_command_has_both_options() -> None:
    every = [*commands(with_verbosity_options(app))]
    assert len(every) > 15
    for command in every:
        named = [name for option in command.params for name in option.opts]
        assert {"-v", "--verbose", "-q", "--quiet"} <= set(named), command.name
        assert len(set(named)) == len(named), command.name
    # They are added to what typer makes, and to nothing that lasts.
    assert not any("-v" in option.opts for option in get_command(app).params)


@pytest.mark.parametrize("group", ["", "seller", "buyer", "account", "score"])
def test_help_lists_each_command_with_a_whole_summary(
    group: str, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = inside(*group.split(), "--help").out.partition("\nCommands:\n")[2].splitlines()
    assert listed
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
    if not group:
        first = [line.split()[0] for line in listed][:6]
        assert first == ["demo", "doctor", "testnet", "seller", "buyer", "account"]


def test_in_quiet_a_party_tells_troubles_alone(capsys: pytest.CaptureFixture[str]) -> None:
    choose(Verbosity.QUIET)
    with PartyScreen() as screen:
        for event in EVENTS:
            screen.event(event)
        screen.waiting("the other side")
        screen.trouble(NodeFailure("the node is away"))
    assert capsys.readouterr().err.split() == ["trouble", "NodeFailure:", "the", "node", "is", "away"]


def test_in_quiet_nothing_turns_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()

    def terminal(**options: Any) -> Console:
        return Console(file=shown, force_terminal=True, width=80, quiet=options.get("quiet", False))

    monkeypatch.setattr("blindfair.cli.party.screen.Console", terminal)
    choose(Verbosity.QUIET)
    with PartyScreen() as screen:
        screen.waiting("the other side")
    demo = DemoScreen(terminal(quiet=True))
    demo.note("somewhere")
    with demo.case("honest"), demo.seeds(3) as advance:
        advance()
    assert shown.getvalue() == ""


@pytest.mark.parametrize(("fee", "told"), [("0.1", False), (None, True)])
def test_in_quiet_figures_are_shown_where_a_question_is_about_them(
    fee: str | None, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    choose(Verbosity.QUIET)
    assert agreed_fee(COST, replace(PURCHASE, fee=fee), PartyScreen(), confirmed=False) > 0
    assert ("this evaluation tells" in capsys.readouterr().err) == told


@pytest.mark.parametrize("line", ["-q account create", "account -q create", "account create -q"])
def test_in_quiet_a_result_is_printed(line: str, tmp_path: Path, inside: Inside) -> None:
    words, keystore = tmp_path / "password", tmp_path / "keystore.json"
    words.write_text("correct horse\n")
    words.chmod(0o600)
    ended = inside(*line.split(), "--keystore", keystore, "--password-file", words)
    assert (ended.code, ended.err) == (0, "")
    assert "0x" + json.loads(keystore.read_text())["address"].lower() in ended.out


def test_in_quiet_an_error_is_printed_in_full(tmp_path: Path, inside: Inside) -> None:
    inside("-q", "account", "show", "--keystore", tmp_path / "none").failed(FileMissing, "account create")


def test_in_verbose_an_error_has_its_traceback(tmp_path: Path, inside: Inside) -> None:
    ended = inside("account", "show", "-v", "--keystore", tmp_path / "none")
    assert ended.code == FileMissing.exit_code
    assert ended.err.startswith("error: FileMissing: ") and "Traceback" in ended.err
    # The next command of this process tells no more than defaults.
    assert "Traceback" not in inside("account", "show", "--keystore", tmp_path / "none").err


def test_requests_to_the_node_are_shown_in_verbose_alone(testnet: LocalChain, inside: Inside) -> None:
    find = ["buyer", "find", "--rpc", testnet.url + "/0123abcd", "--deployment", testnet.deployment, "--json", "-"]
    quiet, normal, verbose = (inside(*option, *find) for option in (["-q"], [], ["-v"]))
    assert quiet.out == normal.out == verbose.out
    assert quiet.err == ""
    assert "eth_" not in normal.err
    assert f"eth_chainId to 127.0.0.1:{testnet.port} took" in verbose.err
    # The rest of a node's address may hold a key.
    assert "0123abcd" not in verbose.err


# --- completion ----------------------------------------------------------------------------------------------------


def completed(*words: str) -> list[str]:
    """What a shell offers after these words."""
    asked = {"_BLINDFAIR_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run([COMMAND], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.deep
def test_a_shell_completes_commands_and_options() -> None:
    assert completed("blindfair", "se") == ["seller"]
    assert completed("blindfair", "seller", "wi") == ["withdraw"]
    assert completed("blindfair", "buyer", "evaluate", "--sample") == ["--sample-share"]
    assert completed("blindfair", "demo", "--qu") == ["--quiet"]


@pytest.mark.deep
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_is_shown(shell: str) -> None:
    asked = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run([COMMAND, "--show-completion", shell], env=asked, capture_output=True, text=True, check=True)
    assert "_BLINDFAIR_COMPLETE" in done.stdout
