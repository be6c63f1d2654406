"""Clocks that are hours off: parties go by the chain's time, and a node's moments count by the node's clock."""

import ast
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

import blindfair
from bad_nodes import bad_node, http, rpc
from blindfair.chain.node import connect
from blindfair.chain.rate_limits import seconds_of

PACKAGE = Path(blindfair.__file__).parent
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now"}
MAY = {PACKAGE / "chain" / "rate_limits.py", PACKAGE / "agents" / "messaging" / "store_lease.py"}
"""Files that may look at this machine's clock: where a node does not say what time it is, and where programs of one
account tell each other that they run, which no order waits for."""


@pytest.mark.parametrize("hours", [-9, 0, 9])
def test_a_moment_to_come_back_counts_by_the_clock_of_the_node(hours: int) -> None:
    there = datetime.now(UTC) + timedelta(hours=hours)
    again = format_datetime(there + timedelta(seconds=1), usegmt=True)
    limit = http(
        b"slow down", "429 Too Many Requests",
        extra=f"Date: {format_datetime(there, usegmt=True)}\r\nRetry-After: {again}\r\n",
    )  # fmt: skip

    def answer(request: dict[str, Any], number: int) -> bytes:
        return limit if number == 0 else rpc(request, "0x5")

    began = time.monotonic()
    with bad_node(answer) as node:
        assert connect(node.url, patience=3).eth.chain_id == 5
    assert 0.9 < time.monotonic() - began < 3


@pytest.mark.parametrize("date", ["", "soon", "Thu, 01 Jan"])
def test_a_node_that_does_not_say_what_time_it_is_there(date: str) -> None:
    again = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < (seconds_of(again, date) or 0) <= 90


def _looks(source: str) -> Iterator[str]:
    """The calls in a source that look at this machine's clock."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in CLOCKS:
            yield name


def test_parties_do_not_look_at_the_clock_of_their_machine() -> None:
    """Windows, offers and answers run by the chain's time (PROTOCOL 7): a clock that is off costs nobody a bond."""
    assert [*_looks("import time\nx = time.time() + 5")] == ["time.time"]
    found = {
        str(path.relative_to(PACKAGE)): names
        for package in ("agents", "chain", "protocol")
        for path in (PACKAGE / package).rglob("*.py")
        if path not in MAY and (names := [*_looks(path.read_text(encoding="utf-8"))])
    }
    assert found == {}
