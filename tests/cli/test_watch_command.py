"""`blindfair watch` as its owner runs it: the how-to page word by word on a real node, with a seller that cheats."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import requests
from command import Inside
from local_chain import LIGHT, PASSWORD, ROOT, LocalChain, password
from trade import BOND, BUYER_POLICY, GRANT, HandValuer, listing_spec
from web3 import Web3

from bad_nodes import Change, changed
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.context import AgentContext
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.watch.package import WatchPackage, read_head
from blindfair.api.amounts import IN_ETHER
from blindfair.api.keystore import address_of, create_keystore
from blindfair.api.own_records import TableOptions
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.chain.deployment import Deployment
from blindfair.chain.development import DevelopmentChain, mine_every, set_balance
from blindfair.chain.finality import Finality
from blindfair.chain.node import request
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.cli.party.settings import BegunSettings, save
from blindfair.protocol.errors import (
    CannotWrite,
    FileMissing,
    GasCeilingReached,
    GasPriceTooHigh,
    InsufficientFunds,
    InvalidOption,
    MalformedFile,
    NotServed,
)
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, Seconds, Wei
from deep import deep

PAGE = ROOT / "docs" / "how-to" / "watch-your-orders.md"
PURCHASE = PurchaseOptions(
    listing=None, prices=IN_ETHER, budget="1", price_per_record=None, value=None, audit_rows=10, min_audit_rows=10,
    sample_share=0.5, disclosure="per-record", model="logistic", score_bits=3, release_on_chain=False, refund_to=None,
    bandwidth=100.0, fee=None, accept_preprocessing=False,
)  # fmt: skip
DEPTH = 2


def commands(page: Path = PAGE) -> dict[str, list[str]]:
    """The commands of a page that can be pasted, each by the words before its first option."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return {" ".join(takewhile(lambda word: not word.startswith("-"), words)): words for words in lines}


@dataclass
class Cheated:
    """A buyer that has paid a seller that will cheat, in the folders that the page names."""

    chain: LocalChain
    node: DevelopmentChain
    home: Path
    seller: CorruptingSeller
    buyer: Buyer

    def run(self, inside: Inside, words: list[str], *more: str) -> dict[str, Any]:
        """Run a command and return what it writes with --json."""
        ended = inside(*words, *more, "--json", "result.json")
        assert ended.code == 0, ended.err
        return dict(json.loads((self.home / "result.json").read_text()))

    def watcher(self, money: int = GRANT) -> Address:
        """Make the watcher's account, as the page does, with less work for a guess."""
        watcher = create_keystore(Path("watch.json"), PASSWORD, work=LIGHT)
        set_balance(self.chain.web3, watcher, Wei(money))
        return watcher

    def words(self, name: str) -> list[str]:
        """A command of the page, without `blindfair`, for the port of this chain."""
        return [word.replace("8545", str(self.chain.port)) for word in commands()[f"blindfair {name}"][1:]]

    def reveal(self) -> None:
        order = self.offer.struct_hash()
        while self.chain.exchange.order(order).state is not OrderState.REVEALED:
            self.seller.step()
            self.node.mine(1)

    @property
    def offer(self) -> Offer:
        (offer,) = self.seller.offers.values()
        return offer


@pytest.fixture
def cheated(testnet: LocalChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cheated]:
    monkeypatch.chdir(tmp_path)
    deployment = Deployment.from_bytes(testnet.deployment.read_bytes())
    (tmp_path / "deployments").mkdir()
    (tmp_path / "deployments" / "31337.json").write_bytes(testnet.deployment.read_bytes())
    exchange, node = testnet.exchange, DevelopmentChain(testnet.url)
    context = AgentContext(exchange, lambda own, _: FolderTransport(tmp_path / "mail", own), Finality(DEPTH))
    (tmp_path / "testnet").mkdir()
    password(tmp_path / "testnet" / "password")
    seller = CorruptingSeller(tmp_path / "testnet" / "seller", context, listing_spec(), SellerPolicy())
    set_balance(testnet.web3, seller.address, GRANT)
    seller.step()
    home = tmp_path / "testnet" / "buyer"
    policy = replace(BUYER_POLICY, watch_folder=Path("packages"))
    buyer = Buyer(home, context, HandValuer(), policy, seller=seller.address, listing=seller.listing)
    set_balance(testnet.web3, buyer.address, GRANT)
    save(
        home,
        BegunSettings(
            role="buyer", deployment=deployment, rpc=testnet.url, mail=tmp_path / "mail",
            keystore=home / "keystore.json", finality_depth=DEPTH,
            options=BuyerOptions(PURCHASE, TableOptions("label", [], 0)), tables={},
        ),
    )  # fmt: skip
    subprocess.run(commands()["mkdir"], check=True)
    while not buyer.has_paid:
        buyer.step()
        seller.step()
    yield Cheated(testnet, node, tmp_path, seller, buyer)
    seller.close()
    buyer.close()


