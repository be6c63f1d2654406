"""Hardhat's node as a process: started, waited for, and ended with the one that started it."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blindfair.cli.testnet.npm import HARDHAT, find_node, hardhat_project, install_locked
from blindfair.protocol.errors import NodeFailure

STARTED = b"Started HTTP"
START_SECONDS = 60.0
END_SECONDS = 10.0


def check_port(port: int) -> None:
    """Refuse a port at which something listens: it would be taken for the node. Raises NodeFailure."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise NodeFailure(
                "Something listens at the port already",
                expected="a free port",
                found=port,
                hint="end it, or name another with --port",
            )


def installed_hardhat() -> tuple[Path, Path]:
    """Return Hardhat's folder and the Node to run it with, both ready. Raises MissingPackage, CannotWrite."""
    project, node = hardhat_project(), find_node()
    install_locked(project, node, [HARDHAT])
    return project, node


@contextmanager
def running_node(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Hardhat's node, once it listens; it is ended with this process, however that ends short of a kill.

    Raises NodeFailure where it does not start, and what `installed_hardhat` raises.
    """
    project, node = installed_hardhat()
    program = project / HARDHAT / "dist" / "src" / "cli.js"
    arguments = ["--config", str(project / "hardhat.config.js"), "node", "--hostname", "127.0.0.1"]
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C comes to this process alone, which then ends the node.
        process = subprocess.Popen(  # noqa: S603
            [node, program, *arguments, "--port", str(port)],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while STARTED not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise NodeFailure("Hardhat's node does not start", expected="a node that listens", hint=f"see {log}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
