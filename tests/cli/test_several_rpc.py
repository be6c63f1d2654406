"""`--rpc` given more than once: commands go on although a node of three lies or is gone, and say which."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import Inside
from local_chain import LocalChain
from real_tables import LABEL, tumours, write_csv

from bad_nodes import changed
from blindfair.api.connection import connect
from blindfair.api.listing_options import ListingOptions
from blindfair.cli.nodes import with_nodes_joined
from blindfair.cli.options import Resumed
from blindfair.cli.party.settings import load, resumed_settings
from blindfair.protocol.errors import InvalidOption, NodeFailure
from ports import free_port


@pytest.fixture
def liar(testnet: LocalChain) -> Iterator[str]:
    """A node of the test's chain that makes up balances, blocks and receipts. Its address holds a key."""

    def change(request: dict[str, Any], result: Any) -> Any:
        if request["method"] in ("eth_getBalance", "eth_call", "eth_getCode"):
            return "0x"
        return None if request["method"] == "eth_getTransactionReceipt" else result

    with changed(testnet.url, change) as url:
        yield url + "/v3/0123456789abcdef"


@pytest.mark.deep
def test_a_listing_is_committed_over_three_nodes_of_which_one_lies(
    testnet: LocalChain, liar: str, tmp_path: Path, inside: Inside
) -> None:
    header, *rows = [line.split(",") for line in tumours(tmp_path / "all.csv").read_text().splitlines()]
    write_csv(tmp_path / "offer.csv", header, rows[:60])
    testnet.party(tmp_path / "seller")
    with changed(testnet.url, lambda _, result: result) as honest:
        ended = inside(
            "seller", "list", "--directory", tmp_path / "seller", "--records", tmp_path / "offer.csv",
            "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
            "--mail", tmp_path / "mail", "--rpc", testnet.url, "--rpc", liar, f"--rpc={honest}",
            "--deployment", testnet.deployment, "--password-file", tmp_path / "password",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        host = liar.removeprefix("http://").partition("/")[0]
        assert f"\n  warning the node at {host} contradicts the others about eth_call" in ended.err
        assert "0123456789abcdef" not in ended.err + ended.out
        # The directory remembers all three, and others may take their place.
        assert load(tmp_path / "seller", ListingOptions).rpc == f"{testnet.url} {liar} {honest}"
        moved = resumed_settings(ListingOptions, Resumed(tmp_path / "seller", rpc=testnet.url))
        assert moved.rpc == testnet.url
        found = json.loads(
            inside(
                "buyer", "find", "--rpc", liar, "--rpc", honest, "--rpc", testnet.url, "--deployment",
                testnet.deployment, "--json", "-",
            ).out
        )  # fmt: skip
    assert found["listings"][-1]["seller"] == testnet.exchange.listings()[-1].seller


def test_doctor_looks_at_each_node(testnet: LocalChain, inside: Inside) -> None:
    gone = f"http://127.0.0.1:{free_port()}/v3/0123456789abcdef"
    with changed(testnet.url, lambda _, result: result) as other:
        ended = inside("doctor", "--rpc", testnet.url, "--rpc", gone, "--rpc", other, "--json", "-")
    found = [finding for finding in json.loads(ended.out)["checks"] if finding["check"] == "node"]
    assert [finding["ok"] for finding in found] == [True, False, True]
    assert "cannot be reached" in found[1]["found"]
    assert "0123456789abcdef" not in ended.out + ended.err


def test_too_few_nodes_end_a_command_with_one_message(testnet: LocalChain, inside: Inside) -> None:
    gone = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    rpc = [part for url in (testnet.url, *gone) for part in ("--rpc", url)]
    ended = inside("buyer", "find", *rpc, "--deployment", testnet.deployment)
    assert ended.code == NodeFailure.exit_code
    assert "error: NodeFailure: fewer nodes answer eth_chainId than have to agree" in ended.err
    assert "answers of 2 of 3 nodes" in ended.err
    assert "--rpc URL" in ended.err


def test_the_same_node_twice_is_refused(testnet: LocalChain, inside: Inside) -> None:
    for again in (testnet.url, testnet.url + "/"):
        ended = inside("buyer", "find", "--rpc", testnet.url, "--rpc", again, "--deployment", testnet.deployment)
        ended.failed(InvalidOption, "named twice", "--rpc URL")
    # An empty variable in a script must not make one node out of two.
    inside("buyer", "find", "--rpc", testnet.url, "--rpc", "", "--deployment", testnet.deployment).failed(
        InvalidOption, "not a URL"
    )


def test_several_nodes_in_python(testnet: LocalChain, liar: str, tmp_path: Path) -> None:
    with changed(testnet.url, lambda _, result: result) as honest:
        context = connect(
            [testnet.url, liar, honest], deployment=testnet.deployment, mail=tmp_path / "mail", account=None
        )
        # The chain may go on between the two questions.
        before, agreed = testnet.exchange.height(), context.exchange.height()
        assert before - 1 <= agreed <= testnet.exchange.height()


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (["find", "--rpc", "a", "--listing", "5"], ["find", "--rpc", "a", "--listing", "5"]),
        (["find", "--rpc", "a", "-v", "--rpc=b", "--json", "-"], ["find", "--rpc", "a b", "-v", "--json", "-"]),
        (["find", "--rpc", "a", "--rpc"], ["find", "--rpc", "a", "--rpc"]),
        (["find", "--rpc=a=b", "--rpc", "c"], ["find", "--rpc", "a=b c"]),
        ([], []),
    ],
)
def test_the_arguments_of_a_command(given: list[str], joined: list[str]) -> None:
    assert with_nodes_joined(given) == joined
