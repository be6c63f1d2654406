"""Several nodes of which some lie, lag, fail or are gone: what two of three say counts (PROTOCOL 7)."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import requests
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, Trade, exchange_on, new_trade
from web3 import Web3

from bad_nodes import NO_FINAL, Change, bad_node, changed, forward, http, no_final, rpc, rpc_error
from blindfair.chain import agreed_heights, quorum
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.finality import check_finality, final_height
from blindfair.chain.node import connect, several
from blindfair.chain.provider import NodeProvider
from blindfair.chain.quorum import QuorumProvider
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import ContractReverted, InvalidOption, NodeFailure
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, OrderId, Seconds, TransactionHash, Wei
from ports import free_port

DEPOSIT = Wei(10**17)


def honest(_: dict[str, Any], result: Any) -> Any:
    return result


def lies(method: str, lie: Callable[[Any], Any]) -> Change:
    """A node that answers one method with something else."""
    return lambda request, result: lie(result) if request["method"] == method else result


def asked(chain: HardhatNetwork, method: str, *params: object) -> Any:
    """What the chain itself says; several threads may ask."""
    request: Any = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return requests.post(chain.url, json=request, timeout=20).json()["result"]


def top(chain: HardhatNetwork) -> int:
    return int(asked(chain, "eth_blockNumber"), 16)


class Nodes:
    """Nodes in front of one chain."""

    def __init__(self, chain: HardhatNetwork) -> None:
        self.chain = chain
        self._open = ExitStack()
        self.urls: list[str] = []

    def add(self, *changes: Change) -> "Nodes":
        self.urls += [self._open.enter_context(changed(self.chain.url, change)) for change in changes]
        return self

    def web3(self) -> Web3:
        return connect(several(*self.urls), HARDHAT_CHAIN_ID)

    def exchange(self) -> DataExchange:
        return DataExchange(self.web3(), exchange_on(self.chain).address)

    def host(self, number: int) -> str:
        return self.urls[number].removeprefix("http://")

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def nodes(hardhat: HardhatNetwork) -> Iterator[Nodes]:
    nodes = Nodes(hardhat)
    yield nodes
    nodes.close()


@pytest.fixture
def trade(hardhat: HardhatNetwork) -> Trade:
    return new_trade(hardhat, exchange_on(hardhat))


def _plus(number: int) -> Callable[[Any], Any]:
    return lambda result: hex(int(result, 16) + number)


@pytest.mark.parametrize("liar", range(3))
def test_a_balance_that_one_node_makes_up_is_outvoted_and_the_node_named(
    liar: int, nodes: Nodes, hardhat: HardhatNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    party = Party(hardhat)
    changes: list[Change] = [honest, honest, honest]
    changes[liar] = lies("eth_getBalance", _plus(10**18))
    nodes.add(*changes)
    with caplog.at_level(logging.WARNING):
        assert nodes.exchange().balance(party.address) == exchange_on(hardhat).balance(party.address)
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning == (
        f"the node at {nodes.host(liar)} contradicts the others about eth_getBalance: its answer is not counted"
    )


def test_a_state_that_one_node_makes_up_is_outvoted(trade: Trade, nodes: Nodes) -> None:
    """It says that the order is locked, so that the seller shows its key."""
    order = OrderId(trade.offer.struct_hash())
    locked = "0x" + (1).to_bytes(32).hex() + (2**40).to_bytes(32).hex()
    liar = nodes.add(lies("eth_call", lambda _: locked)).exchange()
    assert liar.order(order).state is OrderState.LOCKED
    assert nodes.add(honest, honest).exchange().order(order).state is OrderState.NONE


def test_a_block_that_one_node_calls_final_is_not(
    trade: Trade, nodes: Nodes, hardhat: HardhatNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    """The lie by which a seller would show its key against an accept that can be taken back."""

    def lagging(depth: int) -> Change:
        def change(request: dict[str, Any], result: Any) -> Any:
            if request["method"] == "eth_getBlockByNumber" and request["params"][0] == "finalized":
                return asked(hardhat, "eth_getBlockByNumber", hex(top(hardhat) - depth), False)
            return result

        return change

    trade.accepted()
    hardhat.mine(16)
    accepted = trade.exchange.accepted_at(OrderId(trade.offer.struct_hash()))
    assert accepted is not None
    nodes.add(lagging(0))
    assert nodes.exchange().is_final(accepted.block_number, Finality())
    nodes.add(lagging(20), lagging(21))
    assert not nodes.exchange().is_final(accepted.block_number, Finality())
    assert final_height(nodes.web3(), Finality()) == hardhat.web3.eth.block_number - 20
    # It is told who is ahead, and only where that lasts: epochs do not end everywhere at the same moment.
    patient = QuorumProvider([NodeProvider(url, 20.0) for url in nodes.urls], stands_apart=0.2)
    with caplog.at_level(logging.WARNING):
        final_height(Web3(patient), Finality())
        assert caplog.records == []
        time.sleep(0.25)
        final_height(Web3(patient), Finality())
    warnings = [record.getMessage() for record in caplog.records]
    assert f"the node at {nodes.host(0)} is 20 blocks ahead of the others in the finalized block: it is outvoted" in (
        warnings
    )


def test_a_head_that_one_node_makes_up_makes_nothing_final(trade: Trade, nodes: Nodes) -> None:
    trade.accepted()
    accepted = trade.exchange.accepted_at(OrderId(trade.offer.struct_hash()))
    assert accepted is not None
    nodes.add(lies("eth_blockNumber", _plus(10**6)))
    assert nodes.exchange().is_final(accepted.block_number, Finality(64))
    nodes.add(honest, honest)
    assert not nodes.exchange().is_final(accepted.block_number, Finality(64))


def test_a_receipt_that_one_node_makes_up_or_hides_is_outvoted(
    nodes: Nodes, hardhat: HardhatNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    receipt = party.do(exchange.deposit(ETHER, DEPOSIT))
    block = hardhat.web3.eth.get_block(receipt.block_number)["hash"]
    invented = {
        "transactionHash": "0x" + "07" * 32, "status": "0x1", "blockHash": block.to_0x_hex(),
        "blockNumber": hex(receipt.block_number), "gasUsed": "0x5208", "effectiveGasPrice": "0x1",
        "contractAddress": None,
    }  # fmt: skip
    nothing = TransactionHash(b"\x07" * 32)
    nodes.add(lambda request, result: invented if request["method"] == "eth_getTransactionReceipt" else result)
    assert Sender(nodes.web3(), party.account).receipt(nothing) is not None
    nodes.add(honest, honest)
    with caplog.at_level(logging.WARNING):
        through = Sender(nodes.web3(), party.account)
        assert through.receipt(nothing) is None
        assert through.receipt(receipt.hash) == receipt
        nodes.urls[0] = nodes.add(lies("eth_getTransactionReceipt", lambda _: None)).urls.pop()
        assert Sender(nodes.web3(), party.account).receipt(receipt.hash) == receipt
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2
    assert all("contradicts the others about eth_getTransactionReceipt" in warning for warning in warnings)


def test_logs_that_one_node_holds_back_or_makes_up_are_outvoted(
    trade: Trade, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """A reveal that a buyer does not see is a dispute that comes too late."""
    order = OrderId(trade.offer.struct_hash())
    trade.accepted()
    trade.revealed()
    nodes.add(lies("eth_getLogs", lambda _: []))
    assert nodes.exchange().revealed_key(order) is None
    nodes.add(honest, honest)
    with caplog.at_level(logging.WARNING):
        assert nodes.exchange().revealed_key(order) == trade.key
    assert f"{nodes.host(0)} contradicts the others about eth_getLogs" in caplog.text
    caplog.clear()

    def other_key(logs: list[Any]) -> list[Any]:
        return [log | {"data": "0x" + "66" * 32} for log in logs]

    nodes.urls[0] = nodes.add(lies("eth_getLogs", other_key)).urls.pop()
    assert nodes.exchange().revealed_key(order) == trade.key


def test_a_trade_over_three_nodes_of_which_one_lies_in_everything(
    trade: Trade, nodes: Nodes, hardhat: HardhatNetwork
) -> None:
    """Accept and reveal go through, at prices and with numbers that the honest nodes say."""

    def liar(request: dict[str, Any], result: Any) -> Any:
        match request["method"]:
            case "eth_chainId":
                return hex(1)
            case "eth_maxPriorityFeePerGas" | "eth_gasPrice":
                return hex(400 * 10**9)
            case "eth_estimateGas":
                return hex(30_000)
            case "eth_getTransactionCount":
                return hex(77)
            case "eth_getTransactionByHash" | "eth_getTransactionReceipt":
                return None
            case "eth_getBlockByNumber" if result is not None:
                return result | {"timestamp": hex(2**33), "baseFeePerGas": hex(10**12)}
            case _:
                return result

    nodes.add(honest, liar, honest)
    exchange = nodes.exchange()
    buyer = Sender(exchange, trade.buyer.account)
    prepared = buyer.prepare(exchange.accept(trade.offer, trade.signature))
    assert prepared.nonce == 0
    assert prepared.tip <= 2 * 10**9
    receipt = buyer.wait(buyer.broadcast(prepared.raw), polls=5, pause=0.1)
    assert receipt == trade.buyer.sender.receipt(prepared.hash)
    seller = Sender(exchange, trade.seller.account)
    shown = seller.prepare(exchange.reveal(trade.offer, trade.key))
    seller.wait(seller.broadcast(shown.raw), polls=5, pause=0.1)
    assert exchange.order(OrderId(trade.offer.struct_hash())).state is OrderState.REVEALED
    assert exchange.now() == exchange_on(hardhat).now()


def test_a_revert_is_named_as_by_one_node(trade: Trade, nodes: Nodes) -> None:
    nodes.add(honest, honest, lies("eth_estimateGas", lambda _: {"code": -32000, "message": "no"}))
    exchange = nodes.exchange()
    with pytest.raises(ContractReverted) as caught:
        Sender(exchange, trade.seller.account).prepare(exchange.reveal(trade.offer, trade.key))
    assert caught.value.error_name


# --- nodes that are behind, slow or gone ---------------------------------------------------------------------------


def behind(chain: HardhatNetwork, blocks: int) -> Change:
    """A node that has not the newest blocks yet."""

    def change(request: dict[str, Any], result: Any) -> Any:
        own = top(chain) - blocks
        match request["method"], request["params"]:
            case "eth_blockNumber", _:
                return hex(own)
            case "eth_getBlockByNumber", ["latest", full]:
                return asked(chain, "eth_getBlockByNumber", hex(own), full)
            case "eth_getBlockByNumber", [str() as number, _] if number.startswith("0x"):
                return result if int(number, 16) <= own else None
            case "eth_getBalance", [address, "latest"]:
                return asked(chain, "eth_getBalance", address, hex(own))
            case "eth_getTransactionReceipt", _ if result is not None and int(result["blockNumber"], 16) > own:
                return None
        return result

    return change


def test_nodes_at_different_blocks_agree_about_one_that_enough_of_them_have(
    nodes: Nodes, hardhat: HardhatNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    hardhat.mine(2)
    old = exchange.balance(party.address)
    party.do(exchange.deposit(ETHER, DEPOSIT))
    new, newest = exchange.balance(party.address), exchange.height()
    assert new < old
    with caplog.at_level(logging.WARNING):
        nodes.add(honest, behind(hardhat, 1), behind(hardhat, 2))
        # Two of three have seen the block before the newest one.
        assert nodes.exchange().height() == newest - 1
        assert nodes.exchange().balance(party.address) == old
        assert int(nodes.exchange().now()) == hardhat.web3.eth.get_block(newest - 1).get("timestamp")
        nodes.add(honest, honest)
        assert nodes.exchange().height() == newest
        assert nodes.exchange().balance(party.address) == new
    # Being behind is no lie.
    assert caplog.records == []


def test_a_receipt_that_only_one_of_two_nodes_has_is_waited_for(nodes: Nodes, hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    receipt = party.do(exchange.deposit(ETHER, DEPOSIT))
    nodes.add(honest, behind(hardhat, 1))
    assert Sender(nodes.web3(), party.account).receipt(receipt.hash) is None
    hardhat.mine(1)
    assert Sender(nodes.web3(), party.account).receipt(receipt.hash) == receipt


def test_one_node_of_three_may_be_gone_and_that_is_said_once(
    nodes: Nodes, hardhat: HardhatNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    party = Party(hardhat)
    nodes.add(honest, honest)
    nodes.urls.insert(0, f"http://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.WARNING):
        through = nodes.exchange()
        sender = Sender(through, party.account)
        sender.wait(sender.broadcast(sender.prepare(through.deposit(ETHER, DEPOSIT)).raw), polls=5, pause=0.1)
        assert through.free_balance(party.address, ETHER) == DEPOSIT
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"the node at {nodes.host(0)} does not answer (")
    assert warning.endswith("2 of 3 are left")


def test_fewer_nodes_than_a_quorum_are_a_named_error_without_secrets(nodes: Nodes) -> None:
    gone = [f"http://user:s3cretpass@127.0.0.1:{free_port()}/v3/0123456789abcdef" for _ in range(2)]
    nodes.add(honest)
    nodes.urls += gone
    with pytest.raises(NodeFailure, match="fewer nodes answer") as caught:
        nodes.web3()
    error = caught.value
    assert error.expected == "answers of 2 of 3 nodes"
    assert str(error.found).startswith("1; 127.0.0.1:")
    assert "`rpc=URL`" in error.hint
    told = f"{error} {error.found} {error.expected} {error.hint}"
    assert "s3cretpass" not in told
    assert "0123456789abcdef" not in told


def test_two_nodes_that_contradict_each_other_are_a_named_error(nodes: Nodes, hardhat: HardhatNetwork) -> None:
    party = Party(hardhat)
    nodes.add(honest, lies("eth_getBalance", _plus(1)))
    with pytest.raises(NodeFailure, match="contradict each other about eth_getBalance") as caught:
        nodes.exchange().balance(party.address)
    assert nodes.host(0) in str(caught.value.found)
    assert nodes.host(1) in str(caught.value.found)


def test_a_node_named_twice_does_not_count_twice() -> None:
    url = "http://127.0.0.1:8545"
    for again in (url, url + "/"):
        with pytest.raises(InvalidOption, match="named twice"):
            connect(several(url, "http://127.0.0.1:8546", again))
    with pytest.raises(InvalidOption, match="not a URL"):
        connect(several(url, ""))


def test_a_slow_node_holds_nobody_up(hardhat: HardhatNetwork, nodes: Nodes) -> None:
    def asleep(request: dict[str, Any], _: int) -> bytes | None:
        if request["method"] == "eth_chainId":
            return forward(hardhat.url, request)
        time.sleep(3)
        return None

    nodes.add(honest, honest)
    with bad_node(asleep) as slow:
        exchange = DataExchange(connect(several(*nodes.urls, slow.url)), exchange_on(hardhat).address)
        exchange.now()
        began = time.monotonic()
        threads = threading.active_count()
        for _ in range(30):
            exchange.now()
        assert time.monotonic() - began < 3
        # Questions to it do not pile up either.
        time.sleep(1.2)
        assert threading.active_count() <= threads + 6


def test_a_node_that_is_silent_decides_nothing_between_two_at_different_blocks(
    hardhat: HardhatNetwork, nodes: Nodes
) -> None:
    """It would else be waited for at each question, and the seller's reveal come too late."""

    def asleep(request: dict[str, Any], _: int) -> bytes | None:
        if request["method"] == "eth_chainId":
            return forward(hardhat.url, request)
        time.sleep(4)
        return None

    hardhat.mine(2)
    nodes.add(honest, behind(hardhat, 1))
    with bad_node(asleep) as slow:
        exchange = DataExchange(connect(several(*nodes.urls, slow.url)), exchange_on(hardhat).address)
        began = time.monotonic()
        for _ in range(3):
            assert int(exchange.now()) == hardhat.web3.eth.get_block(top(hardhat) - 1).get("timestamp")
        assert time.monotonic() - began < 9


