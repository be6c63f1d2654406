"""On a chain that stands still or becomes final late, both parties are warned before they bind themselves
(PROTOCOL 7)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from trade import SELLER_POLICY, World, make_parties

from blindfair.protocol.quantities import Seconds

LAG = Seconds(2_000)
"""Longer than the half of the reveal window allows in which the key is shown."""


def stands_still(world: World, duration: Seconds = LAG) -> None:
    """The last final block is `duration` older than the latest one."""
    world.chain.mine(1)
    world.chain.advance(Seconds(duration - 12))
    assert world.exchange.time_to_final(world.context().finality) == duration


def warnings(world: World) -> list[tuple[str, str]]:
    return [(event.who, event.text) for event in world.told if event.step == "warning"]


def test_a_seller_is_warned_before_it_commits(world: World) -> None:
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, dispute_window=Seconds(7_999)))
    stands_still(world)
    parties.seller.step()
    assert [event.step for event in world.told] == ["warning", "warning", "commit"]
    assert warnings(world) == [
        ("seller", "the reveal window of 3600 s is short here: the latest final block is 2000 s old"),
        ("seller", "the dispute window of 7999 s is short here: the latest final block is 2000 s old"),
    ]


def test_a_seller_is_warned_before_its_offer_is_there_to_accept(at: Callable[[str], World]) -> None:
    world = at("agreed")
    stands_still(world)
    make_parties(world).seller.step()
    steps = [event.step.partition(":")[0] for event in world.told]
    assert steps.index("warning") < steps.index("deposit") < steps.index("delivery")


def test_a_buyer_is_warned_before_it_pays(at: Callable[[str], World]) -> None:
    world = at("delivered")
    stands_still(world)
    make_parties(world).buyer.step()
    assert [who for who, _ in warnings(world)] == ["buyer"]
    assert [event.step for event in world.told] == ["warning", "accept"]


@pytest.mark.parametrize(("more", "warned"), [(0, 0), (1, 1)])
def test_a_window_of_four_times_finality_is_long_enough(at: Callable[[str], World], more: int, warned: int) -> None:
    world = at("agreed")
    stands_still(world, Seconds(SELLER_POLICY.reveal_window // 4 + more))
    make_parties(world).seller.step()
    assert len(warnings(world)) == warned


def test_on_an_ordinary_chain_nobody_is_warned(at: Callable[[str], World]) -> None:
    for stage, place in (("agreed", 0), ("delivered", 1)):
        world = at(stage)
        parties = make_parties(world)
        parties.both[place].step()
        assert world.told
        assert warnings(world) == []
