"""A seller's program under a flood of hostile requests still answers an honest buyer's program, in bounded memory.

`pytest -s -m deep tests/cli/test_flooded_seller.py` prints how many requests it took, and of which kinds.
"""

import csv
import hashlib
import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import COMMAND, Inside, outside
from local_chain import ROOT, LocalChain, children_of, shell, wait_for
from real_tables import LABEL, tumours, write_csv
from served import Person

from blindfair.http.wire import session_proof
from blindfair.protocol.documents import canonical
from blindfair.protocol.fields import hex_text
from blindfair.protocol.messages import Inquiry, sign
from blindfair.protocol.quantities import ListingId
from blindfair.protocol.signing import Domain, sign_message
from ports import free_port

pytestmark = pytest.mark.deep

FLOOD = ROOT / "tests" / "http" / "support" / "mixed_flood.py"
STRANGERS, PROVEN = [f"127.0.2.{number}" for number in range(1, 6)], [f"127.0.3.{number}" for number in range(1, 4)]
"""Addresses without a session, and those of accounts that have proved who they are."""

BREAKING = "127.0.4.1"
"""An address whose requests break HTTP, so that each takes a connection."""

INQUIRIES = 40
LEAST_RATE = 1000
"""Hostile requests a second."""

MOST_MEMORY = 200 * 2**20


