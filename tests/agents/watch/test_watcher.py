"""A second machine ends the orders of a buyer that is gone: right to the wei, on the real EVM, with gas of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from trade import BOND, BUYER_POLICY, GRANT, PRICE, World, calls_of, fees_of, make_parties
from watched import CEILING, Watch, accepted, package_of, reveal, selector

from blindfair.agents.store.steps import CallName
from blindfair.agents.watch.ending import WatchEnding
from blindfair.agents.watch.inbox import PackageInbox
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.errors import CannotWrite, GasCeilingReached, InsufficientFunds
from blindfair.protocol.quantities import ETHER, Seconds, Wei


@pytest.fixture
def watching() -> Iterator[Callable[..., Watch]]:
    opened: list[Watch] = []

    def watch(world: World, ceiling: Wei = CEILING, money: Wei = GRANT) -> Watch:
        opened.append(Watch(world, ceiling, money))
        return opened[-1]

    yield watch
    for each in opened:
        each.close()


def test_a_wrong_chunk_is_disputed_while_the_buyer_is_dead(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world)
    assert watch.take(package)
    parties.buyer.close()
    reveal(parties, package)
    (end,) = watch.run()
    assert end.ending is WatchEnding.REFUNDED
    assert end.reason == "chunk 10 is not the committed one; this watcher proved it"
    # Price and bond are the buyer's, and the watcher paid the gas, all of it and nothing else.
    assert parties.delta(parties.buyer) == BOND
    assert parties.delta(parties.seller) == -BOND
    assert watch.paid() > 0
    assert calls_of(parties.world, watch.address) == [selector("dispute")]
    assert watch.watcher.wallet.gas_costs() == watch.paid()
    # Its copy is gone: a machine that is stolen later gives nothing away.
    assert [*(parties.world.directory / "watcher" / "packages").iterdir()] == []
    assert not any("first half" in text for text in watch.texts())


def test_no_reveal_is_refunded_while_the_buyer_is_dead(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    parties, package = accepted(at("delivered"), cheats=False)
    watch = watching(parties.world)
    watch.take(package)
    parties.buyer.close()
    watch.watcher.step()
    assert watch.watcher.waiting is not None
    assert "has no key yet" in watch.watcher.waiting.reason
    (end,) = watch.run()
    assert (end.ending, end.reason) == (WatchEnding.REFUNDED, "no key came in time; this watcher sent the refund")
    assert parties.delta(parties.buyer) == BOND
    assert calls_of(parties.world, watch.address) == [selector("refund")]
    assert watch.paid() == watch.watcher.wallet.gas_costs()


def test_a_good_delivery_costs_the_watcher_nothing(at: Callable[[str], World], watching: Callable[..., Watch]) -> None:
    parties, package = accepted(at("delivered"), cheats=False)
    watch = watching(parties.world)
    watch.take(package)
    parties.buyer.close()
    reveal(parties, package)
    watch.watcher.step()
    # The reveal may yet be reorganised away, and the refund be needed after all.
    assert watch.watcher.open_orders
    (end,) = watch.run()
    assert (end.ending, "20 chunks" in end.reason) == (WatchEnding.GOOD, True)
    assert "scores were not checked" in end.reason
    assert (watch.paid(), calls_of(parties.world, watch.address)) == (0, [])
    # It did not wait for the window to be over, and the seller is paid as ever.
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.delta(parties.seller) == PRICE


@pytest.mark.deep
@pytest.mark.parametrize("first", ["buyer", "watcher"])
def test_buyer_and_watcher_both_act_and_both_end_well(
    at: Callable[[str], World], watching: Callable[..., Watch], first: str
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world)
    watch.take(package)
    reveal(parties, package)
    if first == "buyer":
        parties.buyer.step()
    else:
        watch.watcher.step()
    # Neither has seen a block since.
    watch.watcher.step()
    (end,) = watch.run()
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert parties.buyer.outcome is not None
    assert (end.ending, parties.buyer.outcome.final) == (WatchEnding.REFUNDED, "Refunded")
    assert ("somebody else" in end.reason) == (first == "buyer")
    assert parties.delta(parties.buyer) == BOND
    disputes = [*calls_of(parties.world, watch.address), *calls_of(parties.world, parties.buyer.address)]
    assert disputes.count(selector("dispute")) == 1
    watch.paid()


@pytest.mark.deep
def test_a_dispute_that_is_mined_behind_the_buyers_ends_well(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    """Both were signed before either was in a block: the watcher's fails there, and it pays gas in vain, once."""
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world)
    watch.take(package)
    reveal(parties, package)
    sender = watch.watcher.wallet._sender
    held: list[bytes] = []
    broadcast, sender.broadcast = sender.broadcast, held.append  # type: ignore[method-assign,assignment]
    watch.watcher.step()
    sender.broadcast = broadcast  # type: ignore[method-assign]
    assert len(held) == 1
    parties.buyer.step()
    broadcast(held[0])
    (end,) = watch.run()
    assert (end.ending, "somebody else" in end.reason) == (WatchEnding.REFUNDED, True)
    assert parties.delta(parties.buyer) == BOND
    assert calls_of(parties.world, watch.address) == []
    # What failed counts for the ceiling as if it had cost all that it offered.
    assert 0 < watch.paid() <= watch.watcher.wallet.gas_costs()


def test_a_ceiling_keeps_the_dispute_from_being_sent_until_it_is_raised(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world, ceiling=Wei(10**12))
    watch.take(package)
    with pytest.raises(GasCeilingReached, match="ceiling does not leave enough"):
        watch.watcher.check_means()
    reveal(parties, package)
    with pytest.raises(GasCeilingReached) as raised:
        watch.watcher.step()
    assert "gas_ceiling" in raised.value.hint
    assert (watch.paid(), watch.watcher.wallet.gas_costs()) == (0, 0)
    watch.close()
    watch.ceiling = Wei(10**17)
    watch.open()
    watch.watcher.check_means()
    (end,) = watch.run()
    assert (end.ending, parties.delta(parties.buyer)) == (WatchEnding.REFUNDED, BOND)


