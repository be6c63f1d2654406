"""`forwarding.py ADDRESS PORT`: connections to that port of the address go to the same port of 127.0.0.1."""

import contextlib
import socket
import sys
import threading


def carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for line in (source, target):
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Forward for ever."""
    address, port = sys.argv[1], int(sys.argv[2])
    with socket.create_server((address, port), backlog=256) as listening:
        while True:
            client, _ = listening.accept()
            try:
                server = socket.create_connection(("127.0.0.1", port), 5)
            except OSError:
                client.close()
                continue
            for pair in ((client, server), (server, client)):
                threading.Thread(target=carry, args=pair, daemon=True).start()


if __name__ == "__main__":
    main()
