"""A flood of hostile requests, as a program: `flooding.py PORT SECONDS SOURCE...`; prints how many were answered."""

import socket
import sys
import threading
import time

BATCH = 40
REQUESTS = [
    b"GET /v1/mailbox HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"0" * 64 + b"\r\n\r\n",
    b"GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"PUT /v1/messages/" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345",
]


def flood(port: int, until: float, source: str, counts: list[int]) -> None:
    """Requests of every kind on one connection after the other, as fast as they are answered."""
    answered = 0
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as line:
                while time.monotonic() < until:
                    line.sendall(b"".join(REQUESTS) * (BATCH // len(REQUESTS)))
                    found = 0
                    while found < BATCH:
                        block = line.recv(65536)
                        if not block:
                            raise ConnectionError
                        found += block.count(b"HTTP/1.1 ")
                    answered += found
        except OSError:
            continue
    counts.append(answered)


def main() -> None:
    """Flood from every source at once."""
    port, seconds, sources = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    counts: list[int] = []
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=flood, args=(port, until, source, counts)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts))


if __name__ == "__main__":
    main()