@pytest.mark.deep
def test_a_watcher_without_gas_says_so_at_once_and_goes_on_when_it_is_there(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world, money=Wei(0))
    watch.take(package)
    with pytest.raises(InsufficientFunds, match="the gas of a dispute"):
        watch.watcher.check_means()
    reveal(parties, package)
    with pytest.raises(InsufficientFunds):
        watch.watcher.step()
    parties.world.fund(watch.address)
    watch.money = GRANT
    (end,) = watch.run()
    assert (end.ending, parties.delta(parties.buyer)) == (WatchEnding.REFUNDED, BOND)


def test_a_dispute_in_the_second_half_is_told_and_sent(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    window = package.head.offer.dispute_window
    reveal(parties, package)
    parties.world.chain.advance(Seconds(window // 2 + 5))
    watch = watching(parties.world)
    watch.take(package)
    (end,) = watch.run()
    assert end.ending is WatchEnding.REFUNDED
    assert any("after the first half of its window" in text for text in watch.texts())


def test_a_window_that_is_over_is_told_as_a_loss(at: Callable[[str], World], watching: Callable[..., Watch]) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    reveal(parties, package)
    parties.world.chain.advance(Seconds(package.head.offer.dispute_window + 5))
    watch = watching(parties.world)
    watch.take(package)
    (end,) = watch.run()
    assert (end.ending, "nobody proved it in time" in end.reason) == (WatchEnding.MISSED, True)
    assert watch.paid() == 0


def test_a_wrong_chunk_that_was_released_is_told_as_a_loss(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    reveal(parties, package)
    parties.world.chain.advance(Seconds(package.head.offer.dispute_window + 5))
    parties.world.run(parties.seller, until=lambda: parties.seller.idle)
    watch = watching(parties.world)
    watch.take(package)
    (end,) = watch.run()
    assert (end.ending, watch.paid()) == (WatchEnding.MISSED, 0)


def test_an_offer_that_is_never_accepted_ends_as_expired(
    at: Callable[[str], World], watching: Callable[..., Watch]
) -> None:
    """The package is there before the buyer pays, and the buyer may never pay."""
    world = at("delivered")
    parties = make_parties(world, buyer_policy=replace(BUYER_POLICY, gas_reserve=Wei(10 * GRANT)))
    with pytest.raises(InsufficientFunds):
        parties.buyer.step()
    watch = watching(world)
    watch.take(package_of(parties.buyer))
    watch.watcher.step()
    assert watch.watcher.waiting is not None
    assert "was not accepted yet" in watch.watcher.waiting.reason
    (end,) = watch.run()
    assert (end.ending, watch.paid()) == (WatchEnding.EXPIRED, 0)
    assert parties.world.exchange_balance(parties.buyer.address) == GRANT - fees_of(world, parties.buyer.address)


def test_a_buyer_hands_the_package_over_before_it_pays(
    at: Callable[[str], World], watching: Callable[..., Watch], tmp_path: Path
) -> None:
    """A buyer that dies right after its accept is watched already."""
    policy = replace(BUYER_POLICY, watch_folder=tmp_path)
    parties = make_parties(at("opened"), seller_type=CorruptingSeller, buyer_policy=policy)
    sent_before: list[int] = []
    broadcast = parties.buyer.wallet._sender.broadcast

    def noticed(raw: bytes) -> object:
        sent_before.append(len([*tmp_path.glob("*.watch")]))
        return broadcast(raw)

    parties.buyer.wallet._sender.broadcast = noticed  # type: ignore[method-assign,assignment]
    parties.run(parties.paid)
    assert sent_before == [1]
    package = package_of(parties.buyer)
    parties.buyer.close()
    reveal(parties, package)
    watch = watching(parties.world)
    PackageInbox((), tmp_path).collect(watch.watcher)
    (end,) = watch.run()
    assert (end.ending, parties.delta(parties.buyer)) == (WatchEnding.REFUNDED, BOND)


def test_a_package_is_written_once_however_often_the_contract_refuses_the_accept(
    at: Callable[[str], World], tmp_path: Path
) -> None:
    """A seller that keeps the bond back would else have the whole delivery written at each turn."""
    parties = make_parties(at("delivered"), buyer_policy=replace(BUYER_POLICY, watch_folder=tmp_path))
    seller, exchange = parties.seller.address, parties.world.exchange
    parties.seller.wallet.execute(
        CallName("withdraw-all"),
        lambda: exchange.withdraw(ETHER, exchange.free_balance(seller, ETHER), seller),
        "takes the bond away",
    )
    inodes = set()
    for _ in range(3):
        parties.buyer.step()
        (written_one,) = tmp_path.glob("*.watch")
        inodes.add((written_one.stat().st_ino, written_one.stat().st_mtime_ns))
    assert parties.buyer.waiting is not None and "refuses the accept" in parties.buyer.waiting.reason
    assert len(inodes) == 1
    parties.close()


def test_a_buyer_whose_watch_folder_takes_nothing_does_not_pay(at: Callable[[str], World], tmp_path: Path) -> None:
    policy = replace(BUYER_POLICY, watch_folder=tmp_path / "none")
    parties = make_parties(at("delivered"), buyer_policy=policy)
    with pytest.raises(CannotWrite):
        parties.buyer.step()
    assert not parties.buyer.has_paid
    assert calls_of(parties.world, parties.buyer.address) == []
    parties.close()
