"""The units and the container file in `deploy/` are what systemd takes, and call the program as it is."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from blindfair.cli.main import app

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
PROGRAM = "/opt/blindfair/bin/blindfair"


def commands_in(text: str, beginning: str) -> list[list[str]]:
    """The commands of a file that begin so, without their continued lines."""
    joined = re.sub(r"\\\n[#\s]*", " ", text)
    return [shlex.split(line[line.index(beginning) :]) for line in joined.splitlines() if beginning in line]


def check_known(words: list[str]) -> None:
    """Each option of a command line is one of the command's."""
    command, rest = get_command(app), words[1:]
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    known = {name for option in command.params for name in option.opts} | {"--log-format"}
    assert {word for word in rest if word.startswith("--")} <= known
    assert "--password-file" in rest


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_valid_and_its_command_known(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    (command,) = commands_in(text.replace("ExecStart=", "\n"), PROGRAM)
    check_known(command)
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    # A party that failed is started again for ever, is nobody else's to read, and gets no new rights.
    assert (settings["Restart"], settings["StartLimitIntervalSec"]) == ("always", "0")
    assert (settings["UMask"], settings["NoNewPrivileges"], settings["ProtectSystem"]) == ("0077", "yes", "strict")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    # The program is not installed here.
    copy = tmp_path / unit.name
    copy.write_text(text.replace(PROGRAM, "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_container_has_no_secret_and_no_root() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    (command,) = [words for words in commands_in(text, "blindfair seller serve") if "--http" in words]
    check_known(command)
    steps = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    stages = [line for line in steps if line.startswith("FROM ")]
    assert len(stages) == 2
    last = steps[steps.index(stages[1]) :]
    (user,) = [line for line in last if line.startswith("USER ")]
    assert user == "USER 10001:10001"
    assert not [line for line in steps if line.startswith(("ARG", "ADD")) or "password" in line.lower()]
    copied = [line for line in steps if line.startswith("COPY ")]
    assert not any("COPY . " in line for line in copied)
    # The arguments that follow reach the program itself, as do signals.
    assert 'ENTRYPOINT ["blindfair"]' in steps
