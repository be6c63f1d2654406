"""Messages through a store: memory, a disk without locks, and a real S3 server; cuts, kills and strangers."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from buckets import BUCKET, environment, files
from cutting import CuttingProxy
from sending import message as sent_message
from stores import ANN, BOB, Store
from trade import BOND, PRICE, World, make_parties

from blindfair.agents.context import AgentContext
from blindfair.agents.messaging.store_transport import PIECE, StoreTransport
from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.errors import (
    ServiceBusy,
    ServiceUnreachable,
)

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
pytest.importorskip("moto")
memory = pytest.importorskip("fsspec.implementations.memory")

SENDING = Path(__file__).parents[1] / "support" / "sending.py"


def test_a_message_arrives_whole_and_is_gone_once_it_was_dealt_with(store: Store) -> None:
    ann, bob, message = store.transport(ANN), store.transport(BOB), b"M" + random.Random(1).randbytes(PIECE + 1000)
    assert list(bob.pending()) == []
    ann.send(BOB, message)
    ann.send(BOB, message)
    [(handle, size)] = bob.pending()
    assert (handle, size) == (hashlib.sha256(message).hexdigest(), len(message))
    assert bob.head(handle, 100) == message[:100]
    assert bob.receive(handle) == message
    bob.done(handle)
    bob.done(handle)
    assert list(bob.pending()) == [] and store.names(BOB) == []
    assert bob.receive(handle) == bob.head(handle, 10) == b""


def test_what_is_no_message_is_left_alone_and_what_is_half_there_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, message = store.transport(ANN), store.transport(BOB), b"M" * 5000
    handle = hashlib.sha256(message).hexdigest()
    store.put(BOB, "README.txt", b"hello")
    store.put(BOB, f"{'a' * 64}/inside", b"M") if not store.url.startswith("local") else None
    store.put(BOB, handle, message[:2000])
    [(found, size)] = bob.pending()
    assert (found, size, bob.head(found, 10)) == (handle, 2000, b"M" * 10)
    assert bob.receive(handle) == b"" and bob.incomplete() == handle
    assert bob.aside() in ("README.txt", "a" * 64)
    assert handle not in dict(bob.pending())
    # Its sender, started again, writes it whole over the half.
    ann.send(BOB, message)
    until(lambda: handle in dict(bob.pending()))
    assert bob.receive(handle) == message
    bob.done(handle)
    assert "README.txt" in store.names(BOB) and handle not in store.names(BOB)
    # What never becomes whole is removed in the end.
    store.put(BOB, "b" * 64, b"Mjunk")
    assert bob.receive(next(handle for handle, _ in bob.pending())) == b""
    monkeypatch.setattr("blindfair.agents.messaging.partial_messages.GIVEN_UP_AFTER", -1.0)
    list(bob.pending())
    assert "b" * 64 not in store.names(BOB)


def until(happens: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_no_more_is_fetched_than_was_listed(store: Store) -> None:
    bob, message = store.transport(BOB), b"M" * 1000
    handle = hashlib.sha256(message).hexdigest()
    store.put(BOB, handle, message)
    assert dict(bob.pending()) == {handle: 1000}
    store.put(BOB, handle, message + b"X" * 10**6)
    assert bob.receive(handle) == message


def test_the_beginnings_of_others_keep_no_message_back_that_is_here(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests stay in the mailbox until their turn, and are here in full meanwhile."""
    monkeypatch.setattr("blindfair.agents.messaging.downloads.FOLDER_BYTES", 100_000)
    bob, waiting = store.transport(BOB), [b"M" * 50_000, b"N" * 50_000]
    handles = [hashlib.sha256(message).hexdigest() for message in waiting]
    for handle, message in zip(handles, waiting, strict=True):
        store.put(BOB, handle, message)
    assert len(list(bob.pending())) == 2
    assert [bob.receive(handle) for handle in handles] == waiting
    late, small = b"L" * 20_000, b"small"
    for message in (late, small):
        store.put(BOB, hashlib.sha256(message).hexdigest(), message)
    late_handle, small_handle = (hashlib.sha256(message).hexdigest() for message in (late, small))
    assert {late_handle, small_handle} < set(dict(bob.pending()))
    assert bob.head(late_handle, 2) == b"LL"
    assert bob.receive(late_handle) == b""
    # What settles an order is small, and does not wait for space.
    assert bob.receive(small_handle) == small
    assert [bob.receive(handle) for handle in handles] == waiting


