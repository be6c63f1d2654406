"""A flood of hostile requests of every kind, as a program: `mixed_flood.py PLAN`, until its input ends.

PLAN is JSON with `port`, and under `sources` the requests of each address in hexadecimal, in the order in which they
are sent: many at once on one connection, and again when all are answered. A source with `alone` sends each request on a
connection of its own. Prints, in JSON, how many seconds it took, and how many requests had an answer of which status;
0 stands for a connection that was closed without one.
"""

import json
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

BATCH = 40
PAUSE_SECONDS = 0.01
"""Between two connections that serve one request each: they cost both sides as much as ten requests."""

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LONGEST_STATUS = len(b"HTTP/1.1 200 ")


class Statuses:
    """The statuses in a stream of answers."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, block: bytes) -> list[int]:
        """Those that are whole now."""
        data = self._rest + block
        found = list(STATUS.finditer(data))
        begins = max(found[-1].end() if found else 0, len(data) - LONGEST_STATUS + 1)
        self._rest = data[begins:]
        return [int(one.group(1)) for one in found]


def together(port: int, source: str, requests: Sequence[bytes], ends: threading.Event) -> Counter[int]:
    """Send on connections that are kept, a batch at once."""
    answered: Counter[int] = Counter()
    batches = [requests[begin : begin + BATCH] for begin in range(0, len(requests), BATCH)]
    coming = cycle([(b"".join(batch), len(batch)) for batch in batches])
    while not ends.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as line:
                statuses = Statuses()
                while not ends.is_set():
                    data, left = next(coming)
                    line.sendall(data)
                    while left > 0:
                        block = line.recv(65536)
                        if not block:
                            raise ConnectionError
                        found = statuses.take(block)
                        answered.update(found)
                        left -= len(found)
        except OSError:
            continue
    return answered


def alone(port: int, source: str, requests: Sequence[bytes], ends: threading.Event) -> Counter[int]:
    """Send each on a connection of its own."""
    answered: Counter[int] = Counter()
    for request in cycle(requests):
        if ends.wait(PAUSE_SECONDS):
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as line:
                line.sendall(request)
                answered.update(Statuses().take(line.recv(65536))[:1] or [0])
        except ConnectionResetError:
            answered[0] += 1
        except OSError:
            continue
    return answered


def main() -> None:
    """Flood from every source at once."""
    plan: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    ends, counts = threading.Event(), list[Counter[int]]()

    def flood(source: dict[str, Any]) -> None:
        send = alone if source["alone"] else together
        counts.append(send(plan["port"], source["address"], [*map(bytes.fromhex, source["requests"])], ends))

    threads = [threading.Thread(target=flood, args=(source,)) for source in plan["sources"]]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    sys.stdin.read()
    took = time.monotonic() - began
    ends.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"seconds": took, "answered": sum(counts, Counter[int]())}))


if __name__ == "__main__":
    main()
