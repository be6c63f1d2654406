"""A seller's service with accounts around it, for tests of what travels."""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account

from blindfair.agents.messaging.transport import FolderTransport, Signer
from blindfair.http.client import HttpTransport
from blindfair.http.limits import ServiceLimits
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.http.wire import session_proof
from blindfair.protocol.fields import hex_text
from blindfair.protocol.messages import Inquiry, sign
from blindfair.protocol.quantities import Address, Digest, ListingId, Signature
from blindfair.protocol.signing import Domain, address_of, sign_message
from ports import free_port

DOMAIN = Domain(31337, Address("0x" + "12" * 20))


@dataclass(frozen=True)
class Person:
    """An account with its key."""

    key: bytes = field(default_factory=lambda: bytes(Account.create().key))

    @property
    def address(self) -> Address:
        return address_of(self.key)

    def sign(self, kind: Digest, body: Digest) -> Signature:
        return sign_message(DOMAIN, kind, body, self.key)

    def inquiry(self, number: int = 0) -> bytes:
        listing = ListingId(number.to_bytes(32, "big"))
        return sign(Inquiry(listing), sender=self.address, domain=DOMAIN, private_key=self.key).to_bytes()

    def sealed(self, size: int, seed: bytes = b"") -> bytes:
        """Bytes that look like a sealed message of this account; nobody can open it."""
        return (b"BFL1" + bytes.fromhex(self.address[2:]) + seed + os.urandom(size))[:size]


@dataclass
class Answered:
    """An HTTP answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, object]:
        return dict(json.loads(self.body))

    @property
    def error(self) -> str:
        return str(self.problem["type"]).rpartition(":")[2]


@dataclass
class Served:
    """A running service, its seller, and a folder for the clients."""

    service: HttpService
    seller: Person
    home: Path
    port: int
    troubles: list[str] = field(default_factory=list)
    """What its owner was told."""
    clients: int = 0

    @property
    def mail(self) -> Path:
        return self.home / "mail"

    @property
    def inbox(self) -> FolderTransport:
        """The seller's own view of its mailbox."""
        return FolderTransport(self.mail, self.seller.address)

    def know(self, person: Person) -> None:
        """As if the seller had answered an account before."""
        (self.mail / person.address).mkdir(mode=0o700, exist_ok=True)

    def client(self, person: Person, sign: Signer | None = None) -> HttpTransport:
        self.clients += 1
        folder = self.home / f"client-{self.clients}"
        return HttpTransport(self.service.url, person.address, sign or person.sign, DOMAIN, folder)

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        source: str = "127.0.0.1",
    ) -> Answered:
        """One request on a connection of its own, exactly as it is written here."""
        given = {"Host": "x", "Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
        text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items())
        with socket.create_connection(("127.0.0.1", self.port), 30, (source, 0)) as line:
            # A refused body is not read: the connection may be reset once the answer is sent.
            with suppress(ConnectionResetError, BrokenPipeError):
                line.sendall(text.encode() + b"\r\n" + body)
            return read_answer(line)

    def challenge(self, account: Address) -> tuple[str, int]:
        found = json.loads(self.ask("POST", "/v1/challenge", body=f'{{"account":"{account}"}}'.encode()).body)
        return found["nonce"], found["expires"]

    def proof(self, person: Person, nonce: str, expires: int, **other: str) -> bytes:
        """The body that begins a session; `other` fields are as they are given."""
        signature = hex_text(person.sign(*session_proof(self.service.url, person.address, nonce, expires)))
        fields = {
            "account": person.address, "holder": "", "nonce": nonce, "program": "p", "signature": signature,
            "url": self.service.url, **other,
        }  # fmt: skip
        return json.dumps(dict(sorted(fields.items())), separators=(",", ":")).encode()

    def token(self, person: Person) -> str:
        answer = self.ask("POST", "/v1/session", body=self.proof(person, *self.challenge(person.address)))
        assert answer.status == 200, answer
        return str(json.loads(answer.body)["token"])

    def put(
        self, token: str, message: bytes, *, start: int = 0, piece: bytes | None = None, **headers: str
    ) -> Answered:
        """Send a piece of a message, all of it unless told otherwise."""
        piece = message[start:] if piece is None else piece
        handle = headers.pop("handle", hashlib.sha256(message).hexdigest())
        total = headers.pop("total", str(len(message)))
        given = {
            "Authorization": f"Bearer {token}",
            "Content-Range": f"bytes {start}-{start + len(piece) - 1}/{total}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.ask("PUT", f"/v1/messages/{handle}", given, piece)


def read_answer(line: socket.socket) -> Answered:
    data = b""
    try:
        while block := line.recv(65536):
            data += block
    except ConnectionResetError:
        if not data:
            raise
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    return Answered(int(first.split()[1]) if first else 0, headers, body)


@contextmanager
def serving(
    home: Path, *, proxy: str | None = None, public_url: str | None = None, pages: Path | None = None, **limits: float
) -> Iterator[Served]:
    """A service with limits of its own."""
    seller, port = Person(), free_port()
    options = ServiceOptions(f"127.0.0.1:{port}", public_url, proxy=proxy, limits=ServiceLimits(**limits))  # type: ignore[arg-type]
    troubles: list[str] = []
    service = HttpService(
        options, mail=home / "mail", seller=seller.address, domain=DOMAIN, listings={}, pages=pages,
        on_trouble=troubles.append,
    )  # fmt: skip
    (home / "mail").mkdir(mode=0o700, parents=True)
    (home / "mail" / seller.address).mkdir(mode=0o700)
    with service:
        yield Served(service, seller, home, port, troubles)


def is_alive(served: Served) -> bool:
    """Whether it still answers, with the process that it began with."""
    return served.ask("GET", "/v1/info", source="127.0.0.9").status == 200
