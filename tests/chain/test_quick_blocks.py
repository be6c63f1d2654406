"""Several blocks in a second, as on second layers with a block each quarter of one: they bear the same time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_support import HARDHAT, WINDOW, HardhatNetwork, exchange_on, new_trade, running_hardhat

from blindfair.chain.exchange import Finality
from blindfair.chain.sender import Receipt
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, OrderId, Seconds

CONFIG = Path(__file__).parent / "quick_blocks" / "hardhat.config.js"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HardhatNetwork]:
    if not HARDHAT.exists():
        pytest.skip("hardhat is not installed: npm ci")
    with running_hardhat(tmp_path_factory.mktemp("quick") / "output", CONFIG) as url:
        yield HardhatNetwork(url)


@pytest.mark.deep
def test_a_trade_whose_blocks_bear_one_time(quick: HardhatNetwork) -> None:
    trade = new_trade(quick, exchange_on(quick))
    exchange, order = trade.exchange, OrderId(trade.offer.struct_hash())
    now = exchange.now()
    blocks: list[Receipt] = []
    for act in (trade.accepted, trade.revealed):
        quick.set_time(now)
        blocks.append(act())
    assert {receipt.timestamp for receipt in blocks} == {now}
    assert blocks[1].block_number == blocks[0].block_number + 1
    accepted = exchange.accepted_at(order)
    assert accepted is not None
    assert (accepted.block_number, accepted.timestamp) == (blocks[0].block_number, now)
    # Blocks count for finality, and their time does not.
    assert exchange.is_final(accepted.block_number, Finality(1))
    assert not exchange.is_final(accepted.block_number, Finality(2))
    assert exchange.time_to_final(Finality(1)) == 0
    assert exchange.revealed_key(order) == trade.key
    # The dispute window is one of time, in however many blocks.
    deadline = exchange.order(order).deadline
    # Half a minute early: the node's clock runs on while it is asked.
    quick.advance(Seconds(WINDOW - 60))
    quick.set_time(deadline - 30)
    quick.mine(1)
    with pytest.raises(ContractReverted):
        trade.seller.do(exchange.claim([trade.offer]))
    quick.set_time(deadline + 1)
    quick.mine(1)
    trade.seller.do(exchange.claim([trade.offer]))
    assert exchange.order(order).state is OrderState.RELEASED
    assert exchange.free_balance(trade.seller.address, ETHER) == trade.offer.bond
