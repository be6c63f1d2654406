"""Sending once: crashes, lost answers, conflicts and empty accounts, and what each leaves on the chain."""

import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, ONE_ETHER, HardhatNetwork, Network, Party, Trade, exchange_on
from eth_account import Account
from web3 import Web3

from bad_nodes import bad_node, changed, forward, http, rpc
from blindfair.api.amounts import show_ether
from blindfair.chain.calls import Call
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.node import connect
from blindfair.chain.sender import FEE_CEILING, PreparedTransaction, Sender
from blindfair.protocol.errors import (
    ContractReverted,
    InsufficientFunds,
    JournalDamaged,
    NodeFailure,
    TransactionUncertain,
    WrongContract,
)
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Seconds, TransactionHash, Wei

DEPOSIT = Wei(3 * ONE_ETHER)


def in_ether(amount: int) -> str:
    return f"{show_ether(amount)} ether"


def transactions_of(party: Party) -> int:
    return party.sender.web3.eth.get_transaction_count(party.account.address)


def sender_through(url: str, party: Party, **options: Any) -> Sender:
    return Sender(connect(url, HARDHAT_CHAIN_ID), party.account, **options)


# --- before anything is sent ---------------------------------------------------------------------------------------


def test_a_refusal_is_known_before_anything_is_signed(trade: Trade) -> None:
    for call in (trade.exchange.refund(trade.offer), trade.exchange.release(trade.offer), trade.dispute(0)):
        with pytest.raises(ContractReverted, match="WrongState"):
            trade.buyer.sender.prepare(call)
    assert transactions_of(trade.buyer) == 0
    assert trade.exchange.balance(trade.buyer.address) == 10 * ONE_ETHER


def test_the_price_is_not_there(network: Network, exchange: DataExchange) -> None:
    poor = Party(network, Wei(DEPOSIT - 1))
    with pytest.raises(InsufficientFunds) as caught:
        poor.sender.prepare(exchange.deposit(ETHER, DEPOSIT))
    assert (caught.value.expected, caught.value.found) == (in_ether(DEPOSIT), in_ether(DEPOSIT - 1))
    assert caught.value.hint.startswith("send at least 0.000000000000000001 ether to it")
    assert transactions_of(poor) == 0


def test_the_price_is_there_but_not_the_gas(network: Network, exchange: DataExchange) -> None:
    poor = Party(network, DEPOSIT)
    with pytest.raises(InsufficientFunds, match="deposit") as caught:
        poor.sender.prepare(exchange.deposit(ETHER, DEPOSIT))
    needed = Web3.to_wei(Decimal(str(caught.value.expected).split()[0]), "ether")
    assert needed > DEPOSIT
    assert transactions_of(poor) == 0
    # What the hint asks for is enough.
    network.fund(poor.address, Wei(needed - DEPOSIT if isinstance(network, EmbeddedChain) else needed))
    poor.do(exchange.deposit(ETHER, DEPOSIT))
    assert exchange.free_balance(poor.address, ETHER) == DEPOSIT


def test_who_can_pay_the_price_of_now_need_not_have_twice_as_much(network: Network, exchange: DataExchange) -> None:
    call = exchange.deposit(ETHER, DEPOSIT)
    signed = Party(network).sender.prepare(call)
    between = (Party(network).sender.gas_price() + signed.max_fee) // 2
    money = Wei(DEPOSIT + signed.gas_limit * between)
    poor = Party(network, money)
    prepared = poor.sender.prepare(call)
    assert prepared.max_cost <= money < signed.max_cost
    poor.do(call)
    assert exchange.free_balance(poor.address, ETHER) == DEPOSIT


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        ("0x0", "at least 21,000 gas, which any transaction takes"),
        ("0x5207", "at least 21,000 gas, which any transaction takes"),
        ("-0x5208", "a result of its kind"),
    ],
)
def test_a_node_that_tells_of_less_gas_than_there_can_be(hardhat: HardhatNetwork, estimate: str, expected: str) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)

    def change(request: dict[str, Any], result: Any) -> Any:
        return estimate if request["method"] == "eth_estimateGas" else result

    with changed(hardhat.url, change) as url, pytest.raises(NodeFailure, match="nonsense to deposit") as caught:
        sender_through(url, party).prepare(exchange.deposit(ETHER, DEPOSIT))
    assert caught.value.expected == expected
    assert transactions_of(party) == 0


def test_the_stated_cost_is_an_upper_bound(trade: Trade) -> None:
    before = trade.exchange.balance(trade.buyer.address)
    prepared = trade.buyer.sender.prepare(trade.exchange.accept(trade.offer, trade.signature))
    trade.buyer.sender.broadcast(prepared.raw)
    receipt = trade.buyer.sender.wait(prepared.hash)
    paid = before - trade.exchange.balance(trade.buyer.address)
    assert paid == trade.offer.price + receipt.fee <= prepared.max_cost
    assert receipt.gas_used <= prepared.gas_limit


