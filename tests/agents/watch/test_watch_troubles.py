"""What goes wrong on a watcher's own machine holds up one order at most, and is told."""

import os
from collections.abc import Callable, Iterator

import pytest
from trade import BOND, World
from watched import Watch, accepted, reveal, written

from blindfair.agents.watch.ending import WatchEnding
from blindfair.agents.watch.inbox import PackageInbox
from blindfair.protocol.errors import CannotWrite, NodeFailure


@pytest.fixture
def watching() -> Iterator[Callable[[World], Watch]]:
    opened: list[Watch] = []

    def watch(world: World) -> Watch:
        opened.append(Watch(world))
        return opened[-1]

    yield watch
    for each in opened:
        each.close()


def test_a_package_that_the_disk_did_not_take_is_tried_again(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    """The file itself is good and never changes: it must not be given up."""
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world)
    path = written(package, parties.world.directory / "handed")
    # A directory where the copy is to be written stands for a disk that is full.
    blocked = parties.world.directory / "watcher" / "packages" / f".{path.name}.{os.getpid()}"
    blocked.mkdir()
    inbox = PackageInbox((), path.parent)
    for _ in range(3):
        inbox.collect(watch.watcher)
    assert isinstance(inbox.refused[path].error, CannotWrite)
    assert len([text for text in watch.texts() if "does not watch" in text]) == 1
    blocked.rmdir()
    inbox.collect(watch.watcher)
    assert inbox.refused == {}
    reveal(parties, package)
    (end,) = watch.run()
    assert (end.ending, parties.delta(parties.buyer)) == (WatchEnding.REFUNDED, BOND)


def test_a_damaged_package_of_its_own_keeps_no_watcher_from_opening(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world)
    watch.take(package)
    own = parties.world.directory / "watcher" / "packages"
    whole = (own / package.name).read_bytes()
    (own / package.name).write_bytes(whole[:3])
    (own / f".{package.name}.4711").write_bytes(whole)
    watch.close()
    watch.open()
    assert watch.watcher.open_orders == {}
    assert any("hand it over again" in text for text in watch.texts())
    # What a killed process had copied half is gone: nobody else would remove that ciphertext.
    assert [path.name for path in own.iterdir()] == [package.name]
    assert watch.take(package)
    reveal(parties, package)
    (end,) = watch.run()
    assert (end.ending, parties.delta(parties.buyer)) == (WatchEnding.REFUNDED, BOND)


def test_a_node_that_does_not_show_the_key_is_a_trouble_and_not_a_wait(
    at: Callable[[str], World], watching: Callable[[World], Watch]
) -> None:
    """Without its key a delivery cannot be checked, and the window goes by in silence."""
    parties, package = accepted(at("opened"), cheats=True)
    watch = watching(parties.world)
    watch.take(package)
    reveal(parties, package)
    shown, exchange = watch.watcher.exchange.revealed_key, watch.watcher.exchange
    exchange.revealed_key = lambda order_id: None  # type: ignore[method-assign]
    watch.watcher.step()
    with pytest.raises(NodeFailure, match="does not show the key") as raised:
        watch.watcher.step()
    assert "keeps logs" in raised.value.hint
    exchange.revealed_key = shown  # type: ignore[method-assign]
    (end,) = watch.run()
    assert end.ending is WatchEnding.REFUNDED
