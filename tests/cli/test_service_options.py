"""The commands over HTTP: which options go together, what a wrong URL leads to, and what a directory remembers."""

import csv
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from command import COMMAND, Ended, Inside
from local_chain import LocalChain, shell, wait_for
from real_tables import LABEL, tumours, write_csv

from blindfair.agents.policy import SellerPolicy
from blindfair.api.connection import connect
from blindfair.api.listing_options import ListingOptions
from blindfair.cli.party.begun import SETTINGS
from blindfair.cli.party.settings import load
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.protocol.errors import InvalidOption, ServiceUnreachable, WrongService
from blindfair.protocol.fields import hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.signing import Domain
from ports import free_port


@dataclass(frozen=True)
class Pair:
    """A seller with a listing and a buyer, without a folder that they share."""

    chain: LocalChain
    home: Path
    inside: Inside

    def common(self, name: str) -> list[object]:
        return ["--directory", self.home / name, "--password-file", self.home / "password"]

    @property
    def place(self) -> list[object]:
        return ["--rpc", self.chain.url, "--deployment", self.chain.deployment]

    def sell(self, name: str) -> None:
        self.chain.party(self.home / name)
        ended = self.inside(
            "seller", "list", *self.common(name), *self.place, "--records", self.home / "offer.csv", "--label", LABEL,
            "--price-per-record", "0.001", "--licence", "any", "--consent", "public", "--opened-share", "0.5",
        )  # fmt: skip
        assert ended.code == 0, ended.err

    def evaluate(self, *more: object) -> Ended:
        return self.evaluate_only_one("--listing", self.listing, *more)

    def evaluate_only_one(self, *more: object) -> Ended:
        return self.inside(
            "buyer", "evaluate", *self.common("buyer"), *self.place, "--own", self.home / "own.csv", "--label", LABEL,
            "--budget", "0.05", "--audit-rows", "10", *more,
        )  # fmt: skip

    @property
    def listing(self) -> str:
        ended = self.inside("seller", "status", "--directory", self.home / "seller", "--json", "-")
        return str(json.loads(ended.out)["listing"])

    def settings(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.home / name / SETTINGS).read_bytes()))