ONCE = ("--once", "--finality-depth", str(DEPTH))


def test_the_purchase_of_the_page_is_that_of_the_tutorial() -> None:
    """Which another test follows; here it hands its packages over."""
    evaluate = commands(ROOT / "docs" / "tutorials" / "two-machines.md")["blindfair buyer evaluate"]
    assert commands()["blindfair buyer evaluate"] == [*evaluate, "--watch-packages", "packages"]


@pytest.mark.deep
def test_the_page_is_followed_and_the_money_comes_back(cheated: Cheated, inside: Inside) -> None:
    assert [*commands()] == [
        "mkdir", "blindfair buyer evaluate", "blindfair buyer watch-package", "blindfair account create",
        "blindfair watch", "blindfair watch-status",
    ]  # fmt: skip
    # The buyer's agent holds its directory meanwhile.
    cheated.run(inside, cheated.words("buyer watch-package"))
    assert [path.read_bytes() for path in Path("packages").iterdir()] == [Path("order.watch").read_bytes()]
    cheated.run(inside, cheated.words("account create"))
    watcher = address_of(Path("watch.json"))
    assert watcher is not None
    give_money(cheated, watcher)
    had = cheated.chain.exchange.balance(watcher)
    assert had == 10**18
    assert Path("order.watch").stat().st_mode & 0o777 == 0o600
    before = cheated.chain.exchange.balance(cheated.buyer.address)
    cheated.buyer.close()

    watch = cheated.words("watch")
    locked = inside(*watch, *ONCE)
    assert locked.code == 0, locked.err
    told = " ".join(locked.err.split())
    assert "this machine can read that delivery" in told
    assert "knows no scores and cannot check them" in told
    assert "a dispute costs up to 0.0" in told
    cheated.reveal()
    first = cheated.run(inside, watch, *ONCE)
    assert [order["state"] for order in first["orders"]] == ["Open"]
    # From here on blocks come by themselves, and without a folder the command ends when the end is final.
    place = watch.index("--packages")
    watch[place : place + 2] = ["--package", "order.watch"]
    mine_every(cheated.chain.web3, Seconds(1))
    try:
        result = cheated.run(inside, watch, "--finality-depth", str(DEPTH), "--poll", "0.05")
    finally:
        mine_every(cheated.chain.web3, Seconds(0))
    (order,) = result["orders"]
    assert order == {
        "order": f"0x{cheated.offer.struct_hash().hex()}",
        "reason": "chunk 10 is not the committed one; this watcher proved it",
        "state": "Refunded",
    }
    assert cheated.chain.exchange.balance(cheated.buyer.address) - before == cheated.offer.price + BOND
    assert result["transactions"] == 1
    assert had - cheated.chain.exchange.balance(watcher) == int(result["fees_wei"]) == int(result["gas_wei"])
    status = cheated.run(inside, cheated.words("watch-status"))
    assert (status["orders"], status["account"]) == (result["orders"], watcher)
    assert "watcher, a watcher's;" in " ".join(inside("doctor", "--directory", "watcher").out.split())


