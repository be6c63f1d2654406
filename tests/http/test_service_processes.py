"""The process that answers for a seller ends in silence where the seller is killed while it starts."""

import json
import socket
import subprocess
import sys

import pytest
from served import Served


@pytest.mark.deep
@pytest.mark.parametrize("is_told", [True, False], ids=["once it serves", "before it knows what to serve"])
def test_a_seller_that_is_killed_meanwhile_leaves_no_traceback(served: Served, is_told: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = subprocess.Popen(
            [sys.executable, "-m", "blindfair.http.serving"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[listening.fileno()],
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        if is_told:
            process.stdin.write(json.dumps(served.service._place(listening)).encode() + b"\n")
            process.stdin.flush()
        else:
            process.stdin.close()
        assert (process.stderr.read(), process.wait(60)) == (b"", 0)
        process.stdin.close()
        process.stderr.close()
