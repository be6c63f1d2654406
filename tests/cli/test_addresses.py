"""An address in mixed case carries a checksum (EIP-55), and one that does not match is refused wherever it is read."""

import json
from pathlib import Path

import pytest
from command import Inside

from blindfair.api.addresses import parse_address
from blindfair.api.keystore import address_of
from blindfair.chain.deployment import Deployment
from blindfair.protocol.errors import InvalidOption, MalformedFile

OFFICIAL = (
    # The examples of EIP-55.
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)
MISTYPED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAee"
"""The fifth with another last digit."""


@pytest.mark.parametrize("text", OFFICIAL)
def test_the_examples_of_the_standard_are_read(text: str) -> None:
    for form in (text, text.lower(), "0x" + text[2:].upper(), "0X" + text[2:], text[2:]):
        assert parse_address(form) == text.lower()


@pytest.mark.parametrize("option", ["to", "pay_to", "refund_to", "buyers", "token"])
@pytest.mark.parametrize("text", [MISTYPED, OFFICIAL[4].replace("aA", "AA", 1), OFFICIAL[4].swapcase()])
def test_a_mistyped_address_is_refused_and_the_option_named(option: str, text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_address(text, option)
    assert (caught.value.option, caught.value.what.split(" ")[0]) == (option, f"`{option}`")


@pytest.mark.parametrize("text", ["", "0x", "0x" + "1" * 39, "0x" + "1" * 41, "0x" + "g" * 40, "0x0x" + "1" * 38])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match="not an address"):
        parse_address(text)


def deployment(address: str) -> bytes:
    fields = {"address": address, "block": 1, "chain_id": 31337, "code_hash": "0x" + "00" * 32, "compiler": "0.8.30"}
    return json.dumps(fields).encode()


def test_the_contract_in_a_deployment_file_is_checked() -> None:
    assert Deployment.from_bytes(deployment(OFFICIAL[4])).address == OFFICIAL[4].lower()
    with pytest.raises(MalformedFile, match="mistyped"):
        Deployment.from_bytes(deployment(MISTYPED))


def test_the_address_in_a_keystore_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps({"version": 3, "address": MISTYPED, "crypto": {}}))
    with pytest.raises(MalformedFile, match="mistyped"):
        address_of(path)


def test_options_of_every_command_are_checked_before_anything_is_done(tmp_path: Path, inside: Inside) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,y\n1,0\n2,1\n")
    places = ("--directory", tmp_path / "party", "--mail", tmp_path / "mail", "--rpc", "http://127.0.0.1:1")
    common = (*places, "--deployment", tmp_path / "missing.json", "--label", "y")
    seller = ("seller", "list", *common, "--records", table, "--price-per-record", "1", "--licence", "x",
              "--consent", "y")  # fmt: skip
    buyer = ("buyer", "evaluate", *common, "--own", table, "--budget", "1")
    for command in (
        (*seller, "--pay-to", MISTYPED),
        (*seller, "--buyer", MISTYPED),
        (*seller, "--token", MISTYPED),
        (*buyer, "--refund-to", MISTYPED),
        (*buyer, "--token", MISTYPED),
    ):
        inside(*command).failed(InvalidOption, "mistyped")
        assert not (tmp_path / "party").exists()
