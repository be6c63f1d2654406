"""Prices in a token: counted as the token says, called by a name that deceives nobody, and in nothing but a token."""

import csv
import json
from pathlib import Path

import pytest
from command import Inside
from local_chain import LocalChain
from real_tables import LABEL, tumours, write_csv
from web3.types import RPCEndpoint

from blindfair.api.amounts import IN_ETHER, Money
from blindfair.chain.abi import encode_call
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.exchange import DataExchange
from blindfair.cli.party.money import chosen_money, money_of
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.quantities import ETHER, Address


def says(chain: LocalChain, place: Address, decimals: int, symbol: bytes) -> Address:
    """Code that answers `decimals()` with a number, and anything else with a string of at most 32 bytes."""
    selector = encode_call(({"type": "function", "name": "decimals", "inputs": [], "outputs": []},), "decimals")[:4]
    answer = (32).to_bytes(32, "big") + len(symbol).to_bytes(32, "big") + symbol.ljust(32, b"\0")
    code = bytes.fromhex("5f3560e01c63") + selector + bytes.fromhex("1460")
    number = bytes([0x60, decimals]) + bytes.fromhex("5f5260205ff3")
    text = b"".join(
        b"\x7f" + answer[start : start + 32] + bytes([0x60, start, 0x52]) for start in range(0, 96, 32)
    ) + bytes.fromhex("60605ff3")
    code += bytes([len(code) + 2 + len(text)]) + b"\x57" + text + b"\x5b" + number
    chain.web3.provider.make_request(RPCEndpoint("hardhat_setCode"), [place, "0x" + code.hex()])
    return place


def place(number: int) -> Address:
    return Address("0x" + f"{number:02x}" * 20)


@pytest.mark.parametrize(
    ("symbol", "shown"),
    [(b"USDC", "USDC"), (b"ETH", None), (b"ether", None), (b"\x1b[31mDAI", None), (b"", None), (b"A" * 12, None)],
)
def test_a_token_is_counted_as_it_says_and_called_by_a_plain_name(
    symbol: bytes, shown: str | None, testnet: LocalChain
) -> None:
    token = says(testnet, place(0xA1), 6, symbol)
    assert money_of(testnet.exchange, token) == Money(token, 6, shown or token)


def test_a_name_that_cannot_be_read_is_none(testnet: LocalChain, monkeypatch: pytest.MonkeyPatch) -> None:
    token = says(testnet, place(0xA2), 0, b"X")

    def fail(self: DataExchange, token: Address) -> str:
        raise NodeFailure("nonsense")

    monkeypatch.setattr(DataExchange, "token_symbol", fail)
    assert money_of(testnet.exchange, token).unit == token


def test_what_is_no_token_is_no_money(testnet: LocalChain) -> None:
    for token in (testnet.exchange.address, place(0xA3), says(testnet, place(0xA4), 77, b"MANY")):
        with pytest.raises(InvalidOption):
            chosen_money(token, testnet.url, testnet.deployment)
    with pytest.raises(InvalidOption, match="`token`"):
        chosen_money("PMT", testnet.url, testnet.deployment)
    # Ether needs no node.
    assert chosen_money(None, "nowhere", Path("nothing")) == chosen_money(ETHER, "", Path("nothing")) == IN_ETHER


def test_a_listing_in_a_token_says_so_everywhere(testnet: LocalChain, tmp_path: Path, inside: Inside) -> None:
    token = says(testnet, place(0xA5), 2, b"CNT")
    testnet.party(tmp_path / "seller")
    with tumours(tmp_path / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(tmp_path / "offer.csv", header, rows[:60])
    defaults: list[object] = [
        "seller", "list", "--directory", tmp_path / "seller", "--password-file", tmp_path / "password", "--mail",
        tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment, "--records",
        tmp_path / "offer.csv", "--label", LABEL, "--licence", "any", "--consent", "public", "--token", token,
    ]  # fmt: skip
    finer = inside(*defaults, "--price-per-record", "0.001")
    finer.failed(InvalidOption, "at most 2 after the point", "CNT")
    ended = inside(*defaults, "--price-per-record", "0.25")
    assert ended.code == 0, ended.err
    assert "at least 0.25 CNT each" in ended.out
    assert token in ended.out
    listed = json.loads(inside(*defaults, "--price-per-record", "0.25", "--json", "-").out)
    assert (listed["token"], listed["reserve_price_wei"]) == (token, "25")
    ether = [part for part in defaults if part not in ("--token", token)]
    inside(*ether, "--price-per-record", "0.25").failed(InvalidOption, "begun with other options")


def test_the_test_token_of_the_local_chain_takes_permits(testnet: LocalChain) -> None:
    told = (testnet.home / "told").read_text()
    token = Address(told.partition("token     ")[2][:42])
    assert chosen_money(token, testnet.url, testnet.deployment) == Money(token, 18, "PMT")
    for name in ("seller", "buyer"):
        keystore = json.loads((testnet.home / "testnet" / name / "keystore.json").read_text())
        whose = Address("0x" + keystore["address"].lower())
        assert testnet.exchange.balance(whose, token) == 100 * 10**18
        assert len(testnet.exchange.permit_domain(whose, token)[0]) == 32
    assert load_artifact("PermitToken").abi
