"""The directory on a real node: the newest word of a listing's seller stands, and strangers' words are dropped by chain
data alone, whatever bytes they are."""

from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on
from eth_abi.abi import encode
from web3 import Web3

from bad_nodes import bad_node, changed, forward, pruned_before, rpc_error
from blindfair.chain import costs
from blindfair.chain.calls import Call
from blindfair.chain.directory import (
    URI_LIMIT,
    ListingDirectory,
    directory_address,
    directory_creation,
    has_directory,
)
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import connect
from blindfair.protocol.errors import ContractReverted, NodeFailure, WrongContract
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.quantities import Address, BlockNumber, Gas, ListingId, Root

URL = "https://data.example.org:8440"
HOSTILE = (b"", b"\xff\xfe\x00", b"\x1b[2Jhttps://a.example", "https://ex\u202eample".encode(), b"\n" * URI_LIMIT)
"""Bytes that are no text, control characters, a direction that turns, nothing."""


@pytest.fixture(scope="module")
def made(hardhat: HardhatNetwork) -> Gas:
    """The gas of putting the directory on the chain."""
    party = Party(hardhat)
    assert not has_directory(hardhat.web3)
    gas = party.do(directory_creation(hardhat.web3)).gas_used
    assert has_directory(hardhat.web3)
    return gas


@pytest.fixture
def exchange(hardhat: HardhatNetwork, made: Gas) -> DataExchange:
    whole = exchange_on(hardhat)
    return DataExchange(hardhat.web3, whole.address, first_block=BlockNumber(whole.height() + 1))


def raw(exchange: Address, listing: ListingId, uri: bytes) -> Call:
    """An announcement of any bytes, as no honest program sends it."""
    data = keccak256(b"announce(address,bytes32,string)")[:4] + encode(
        ["address", "bytes32", "bytes"], [exchange, listing, uri]
    )
    return Call("announce", directory_address(), data)


def committed(exchange: DataExchange, party: Party, number: int = 1) -> ListingId:
    root = Root(bytes([number]) * 32)
    party.do(exchange.commit(root, sha256(b"manifest")))
    return ListingId(keccak256(encode(["address", "bytes32", "bytes32"], [party.address, root, sha256(b"manifest")])))


def test_it_costs_what_is_said_before(hardhat: HardhatNetwork, made: Gas) -> None:
    exchange, seller = exchange_on(hardhat), Party(hardhat)
    call = ListingDirectory(exchange).announce(ListingId(bytes(range(1, 33))), f"{URL}/a/path-of-it")
    assert seller.do(call).gas_used == pytest.approx(costs.ANNOUNCE, rel=0.05)
    assert made == pytest.approx(costs.MAKE_DIRECTORY, rel=0.05)


def test_it_is_made_once_at_one_address(hardhat: HardhatNetwork, made: Gas) -> None:
    with pytest.raises((ContractReverted, NodeFailure)):
        Party(hardhat).sender.prepare(directory_creation(hardhat.web3))


def test_what_is_in_its_place_is_refused(hardhat: HardhatNetwork, made: Gas) -> None:
    place = Web3.to_checksum_address(directory_address())
    code = hardhat.web3.eth.get_code(place)
    hardhat._do("hardhat_setCode", place, "0x6000")
    with pytest.raises(WrongContract, match="another program"):
        has_directory(hardhat.web3)
    hardhat._do("hardhat_setCode", place, code.to_0x_hex())
    assert has_directory(hardhat.web3)


def test_the_newest_word_of_the_seller_stands(hardhat: HardhatNetwork, exchange: DataExchange) -> None:
    seller, directory = Party(hardhat), ListingDirectory(exchange)
    first, second = committed(exchange, seller, 1), committed(exchange, seller, 2)
    sellers = {first: seller.address, second: seller.address}
    assert directory.standing(sellers).standing == ()
    assert directory.standing_of(first, seller.address) is None
    seller.do(directory.announce(first, URL))
    seller.do(directory.announce(second, URL))
    seller.do(directory.announce(first, f"{URL}/moved"))
    found = directory.standing(sellers)
    assert [(one.listing, one.uri) for one in found.standing] == [
        (first, f"{URL}/moved".encode()),
        (second, URL.encode()),
    ]
    assert found.strangers == 0
    assert directory.standing_of(first, seller.address) == found.standing[0]
    seller.do(directory.announce(first, ""))
    assert [one.listing for one in directory.standing(sellers).standing] == [second]
    assert directory.standing_of(first, seller.address) is None
    seller.do(directory.announce(first, URL))
    assert directory.standing(sellers).standing[0].uri == URL.encode(), "announced again after it was withdrawn"


