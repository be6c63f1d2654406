"""A node's chain is reorganised and forgets transactions: they are sent again, each once and in their order."""

from pathlib import Path
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on, new_trade

from bad_nodes import changed
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import RECEIPT, SIGNED, CallName, TransactionName
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.node import connect
from blindfair.chain.sender import Sender
from blindfair.protocol.quantities import ETHER, OrderId, Wei

FIRST, SECOND, THIRD = Wei(3 * 10**17), Wei(5 * 10**16), Wei(7)
GWEI = 10**9


class Depositor:
    """An account that deposits, through a wallet that lives on."""

    def __init__(self, network: HardhatNetwork, path: Path) -> None:
        self.exchange: DataExchange = exchange_on(network)
        self.party, self.journal = Party(network), Journal(path)
        self.told: list[str] = []
        self.wallet = Wallet(
            self.journal, self.exchange, self.party.account, Finality(5),
            lambda step, text, **_: self.told.append(text) if step == "warning" else None,
        )  # fmt: skip

    def deposit(self, name: str, amount: Wei) -> None:
        self.wallet.execute(CallName(f"deposit:{name}"), lambda: self.exchange.deposit(ETHER, amount), "deposits")

    def deposited(self) -> int:
        return int(self.exchange.free_balance(self.party.address, ETHER))

    def transactions(self) -> int:
        return int(self.exchange.web3.eth.get_transaction_count(self.party.account.address))


@pytest.fixture
def depositor(hardhat: HardhatNetwork, tmp_path: Path) -> Depositor:
    return Depositor(hardhat, tmp_path / "journal" / "journal.sqlite")


def test_lost_transactions_come_back_before_new_ones_and_each_once(
    depositor: Depositor, hardhat: HardhatNetwork
) -> None:
    before = hardhat.remember()
    depositor.deposit("one", FIRST)
    depositor.deposit("two", SECOND)
    assert depositor.deposited() == FIRST + SECOND
    hardhat.go_back(before, 3)
    assert (depositor.deposited(), depositor.transactions()) == (0, 0)
    depositor.wallet.note_receipts()
    assert (depositor.deposited(), depositor.transactions()) == (FIRST + SECOND, 2)
    assert depositor.told == ["a reorganisation took the deposit out of its block"] * 2
    depositor.wallet.note_receipts()
    depositor.deposit("three", THIRD)
    assert (depositor.deposited(), depositor.transactions()) == (FIRST + SECOND + THIRD, 3)
    assert len(depositor.told) == 2


def test_a_new_transaction_does_not_take_the_number_of_a_lost_one(
    depositor: Depositor, hardhat: HardhatNetwork
) -> None:
    """Then only one of the two could ever be included."""
    before = hardhat.remember()
    depositor.deposit("one", FIRST)
    hardhat.go_back(before, 2)
    with hardhat.blocks_by_hand():
        depositor.wallet.note_receipts()
        # It waits at the node, in no block yet.
        with pytest.raises(Waiting):
            depositor.deposit("two", SECOND)
        hardhat.mine(1)
    assert (depositor.deposited(), depositor.transactions()) == (FIRST + SECOND, 2)


def test_a_lost_transaction_for_which_gas_became_too_dear_is_priced_anew(
    depositor: Depositor, hardhat: HardhatNetwork
) -> None:
    hardhat.set_base_fee(GWEI)
    hardhat.mine(1)
    before = hardhat.remember()
    depositor.deposit("one", FIRST)
    hardhat.go_back(before, 2)
    hardhat.set_base_fee(100 * GWEI)
    hardhat.mine(1)
    hardhat.set_base_fee(100 * GWEI)
    depositor.wallet.note_receipts()
    assert (depositor.deposited(), depositor.transactions()) == (FIRST, 1)
    hardhat.set_base_fee(GWEI)
    hardhat.mine(1)


