"""Nodes that search few blocks at once, on chains with millions: few requests, the newest events first."""

from collections.abc import Iterator
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Trade, exchange_on, new_trade

from bad_nodes import BadNode, bad_node, forward, rpc, rpc_error
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import connect
from blindfair.protocol.quantities import BlockNumber, OrderId

YEAR = 126_000_000
"""Blocks in a year, one each quarter of a second."""

LIMIT = 10_000
TOO_MANY = {"code": -32005, "message": f"query exceeds max block range {LIMIT}"}


class Long:
    """A node of a chain like the real one, with so many empty blocks before it, that searches few of them at once."""

    def __init__(self, chain: HardhatNetwork) -> None:
        self.chain = chain
        self.fails_once = False

    def answer(self, request: dict[str, Any], number: int) -> bytes:
        if request["method"] == "eth_blockNumber":
            return rpc(request, hex(YEAR + int(self.chain.web3.eth.block_number)))
        if request["method"] == "eth_getLogs":
            span = request["params"][0]
            low, high = (int(span[name], 16) for name in ("fromBlock", "toBlock"))
            if high - low >= LIMIT or self.fails_once:
                self.fails_once = False
                return rpc_error(request, TOO_MANY)
            if high < YEAR:
                return rpc(request, [])
            here = [span | {"fromBlock": hex(max(0, low - YEAR)), "toBlock": hex(high - YEAR)}]
            found = self._real("eth_getLogs", here)
            return rpc(request, [log | {"blockNumber": hex(int(log["blockNumber"], 16) + YEAR)} for log in found])
        if request["method"] == "eth_getBlockByNumber" and request["params"][0].startswith("0x"):
            number = max(0, int(request["params"][0], 16) - YEAR)
            return rpc(request, self._real("eth_getBlockByNumber", [hex(number), False]))
        return forward(self.chain.url, request)

    def _real(self, method: str, params: list[Any]) -> Any:
        return self.chain.web3.provider.make_request(method, params)["result"]  # type: ignore[arg-type]


@pytest.fixture
def long(hardhat: HardhatNetwork) -> Long:
    return Long(hardhat)


@pytest.fixture
def node(long: Long) -> Iterator[BadNode]:
    with bad_node(long.answer) as node:
        yield node


def searches(node: BadNode) -> int:
    return node.methods().count("eth_getLogs")


def test_what_is_new_costs_one_search_each_time(long: Long, node: BadNode, hardhat: HardhatNetwork) -> None:
    """A seller looks at each open order each second."""
    trade: Trade = new_trade(hardhat, exchange_on(hardhat))
    trade.accepted()
    hardhat.mine(500)
    order = OrderId(trade.offer.struct_hash())
    exchange = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), trade.exchange.address)
    assert exchange.accepted_at(order) is not None
    first = searches(node)
    assert first <= 16
    for _ in range(10):
        assert exchange.accepted_at(order) is not None
    assert searches(node) - first == 10


def test_all_that_there_is_costs_few_refusals(long: Long, node: BadNode, hardhat: HardhatNetwork) -> None:
    real = exchange_on(hardhat)
    new_trade(hardhat, real)
    back = 300_000
    exchange = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), real.address, first_block=BlockNumber(YEAR - back))
    assert [event.listing for event in exchange.listings()] == [event.listing for event in real.listings()]
    assert searches(node) < 2 * 1.25 * back / LIMIT + 20


def test_one_refusal_for_another_reason_does_not_make_searches_small_for_good(
    long: Long, node: BadNode, hardhat: HardhatNetwork
) -> None:
    real = exchange_on(hardhat)
    new_trade(hardhat, real)
    exchange = DataExchange(connect(node.url, HARDHAT_CHAIN_ID), real.address, first_block=BlockNumber(YEAR - 9_000))
    assert exchange.listings()
    for _ in range(6):
        long.fails_once = True
        assert exchange.listings()
    before = searches(node)
    assert exchange.listings()
    assert exchange.listings()
    assert searches(node) - before < 40
    before = searches(node)
    assert exchange.listings()
    assert searches(node) - before < 12
