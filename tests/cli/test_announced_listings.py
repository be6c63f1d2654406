"""Announcing as a seller, and finding as a buyer who was told nothing: over a real chain and a real service."""

import csv
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import COMMAND, Ended, Inside
from local_chain import PASSWORD, LocalChain, shell, wait_for
from real_tables import LABEL, tumours, write_csv

from blindfair.api.keystore import unlock
from blindfair.chain.directory import ListingDirectory, directory_address, has_directory
from blindfair.chain.sender import Sender
from blindfair.cli.party.begun import SETTINGS
from blindfair.protocol.errors import InsufficientFunds, InvalidOption, ServiceUnreachable, StoreInUse
from blindfair.protocol.quantities import ListingId
from ports import free_port

pytestmark = pytest.mark.deep


@dataclass(frozen=True)
class Market:
    """A seller with a listing, and a stranger."""

    chain: LocalChain
    home: Path
    inside: Inside
    listing: str

    @property
    def common(self) -> list[object]:
        return ["--directory", self.home / "seller", "--password-file", self.home / "password"]

    def announce(self, *more: object) -> Ended:
        return self.inside("seller", "announce", *self.common, *more)

    def find(self, *more: object) -> Ended:
        return self.inside(
            "buyer", "find", "--rpc", self.chain.url, "--deployment", self.chain.deployment, "--wait", "5", *more
        )

    def found(self, *more: object) -> dict[str, object]:
        """What is found of the listing."""
        ended = self.find("--json", "-", *more)
        assert ended.code == 0, ended.err
        (one,) = [one for one in json.loads(ended.out)["listings"] if one["listing"] == self.listing]
        return dict(one)

    def evaluate(self, *more: object) -> Ended:
        """Evaluate without being told where the seller is."""
        return self.inside(
            "buyer", "evaluate", "--directory", self.home / "buyer", "--password-file", self.home / "password",
            "--rpc", self.chain.url, "--deployment", self.chain.deployment, "--own", self.home / "own.csv",
            "--label", LABEL, "--budget", "0.05", "--audit-rows", "10", "--listing", self.listing, "--poll", "0.1",
            *more,
        )  # fmt: skip

    def said_by(self, name: str, uri: str) -> None:
        """An announcement of the listing by another account."""
        exchange = self.chain.exchange
        sender = Sender(exchange, unlock(self.home / name / "keystore.json", PASSWORD))
        call = ListingDirectory(exchange).announce(ListingId(bytes.fromhex(self.listing[2:])), uri)
        sender.wait(sender.broadcast(sender.prepare(call).raw), pause=0.05)


