"""Places where nothing listens, for nodes and services of tests."""

import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of this machine that nobody uses now, and that the system gives to no connection.

    A service that is started again at its port would else find it taken by somebody's connection.
    """
    lowest = int(RANGE.read_text().split()[0])
    for port in random.SystemRandom().sample(range(10_000, lowest), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("a hundred ports are taken")