def test_a_node_that_lies_and_is_then_silent_holds_nobody_up(hardhat: HardhatNetwork, nodes: Nodes) -> None:
    """What it is asked about its own height decides only whether it is named."""

    def liar(request: dict[str, Any], _: int) -> bytes | None:
        if request["method"] == "eth_getTransactionReceipt":
            return rpc(request, None)
        if request["method"] == "eth_blockNumber":
            time.sleep(4)
            return None
        return forward(hardhat.url, request)

    exchange, party = exchange_on(hardhat), Party(hardhat)
    receipt = party.do(exchange.deposit(ETHER, DEPOSIT))
    nodes.add(honest, honest)
    with bad_node(liar) as node:
        sender = Sender(connect(several(*nodes.urls, node.url)), party.account)
        began = time.monotonic()
        assert sender.receipt(receipt.hash) == receipt
        assert time.monotonic() - began < 4


def _always(answer: bytes, _: dict[str, Any], __: int) -> bytes:
    return answer


def test_a_node_that_limits_or_is_broken_is_done_without(hardhat: HardhatNetwork, nodes: Nodes) -> None:
    nodes.add(honest, honest)
    answers = [
        http(b"slow down", "429 Too Many Requests", extra="Retry-After: 3600\r\n"),
        http(b"<html>", "502 Bad Gateway"),
        http(b"{"),
    ]
    for answer in answers:
        with bad_node(partial(_always, answer)) as broken:
            exchange = DataExchange(connect(several(*nodes.urls, broken.url)), exchange_on(hardhat).address)
            assert exchange.now() == exchange_on(hardhat).now()