def test_the_signed_bytes_hold_everything(trade: Trade) -> None:
    prepared = trade.buyer.sender.prepare(trade.exchange.accept(trade.offer, trade.signature))
    assert PreparedTransaction.from_bytes(prepared.to_bytes()) == prepared
    assert prepared.hash == bytes(Web3.keccak(prepared.raw))


@pytest.mark.parametrize("damage", ["empty", "cut", "longer", "other", "legacy"])
def test_damaged_bytes_are_not_sent(damage: str) -> None:
    chain = EmbeddedChain()
    party = Party(chain)
    good = party.sender.prepare(Call("transfer", party.address, b"")).raw
    legacy = party.account.sign_transaction(
        {"to": party.account.address, "nonce": 0, "gas": 21_000, "gasPrice": 10**9, "value": 0, "chainId": 1}
    )
    bad = {
        "empty": b"",
        "cut": good[:-3],
        "longer": good + b"\x00",
        "other": b"\x05" + good[1:],
        "legacy": bytes(legacy.raw_transaction),
    }[damage]
    with pytest.raises(JournalDamaged):
        party.sender.broadcast(bad)
    assert transactions_of(party) == 0


# --- crashes -------------------------------------------------------------------------------------------------------


def test_a_crash_before_or_after_broadcast_pays_once(tmp_path: Path) -> None:
    """The caller wrote `raw` down; whatever happened then, it broadcasts the same bytes after a restart."""
    chain = EmbeddedChain(tmp_path / "log")
    exchange, party = exchange_on(chain), Party(chain)
    key, address = party.account.key, exchange.address
    raw = party.sender.prepare(exchange.deposit(ETHER, DEPOSIT)).to_bytes()
    # The crash between journal and broadcast, then three after the broadcast.
    for _ in range(4):
        chain.close()
        chain = EmbeddedChain(tmp_path / "log")
        exchange = DataExchange(chain.web3, address)
        sender = Sender(exchange, Account.from_key(key))
        hash_ = sender.broadcast(raw)
        receipt = sender.wait(hash_, polls=1)
        assert exchange.free_balance(party.address, ETHER) == DEPOSIT
        assert exchange.balance(party.address) == 10 * ONE_ETHER - DEPOSIT - receipt.fee
    assert chain.web3.eth.get_transaction_count(party.account.address) == 1


def test_broadcasting_again_and_again_pays_once(network: Network, exchange: DataExchange) -> None:
    party = Party(network)
    prepared = party.sender.prepare(exchange.deposit(ETHER, DEPOSIT))
    assert party.sender.receipt(prepared.hash) is None
    assert {party.sender.broadcast(prepared.raw) for _ in range(5)} == {prepared.hash}
    network.mine(3)
    assert party.sender.broadcast(prepared.raw) == prepared.hash
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT
    assert transactions_of(party) == 1


@pytest.mark.parametrize("lost", ["before it arrives", "after it arrived", "garbled"])
def test_a_lost_answer_pays_once(hardhat: HardhatNetwork, lost: str) -> None:
    """The connection breaks while the transaction is handed over: nobody can say whether it arrived."""
    exchange, party = exchange_on(hardhat), Party(hardhat)

    def answer(request: dict[str, Any], number: int) -> bytes | None:
        if request["method"] != "eth_sendRawTransaction":
            return forward(hardhat.url, request)
        if lost == "before it arrives":
            return None
        forward(hardhat.url, request)
        return None if lost == "after it arrived" else http(b'{"jsonrpc":"2.0","id":')

    with bad_node(answer) as node:
        sender = sender_through(node.url, party)
        prepared = sender.prepare(exchange.deposit(ETHER, DEPOSIT))
        if lost == "before it arrives":
            for _ in range(2):
                with pytest.raises(NodeFailure):
                    sender.broadcast(prepared.raw)
            assert sender.receipt(prepared.hash) is None
        else:
            # It asked, and found that the transaction is there.
            assert sender.broadcast(prepared.raw) == prepared.hash
        assert node.methods().count("eth_sendRawTransaction") == (2 if lost == "before it arrives" else 1)
    party.sender.broadcast(prepared.raw)
    party.sender.wait(prepared.hash)
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT
    assert transactions_of(party) == 1


