"""Gas becomes dearer than what a signed transaction offers: the same call goes in at the same number, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chain_support import HARDHAT_CHAIN_ID, HardhatNetwork, Party, exchange_on

from bad_nodes import bad_node, forward, rpc, rpc_error
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import CallName
from blindfair.agents.waiting import Waiting
from blindfair.chain.calls import Call
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.chain.node import connect
from blindfair.chain.sender import FEE_CEILING, Sender
from blindfair.protocol.errors import GasCeilingReached, GasPriceTooHigh, InsufficientFunds, NodeFailure
from blindfair.protocol.quantities import ETHER, Wei

DEPOSIT = Wei(3 * 10**18)
GWEI = 10**9


@pytest.fixture
def cheap(hardhat: HardhatNetwork) -> Iterator[HardhatNetwork]:
    """Gas costs 1 gwei, and blocks are made by hand."""
    hardhat.set_base_fee(GWEI)
    hardhat.mine(1)
    with hardhat.blocks_by_hand():
        yield hardhat
    hardhat.set_base_fee(GWEI)
    hardhat.mine(1)


class Payer:
    """An account that deposits, with a journal that outlives its wallets."""

    def __init__(self, network: HardhatNetwork, path: Path, exchange: DataExchange) -> None:
        self.party, self.exchange, self.path = Party(network), exchange, path

    def deposit(
        self, exchange: DataExchange | None = None, ceiling: Wei | None = None, max_price: Wei = FEE_CEILING
    ) -> int | None:
        """One try in a new process, at its node or another; the gas, or None while it waits."""
        journal = Journal(self.path)
        through = exchange or self.exchange
        wallet = Wallet(
            journal, through, self.party.account, Finality(1), lambda *_, **__: None,
            gas_ceiling=ceiling, max_gas_price=max_price,
        )  # fmt: skip

        def call() -> Call:
            return through.deposit(ETHER, DEPOSIT)

        try:
            return wallet.execute(CallName("deposit"), call, "deposits").gas_used
        except Waiting:
            return None
        finally:
            self.gas_costs = wallet.gas_costs()
            journal.close()

    def deposited(self) -> int:
        return int(self.exchange.free_balance(self.party.address, ETHER))

    def transactions(self) -> int:
        return int(self.exchange.web3.eth.get_transaction_count(self.party.account.address))


@pytest.fixture
def payer(hardhat: HardhatNetwork, tmp_path: Path) -> Payer:
    return Payer(hardhat, tmp_path / "journal" / "journal.sqlite", exchange_on(hardhat))


def test_a_transaction_that_offers_too_little_is_replaced_and_pays_once(payer: Payer, cheap: HardhatNetwork) -> None:
    assert payer.deposit() is None
    for base in (20 * GWEI, 90 * GWEI):
        cheap.set_base_fee(base)
        cheap.mine(1)
        assert payer.deposited() == 0
        cheap.set_base_fee(base)
        # Twice, as after a crash: the second time the dearer one is there already.
        assert payer.deposit() is None
        assert payer.deposit() is None
    cheap.set_base_fee(90 * GWEI)
    cheap.mine(1)
    assert payer.deposit() is not None
    assert (payer.deposited(), payer.transactions()) == (DEPOSIT, 1)
    assert payer.deposit() is not None
    assert (payer.deposited(), payer.transactions()) == (DEPOSIT, 1)


def test_the_cheaper_one_may_still_be_the_one_that_is_included(payer: Payer, cheap: HardhatNetwork) -> None:
    assert payer.deposit() is None
    cheap.set_base_fee(20 * GWEI)
    cheap.mine(1)

    def deaf(request: dict[str, Any], _: int) -> bytes:
        """A node that takes no replacement, like one that drops what it is given."""
        if request["method"] == "eth_sendRawTransaction":
            return rpc_error(request, {"code": -32000, "message": "txpool is full"})
        return forward(cheap.url, request)

    with bad_node(deaf) as node, pytest.raises(NodeFailure):
        payer.deposit(DataExchange(connect(node.url, HARDHAT_CHAIN_ID), payer.exchange.address))
    cheap.set_base_fee(GWEI)
    cheap.mine(1)
    assert payer.deposit() is not None
    assert (payer.deposited(), payer.transactions()) == (DEPOSIT, 1)


def test_a_ceiling_stops_a_dearer_price_and_leaves_the_transaction_that_waits(
    payer: Payer, cheap: HardhatNetwork
) -> None:
    ceiling = Wei(10**15)
    assert payer.deposit(ceiling=ceiling) is None
    signed = payer.gas_costs
    assert 0 < signed < ceiling
    cheap.set_base_fee(20 * GWEI)
    cheap.mine(1)
    with pytest.raises(GasCeilingReached):
        payer.deposit(ceiling=ceiling)
    assert payer.gas_costs == signed
    # Of the two prices one is paid at most, and they are counted so.
    assert payer.deposit(ceiling=Wei(10**16)) is None
    assert 13 * signed < payer.gas_costs < 15 * signed
    cheap.set_base_fee(GWEI)
    cheap.mine(1)
    gas = payer.deposit(ceiling=ceiling)
    assert gas is not None
    assert payer.gas_costs < 2 * gas * 22 * GWEI


def test_at_a_hundred_times_the_price_it_stops_by_name_until_its_owner_allows_more(
    payer: Payer, cheap: HardhatNetwork
) -> None:
    cheap.set_base_fee(8 * GWEI)
    cheap.mine(1)
    cheap.set_base_fee(8 * GWEI)
    assert payer.deposit() is None
    for _ in range(2):
        cheap.set_base_fee(800 * GWEI)
        cheap.mine(1)
        cheap.set_base_fee(800 * GWEI)
        with pytest.raises(GasPriceTooHigh, match="a transaction that waits") as caught:
            payer.deposit()
        assert caught.value.expected == "at most 500 gwei"
        assert str(caught.value.found).startswith("80")
        assert "`max_gas_price=GWEI`" in caught.value.hint
    assert (payer.deposited(), payer.transactions()) == (0, 0)
    assert payer.deposit(max_price=Wei(1000 * GWEI)) is None
    cheap.mine(1)
    assert payer.deposit() is not None
    assert (payer.deposited(), payer.transactions()) == (DEPOSIT, 1)


def test_what_is_too_dear_to_send_is_not_shown_to_the_node_either(payer: Payer, cheap: HardhatNetwork) -> None:
    """It may be a key, and trying the call out would give it away."""
    cheap.set_base_fee(FEE_CEILING)
    cheap.mine(1)
    with bad_node(lambda request, _: forward(cheap.url, request)) as node:
        sender = Sender(connect(node.url, HARDHAT_CHAIN_ID), payer.party.account)
        with pytest.raises(GasPriceTooHigh, match="deposit"):
            sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT))
        assert not {"eth_estimateGas", "eth_call", "eth_sendRawTransaction"} & set(node.methods())


def test_a_price_that_is_enough_is_left_alone(payer: Payer, cheap: HardhatNetwork) -> None:
    prepared = payer.party.sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT))
    assert payer.party.sender.dearer(prepared) is None


def test_gas_may_cost_nearly_the_ceiling(payer: Payer, cheap: HardhatNetwork) -> None:
    """A reveal or a dispute must not fail for a price that is allowed."""
    sender = payer.party.sender
    prepared = sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT))
    cheap.set_base_fee(FEE_CEILING * 8 // 10)
    cheap.mine(1)
    dearer = sender.dearer(prepared)
    assert dearer is not None and dearer.max_fee == FEE_CEILING
    assert sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT)).max_fee == FEE_CEILING


def test_a_tip_that_is_far_too_small_is_raised(payer: Payer, cheap: HardhatNetwork) -> None:
    prepared = payer.party.sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT))

    def greedy(request: dict[str, Any], _: int) -> bytes:
        if request["method"] == "eth_maxPriorityFeePerGas":
            return rpc(request, hex(3 * prepared.tip))
        return forward(cheap.url, request)

    with bad_node(greedy) as node:
        sender = Sender(connect(node.url, HARDHAT_CHAIN_ID), payer.party.account)
        dearer = sender.dearer(prepared)
    assert dearer is not None
    assert (dearer.nonce, dearer.value, dearer.tip) == (prepared.nonce, prepared.value, 3 * prepared.tip)


def test_no_more_is_offered_than_the_ceiling_or_the_account_has(payer: Payer, cheap: HardhatNetwork) -> None:
    sender = payer.party.sender
    prepared = sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT))
    cheap.set_base_fee(FEE_CEILING)
    cheap.mine(1)
    with pytest.raises(NodeFailure, match="price of gas"):
        sender.dearer(prepared)
    rich = Sender(payer.exchange, payer.party.account, fee_ceiling=Wei(10**18))
    cheap.set_base_fee(2 * 10**14)
    cheap.mine(1)
    with pytest.raises(InsufficientFunds, match="by now"):
        rich.dearer(prepared)
    assert payer.transactions() == 0