# --- sending -------------------------------------------------------------------------------------------------------


def test_a_transaction_goes_to_all_nodes(hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    with ExitStack() as stack:
        seen = [stack.enter_context(bad_node(lambda request, _: forward(hardhat.url, request))) for _ in range(3)]
        sender = Sender(connect(several(*(node.url for node in seen))), party.account)
        sender.wait(sender.broadcast(sender.prepare(exchange.deposit(ETHER, DEPOSIT)).raw), polls=5, pause=0.1)
        assert [node.methods().count("eth_sendRawTransaction") for node in seen] == [1, 1, 1]
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT


def test_a_node_that_swallows_transactions_does_not_keep_them_from_the_chain(
    hardhat: HardhatNetwork, nodes: Nodes
) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)

    def swallows(request: dict[str, Any], _: int) -> bytes:
        return (
            rpc(request, "0x" + "ab" * 32)
            if request["method"] == "eth_sendRawTransaction"
            else forward(hardhat.url, request)
        )

    nodes.add(honest, honest)
    with bad_node(swallows) as node:
        sender = Sender(connect(several(node.url, *nodes.urls)), party.account)
        sender.wait(sender.broadcast(sender.prepare(exchange.deposit(ETHER, DEPOSIT)).raw), polls=5, pause=0.1)
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT


