"""The command as a person runs it: in a process of its own, or quicker in this one."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

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

    def __call__(self, *arguments: object) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        code: object = 0
        with (
            patch.object(sys, "argv", ["blindfair", *map(str, arguments)]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as leave:
                code = leave.code or 0
        assert isinstance(code, int)
        return Ended(code, out.getvalue(), err.getvalue())


def outside(*arguments: object) -> Ended:
    """Run the installed command in a process of its own."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
