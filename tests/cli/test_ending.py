"""However the command ends, it says so in one message, leaves no traceback and no half of anything."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import COMMAND, Inside
from lives import born, events

from blindfair.cli.ending import BUG, INTERRUPTED, NOT_OK, TERMINATED, USAGE
from blindfair.protocol import errors
from blindfair.protocol.errors import BlindfairError


def all_errors(root: type[BlindfairError]) -> list[type[BlindfairError]]:
    return [root, *(error for child in root.__subclasses__() for error in all_errors(child))]


def test_every_ending_has_a_code_of_its_own() -> None:
    codes = [error.exit_code for error in all_errors(BlindfairError)]
    codes += [0, USAGE, NOT_OK, BUG, INTERRUPTED, TERMINATED]
    assert len(set(codes)) == len(codes)
    assert all(0 <= code <= 255 for code in codes)


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("blindfair.cli.main.prepare", broken)


@pytest.mark.usefixtures("bug")
def test_a_bug_says_that_it_is_one(clean: Path, inside: Inside) -> None:
    ended = inside("demo", "--json", "result.json")
    assert ended.code == BUG
    assert ended.err.startswith("error: ZeroDivisionError: This is a bug of blindfair: division by zero\n")
    assert "run it again with -v" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.usefixtures("bug")
def test_a_traceback_is_there_for_who_asks(clean: Path, inside: Inside) -> None:
    ended = inside("demo", "-v")
    assert ended.code == BUG
    assert "Traceback" in ended.err
    assert "in broken" in ended.err


@pytest.mark.parametrize("name", ["OfferTooSmall", "ContractReverted", "NodeFailure", "JournalDamaged"])
def test_an_error_of_any_space_ends_with_its_code(
    name: str, clean: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    error: type[BlindfairError] = getattr(errors, name)

    def fail(*_: object) -> None:
        raise error("Something\nis wrong", expected="this", found="that", hint="do so")

    monkeypatch.setattr("blindfair.cli.main.prepare", fail)
    ended = inside("demo")
    ended.failed(error)
    assert ended.err == f"error: {name}: Something\\nis wrong\n  expected  this\n  found     that\n  hint      do so\n"


@pytest.mark.parametrize(
    ("given", "hint"),
    [([], "nothing was kept; with --directory DIR it can be interrupted, and the same command goes on"),
     (["--directory", "d"], "the same command goes on where it was"),
     (["--directory=d"], "the same command goes on where it was")],
)  # fmt: skip
def test_an_interrupted_command_says_what_goes_on(
    given: list[str], hint: str, clean: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("blindfair.cli.main.prepare", interrupted)
    ended = inside("demo", *given)
    assert ended.code == INTERRUPTED
    assert f"\n  hint      {hint}" in ended.err


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [(signal.SIGINT, INTERRUPTED, "error: Interrupted: No result was written"), (signal.SIGTERM, TERMINATED, "")],
)
def test_a_stopped_demo_leaves_no_result_and_no_keys(
    sent: signal.Signals, code: int, message: str, tmp_path: Path
) -> None:
    told, here, temporary = tmp_path / "told", tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    process = born(["demo", "--json", "result.json", "--report", "report"], told, here=here, temporary=temporary)
    # Into the first trade, where directories with keys are there.
    while process.is_alive() and events(told) < 1:
        time.sleep(0.01)
    assert list(temporary.rglob("secrets"))
    assert process.pid is not None
    os.kill(process.pid, sent)
    process.join(15)
    if process.is_alive():
        # Python drops an interrupt that comes inside of a finalizer; a person presses the keys again.
        os.kill(process.pid, sent)
    process.join()
    assert process.exitcode == code
    text = told.read_text()
    assert message in text
    assert "Traceback" not in text
    assert [*here.iterdir(), *temporary.iterdir()] == []


def test_a_reader_that_leaves_is_no_bug(clean: Path) -> None:
    reading, writing = os.pipe()
    command = subprocess.Popen([COMMAND, "demo", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(reading)
    os.close(writing)
    _, told = command.communicate()
    assert "Traceback" not in told
    assert "bug" not in told
