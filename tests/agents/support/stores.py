"""Accounts with mailboxes in a store that several may write into."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blindfair.agents.messaging.store_transport import StoreTransport
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain, sign_message

ANN, BOB = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)
DOMAIN, KEYS = Domain(1, Address("0x" + "cc" * 20)), {ANN: b"\xaa" * 32, BOB: b"\xbb" * 32}


@dataclass(frozen=True)
class Store:
    """A place for messages: its URL, and its owner's own view of it."""

    url: str
    root: str
    files: Any

    def put(self, to: Address, name: str, data: bytes) -> None:
        if self.url.startswith("local"):
            self.files.makedirs(f"{self.root}/{to}", exist_ok=True)
        self.files.pipe_file(f"{self.root}/{to}/{name}", data)

    def names(self, to: Address) -> list[str]:
        try:
            found = self.files.ls(f"{self.root}/{to}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rpartition("/")[2] for path in found)

    def transport(self, own: Address, folder: Path | None = None) -> StoreTransport:
        return StoreTransport(self.url, own, folder, lambda kind, body: sign_message(DOMAIN, kind, body, KEYS[own]))
