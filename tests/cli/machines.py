"""Where node, seller and buyer run apart: what a test of three machines needs of them, and one machine that has it.

On one machine each pair is joined by a program that forwards connections; `namespaces` has machines with packets.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ports import free_port

FORWARDING = Path(__file__).parent / "forwarding.py"


class Machines(Protocol):
    """Machines called node, seller and buyer, whose lines can be cut."""

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def node_port(self) -> int:
        """Where the node listens, on the loopback of its machine."""
        ...

    @property
    def bind(self) -> str:
        """Host and port that the seller serves at."""
        ...

    @property
    def service(self) -> str:
        """URL of the seller, for the buyer."""
        ...

    def node(self, name: str) -> str:
        """URL of the node, for a machine."""
        ...

    def inside(self, name: str, *command: object) -> list[str]:
        """The command, run on a machine."""
        ...

    def cut(self, name: str) -> None:
        """Nothing comes to or from a machine any more."""
        ...

    def mend(self, name: str) -> None: ...


def forwarder(address: str, port: int, command: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """A program that leads from that port of an address to the same port of 127.0.0.1; `command` may run it
    elsewhere."""
    return subprocess.Popen([*command, sys.executable, str(FORWARDING), address, str(port)])


@dataclass
class Line:
    """Leads from one machine to a port of another, as an address of the loopback that is the first one's own."""

    ends: tuple[str, str]
    address: str
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    cuts: int = 0

    def mend(self) -> None:
        if self.process is None:
            self.process = forwarder(self.address, self.port)
        else:
            os.kill(self.process.pid, signal.SIGCONT)

    def cut(self) -> None:
        """Every other time connections break and are refused; else whatever is sent is neither taken nor refused."""
        self.cuts += 1
        if self.process is not None and self.cuts % 2:
            os.kill(self.process.pid, signal.SIGSTOP)
        else:
            self.end()

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class OneMachine:
    """Three in one: each sees the others through lines of its own, at 127.0.0.2 and 127.0.0.3."""

    names: Sequence[str] = ("node", "seller", "buyer")
    node_port: int = field(default_factory=free_port)
    service_port: int = field(default_factory=free_port)
    lines: list[Line] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = [
            Line(("seller", "node"), "127.0.0.2", self.node_port),
            Line(("buyer", "node"), "127.0.0.3", self.node_port),
            Line(("buyer", "seller"), "127.0.0.3", self.service_port),
        ]

    @property
    def bind(self) -> str:
        return f"127.0.0.1:{self.service_port}"

    @property
    def service(self) -> str:
        return f"http://127.0.0.3:{self.service_port}"

    def node(self, name: str) -> str:
        return f"http://127.0.0.{1 + self.names.index(name)}:{self.node_port}"

    def inside(self, name: str, *command: object) -> list[str]:
        assert name in self.names
        return [*map(str, command)]

    def cut(self, name: str) -> None:
        for line in self.lines:
            if name in line.ends:
                line.cut()

    def mend(self, name: str) -> None:
        for line in self.lines:
            if name in line.ends:
                line.mend()


@contextmanager
def one_machine() -> Iterator[OneMachine]:
    """Lines that are gone at the end."""
    found = OneMachine()
    try:
        for line in found.lines:
            line.mend()
        yield found
    finally:
        for line in found.lines:
            line.end()
