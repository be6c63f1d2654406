"""Programs that Ctrl-C ends wherever the tests run: in the background of a shell they inherit that it is ignored."""

import sys

_PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def interruptible(*command: object) -> list[str]:
    """A command that becomes the given one, in the same process."""
    return [sys.executable, "-ISc", _PROGRAM, *map(str, command)]
