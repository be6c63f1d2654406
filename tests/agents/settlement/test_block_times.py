"""Chains with blocks of other lengths than Ethereum's: windows run by their time, finality by their blocks."""

from pathlib import Path

import pytest
from reorganised import DeepWorld, Unfolding, reorganise
from trade import BOND, PRICE, Stages, make_parties

from blindfair.agents.seller.seller import Seller
from blindfair.chain import embedded, embedded_backend
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import OrderId, Seconds

DEEP = pytest.mark.deep


def order_of(unfolding: Unfolding) -> OrderId:
    [offer] = unfolding.parties.seller.offers.values()
    return offer.struct_hash()


@pytest.mark.parametrize(
    ("block_time", "depth", "is_honest"),
    [(2, 12, True), pytest.param(1, 48, True, marks=DEEP), pytest.param(2, 12, False, marks=DEEP)],
)
def test_a_trade_where_blocks_are_quick(
    block_time: int, depth: int, is_honest: bool, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More blocks make final there than elsewhere, and none of them is waited for twice."""
    world = DeepWorld(stages.leave("agreed", tmp_path))
    world.depth = depth
    for module in (embedded, embedded_backend):
        monkeypatch.setattr(module, "BLOCK_TIME", Seconds(block_time))
    world.chain.mine(depth)
    seller_type = Seller if is_honest else CorruptingSeller
    unfolding = Unfolding(make_parties(world, seller_type=seller_type), depth)
    unfolding.until(unfolding.parties.paid)
    reorganise(world.chain, 1)
    unfolding.until(lambda: world.exchange.order(order_of(unfolding)).state is OrderState.LOCKED)
    began = world.chain.now()
    unfolding.until(unfolding.has(unfolding.parties.seller, "reveal"))
    assert depth * block_time <= world.chain.now() - began < 4 * depth * block_time + 60
    unfolding.settle()
    assert unfolding.parties.deltas() == ((-PRICE, PRICE) if is_honest else (BOND, -BOND))
    unfolding.check_signed()
    unfolding.parties.close()
    world.close()
