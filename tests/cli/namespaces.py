"""Three machines in one: network namespaces on a bridge, whose lines can be cut. Needs root and `ip`."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from machines import forwarder


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def are_possible() -> bool:
    """Whether namespaces can be made here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"bf-{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "add", "one", "type", "veth", "peer", "name", "two")
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            ip("netns", "del", name)
    return True


@dataclass(frozen=True)
class Namespaces:
    """Machines on a bridge in a namespace of its own, with addresses 10.77.0.1, .2 and .3."""

    names: Sequence[str] = ("node", "seller", "buyer")
    node_port: int = 8545

    @property
    def bind(self) -> str:
        return f"{self.address('seller')}:8440"

    @property
    def service(self) -> str:
        """No folder is shared: this is all that the buyer sees of the seller."""
        return f"http://{self.bind}"

    def node(self, name: str) -> str:
        """The same for every machine, through a program on the node's that forwards to its loopback."""
        assert name in self.names
        return f"http://{self.address('node')}:{self.node_port}"

    def namespace(self, name: str) -> str:
        return f"bf-{os.getpid()}-{name}"

    def address(self, name: str) -> str:
        return f"10.77.0.{self.names.index(name) + 1}"

    def inside(self, name: str, *command: object) -> list[str]:
        """The command, run on a machine."""
        return ["ip", "netns", "exec", self.namespace(name), *map(str, command)]

    def cut(self, name: str) -> None:
        """From now on every packet to and from a machine is lost; nobody is told."""
        ip("-n", self.namespace("hub"), "link", "set", f"to-{name}", "down")

    def mend(self, name: str) -> None:
        ip("-n", self.namespace("hub"), "link", "set", f"to-{name}", "up")


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """Machines that are gone at the end."""
    found = Namespaces()
    hub = found.namespace("hub")
    try:
        ip("netns", "add", hub)
        ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        ip("-n", hub, "link", "set", "bridge", "up")
        for name in found.names:
            own = found.namespace(name)
            ip("netns", "add", own)
            ip("-n", hub, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "line", "netns", own)
            ip("-n", hub, "link", "set", f"to-{name}", "master", "bridge")
            ip("-n", hub, "link", "set", f"to-{name}", "up")
            ip("-n", own, "addr", "add", f"{found.address(name)}/24", "dev", "line")
            ip("-n", own, "link", "set", "line", "up")
            ip("-n", own, "link", "set", "lo", "up")
        process = forwarder(found.address("node"), found.node_port, found.inside("node"))
        try:
            yield found
        finally:
            process.kill()
            process.wait()
    finally:
        for name in (*found.names, "hub"):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", found.namespace(name))