def test_one_node_that_says_that_it_took_a_transaction_is_not_enough(hardhat: HardhatNetwork) -> None:
    """Two refuse it: whoever sent it is told why, as with one node."""
    exchange, party = exchange_on(hardhat), Party(hardhat)

    def refuses(request: dict[str, Any], _: int) -> bytes:
        if request["method"] == "eth_sendRawTransaction":
            return rpc_error(request, {"code": -32000, "message": "txpool is full"})
        return forward(hardhat.url, request)

    def takes(request: dict[str, Any], _: int) -> bytes:
        if request["method"] == "eth_sendRawTransaction":
            return rpc(request, "0x" + "ab" * 32)
        return forward(hardhat.url, request)

    with bad_node(refuses) as one, bad_node(refuses) as two, bad_node(takes) as three:
        sender = Sender(connect(several(one.url, two.url, three.url)), party.account)
        prepared = sender.prepare(exchange.deposit(ETHER, DEPOSIT))
        with pytest.raises(NodeFailure, match="refuses") as caught:
            sender.broadcast(prepared.raw)
        assert caught.value.found == "txpool is full"


@pytest.mark.parametrize("name", NO_FINAL)
def test_nodes_without_a_final_block_say_so_as_one_does(name: str, nodes: Nodes) -> None:
    nodes.add(no_final(NO_FINAL[name]), honest, no_final(NO_FINAL[name]))
    with pytest.raises(InvalidOption, match="names no final block"):
        check_finality(nodes.web3(), Finality())
    nodes.add(honest, honest)
    check_finality(nodes.web3(), Finality())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is slow on a busy machine is none that does not answer."""
    monkeypatch.setattr(quorum, "_LONG_LINGER", 120.0)
    monkeypatch.setattr(agreed_heights, "_PATIENCE", 120.0)


@pytest.mark.usefixtures("patient")
def test_few_nodes_that_lie_about_the_height_lead_nobody_back(hardhat: HardhatNetwork, nodes: Nodes) -> None:
    """Two of three nodes are needed; with one gone, a liar could else show the state of long ago, and deadlines that
    have passed would seem to be far away. Nothing was agreed before: the first question is as safe as any."""
    hardhat.mine(2)
    hardhat.advance(Seconds(300))
    hardhat.mine(3)
    with bad_node(lambda *_: None) as gone:
        near = connect(several(*nodes.add(honest, behind(hardhat, 3)).urls, gone.url))
        assert near.eth.block_number == top(hardhat) - 3
        far = connect(several(nodes.urls[0], *nodes.add(behind(hardhat, 5)).urls[2:], gone.url))
        for asks in (lambda: far.eth.block_number, lambda: far.eth.get_block("latest")):
            with pytest.raises(NodeFailure, match="too few nodes answer to say which block is the latest") as caught:
                asks()
            assert nodes.host(0) in str(caught.value.found)
    # With the third one back, the liar is outvoted and named.
    third = nodes.add(honest).urls[3]
    for urls in ((nodes.urls[0], nodes.urls[2], third), (nodes.urls[2], third, nodes.urls[0])):
        assert connect(several(*urls)).eth.block_number == top(hardhat)


@pytest.mark.usefixtures("patient")
def test_a_node_that_is_ahead_stops_the_others_only_where_all_of_them_are_needed(
    hardhat: HardhatNetwork, nodes: Nodes
) -> None:
    hardhat.mine(4)
    nodes.add(honest, lies("eth_blockNumber", _plus(10**6)), honest)
    assert nodes.web3().eth.block_number == top(hardhat)
    nodes.urls.pop()
    with pytest.raises(NodeFailure, match="too few nodes answer to say which block is the latest"):
        _ = nodes.web3().eth.block_number


@pytest.mark.parametrize("remembered", [0.0, 900.0])
def test_what_was_agreed_long_ago_or_is_final_is_not_gone_back_behind(
    remembered: float, hardhat: HardhatNetwork, nodes: Nodes
) -> None:
    """A reorganisation takes back what is new. What is older, only nodes that lie or are behind take back."""
    hardhat.mine(10)
    lag = 0

    def lagging(request: dict[str, Any], result: Any) -> Any:
        if request["method"] == "eth_getBlockByNumber" and request["params"][0] == "finalized":
            return asked(hardhat, "eth_getBlockByNumber", hex(top(hardhat) - 3), False)
        return behind(hardhat, lag)(request, result)

    nodes.add(lagging, lagging, lagging)
    web3 = Web3(QuorumProvider([NodeProvider(url, 20.0) for url in nodes.urls], falls_back=remembered))
    assert web3.eth.block_number == top(hardhat)
    if remembered:
        assert final_height(web3, Finality()) == top(hardhat) - 3
        lag = 3
        assert web3.eth.block_number == top(hardhat) - 3
    lag = 4
    with pytest.raises(NodeFailure, match="go back to old blocks"):
        _ = web3.eth.block_number