def test_the_node_dies_while_a_transaction_is_handed_over(hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    dead = False

    def answer(request: dict[str, Any], number: int) -> bytes | None:
        nonlocal dead
        if request["method"] == "eth_sendRawTransaction":
            forward(hardhat.url, request)
            dead = True
        return None if dead else forward(hardhat.url, request)

    with bad_node(answer) as node:
        sender = sender_through(node.url, party)
        prepared = sender.prepare(exchange.deposit(ETHER, DEPOSIT))
        # Not TransactionUncertain: that would allow another in its place.
        with pytest.raises(NodeFailure):
            sender.broadcast(prepared.raw)
    assert party.sender.broadcast(prepared.raw) == prepared.hash
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT


def test_a_transaction_that_waits_is_not_handed_over_again(hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    with bad_node(lambda request, _: forward(hardhat.url, request)) as node, hardhat.blocks_by_hand():
        sender = sender_through(node.url, party)
        prepared = sender.prepare(exchange.deposit(ETHER, DEPOSIT))
        assert {sender.broadcast(prepared.raw) for _ in range(3)} == {prepared.hash}
        assert node.methods().count("eth_sendRawTransaction") == 1
        assert sender.receipt(prepared.hash) is None
        # The next one waits behind it, if its signer says so.
        assert sender.prepare(exchange.deposit(ETHER, DEPOSIT), prepared.nonce + 1).nonce == prepared.nonce + 1
        hardhat.mine(1)
        sender.wait(prepared.hash)
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT


def retry_loop(sender: Sender, call: Call, journal: dict[str, bytes]) -> None:
    """What an agent does on every start, and a person who presses the button again."""
    if "raw" not in journal:
        journal["raw"] = sender.prepare(call).to_bytes()
    sender.wait(sender.broadcast(journal["raw"]), polls=1)


def test_an_impatient_loop_pays_once(hardhat: HardhatNetwork) -> None:
    """No answer to a transaction ever comes, and every fifth other one is lost."""
    exchange, party = exchange_on(hardhat), Party(hardhat)

    def answer(request: dict[str, Any], number: int) -> bytes | None:
        reply = forward(hardhat.url, request)
        return None if request["method"] == "eth_sendRawTransaction" or number % 5 == 4 else reply

    journal: dict[str, bytes] = {}
    with bad_node(answer) as node:
        sender = sender_through(node.url, party)
        for _ in range(5):
            with contextlib.suppress(NodeFailure):
                retry_loop(sender, exchange.deposit(ETHER, DEPOSIT), journal)
        assert node.methods().count("eth_sendRawTransaction") == 1
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT
    assert transactions_of(party) == 1


# --- conflicts -----------------------------------------------------------------------------------------------------


def test_a_number_that_another_transaction_used_for_good(network: Network, exchange: DataExchange) -> None:
    party = Party(network)
    first = party.sender.prepare(exchange.deposit(ETHER, DEPOSIT))
    second = party.sender.prepare(exchange.deposit(ETHER, Wei(5)))
    assert first.nonce == second.nonce
    party.sender.broadcast(second.raw)
    sender = Sender(exchange, party.account, finality=Finality(2))
    # Used, but a reorganisation could still let the first one in: only waiting is right.
    assert sender.broadcast(first.raw) == first.hash
    assert sender.receipt(first.hash) is None
    patient = Sender(exchange, party.account, finality=Finality(10**9))
    assert patient.broadcast(first.raw) == first.hash
    network.mine(2)
    with pytest.raises(TransactionUncertain, match="never be included"):
        sender.broadcast(first.raw)
    # The one that was included is not in doubt.
    assert sender.broadcast(second.raw) == second.hash
    assert exchange.free_balance(party.address, ETHER) == 5
    assert sender.prepare(exchange.deposit(ETHER, DEPOSIT)).nonce == 1


def test_a_node_that_is_behind_does_not_make_us_pay_twice(hardhat: HardhatNetwork) -> None:
    """It counts our transaction already and cannot find it yet: it must not look like somebody else's."""
    exchange, party = exchange_on(hardhat), Party(hardhat)
    prepared = party.sender.prepare(exchange.deposit(ETHER, DEPOSIT))
    party.sender.broadcast(prepared.raw)

    def answer(request: dict[str, Any], number: int) -> bytes:
        if request["method"] in ("eth_getTransactionByHash", "eth_getTransactionReceipt"):
            return rpc(request, None)
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        sender = sender_through(node.url, party, finality=Finality(3))
        assert sender.broadcast(prepared.raw) == prepared.hash
        assert "eth_sendRawTransaction" not in node.methods()
        with pytest.raises(TransactionUncertain, match="no block yet"):
            sender.wait(prepared.hash, polls=2, pause=0.01)


def test_an_account_that_can_no_longer_pay_for_what_it_signed(network: Network, exchange: DataExchange) -> None:
    party = Party(network, Wei(0))
    signed = party.forced(exchange.deposit(ETHER, DEPOSIT))
    for _ in range(2):
        with pytest.raises(InsufficientFunds, match="signed") as caught:
            party.sender.broadcast(signed.raw)
    assert (caught.value.expected, caught.value.found) == (in_ether(signed.max_cost), "0 ether")
    # With the money there, the same bytes go through.
    network.fund(party.address, Wei(10 * ONE_ETHER))
    party.sender.wait(party.sender.broadcast(signed.raw))
    assert exchange.free_balance(party.address, ETHER) == DEPOSIT


# --- failures in a block -------------------------------------------------------------------------------------------


def test_a_transaction_that_failed_in_its_block_is_named(trade: Trade) -> None:
    trade.accepted()
    before = trade.exchange.balance(trade.buyer.address)
    failed = trade.buyer.forced(trade.exchange.refund(trade.offer))
    sent = trade.buyer.sender.broadcast(failed.raw)
    for ask in (trade.buyer.sender.receipt, trade.buyer.sender.wait):
        with pytest.raises(ContractReverted) as caught:
            ask(sent)
        assert caught.value.error_name == "DeadlineNotPassed"
        assert caught.value.values["orderId"] == trade.offer.struct_hash()
        assert f"0x{sent.hex()}" in str(caught.value)
    # It cost gas and nothing else.
    assert 0 < before - trade.exchange.balance(trade.buyer.address) <= failed.max_cost
    assert trade.exchange.order(trade.offer.struct_hash()).state is OrderState.LOCKED


def test_a_transaction_that_came_too_late_is_named(trade: Trade) -> None:
    """Right when it was sent, too late in its block: only that block's own time shows why it failed."""
    trade.accepted()
    deadline = trade.exchange.order(trade.offer.struct_hash()).deadline
    trade.network.advance(Seconds(deadline - trade.exchange.now()))
    late = trade.seller.forced(trade.exchange.reveal(trade.offer, trade.key))
    trade.seller.sender.broadcast(late.raw)
    with pytest.raises(ContractReverted) as caught:
        trade.seller.sender.wait(late.hash)
    assert (caught.value.error_name, caught.value.values["deadline"]) == ("DeadlinePassed", deadline)


def test_a_transaction_without_enough_gas_is_named(network: Network, exchange: DataExchange) -> None:
    party = Party(network)
    starved = party.forced(exchange.deposit(ETHER, DEPOSIT), gas=30_000)
    party.sender.broadcast(starved.raw)
    with pytest.raises(ContractReverted, match="failed in its block") as caught:
        party.sender.wait(starved.hash)
    assert caught.value.error_name == ""
    assert exchange.free_balance(party.address, ETHER) == 0


def test_waiting_has_an_end(network: Network) -> None:
    with pytest.raises(TransactionUncertain, match="no block yet"):
        Party(network).sender.wait(TransactionHash(b"\x01" * 32), polls=2, pause=0.01)


# --- nodes that lie ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tip", [FEE_CEILING, 10**30, -1])
def test_an_absurd_price_of_gas_is_not_paid(hardhat: HardhatNetwork, tip: int) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)

    def answer(request: dict[str, Any], number: int) -> bytes:
        if request["method"] == "eth_maxPriorityFeePerGas":
            return rpc(request, hex(tip))
        return forward(hardhat.url, request)

    with bad_node(answer) as node, pytest.raises(NodeFailure, match=r"too high|nonsense to the price of gas"):
        sender_through(node.url, party).prepare(exchange.deposit(ETHER, DEPOSIT))


def test_a_chain_id_that_changes_gets_no_signature(hardhat: HardhatNetwork) -> None:
    exchange, party = exchange_on(hardhat), Party(hardhat)
    asked = 0

    def answer(request: dict[str, Any], number: int) -> bytes:
        nonlocal asked
        if request["method"] == "eth_chainId":
            asked += 1
            return rpc(request, hex(HARDHAT_CHAIN_ID if asked <= 2 else 1))
        return forward(hardhat.url, request)

    with bad_node(answer) as node:
        raw = sender_through(node.url, party).prepare(exchange.deposit(ETHER, DEPOSIT)).raw
    assert f"{HARDHAT_CHAIN_ID:x}" in json.dumps(raw[:8].hex())
    party.sender.wait(party.sender.broadcast(raw))


def test_money_is_not_sent_to_where_no_contract_is(trade: Trade) -> None:
    """The escrow's address on a chain where it is not: the chain takes such a call, and the ether is gone."""
    nowhere = DataExchange(trade.network.web3, Address("0x" + "33" * 20))
    for call in (nowhere.accept(trade.offer, trade.signature), nowhere.deposit(ETHER, DEPOSIT)):
        with pytest.raises(WrongContract, match="no contract"):
            trade.buyer.sender.prepare(call)
    assert trade.exchange.balance(trade.buyer.address) == 10 * ONE_ETHER
