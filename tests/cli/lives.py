"""A command that is killed and started again until it comes to its end.

Every life is forked from one process that has loaded everything, and imports nothing of the tests but this.
"""

import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

LIVES = 40
"""Far more than are needed to get through if every life gets a step further."""

EVENT = re.compile(r"^  (?:buyer|seller)  ", re.MULTILINE)
OF_THE_SCENARIO = 2
"""Lines that look like events and only say who holds what."""


def live(arguments: Sequence[str], told: str, here: str, temporary: str) -> None:
    """One life of the command, in a process of its own; what it tells goes to a file."""
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(here)
    tempfile.tempdir = temporary
    sys.argv = ["blindfair", *arguments]
    # Tests that are run in the background of a shell have inherited that it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Loaded in the process that lives are forked from, and slow to load elsewhere.
    from blindfair.cli.main import main

    main()


def events(told: Path) -> int:
    text = told.read_text() if told.exists() else ""
    return max(0, len(EVENT.findall(text)) - OF_THE_SCENARIO)


def born(arguments: Sequence[str], told: Path, *, here: Path, temporary: Path) -> ForkServerProcess:
    """A life that has just begun, with directories of its own for what it writes."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["blindfair.cli.demo.demo", "torch._dynamo", "lives"])
    process = context.Process(target=live, args=(list(arguments), str(told), str(here), str(temporary)))
    process.start()
    return process


def lives_until_the_end(arguments: Sequence[str], told: Path, rng: random.Random) -> int:
    """Start the command and kill it a few events later, until it comes to its end; how many lives that took."""
    for life in range(1, LIVES):
        told.unlink(missing_ok=True)
        process = born(arguments, told, here=told.parent, temporary=told.parent)
        last, more = rng.randint(10, 45), rng.uniform(0, 0.5)
        while process.is_alive() and events(told) < last:
            time.sleep(0.005)
        # Not right after a step either: anywhere in the next ones.
        process.join(more)
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        if process.exitcode != -signal.SIGKILL:
            assert process.exitcode == 0, told.read_text()
            return life
    raise AssertionError(f"{LIVES} lives were not enough: {told.read_text()}")
