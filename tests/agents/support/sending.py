"""A sender as a program, to be killed: `sending.py URL TO SIZE` sends messages until it is, and prints each name."""

import hashlib
import sys

from blindfair.agents.messaging.store_transport import StoreTransport
from blindfair.protocol.quantities import Address

SENDER = Address("0x" + "cc" * 20)


def message(number: int, size: int) -> bytes:
    """The bytes of one message."""
    return (b"M" + number.to_bytes(4, "big")) + bytes([number % 251 + 1]) * (size - 5)


def main() -> None:
    """Send for ever."""
    transport, to, size = StoreTransport(sys.argv[1], SENDER), Address(sys.argv[2]), int(sys.argv[3])
    print("ready", flush=True)
    number = 0
    while True:
        data = message(number, size)
        print(hashlib.sha256(data).hexdigest(), flush=True)
        transport.send(to, data)
        number += 1


if __name__ == "__main__":
    main()