def test_what_the_contract_would_refuse_by_now_is_not_sent_again(depositor: Depositor, hardhat: HardhatNetwork) -> None:
    """A withdrawal of money that the same reorganisation took away: it would fail and cost its gas."""
    exchange, address = depositor.exchange, depositor.party.address
    other = Party(hardhat)
    before = hardhat.remember()
    depositor.deposit("one", FIRST)
    depositor.wallet.execute(
        CallName("withdraw:x"), lambda: exchange.withdraw(ETHER, FIRST, other.address), "withdraws"
    )
    hardhat.go_back(before, 2)
    with hardhat.blocks_by_hand():
        depositor.wallet.note_receipts()
        hardhat.mine(1)
        # The deposit alone: before it is there, the withdrawal would be refused.
        assert (depositor.deposited(), depositor.transactions()) == (FIRST, 1)
        depositor.wallet.note_receipts()
        hardhat.mine(1)
    assert (depositor.deposited(), depositor.transactions()) == (0, 2)
    assert exchange.free_balance(address, ETHER) == 0


def test_what_cannot_come_back_is_told_once(depositor: Depositor, hardhat: HardhatNetwork) -> None:
    """The money of a withdrawal is gone for good: nobody is told so at every turn."""
    exchange, other = depositor.exchange, Party(hardhat)
    before = hardhat.remember()
    depositor.party.do(exchange.deposit(ETHER, FIRST))
    depositor.wallet.execute(
        CallName("withdraw:x"), lambda: exchange.withdraw(ETHER, FIRST, other.address), "withdraws"
    )
    hardhat.go_back(before, 2)
    for _ in range(3):
        depositor.wallet.note_receipts()
    assert depositor.told == ["a reorganisation took the withdraw out of its block"]


def test_an_attempt_that_failed_is_not_sent_again(depositor: Depositor, hardhat: HardhatNetwork) -> None:
    """It would succeed now, beside the one that took its place: the same would be done twice."""
    exchange, journal = depositor.exchange, depositor.journal
    sender = Sender(exchange, depositor.party.account)
    before = hardhat.remember()
    failed = sender.prepare(exchange.deposit(ETHER, FIRST), 0)
    journal.once(SIGNED.of(TransactionName("deposit:x")), failed.to_bytes)
    depositor.party.do(exchange.deposit(ETHER, THIRD))
    second = sender.prepare(exchange.deposit(ETHER, SECOND), 1)
    journal.once(SIGNED.of(TransactionName("deposit:x.1")), second.to_bytes)
    journal.note(RECEIPT.of(CallName("deposit:x")), '{"gas": 1, "fee": 1}')
    sender.broadcast(second.raw)
    assert depositor.deposited() == THIRD + SECOND
    hardhat.go_back(before, 3)
    with hardhat.blocks_by_hand():
        depositor.wallet.note_receipts()
        assert not sender.is_known(failed)
        assert sender.is_known(second)


# --- in the midst of a reorganisation ------------------------------------------------------------------------------


def _without_blocks(request: dict[str, Any], result: Any) -> Any:
    """A node that gave a receipt or a log, and has another branch by the time that it is asked for the block."""
    is_of_one = request["method"] == "eth_getBlockByNumber" and request["params"][0].startswith("0x")
    return None if is_of_one or request["method"] == "eth_getBlockByHash" else result


def test_a_block_that_is_gone_before_it_is_asked_for_is_no_failure(hardhat: HardhatNetwork) -> None:
    trade = new_trade(hardhat, exchange_on(hardhat))
    receipt = trade.accepted()
    with changed(hardhat.url, _without_blocks) as url:
        exchange = DataExchange(connect(url, HARDHAT_CHAIN_ID), trade.exchange.address)
        assert Sender(exchange, trade.buyer.account).receipt(receipt.hash) is None
        assert exchange.accepted_at(OrderId(trade.offer.struct_hash())) is None
        assert not exchange.has(trade.exchange.newest())
    assert trade.exchange.has(trade.exchange.newest())
