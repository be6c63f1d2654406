"""A second machine reveals and claims for a seller that is gone: only what is safe, right to the wei, and once."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from killed import die_at_write, in_child
from trade import FINAL_DEPTH, PRICE, Parties, World, calls_of, make_parties
from watched import Watch, selector

from blindfair.agents.store.steps import EXPOSED, Step
from blindfair.agents.watch import reveal_package
from blindfair.agents.watch.ending import WatchEnding
from blindfair.agents.watch.inbox import PackageInbox
from blindfair.agents.watch.reveal_package import RevealPackage, reveal_packages
from blindfair.chain.costs import CLAIM, REVEAL
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.seller.packing import HandingOver, hand_over
from blindfair.protocol import messages
from blindfair.protocol.errors import MalformedFile, RootMismatch, WrongContract
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Seconds
from blindfair.protocol.signing import Domain


@pytest.fixture
def watching() -> Iterator[Callable[[World], Watch]]:
    opened: list[Watch] = []

    def watch(world: World) -> Watch:
        opened.append(Watch(world))
        return opened[-1]

    yield watch
    for each in opened:
        each.close()


def paid(world: World) -> tuple[Parties, RevealPackage, Path]:
    """A buyer that has paid, and the package of its seller, which is dead and has not revealed."""
    parties = make_parties(world)
    parties.run(parties.paid)
    folder = world.directory / "handed"
    folder.mkdir()
    (package,) = hand_over(parties.seller.journal, parties.seller.secrets, parties.seller.domain, folder)
    parties.seller.close()
    return parties, package, folder / package.name


def pass_quarter(world: World, package: RevealPackage) -> None:
    world.chain.advance(Seconds(package.head.offer.reveal_window // 4 + 1))


def test_a_key_is_revealed_and_the_price_claimed_while_seller_and_buyer_are_gone(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    world = at("delivered")
    parties, _, path = paid(world)
    assert path.stat().st_mode & 0o777 == 0o600
    watch = watching(world)
    PackageInbox((), path.parent).collect(watch.watcher)
    parties.buyer.close()
    # At first it leaves the window to the seller's own agent.
    watch.watcher.step()
    assert watch.watcher.waiting is not None
    assert "own agent may reveal first" in watch.watcher.waiting.reason
    (end,) = watch.run()
    assert end.ending is WatchEnding.RELEASED
    assert end.reason == "the seller was paid; this watcher revealed and claimed"
    assert parties.delta(parties.seller) == PRICE
    assert calls_of(world, watch.address) == [selector("reveal"), selector("claim")]
    assert watch.paid() == watch.watcher.wallet.gas_costs() > 0
    gas = {event.step.partition(":")[0]: event.gas for event in watch.told if event.gas}
    assert gas["reveal"] <= REVEAL
    assert gas["claim"] <= CLAIM
    # The key is gone from this machine.
    assert [*(world.directory / "watcher" / "packages").iterdir()] == []
    assert not watch.watcher.take(path)


@pytest.mark.deep
def test_a_buyer_gets_its_records_by_the_watchers_reveal(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    world = at("delivered")
    parties, package, path = paid(world)
    watch = watching(world)
    watch.watcher.take(path)
    pass_quarter(world, package)
    for _ in range(2 * FINAL_DEPTH):
        watch.watcher.step()
        world.chain.mine(1)
    assert world.exchange.order(package.order_id).state is OrderState.REVEALED
    # Its release reaches nobody while the seller is gone: the watcher claims, and the buyer has what it paid for.
    (end,) = watch.run()
    world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert parties.buyer.outcome is not None
    assert (parties.buyer.outcome.final, end.ending) == ("Released", WatchEnding.RELEASED)
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_seller_that_is_awake_leaves_nothing_to_do(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    world = at("delivered")
    parties, _, path = paid(world)
    watch = watching(world)
    watch.watcher.take(path)
    again = make_parties_again(world, parties)
    again.run()
    (end,) = watch.run()
    assert end.reason == "the seller was paid; this watcher had nothing to do"
    assert (watch.paid(), calls_of(world, watch.address)) == (0, [])
    # The seller takes back what nobody needs.
    assert hand_over(again.seller.journal, again.seller.secrets, again.seller.domain, path.parent) == []
    assert [*path.parent.iterdir()] == []
    again.close()


def make_parties_again(world: World, parties: Parties) -> Parties:
    parties.buyer.close()
    return make_parties(world)


def test_a_key_is_not_shown_against_an_accept_that_is_not_final(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    world = at("delivered")
    watch, parties = watching(world), make_parties(world)
    # The accept is the last block but that of the clock.
    while not parties.paid():
        parties.buyer.step()
    parties.close()
    _, package, path = paid(world)
    watch.watcher.take(path)
    accepted = world.exchange.accepted_at(package.order_id)
    assert accepted is not None
    pass_quarter(world, package)
    assert world.exchange.height() - accepted.block_number < FINAL_DEPTH
    watch.watcher.step()
    assert watch.watcher.waiting is not None
    assert "is not final yet" in watch.watcher.waiting.reason
    # Not even to the node, which tries a call out before it is signed.
    assert [name for name, _ in watch.watcher.journal.done(EXPOSED)] == []


def test_a_key_stays_secret_in_the_last_half_of_the_window(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    world = at("delivered")
    _, package, path = paid(world)
    world.chain.advance(Seconds(package.head.offer.reveal_window // 2 + 5))
    watch = watching(world)
    watch.watcher.take(path)
    (end,) = watch.run()
    assert (end.ending, "the bond is lost" in end.reason) == (WatchEnding.MISSED, True)
    assert (watch.paid(), calls_of(world, watch.address)) == (0, [])


def test_packages_that_are_none_are_refused_without_their_key(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    world = at("delivered")
    _, package, path = paid(world)
    watch = watching(world)
    good = json.loads(path.read_bytes())
    bad = [
        (MalformedFile, path.read_bytes()[:-40]),
        (MalformedFile, b"something else"),
        (MalformedFile, json.dumps({**good, "key": good["key"][:-2]}, separators=(",", ":"), sort_keys=True).encode()),
        (RootMismatch, json.dumps({**good, "key": "0x" + "11" * 32}, separators=(",", ":"), sort_keys=True).encode()),
        (WrongContract, json.dumps({**good, "chain_id": 5}, separators=(",", ":"), sort_keys=True).encode()),
    ]
    for error, data in bad:
        path.write_bytes(data)
        with pytest.raises(error) as raised:
            watch.watcher.take(path)
        assert good["key"][2:-2] not in str(raised.value)
    assert watch.watcher.open_orders == {}
    assert good["key"][2:] not in repr(package)


LIVES = 30


@pytest.mark.deep
def test_a_watcher_killed_before_every_write_reveals_and_claims_once(at: Callable[[str], World]) -> None:
    world = at("delivered")
    parties, _, path = paid(world)
    seller = parties.seller.address
    parties.buyer.close()
    world.close()

    def life() -> None:
        again = World(world.directory)
        die_at_write(2, before=True)
        watch = Watch(again)
        watch.watcher.take(path)
        watch.run()
        os._exit(7)

    statuses: list[int] = []
    while not statuses or statuses[-1] == -signal.SIGKILL:
        statuses.append(in_child(life))
        assert len(statuses) < LIVES
    assert statuses[-1] == 7
    assert len(statuses) > 8
    after = World(world.directory)
    watch = Watch(after)
    (end,) = watch.watcher.ended()
    assert end.ending is WatchEnding.RELEASED
    assert calls_of(after, watch.address) == [selector("reveal"), selector("claim")]
    watch.close()
    again = make_parties(after)
    assert (again.seller.address, again.delta(again.seller)) == (seller, PRICE)
    again.close()
    after.close()


def test_what_cannot_be_handed_over_is_told_once_and_tried_again(
    at: Callable[[str], World],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seller = make_parties(at("delivered")).seller
    with PartyScreen() as screen:
        handing = HandingOver(seller.journal, seller.secrets, seller.domain, tmp_path / "keys", screen)
        for _ in range(3):
            handing.turn()
        told = capsys.readouterr().err
        assert "reads the delivery, paid or not" in " ".join(told.split())
        assert told.count("CannotWrite") == 1
        (tmp_path / "keys").mkdir()
        handing.turn()
    (path,) = (tmp_path / "keys").iterdir()
    assert path.suffix == ".reveal"
    # Nothing was written since, so that nothing is looked at.
    path.unlink()
    handing.turn()
    assert [*(tmp_path / "keys").iterdir()] == []
    # What was taken away comes back at the next entry; and of what is there, no message is read again.
    read: list[bytes] = []

    def noted(data: bytes, *, domain: Domain) -> object:
        read.append(data)
        return messages.read(data, domain=domain)

    monkeypatch.setattr(reveal_package, "read", noted)
    for entry in range(3):
        seller.journal.note(Step(f"entry-{entry}"))
        handing.turn()
        assert path.exists()
    assert len(read) == 1
    seller.close()


def test_a_running_sellers_open_offers_are_handed_over(at: Callable[[str], World]) -> None:
    """From the journal alone, beside the agent; a folder that has a package keeps it as it is."""
    world = at("delivered")
    parties = make_parties(world)
    seller = parties.seller
    (package,) = reveal_packages(seller.journal, seller.secrets, seller.domain).values()
    assert package.head.offer == next(iter(seller.offers.values()))
    parties.close()
