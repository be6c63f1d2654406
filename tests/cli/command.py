"""The command as a person runs it: in a process of its own, or quicker in this one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from blindfair.cli.main import main
from blindfair.protocol.errors import BlindfairError

COMMAND = str(Path(sys.executable).with_name("blindfair"))


@dataclass(frozen=True)
class Ended:
    """How a run of the command ended, and what it printed."""

    code: int
    out: str
    err: str

    def failed(self, error: type[BlindfairError], *words: str) -> None:
        """One message for people: the error's name, what was expected and found, a hint, `words`; its own exit code."""
        assert self.code == error.exit_code, self.err
        assert self.err.startswith(f"error: {error.__name__}: "), self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        for part in ("expected", "found", "hint"):
            assert f"\n  {part}" in self.err, self.err
        for word in words:
            assert word in self.err, self.err


class Inside:
    """Runs the command in this process."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capture = capture

    def __call__(self, *arguments: object) -> Ended:
        self._patch.setattr(sys, "argv", ["blindfair", *map(str, arguments)])
        self._capture.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as leave:
            code = leave.code or 0
        printed = self._capture.readouterr()
        assert isinstance(code, int)
        return Ended(code, printed.out, printed.err)


def outside(*arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Ended:
    """Run the installed command in a process of its own."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
