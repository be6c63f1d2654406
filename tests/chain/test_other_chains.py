"""Chains and nodes that differ from Ethereum's own: other blocks, no base fee, no final block, no old logs."""

import warnings
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on, new_trade

from bad_nodes import NO_FINAL, bad_node, changed, no_final, of_blocks, pruned_before, rpc, without
from blindfair.chain.deploy import deploy
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.fees import MIN_TIP, base_fee, fees
from blindfair.chain.finality import check_finality, final_height
from blindfair.chain.node import connect
from blindfair.chain.requirements import check_chain
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import InvalidOption, NodeFailure
from blindfair.protocol.quantities import ETHER, Digest, ListingId, OrderId, Root

BLOCKS: dict[str, dict[str, Any]] = {
    "Clique, Polygon, BSC": {"extraData": "0x" + "d8" * 97},
    "QBFT": {"extraData": "0x" + "f8" * 4000, "mixHash": "0x63746963616c", "nonce": "0x"},
    "no extra data": {"extraData": None},
    "what is no data": {"extraData": 5, "size": "many", "difficulty": {"a": 1}, "logsBloom": "0x0"},
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_other_rules_are_read(name: str, hardhat: HardhatNetwork) -> None:
    party = Party(hardhat)
    with changed(hardhat.url, of_blocks(**BLOCKS[name])) as url:
        web3 = connect(url, HARDHAT_CHAIN_ID)
        check_chain(web3, Finality())
        sender = Sender(web3, party.account)
        exchange = DataExchange(web3, deploy(sender))
        prepared = sender.prepare(exchange.commit(Root(b"\x01" * 32), Digest(b"\x02" * 32)))
        sender.broadcast(prepared.raw)
        assert sender.wait(prepared.hash).timestamp > 0
        assert sender.dearer(prepared) is None
        assert exchange.now() > 0
        assert exchange.time_to_final(Finality(0)) == 0
        assert final_height(web3, Finality()) is not None
        assert [event.seller for event in exchange.listings()] == [party.address]


def test_a_chain_without_a_base_fee_is_refused_at_once(hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    with changed(hardhat.url, of_blocks(baseFeePerGas=None)) as url:
        web3 = connect(url, HARDHAT_CHAIN_ID)
        sender = Sender(web3, party.account)
        for step in (
            lambda: check_chain(web3, Finality(1)),
            lambda: base_fee(web3),
            lambda: deploy(sender),
            lambda: sender.prepare(exchange.commit(Root(b"\x01" * 32), Digest(b"\x02" * 32))),
        ):
            with pytest.raises(InvalidOption, match="EIP-1559") as caught:
                step()
            assert "`rpc=URL`" in caught.value.hint
    assert party.sender.web3.eth.get_transaction_count(party.account.address) == 0


TIP, PRICE, HISTORY = "eth_maxPriorityFeePerGas", "eth_gasPrice", "eth_feeHistory"


def test_the_tip_is_found_without_the_methods_for_it(hardhat: HardhatNetwork) -> None:
    said = fees(connect(hardhat.url))[1]
    price = hardhat.web3.eth.gas_price
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with changed(hardhat.url, without(TIP)) as url:
            assert fees(connect(url))[1] >= MIN_TIP
        with changed(hardhat.url, without(TIP, HISTORY)) as url:
            base, tip = fees(connect(url))
            assert base + tip == max(base, price)
        with (
            changed(hardhat.url, without(TIP, HISTORY, PRICE)) as url,
            pytest.raises(NodeFailure, match="price of gas"),
        ):
            fees(connect(url))
        with changed(hardhat.url, without(HISTORY, PRICE)) as url:
            assert fees(connect(url))[1] == said


@pytest.mark.parametrize(
    ("rewards", "tip"),
    [
        ([["0x0"], ["0x0"]], MIN_TIP),
        ([["0x0"], ["0x77359400"], ["0xee6b2800"]], 3 * 10**9),
        ([["0x1"]], MIN_TIP),
        (None, MIN_TIP),
    ],
)
def test_a_tip_like_that_of_others(rewards: object, tip: int, hardhat: HardhatNetwork) -> None:
    def change(request: dict[str, Any], result: Any) -> Any:
        return {"reward": rewards} if request["method"] == HISTORY else without(TIP)(request, result)

    with changed(hardhat.url, change) as url:
        assert fees(connect(url))[1] == tip


@pytest.mark.parametrize("name", NO_FINAL)
def test_a_node_that_names_no_final_block(name: str, hardhat: HardhatNetwork) -> None:
    with changed(hardhat.url, no_final(NO_FINAL[name])) as url:
        web3 = connect(url, HARDHAT_CHAIN_ID)
        for check in (check_chain, check_finality):
            with pytest.raises(InvalidOption, match="names no final block") as refused:
                check(web3, Finality())
            assert "`finality_depth=64`" in refused.value.hint
            check(web3, Finality(3))
        # In the midst of a trade it may pass.
        with pytest.raises(NodeFailure) as failed:
            final_height(web3, Finality())
        assert "`finality_depth=64`" in failed.value.hint
        assert final_height(web3, Finality(0)) is not None


def test_a_node_that_cannot_be_asked_is_not_one_without_final_blocks(hardhat: HardhatNetwork) -> None:
    with bad_node(lambda request, number: rpc(request, "0x1") if number == 0 else None) as node:
        web3 = connect(node.url)
        with pytest.raises(NodeFailure, match="cannot be reached"):
            check_finality(web3, Finality())


def test_what_is_new_is_found_on_a_node_without_old_logs(hardhat: HardhatNetwork) -> None:
    exchange = exchange_on(hardhat)
    hardhat.mine(200)
    trade = new_trade(hardhat, exchange)
    order = OrderId(trade.offer.struct_hash())
    with changed(hardhat.url, pruned_before(exchange.height() - 20)) as url:
        through = DataExchange(connect(url, HARDHAT_CHAIN_ID), exchange.address)
        assert through.accepted_at(order) is None
        assert through.revealed_key(order) is None
        trade.accepted()
        assert through.accepted_at(order) == exchange.accepted_at(order) is not None
        assert through.revealed_key(order) is None
        trade.revealed()
        assert through.revealed_key(order) == trade.key
        assert through.commitment(trade.offer.listing) == exchange.commitment(trade.offer.listing) is not None
        assert through.seller_of(trade.offer.listing) == trade.seller.address
        with pytest.raises(NodeFailure, match="refuses") as caught:
            through.listings()
        assert "`listing=NUMBER`" in caught.value.hint
        with pytest.raises(NodeFailure, match="refuses") as caught:
            through.commitment(ListingId(b"\x09" * 32))
        assert "archive" in caught.value.hint
        assert through.free_balance(trade.seller.address, ETHER) == 0