def give_money(cheated: Cheated, watcher: Address) -> None:
    """Send what the page pastes to curl, which this shell prints."""
    [block] = re.findall(r"^```text\n(ADDRESS=.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    pasted = 'curl() { printf %s "${!#}"; }\n' + block.replace("0x...", watcher)
    sent = json.loads(subprocess.run(["bash", "-ec", pasted], capture_output=True, text=True, check=True).stdout)
    request(cheated.chain.web3, sent["method"], *sent["params"])


def test_a_ceiling_and_an_empty_account_are_told_at_the_start_and_end_the_command(
    cheated: Cheated, inside: Inside
) -> None:
    watcher = cheated.watcher(money=0)
    words = cheated.words("watch")
    words[words.index("--gas-ceiling") + 1] = "0.000000001"
    warned = inside(*words, *ONCE)
    assert warned.code == InsufficientFunds.exit_code
    assert warned.err.index("trouble") < warned.err.index("error: InsufficientFunds")
    set_balance(cheated.chain.web3, watcher, GRANT)
    assert inside(*words, *ONCE).code == GasCeilingReached.exit_code
    cheated.reveal()
    ended = inside(*words, *ONCE, "--json", "result.json")
    assert ended.code == GasCeilingReached.exit_code
    assert "error: GasCeilingReached" in ended.err
    assert "--gas-ceiling" in ended.err
    assert json.loads(Path("result.json").read_text())["gas_wei"] == "0"
    assert cheated.chain.exchange.balance(watcher) == GRANT


@pytest.mark.deep
def test_a_price_of_gas_above_the_most_is_told_at_the_start_and_nothing_is_sent(
    cheated: Cheated, inside: Inside
) -> None:
    watcher = cheated.watcher()
    most = ["--max-gas-price", "2"]
    # Each block that comes by itself makes gas cheaper: on a slow machine it would soon cost less than the most.
    mine_every(cheated.chain.web3, Seconds(0))
    try:
        set_base_fee(cheated.chain.web3, 10 * 10**9)
        cheated.node.mine(1)
        warned = inside(*cheated.words("watch"), *most, *ONCE)
        assert warned.code == GasPriceTooHigh.exit_code
        assert warned.err.index("trouble") < warned.err.index("error: GasPriceTooHigh")
        assert "--max-gas-price GWEI" in warned.err
        set_base_fee(cheated.chain.web3, 10**8)
        cheated.reveal()
        set_base_fee(cheated.chain.web3, 10 * 10**9)
        cheated.node.mine(1)
        assert inside(*cheated.words("watch"), *most, *ONCE).code == GasPriceTooHigh.exit_code
        assert cheated.chain.exchange.balance(watcher) == GRANT
        assert state(cheated) is OrderState.REVEALED
        set_base_fee(cheated.chain.web3, 10**8)
        cheated.node.mine(1)
        assert inside(*cheated.words("watch"), *most, *ONCE).code == 0
        assert state(cheated) is OrderState.REFUNDED
    finally:
        set_base_fee(cheated.chain.web3, 10**8)
        cheated.node.mine(1)
    inside(*cheated.words("watch"), "--max-gas-price", "0").failed(InvalidOption, "at least 1 gwei")


def state(cheated: Cheated) -> OrderState:
    return cheated.chain.exchange.order(cheated.offer.struct_hash()).state


def set_base_fee(web3: Web3, fee: int) -> None:
    """What a unit of gas costs in the next block."""
    request(web3, "hardhat_setNextBlockBaseFeePerGas", hex(fee))


def test_a_bad_package_has_its_own_exit_code_and_the_good_one_is_watched(cheated: Cheated, inside: Inside) -> None:
    cheated.watcher()
    Path("bad.watch").write_bytes(b"something else")
    ended = inside(*cheated.words("watch"), "--package", "bad.watch", *ONCE, "--json", "result.json")
    assert ended.code == MalformedFile.exit_code
    assert "Traceback" not in ended.err
    result = json.loads(Path("result.json").read_text())
    assert [(each["error"], each["file"]) for each in result["refused"]] == [("MalformedFile", "bad.watch")]
    assert [order["state"] for order in result["orders"]] == ["Open"]


def test_a_folder_gets_a_package_for_each_order(cheated: Cheated, inside: Inside) -> None:
    Path("handed").mkdir()
    ended = inside("buyer", "watch-package", "--directory", "testnet/buyer", "--to", "handed", "--json", "result.json")
    assert ended.code == 0, ended.err
    assert [path.name for path in Path("handed").iterdir()] == [f"{cheated.offer.struct_hash().hex()}.watch"]


def test_the_package_of_another_order_is_not_overwritten(cheated: Cheated, inside: Inside) -> None:
    Path("kept").mkdir()
    written, other = Path("kept", "own.watch"), Path("kept", "other.watch")
    command = ("buyer", "watch-package", "--directory", "testnet/buyer", "--to")
    for _ in range(2):
        ended = inside(*command, written)
        assert ended.code == 0, ended.err
    assert f"blindfair watch --package {written} --directory DIR" in " ".join(ended.out.split() + ended.err.split())
    head = read_head(written)
    WatchPackage(replace(head, offer=replace(head.offer, price=Wei(head.offer.price + 1))), (), ()).write(other)
    before = other.read_bytes()
    inside(*command, other).failed(CannotWrite, "holds the package of another order")
    assert other.read_bytes() == before


@pytest.mark.deep
def test_the_package_of_an_order_that_has_ended_is_said_to_be_of_no_use(cheated: Cheated, inside: Inside) -> None:
    """Its key is public by then, and `blindfair watch` would find nothing to do."""
    assert [each["ended"] for each in cheated.run(inside, cheated.words("buyer watch-package"))["packages"]] == [None]
    while cheated.buyer.outcome is None:
        cheated.seller.step()
        cheated.buyer.step()
        cheated.node.mine(1)
    ended = inside(*cheated.words("buyer watch-package"), "--json", "result.json")
    said = " ".join(ended.out.split())
    assert f"order 0x{cheated.offer.struct_hash().hex()}" in said
    assert "that order has ended, Refunded" in said
    assert "blindfair watch" not in said
    assert "not before" not in said
    (packed,) = json.loads(Path("result.json").read_text())["packages"]
    assert (packed["part"], packed["ended"]) == ("whole", "Refunded")


def test_what_cannot_be_watched_is_said(cheated: Cheated, inside: Inside) -> None:
    cheated.watcher()
    words = cheated.words("watch")
    place = words.index("--packages")
    nothing = words[:place] + words[place + 2 :]
    inside(*nothing, *ONCE).failed(InvalidOption, "--package FILE or --packages FOLDER")
    assert inside(*nothing, "--packages", "none", *ONCE).code == FileMissing.exit_code
    assert inside("watch-status", "--directory", "none").code == FileMissing.exit_code
    assert inside(*words, "--package", "none.watch", *ONCE).code == FileMissing.exit_code


@pytest.mark.deep
def test_a_folder_that_others_write_into_needs_the_accounts_that_are_served(cheated: Cheated, inside: Inside) -> None:
    """Else whoever writes there makes the watcher pay the gas of orders of its own."""
    cheated.watcher()
    Path("packages").chmod(0o777)
    words = [*cheated.words("watch"), *ONCE]
    refused = inside(*words)
    assert refused.code == InvalidOption.exit_code
    assert "Others may write into" in refused.err
    assert "--for" in refused.err
    stranger = inside(*words, "--for", "0x" + "11" * 20)
    assert stranger.code == NotServed.exit_code
    for said in (stranger.out, stranger.err):
        assert f"--for {cheated.buyer.address}" in " ".join(said.split())
    assert inside(*words, "--for", cheated.buyer.address, "--account-gas", "0.01").code == 0


# --- three nodes, one of which lies --------------------------------------------------------------------------------


def hides_the_reveal(cheated: Cheated) -> Change:
    """A node that calls the order locked for ever, and has no logs of the key."""
    revealed, locked = (each.value.to_bytes(32).hex() for each in (OrderState.REVEALED, OrderState.LOCKED))

    def change(request: dict[str, Any], result: Any) -> Any:
        if request["method"] == "eth_getLogs":
            return []
        is_order = request["method"] == "eth_call" and len(result) == 2 + 2 * 64 and result[2:66] == revealed
        return f"0x{locked}{2**40:064x}" if is_order else result

    return change


def stays_behind(cheated: Cheated) -> Change:
    """A node whose latest block is for ever the one before the reveal, with the state of that time."""
    url, own = cheated.chain.url, hex(cheated.chain.exchange.height())

    def change(request: dict[str, Any], result: Any) -> Any:
        if request["method"] == "eth_blockNumber":
            return own
        if request["method"] == "eth_getLogs":
            return []
        if "latest" not in request["params"]:
            return result
        params = [own if value == "latest" else value for value in request["params"]]
        return requests.post(url, json=request | {"params": params}, timeout=20).json()["result"]

    return change


@pytest.mark.parametrize("lie", [hides_the_reveal, *deep(stays_behind)])
def test_one_node_of_three_that_lies_keeps_no_watcher_from_its_dispute(
    lie: Callable[[Cheated], Change], cheated: Cheated, inside: Inside
) -> None:
    watcher = cheated.watcher()
    change = lie(cheated)
    cheated.reveal()
    words = cheated.words("watch")
    directory, rpc = words.index("--directory") + 1, words.index("--rpc")
    with changed(cheated.chain.url, change) as liar, changed(cheated.chain.url, lambda _, result: result) as other:
        # Whom nobody contradicts is believed: there is nothing to do, and the window goes by.
        alone = [*words[:rpc], "--rpc", liar, *words[rpc + 2 :]]
        alone[directory] = "misled"
        assert inside(*alone, *ONCE).code == 0
        assert (state(cheated), cheated.chain.exchange.balance(watcher)) == (OrderState.REVEALED, GRANT)
        several = inside(*words, "--rpc", liar, "--rpc", other, *ONCE)
    assert several.code == 0, several.err
    assert state(cheated) is OrderState.REFUNDED
    assert cheated.chain.exchange.balance(watcher) < GRANT