def test_strangers_change_nothing(hardhat: HardhatNetwork, exchange: DataExchange) -> None:
    """Their words about a listing, a listing that nobody committed, and the seller's own about another contract."""
    seller, stranger, directory = Party(hardhat), Party(hardhat), ListingDirectory(exchange)
    listing = committed(exchange, seller)
    seller.do(directory.announce(listing, URL))
    for uri in HOSTILE:
        stranger.do(raw(exchange.address, listing, uri))
    stranger.do(raw(exchange.address, ListingId(b"\x77" * 32), b"https://b.example"))
    seller.do(raw(stranger.address, listing, b"https://another.example"))
    found = directory.standing({listing: seller.address})
    assert [one.uri for one in found.standing] == [URL.encode()]
    assert found.strangers == len(HOSTILE) + 1
    assert directory.standing_of(listing, seller.address) == found.standing[0]


@pytest.mark.parametrize("uri", HOSTILE[1:])
def test_any_bytes_of_the_seller_are_read_as_they_are(
    hardhat: HardhatNetwork, exchange: DataExchange, uri: bytes
) -> None:
    seller, directory = Party(hardhat), ListingDirectory(exchange)
    listing = committed(exchange, seller)
    seller.do(raw(exchange.address, listing, uri))
    (found,) = directory.standing({listing: seller.address}).standing
    assert found.uri == uri


def test_a_uri_that_is_too_long_is_refused_by_name(hardhat: HardhatNetwork, exchange: DataExchange) -> None:
    seller, directory = Party(hardhat), ListingDirectory(exchange)
    seller.do(directory.announce(ListingId(bytes(32)), "u" * URI_LIMIT))
    with pytest.raises(ContractReverted) as refused:
        seller.sender.prepare(directory.announce(ListingId(bytes(32)), "u" * (URI_LIMIT + 1)))
    assert refused.value.error_name == "UriTooLong"
    assert refused.value.values == {"expected": URI_LIMIT, "found": URI_LIMIT + 1}


def test_a_listing_is_found_on_a_node_without_old_logs(hardhat: HardhatNetwork, exchange: DataExchange) -> None:
    hardhat.mine(100)
    seller = Party(hardhat)
    listing = committed(exchange, seller)
    seller.do(ListingDirectory(exchange).announce(listing, URL))
    with changed(hardhat.url, pruned_before(exchange.height() - 20)) as url:
        through = ListingDirectory(DataExchange(connect(url, HARDHAT_CHAIN_ID), exchange.address))
        found = through.standing_of(listing, seller.address)
        assert found is not None and found.uri == URL.encode()
        with pytest.raises(NodeFailure, match="refuses") as caught:
            through.standing({listing: seller.address})
        assert "`listing=NUMBER`" in caught.value.hint
        with pytest.raises(NodeFailure, match="refuses"):
            through.standing_of(ListingId(b"\x09" * 32), seller.address)


def test_a_long_search_is_cut_to_what_the_node_allows(hardhat: HardhatNetwork, exchange: DataExchange) -> None:
    seller = Party(hardhat)
    listing = committed(exchange, seller)
    for number in range(3):
        seller.do(ListingDirectory(exchange).announce(listing, f"{URL}/{number}"))
        hardhat.mine(40)
    refusals = 0

    def answer(request: dict[str, Any], number: int) -> bytes:
        nonlocal refusals
        if request["method"] == "eth_getLogs":
            span = request["params"][0]
            if int(span["toBlock"], 16) - int(span["fromBlock"], 16) >= 50:
                refusals += 1
                return rpc_error(request, {"code": -32005, "message": "query exceeds max block range 50"})
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        web3 = connect(node.url, HARDHAT_CHAIN_ID)
        through = ListingDirectory(DataExchange(web3, exchange.address, first_block=exchange.first_block))
        (found,) = through.standing({listing: seller.address}).standing
        assert through.standing_of(listing, seller.address) == found
    assert refusals > 0
    assert found.uri == f"{URL}/2".encode()