class StoreWorld(World):
    """Agents whose mailboxes are in a store."""

    url = ""

    def context(self) -> AgentContext:
        return replace(
            super().context(),
            transport=lambda own, _: self.wrap(StoreTransport(self.url, own, self.directory / f"{own}'s mail"), own),
        )


@pytest.fixture
def in_bucket(port: int, tmp_path: Path) -> Iterator[StoreWorld]:
    with environment(port):
        world = StoreWorld(tmp_path / "world")
        world.url = f"s3://{BUCKET}/traded"
        yield world
        world.close()


@pytest.fixture
def in_store(store: Store, tmp_path: Path) -> Iterator[StoreWorld]:
    world = StoreWorld(tmp_path / "world")
    world.url = store.url
    yield world
    world.close()


def trade_and_check(world: StoreWorld, store: Store) -> None:
    parties = make_parties(world)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error, parties.seller.ending) == (Ending.RELEASED, None, Ending.RELEASED)
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    addresses = [agent.address for agent in parties.both]
    parties.close()
    # Everything was dealt with, and the right to the mailboxes was given back.
    assert {name for address in addresses for name in store.names(address)} <= {".queue"}


@pytest.mark.deep
def test_an_honest_trade_through_a_bucket_is_right_to_the_wei(in_bucket: StoreWorld) -> None:
    trade_and_check(in_bucket, Store(in_bucket.url, f"{BUCKET}/traded", files("s3")))


@pytest.mark.deep
def test_an_honest_trade_through_any_store_is_right_to_the_wei(in_store: StoreWorld, store: Store) -> None:
    trade_and_check(in_store, store)


class LateStore(memory.MemoryFileSystem):  # type: ignore[name-defined,misc]
    """A store that lists what was there a while ago: new objects come late, and removed ones stay in the list."""

    protocol = "late"
    store: dict[str, Any] = {}  # noqa: RUF012 - as its parent has it
    pseudo_dirs = [""]  # noqa: RUF012
    seen: dict[str, list[Any]] = {}  # noqa: RUF012

    def ls(self, path: str, detail: bool = True, **named: Any) -> Any:
        try:
            now = super().ls(path, detail=True, **named)
        except FileNotFoundError:
            now = []
        before, self.seen[path] = self.seen.get(path, []), [dict(info) for info in now]
        return before if detail else [info["name"] for info in before]


@pytest.mark.deep
def test_a_trade_through_a_store_that_lists_late_is_the_same(tmp_path: Path) -> None:
    fsspec.register_implementation("late", LateStore, clobber=True)
    world = StoreWorld(tmp_path / "world")
    world.url = "late://mail"
    parties = make_parties(world, seller_type=CorruptingSeller)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.final == parties.seller.ending == Ending.REFUNDED
    assert parties.deltas() == (BOND, -BOND)
    parties.close()
    world.close()


# --- cuts and kills ------------------------------------------------------------------------------------------------


