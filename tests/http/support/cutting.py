"""A real TCP proxy that cuts connections at any byte."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable

Budget = Callable[[], tuple[int, int]]
"""Bytes that a new connection lets through, to the service and from it; negative is without end."""


class CuttingProxy:
    """Between a client and a service. Each connection is cut once its bytes in either direction are used up.

    `sent` and `fetched` count what went through. A cut is a reset, as of a line that breaks, and loses what waits in
    buffers; with `resets` False it is an end, after all that went through.
    """

    resets = True

    def __init__(self, target: int, budget: Budget = lambda: (-1, -1)) -> None:
        self.budget = budget
        self.sent = self.fetched = self.cuts = 0
        self.heard: list[bytes] = []
        """What clients have said, where somebody listens."""
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def close(self) -> None:
        self._ends = True
        self._listening.close()

    def retarget(self, port: int) -> None:
        self._target = port

    def _accept(self) -> None:
        while not self._ends:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server, client:
            up, down = self.budget()
            chosen = selectors.DefaultSelector()
            chosen.register(client, selectors.EVENT_READ)
            chosen.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in chosen.select():
                    source = key.fileobj
                    outward = source is client
                    left = up if outward else down
                    most = 65536 if left < 0 else min(65536, left)
                    data = (client if outward else server).recv(most) if most else b""
                    if not data:
                        if most == 0:
                            self.cuts += 1
                            if self.resets:
                                _reset(client)
                                _reset(server)
                        return
                    (server if outward else client).sendall(data)
                    if outward:
                        self.heard.append(data[:16384])
                        self.sent += len(data)
                        up -= len(data) if up >= 0 else 0
                    else:
                        self.fetched += len(data)
                        down -= len(data) if down >= 0 else 0


def _reset(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
