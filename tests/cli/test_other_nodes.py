"""The commands on chains and nodes that differ from Ethereum's own: served, or refused in words at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from command import Ended, Inside
from local_chain import LocalChain
from real_tables import LABEL, tumours, write_csv

from bad_nodes import NO_FINAL, bad_node, changed, forward, http, no_final, of_blocks, pruned_before, without
from blindfair.api.listing_options import ListingOptions
from blindfair.cli.buyer.find import the_listing
from blindfair.cli.options import Resumed
from blindfair.cli.party.settings import load, resumed_settings
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.quantities import ListingId

POA = of_blocks(extraData="0x" + "d8" * 97)


@dataclass(frozen=True)
class Seller:
    """A seller who has not begun."""

    chain: LocalChain
    path: Path
    inside: Inside

    def lists(self, rpc: str, *more: object) -> Ended:
        """`seller list`."""
        return self.inside(
            "seller", "list", "--directory", self.path / "seller", "--records", self.path / "offer.csv",
            "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
            "--mail", self.path / "mail", "--rpc", rpc, "--deployment", self.chain.deployment,
            "--password-file", self.path / "password", *more,
        )  # fmt: skip

    def find(self, rpc: str, *more: object) -> Ended:
        """`buyer find`, from the chain alone."""
        return self.inside("buyer", "find", "--rpc", rpc, "--deployment", self.chain.deployment, *more)

    def deploy(self, rpc: str) -> Ended:
        """`deploy`, which finds the contract that is there."""
        keystore = self.path / "seller" / "keystore.json"
        return self.inside(
            "deploy", "--rpc", rpc, "--chain-id", 31337, "--keystore", keystore, "--password-file",
            self.path / "password", "--deployments", self.path / "deployments", "--json", "-",
        )  # fmt: skip


@pytest.fixture
def seller(testnet: LocalChain, tmp_path: Path, inside: Inside) -> Seller:
    write_csv(tmp_path / "offer.csv", *_header_and_rows(tmp_path))
    testnet.party(tmp_path / "seller")
    return Seller(testnet, tmp_path, inside)


def _header_and_rows(folder: Path) -> tuple[list[str], list[list[str]]]:
    header, *rows = [line.split(",") for line in tumours(folder / "all.csv").read_text().splitlines()]
    return header, rows[:60]


def test_a_chain_of_other_blocks_is_served_without_a_word(seller: Seller) -> None:
    def change(request: dict[str, Any], result: Any) -> Any:
        return without("eth_maxPriorityFeePerGas", "eth_feeHistory")(request, POA(request, result))

    with changed(seller.chain.url, change) as url:
        ended = seller.lists(url)
        assert ended.code == 0, ended.err
        assert "Warning" not in ended.err
        assert json.loads(seller.deploy(url).out) == json.loads(seller.deploy(seller.chain.url).out)


def test_a_chain_without_a_base_fee_is_refused_at_once(seller: Seller) -> None:
    with changed(seller.chain.url, of_blocks(baseFeePerGas=None)) as url:
        for ended in (seller.lists(url), seller.deploy(url)):
            ended.failed(InvalidOption, "EIP-1559", "--rpc")


@pytest.mark.parametrize("name", NO_FINAL)
def test_without_final_blocks_the_option_is_named_at_once_and_helps(name: str, seller: Seller) -> None:
    with changed(seller.chain.url, no_final(NO_FINAL[name])) as url:
        seller.lists(url).failed(InvalidOption, "--finality-depth 64")
        ended = seller.lists(url, "--finality-depth", 1)
        assert ended.code == 0, ended.err
    directory = seller.path / "seller"
    assert load(directory, ListingOptions).finality_depth == 1
    assert resumed_settings(ListingOptions, Resumed(directory)).finality_depth == 1
    assert resumed_settings(ListingOptions, Resumed(directory, finality_depth=7)).finality_depth == 7


def test_a_listing_is_found_by_its_number_on_a_node_without_old_logs(seller: Seller) -> None:
    assert seller.lists(seller.chain.url).code == 0
    event = seller.chain.exchange.listings()[-1]
    number = "0x" + event.listing.hex()
    (complete,) = json.loads(seller.find(seller.chain.url, "--listing", number, "--json", "-").out)["listings"]
    assert complete == {
        "announced": None, "block": event.block_number, "listing": number, "manifest": None, "seller": event.seller,
    }  # fmt: skip
    for _ in range(3):
        requests.post(
            seller.chain.url, json={"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []}, timeout=20
        )
    with changed(seller.chain.url, pruned_before(event.block_number + 1)) as url:
        seller.find(url).failed(NodeFailure, "--listing NUMBER")
        ended = seller.find(url, "--listing", number, "--json", "-")
        assert json.loads(ended.out)["listings"] == [complete | {"block": None}]
        through = LocalChain(int(url.rpartition(":")[2]), seller.chain.home).exchange
        assert the_listing(through, event.listing).seller == event.seller
        seller.find(url, "--listing", "0x" + "09" * 32).failed(InvalidOption, "no such listing")
        seller.find(url, "--listing", "9").failed(InvalidOption, "64 hexadecimal digits")
        with pytest.raises(InvalidOption):
            the_listing(through, ListingId(b"\x09" * 32))


def test_a_node_that_is_asked_too_often_is_waited_for_and_that_is_said(seller: Seller) -> None:
    def busy(request: dict[str, Any], number: int) -> bytes:
        limit = http(b"Too many requests", "429 Too Many Requests", extra="Retry-After: 0\r\n")
        return limit if number % 3 == 0 else forward(seller.chain.url, request)

    with bad_node(busy) as node:
        ended = seller.find(node.url + "/v3/0123abcdef")
        assert ended.code == 0, ended.err
        assert ended.err.count("is asked too often") == 1
        assert "0123abcdef" not in ended.err
        listed = seller.lists(node.url + "/v3/0123abcdef")
        assert listed.code == 0, listed.err
        assert "0123abcdef" not in listed.err + listed.out