@pytest.mark.deep
def test_a_line_that_is_cut_at_any_byte_loses_and_doubles_nothing(port: int, tmp_path: Path) -> None:
    """Connections to the S3 server end after some bytes, in either direction; every call succeeds or has a name."""
    rng, left = random.Random(7), [14]

    def budget() -> tuple[int, int]:
        left[0] -= 1
        return (-1, -1) if left[0] < 0 else (rng.randrange(100, 2_000_000), rng.randrange(20, 2_000_000))

    proxy = CuttingProxy(port, budget)
    message = b"M" + random.Random(2).randbytes(3_000_000)
    with environment(proxy.port):
        ann = StoreTransport(f"s3://{BUCKET}/cut", ANN)
        bob = StoreTransport(f"s3://{BUCKET}/cut", BOB, tmp_path / "bob")
        attempt(lambda: ann.send(BOB, message))
        [(handle, size)] = attempt(lambda: list(bob.pending()))
        assert size == len(message)
        assert attempt(lambda: bob.receive(handle)) == message
        attempt(lambda: bob.done(handle) if list(bob.pending()) else None)
        assert attempt(lambda: list(bob.pending())) == []
    proxy.close()
    assert proxy.cuts >= 3


def attempt(work: Callable[[], Any]) -> Any:
    """As an agent does it: named trouble is tried again."""
    for _ in range(30):
        try:
            return work()
        except (ServiceUnreachable, ServiceBusy):
            continue
    raise AssertionError("it never works")


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_sender_that_is_killed_leaves_no_half_of_a_message_that_is_taken(
    kind: str, port: int, tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()
    url = f"local://{tmp_path}/store" if kind == "local" else f"s3://{BUCKET}/killed"
    size, rng = 4_000_000, random.Random(3)
    with environment(port):
        bob, ann, taken = StoreTransport(url, BOB, tmp_path / "bob"), StoreTransport(url, ANN), set()
        for _ in range(2):
            process = subprocess.Popen([sys.executable, SENDING, url, BOB, str(size)], stdout=subprocess.PIPE)
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            begun = [process.stdout.readline().strip().decode() for _ in range(rng.randint(2, 4))]
            time.sleep(rng.uniform(0.0, 0.1))
            process.send_signal(signal.SIGKILL)
            begun += [line.strip().decode() for line in process.communicate()[0].splitlines()]
            for handle, _ in list(bob.pending()):
                data = bob.receive(handle)
                assert data in (b"", sent_message(begun.index(handle), size) if handle in begun else b"")
                if data:
                    taken.add(handle)
                    bob.done(handle)
        # What was under way is sent again by the next life, and arrives.
        last = sent_message(len(begun) - 1, size)
        ann.send(BOB, last)
        handle = hashlib.sha256(last).hexdigest()
        until(lambda: handle in dict(bob.pending()))
        assert bob.receive(handle) == last and taken


@pytest.mark.deep
def test_a_receiver_that_is_killed_goes_on_where_it_was(port: int, tmp_path: Path) -> None:
    message = b"M" + random.Random(4).randbytes(PIECE + 5000)
    with environment(port):
        StoreTransport(f"s3://{BUCKET}/resumed", ANN).send(BOB, message)
        first = StoreTransport(f"s3://{BUCKET}/resumed", BOB, tmp_path / "bob")
        [(handle, _)] = first.pending()
        assert len(first.head(handle, PIECE)) == PIECE
        proxy = CuttingProxy(port)
        with environment(proxy.port):
            again = StoreTransport(f"s3://{BUCKET}/resumed", BOB, tmp_path / "bob")
            [(handle, _)] = again.pending()
            assert again.receive(handle) == message
        proxy.close()
    assert proxy.fetched < 100_000


def test_a_long_message_costs_its_beginning_alone_until_it_is_wanted(port: int, tmp_path: Path) -> None:
    message = b"M" * 5_000_000
    proxy = CuttingProxy(port)
    with environment(proxy.port):
        StoreTransport(f"s3://{BUCKET}/long", ANN).send(BOB, message)
        bob = StoreTransport(f"s3://{BUCKET}/long", BOB)
        [(handle, _)] = bob.pending()
        assert bob.head(handle, 50) == message[:50]
    proxy.close()
    assert proxy.fetched < 20_000