@pytest.fixture(scope="module")
def pair(testnet: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    home = tmp_path_factory.mktemp("over http")
    with tumours(home / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(home / "offer.csv", header, rows[:300])
    write_csv(home / "own.csv", header, rows[300:])
    testnet.party(home / "buyer")
    found = Pair(testnet, home, Inside())
    found.sell("seller")
    return found


@pytest.fixture(scope="class")
def url(pair: Pair) -> Iterator[str]:
    """The URL of the seller that serves, for one test or the tests of one class."""
    with served(pair) as found:
        yield found


@contextmanager
def served(pair: Pair) -> Iterator[str]:
    port = free_port()
    command = shlex.join(
        map(str, [COMMAND, "seller", "serve", *pair.common("seller"), "--http", f"127.0.0.1:{port}", "--poll", "0.1"])
    )
    told = pair.home / "told"
    with shell(f"exec {command}", pair.home, told) as process:
        wait_for("serves", told, process)
        # A service that was started again gives nobody a burst of requests at once.
        time.sleep(1.5)
        yield f"http://127.0.0.1:{port}"
    assert process.returncode == 0, told.read_text()


def test_the_limit_of_bonds_is_changed_while_serving_and_remembered(pair: Pair) -> None:
    before = pair.settings("seller")
    assert before["options"]["max_bonds"] == "1"
    more = ("--poll", "0.1", "--json", "-")
    for wrong in ("-1", "plenty"):
        pair.inside("seller", "resume", *pair.common("seller"), "--max-bonds", wrong).failed(
            InvalidOption, "--max-bonds"
        )
    assert pair.settings("seller") == before
    assert pair.inside("seller", "resume", *pair.common("seller"), *more, "--max-bonds", "2.5").code == 0
    assert pair.settings("seller")["options"] == {**before["options"], "max_bonds": "2.5"}
    assert load(pair.home / "seller", ListingOptions).options.policy().max_bonds == 25 * 10**17
    again = pair.inside("seller", "resume", *pair.common("seller"), *more)
    assert again.code == 0
    assert "bonds of all open offers 2.5 ether" in " ".join(again.err.split())
    assert pair.settings("seller")["options"]["max_bonds"] == "2.5"


def test_the_limit_of_memory_is_changed_while_serving_and_remembered(pair: Pair) -> None:
    before = pair.settings("seller")
    assert load(pair.home / "seller", ListingOptions).options.policy().max_memory == SellerPolicy().max_memory == 2**32
    for wrong in ("0", "-1", "nan", "1e9", "0.0009"):
        pair.inside("seller", "resume", *pair.common("seller"), "--max-memory", wrong).failed(
            InvalidOption, "--max-memory"
        )
    assert pair.settings("seller") == before
    more = ("--poll", "0.1", "--json", "-")
    changed = pair.inside("seller", "resume", *pair.common("seller"), *more, "--max-memory", "0.5")
    assert changed.code == 0
    assert "memory of a request 0.5 GiB" in " ".join(changed.err.split())
    assert pair.settings("seller")["options"] == {**before["options"], "max_memory": 0.5}
    assert load(pair.home / "seller", ListingOptions).options.policy().max_memory == 2**29


def test_a_seller_without_a_folder_has_its_mail_in_its_directory(pair: Pair) -> None:
    assert pair.settings("seller")["mail"] == str(pair.home / "seller" / "mail")
    assert pair.settings("seller")["at"] is None


class TestAServiceThatWasStartedOnce:
    def test_a_seller_says_its_url_and_what_strangers_cost(self, pair: Pair, url: str) -> None:
        told = " ".join((pair.home / "told").read_text().split())
        assert f"buyers use --at {url}" in told
        assert "a stranger's request costs at most" in told and "4,096 bytes of disk" in told
        answers = re.search(
            r"the answer to an inquiry takes ([\d,]+) bytes of disk .*?; ([\d,]+) an hour go to all", told
        )
        assert answers is not None
        size, count = (int(number.replace(",", "")) for number in answers.groups())
        assert 1000 < size < 100_000 and count == 2**30 // size
        assert "without TLS" not in told

    def test_what_a_service_lists_is_shown_without_an_account(self, pair: Pair, url: str) -> None:
        ended = pair.inside("buyer", "find", "--at", url, *pair.place, "--json", "-")
        assert ended.code == 0, ended.err
        (found,) = json.loads(ended.out)["listings"]
        assert found["listing"] == pair.listing and found["manifest"] is not None
        shown = pair.inside("buyer", "find", "--at", url, *pair.place)
        assert "300 records" in shown.out
        named = pair.inside("buyer", "find", "--at", url, *pair.place, "--listing", pair.listing, "--json", "-")
        assert len(json.loads(named.out)["listings"]) == 1

    def test_a_listing_that_is_not_committed_yet_hides_no_other(self, pair: Pair, url: str, tmp_path: Path) -> None:
        """Another service of the same seller shows a listing more, and shows it first."""
        answer = requests.get(f"{url}/v1/listings/{pair.listing}", timeout=30)
        manifest = Manifest.from_document(answer.json())
        early = next(
            found
            for number in range(1000)
            if (found := replace(manifest, description=f"draft {number}")).listing < manifest.listing
        )
        domain = Domain(pair.chain.exchange.chain_id, pair.chain.exchange.address)
        listings = {hex_text(each.listing): each for each in (early, manifest)}
        options = ServiceOptions(f"127.0.0.1:{free_port()}")
        mail = tmp_path / "mail"
        with HttpService(options, mail=mail, seller=manifest.seller, domain=domain, listings=listings) as service:
            ended = pair.inside("buyer", "find", "--at", service.url, *pair.place, "--json", "-")
            assert ended.code == 0, ended.err
            told = json.loads(ended.out)
            assert [one["listing"] for one in told["listings"]] == [pair.listing]
            (bad,) = told["left_out"]
            assert bad["listing"] == hex_text(early.listing) and "was never committed to" in bad["reason"]
            shown = " ".join(pair.inside("buyer", "find", "--at", service.url, *pair.place).out.split())
            assert "300 records" in shown and f"left out {hex_text(early.listing)}: " in shown

    def test_a_buyer_needs_the_url_alone_and_remembers_it(self, pair: Pair, url: str) -> None:
        pair.sell("another")
        pair.evaluate_only_one().failed(InvalidOption, "not clear which listing")
        # Of several listings on chain the service has one.
        ended = pair.evaluate_only_one("--at", f"{url}/", "--poll", "0.1")
        assert ended.code == 0, ended.err
        assert "makes the query" in ended.err
        assert pair.settings("buyer")["options"]["listing"] == pair.listing
        assert pair.settings("buyer")["at"] == url
        again = pair.inside("buyer", "resume", *pair.common("buyer"), "--poll", "0.1")
        assert again.code == 0, again.err
        following = f"blindfair buyer buy --directory {shlex.quote(str(pair.home / 'buyer'))}"
        assert following in " ".join(again.out.split())
        doctor = pair.inside("doctor", "--directory", pair.home / "buyer", "--json", "-")
        (service,) = [check for check in json.loads(doctor.out)["checks"] if check["check"] == "service"]
        assert service["ok"] and url in service["found"]


@pytest.mark.deep
def test_a_service_that_was_moved_is_named_again(pair: Pair) -> None:
    # Begun by the tests above, where they run too: an account has one evaluation.
    if not (pair.home / "buyer" / SETTINGS).exists():
        with served(pair) as former:
            assert pair.evaluate_only_one("--at", former, "--poll", "0.1").code == 0
    with served(pair) as url:
        assert pair.settings("buyer")["at"] != url
        moved = pair.inside("buyer", "resume", *pair.common("buyer"), "--at", url, "--poll", "0.1")
        assert moved.code == 0, moved.err
        assert pair.settings("buyer")["at"] == url
        both = pair.inside("buyer", "resume", *pair.common("buyer"), "--at", url, "--mail", pair.home / "folder")
        both.failed(InvalidOption, "--mail FOLDER or --at URL")
        assert pair.settings("buyer")["at"] == url


def test_a_way_to_the_seller_is_needed_and_one_is_enough(pair: Pair, tmp_path: Path, nowhere: str) -> None:
    other = ["--directory", tmp_path / "buyer"]
    pair.evaluate(*other).failed(InvalidOption, "--at URL or --mail FOLDER")
    pair.evaluate(*other, "--at", nowhere, "--mail", tmp_path / "mail").failed(InvalidOption, "one way")
    both = pair.inside("buyer", "find", "--at", nowhere, "--mail", tmp_path / "mail", *pair.place)
    both.failed(InvalidOption, "one way")
    assert not (tmp_path / "buyer").exists()


@pytest.fixture
def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_a_wrong_url_is_told_before_anything_is_begun(pair: Pair, tmp_path: Path, nowhere: str) -> None:
    """Nothing there, something else there, and no URL."""
    other = ["--directory", tmp_path / "buyer", "--keystore", pair.home / "buyer" / "keystore.json"]
    commands: list[Callable[[str], Ended]] = [
        lambda at: pair.evaluate(*other, "--at", at),
        lambda at: pair.inside("buyer", "find", "--at", at, *pair.place),
    ]
    for command in commands:
        command(nowhere).failed(ServiceUnreachable, nowhere)
        # The node of the chain speaks HTTP, and is no service.
        command(pair.chain.url).failed(WrongService, "check the URL")
        command("http://user:secret@127.0.0.1").failed(InvalidOption, "no user name, password")
        command("ftp://127.0.0.1").failed(InvalidOption, "--at")
    assert not (tmp_path / "buyer").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--public-url", "https://a.example"], "--http HOST:PORT"),
        (["--tls-cert", "a", "--tls-key", "b"], "--http HOST:PORT"),
        (["--http", "0.0.0.0:8440"], "--public-url"),
        (["--http", "8440"], "HOST:PORT"),
        (["--http", "127.0.0.1:8440", "--tls-cert", "a"], "--tls-cert FILE --tls-key FILE"),
        (["--http", "127.0.0.1:8440", "--tls-cert", "a", "--tls-key", "b"], "--tls-cert"),
        (["--http", "127.0.0.1:8440", "--public-url", "https://a.example/?k=1"], "--public-url"),
    ],
)
def test_options_of_a_service_that_do_not_fit_are_told_at_once(pair: Pair, options: list[str], word: str) -> None:
    pair.inside("seller", "serve", *pair.common("seller"), *options).failed(InvalidOption, word)


def test_a_port_that_is_taken_is_told(pair: Pair) -> None:
    taken = f"127.0.0.1:{pair.chain.port}"
    pair.inside("seller", "serve", *pair.common("seller"), "--http", taken).failed(InvalidOption, "--http", taken)


def test_in_python_a_way_is_needed_too(pair: Pair) -> None:
    with pytest.raises(InvalidOption, match="`mail` or `at`"):
        connect(pair.chain.url, deployment=pair.chain.deployment, account=None)
    with pytest.raises(InvalidOption, match="`at`"):
        connect(pair.chain.url, deployment=pair.chain.deployment, at="a.example", account=None)