@pytest.fixture(scope="module")
def market(own_testnet: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Market:
    home, inside = tmp_path_factory.mktemp("announced"), Inside()
    with tumours(home / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(home / "offer.csv", header, rows[:300])
    write_csv(home / "own.csv", header, rows[300:])
    for name in ("seller", "stranger", "buyer"):
        own_testnet.party(home / name)
    ended = inside(
        "seller", "list", "--directory", home / "seller", "--password-file", home / "password",
        "--rpc", own_testnet.url, "--deployment", own_testnet.deployment, "--records", home / "offer.csv",
        "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public", "--json", "-",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return Market(own_testnet, home, inside, json.loads(ended.out)["listing"])


@pytest.fixture(scope="module")
def url(market: Market) -> Iterator[str]:
    """The URL of the seller that serves, and announced it by itself."""
    port = free_port()
    options = ["--http", f"127.0.0.1:{port}", "--announce", "--poll", "0.1"]
    command = shlex.join(map(str, [COMMAND, "seller", "serve", *market.common, *options]))
    told = market.home / "told"
    with shell(f"exec {command}", market.home, told) as process:
        wait_for("buyers find it without --at", told, process)
        yield f"http://127.0.0.1:{port}"
    assert process.returncode == 0, told.read_text()


def test_nothing_is_announced_on_a_chain_without_a_directory(market: Market) -> None:
    assert not has_directory(market.chain.web3)
    assert market.found()["announced"] is None
    assert market.found("--listing", market.listing)["announced"] is None


def test_an_announcement_is_costed_made_once_moved_and_withdrawn(market: Market) -> None:
    first = market.announce("--url", "https://data.invalid:443/", "--json", "-")
    assert first.code == 0, first.err
    assert json.loads(first.out) == {
        "directory": directory_address(), "listing": market.listing, "sent": True, "url": "https://data.invalid",
    }  # fmt: skip
    assert "about 176,000 gas" in first.err and "which this chain lacks" in first.err
    assert first.err.index("takes") < first.err.index("puts the listing directory")
    again = market.announce("--url", "https://data.invalid", "--json", "-")
    assert json.loads(again.out)["sent"] is False
    assert "takes" not in again.err
    assert market.found()["announced"] is not None
    found = market.found("--listing", market.listing)
    assert found["manifest"] is None
    assert found["announced"]["status"] == "unreachable"  # type: ignore[index]
    moved = market.announce("--url", "https://moved.invalid")
    assert "about 26,000 gas" in moved.err and "lacks" not in moved.err
    assert market.found()["announced"]["url"] == "https://moved.invalid"  # type: ignore[index]
    shown = market.find()
    assert "announced at https://moved.invalid" in shown.out and "unreachable: " in shown.out
    assert market.evaluate().code == ServiceUnreachable.exit_code
    gone = market.announce("--withdraw")
    assert gone.code == 0 and "no longer" in gone.out
    assert market.found()["announced"] is None
    assert json.loads(market.announce("--withdraw", "--json", "-").out)["sent"] is False
    market.evaluate().failed(InvalidOption, "--at URL or --mail FOLDER")
    assert not (market.home / "buyer" / SETTINGS).exists()


def test_a_buyer_that_was_told_nothing_finds_the_listing(market: Market, url: str) -> None:
    found = market.found("--private")
    assert found["announced"] == {"reason": None, "status": "reachable", "url": url}
    assert found["manifest"]["records"] == 300  # type: ignore[index]
    shown = market.find("--private", "--listing", market.listing)
    assert "300 records" in shown.out and f"announced at {url}" in shown.out
    told = " ".join((market.home / "told").read_text().split())
    assert "an announcement of about 26,000 gas" in told and "only with --private" in told


def test_a_service_of_this_machine_is_not_asked_by_itself(market: Market, url: str) -> None:
    found = market.found()
    assert found["manifest"] is None
    assert found["announced"]["status"] == "not asked"  # type: ignore[index]
    assert "--private" in found["announced"]["reason"]  # type: ignore[index]


def test_a_buyer_evaluates_where_the_seller_announced_it(market: Market, url: str) -> None:
    """Not at a private address by itself; and where it has begun, it goes on without another word."""

    refused = market.evaluate()
    assert refused.code == InvalidOption.exit_code, refused.err
    assert "is not asked" in refused.err and url in refused.err and "--at URL" in refused.err
    assert not (market.home / "buyer" / SETTINGS).exists()
    ended = market.evaluate("--private")
    assert ended.code == 0, ended.err
    assert f"{url}, as the seller announced it on chain" in " ".join(ended.err.split())
    assert json.loads((market.home / "buyer" / SETTINGS).read_bytes())["at"] == url
    again = market.evaluate()
    assert again.code == 0, again.err


def test_strangers_can_say_what_they_like(market: Market, url: str) -> None:
    for uri in (f"{url}/stolen", "\x1b[2J\u202egnp", "", "https://" + "a" * 500):
        market.said_by("stranger", uri)
    ended = market.find("--private", "--json", "-")
    document = json.loads(ended.out)
    assert document["announced_by_strangers"] == 4 and document["announcements_known"]
    assert market.found("--private")["announced"]["url"] == url  # type: ignore[index]
    shown = market.find("--private")
    assert "4 announcements by others than the listing's seller" in shown.out
    assert "stolen" not in shown.out + shown.err and "\x1b" not in shown.out + shown.err


def test_while_it_serves_another_program_does_not_announce(market: Market, url: str) -> None:
    market.announce("--url", "https://other.invalid").failed(StoreInUse)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ([], "--url URL or --withdraw"),
        (["--url", "https://a.example", "--withdraw"], "--url URL or --withdraw"),
        (["--url", "ftp://a.example"], "--url"),
        (["--url", "https://user:secret@a.example"], "no user name"),
        (["--url", f"https://a.example/{'b' * 500}"], "at most 512 bytes"),
    ],
)
def test_what_cannot_be_announced_is_told_at_once(market: Market, options: list[str], word: str) -> None:
    ended = market.announce(*options)
    ended.failed(InvalidOption, word)
    assert "secret" not in ended.err


def test_announcing_is_about_the_service(market: Market) -> None:
    ended = market.inside("seller", "serve", *market.common, "--announce")
    ended.failed(InvalidOption, "--http HOST:PORT")


def test_a_seller_without_money_sends_nothing(market: Market) -> None:
    poor = market.home / "poor"
    market.chain.party(poor, ether=1)
    place = ["--rpc", market.chain.url, "--deployment", market.chain.deployment]
    common = ["--directory", poor, "--password-file", market.home / "password"]
    ended = market.inside(
        "seller", "list", *common, *place, "--records", market.home / "offer.csv", "--label", LABEL,
        "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    from blindfair.api.keystore import address_of
    from blindfair.chain.development import set_balance
    from blindfair.protocol.quantities import Wei

    account = address_of(poor / "keystore.json")
    assert account is not None
    set_balance(market.chain.web3, account, Wei(10**9))
    broke = market.inside("seller", "announce", *common, "--url", "https://a.example")
    assert broke.code == InsufficientFunds.exit_code and "nothing was sent" in broke.err
    # Serving goes on: its orders matter more.
    service = ["--http", f"127.0.0.1:{free_port()}", "--announce"]
    served = market.inside("seller", "resume", *common, *service)
    assert served.code == 0, served.err
    assert "trouble" in served.err and "InsufficientFunds" in served.err