@dataclass(frozen=True)
class Serving:
    """A seller that serves, and what its program printed."""

    chain: LocalChain
    home: Path
    port: int
    seller: int
    listing: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def told(self) -> str:
        return " ".join((self.home / "told").read_text().split())

    @property
    def domain(self) -> Domain:
        return Domain(self.chain.exchange.chain_id, self.chain.exchange.address)

    def service(self) -> int:
        """The process that answers."""
        (found,) = [
            child
            for child in children_of(self.seller)
            if b"blindfair.http.serving" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        return found

    def ask(self, method: str, path: str, body: bytes = b"", source: str = "127.0.0.1") -> tuple[int, bytes]:
        """Status and body of one answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(source, 0))
        try:
            line.request(method, path, body)
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()


@pytest.fixture(scope="module")
def serving(own_testnet: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home, inside = tmp_path_factory.mktemp("flooded"), Inside()
    with tumours(home / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(home / "offer.csv", header, rows[:300])
    write_csv(home / "own.csv", header, rows[300:])
    common = ["--directory", home / "seller", "--password-file", home / "password"]
    for name in ("seller", "buyer"):
        own_testnet.party(home / name)
    listed = inside(
        "seller", "list", *common, "--rpc", own_testnet.url, "--deployment", own_testnet.deployment,
        "--records", home / "offer.csv", "--label", LABEL, "--price-per-record", "0.001", "--licence", "any",
        "--consent", "public", "--opened-share", "0.5",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    port = free_port()
    serve = [COMMAND, "seller", "serve", *common, "--http", f"127.0.0.1:{port}", "--poll", "0.1"]
    with shell(f"exec {shlex.join(map(str, serve))}", home, home / "told") as process:
        wait_for("serves", home / "told", process)
        status = inside("seller", "status", "--directory", home / "seller", "--json", "-")
        yield Serving(own_testnet, home, port, process.pid, str(json.loads(status.out)["listing"]))
    assert process.returncode == 0, (home / "told").read_text()


def request(first: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> str:
    """A request in hexadecimal."""
    given = {"Host": "x", "Content-Length": str(len(body)), **(headers or {})}
    text = f"{first} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return (text.encode() + b"\r\n" + body).hex()


def of_strangers(serving: Serving) -> list[str]:
    """Plain requests, challenges, wrong proofs, bodies that are no documents, and bodies that are too large."""
    found = []
    for _ in range(20):
        person = Person()
        proof = {
            "account": person.address, "holder": "", "nonce": "0" * 64, "program": "p", "signature": "0x" + "1b" * 65,
            "url": serving.url,
        }  # fmt: skip
        found += [
            request("GET /v1/info"),
            request("GET /"),
            request(f"GET /v1/listings/{serving.listing}"),
            request("GET /v1/mailbox", headers={"Authorization": "Bearer " + "0" * 64}),
            request("POST /v1/challenge", canonical({"account": person.address})),
            request("POST /v1/session", canonical({**proof})),
            request("POST /v1/session", b"{}"),
            request("POST /v1/challenge", b"{" * 100),
            request("POST /v1/challenge", os.urandom(4200)),
            request(f"PUT /v1/messages/{'0' * 64}", b"12345"),
        ]
    return found


def of_proven(serving: Serving, source: str) -> list[str]:
    """Requests of an account that has proved who it is: its mailbox, garbage for the seller, and inquiries about what
    is not listed, which reach the seller's program."""
    key, domain = Person().key, serving.domain
    account = Person(key).address
    challenge = json.loads(serving.ask("POST", "/v1/challenge", canonical({"account": account}), source)[1])
    nonce, expires = challenge["nonce"], challenge["expires"]
    signature = sign_message(domain, *session_proof(serving.url, account, nonce, expires), key)
    proof = {
        "account": account, "holder": "", "nonce": nonce, "program": "p", "signature": hex_text(signature),
        "url": serving.url,
    }  # fmt: skip
    status, body = serving.ask("POST", "/v1/session", canonical({**proof}), source)
    assert status == 200, body
    own = {"Authorization": f"Bearer {json.loads(body)['token']}"}

    def put(message: bytes, total: int = 0) -> str:
        size = len(message)
        headers = {**own, "Content-Range": f"bytes 0-{size - 1}/{total or size}"}
        return request(f"PUT /v1/messages/{hashlib.sha256(message).hexdigest()}", message, headers)

    found = []
    for _ in range(INQUIRIES):
        inquiry = sign(Inquiry(ListingId(os.urandom(32))), sender=account, domain=domain, private_key=key)
        found += [
            request("GET /v1/mailbox", headers=own),
            put(os.urandom(500)),
            put(inquiry.to_bytes()),
            put(b"BFL1" + os.urandom(500)),
            put(os.urandom(100), total=2**30),
            request("GET /v1/mailbox/" + "0" * 64, headers=own),
        ]
    return found


def plan_of(serving: Serving) -> Path:
    """What the flood sends."""
    broken = [b"\0\0\0\0\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, b"POST /v1/challenge HTTP/9\r\n\r\n"]
    sources = [
        *({"address": source, "alone": False, "requests": of_strangers(serving)} for source in STRANGERS),
        *({"address": source, "alone": False, "requests": of_proven(serving, source)} for source in PROVEN),
        {"address": BREAKING, "alone": True, "requests": [each.hex() for each in broken]},
    ]
    path = serving.home / "plan.json"
    path.write_text(json.dumps({"port": serving.port, "sources": sources}))
    return path


def memory(pid: int) -> int:
    """Bytes of resident memory that a process had at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) * 1024


def processor_seconds(pid: int) -> float:
    """Seconds that a process has computed."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def test_a_seller_under_a_flood_answers_an_honest_buyer(serving: Serving) -> None:
    """Both are programs with a real chain. The buyer's address is none of the flood's, which has nine.

    Requests count once they are answered. The rate is demanded of each second that the service computes; of each second
    of the clock only where the machine had no other work before, for all these programs share its cores.
    """
    is_busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    service = serving.service()
    plan = plan_of(serving)
    before, computed = memory(serving.seller), processor_seconds(service)
    flood = subprocess.Popen(
        [sys.executable, FLOOD, plan], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=serving.home
    )
    time.sleep(2)
    began = time.monotonic()
    ended = outside(
        "buyer", "evaluate", "--directory", serving.home / "buyer", "--password-file", serving.home / "password",
        "--rpc", serving.chain.url, "--deployment", serving.chain.deployment, "--own", serving.home / "own.csv",
        "--label", LABEL, "--budget", "0.05", "--audit-rows", "10", "--listing", serving.listing,
        "--at", serving.url, "--poll", "0.1",
    )  # fmt: skip
    took = time.monotonic() - began
    seen = json.loads(flood.communicate(timeout=60)[0])
    answered = {int(status): count for status, count in seen["answered"].items()}
    computed = processor_seconds(service) - computed
    rate, own_rate = (sum(answered.values()) / seconds for seconds in (seen["seconds"], computed))
    print(
        f"\n{rate:,.0f} hostile requests a second for {seen['seconds']:.0f} s, of which the service computed "
        f"{computed:.1f} s, {own_rate:,.0f} in each: {dict(sorted(answered.items()))}; "
        f"the honest evaluation took {took:.0f} s; memory of the service {memory(service) / 2**20:,.0f} MiB, "
        f"of the seller {before / 2**20:,.0f} MiB before and {memory(serving.seller) / 2**20:,.0f} MiB at most"
    )
    assert ended.code == 0, ended.err + serving.told
    assert "blindfair buyer buy" in ended.out
    # Each kind was looked at, not only counted: answers, refusals by name, and far more that came too often.
    assert {200, 400, 401, 403, 413, 429} <= answered.keys()
    assert own_rate >= LEAST_RATE
    assert is_busy or rate >= LEAST_RATE
    # The same process answers still, and nothing failed in it.
    assert serving.service() == service and memory(service) < MOST_MEMORY
    assert serving.ask("GET", "/v1/info")[0] == 200
    assert "trouble" not in serving.told, serving.told


def test_a_seller_sees_an_error_of_its_service(serving: Serving) -> None:
    """Its pages are in its own directory, where anything may happen to them."""
    style = serving.home / "seller" / "pages" / "style.css"
    style.unlink()
    style.mkdir()
    for _ in range(3):
        assert serving.ask("GET", "/style.css")[0] == 507
    until = time.monotonic() + 30
    while "IsADirectoryError" not in serving.told and time.monotonic() < until:
        time.sleep(0.1)
    assert serving.told.count("IsADirectoryError (EISDIR) at blindfair/http/pages.py:") == 1, serving.told
    assert serving.ask("GET", "/v1/info")[0] == 200
