"""Messages through a store: memory, a disk without locks, and a real S3 server; cuts, kills and strangers."""

import hashlib
import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from buckets import BUCKET, environment, files
from cutting import CuttingProxy
from sending import message as sent_message
from trade import BOND, PRICE, World, make_parties

from blindfair.agents.context import AgentContext
from blindfair.agents.messaging import store_lease
from blindfair.agents.messaging.store_transport import PIECE, StoreTransport
from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.errors import (
    ServiceBusy,
    ServiceUnreachable,
    StoreInUse,
)
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain, sign_message

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
pytest.importorskip("moto")
memory = pytest.importorskip("fsspec.implementations.memory")

ANN, BOB = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)
DOMAIN, KEYS = Domain(1, Address("0x" + "cc" * 20)), {ANN: b"\xaa" * 32, BOB: b"\xbb" * 32}
SENDING = Path(__file__).parents[1] / "support" / "sending.py"
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Store:
    """A place for messages: its URL, and its owner's own view of it."""

    url: str
    root: str
    files: Any

    def put(self, to: Address, name: str, data: bytes) -> None:
        if self.url.startswith("local"):
            self.files.makedirs(f"{self.root}/{to}", exist_ok=True)
        self.files.pipe_file(f"{self.root}/{to}/{name}", data)

    def names(self, to: Address) -> list[str]:
        try:
            found = self.files.ls(f"{self.root}/{to}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rpartition("/")[2] for path in found)

    def transport(self, own: Address, folder: Path | None = None) -> StoreTransport:
        return StoreTransport(self.url, own, folder, lambda kind, body: sign_message(DOMAIN, kind, body, KEYS[own]))


@pytest.fixture(params=["memory", "local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    number = next(NUMBERS)
    match request.param:
        case "memory":
            yield Store(f"memory://mail-{number}", f"/mail-{number}", files("memory"))
        case "local":
            (tmp_path / "store").mkdir()
            yield Store(f"local://{tmp_path}/store", f"{tmp_path}/store", files("local"))
        case _:
            with environment(request.getfixturevalue("port")):
                yield Store(f"s3://{BUCKET}/mail-{number}", f"{BUCKET}/mail-{number}", files("s3"))


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
    monkeypatch.setattr("blindfair.agents.messaging.store_transport.FOLDER_BYTES", 1000)
    bob, waiting = store.transport(BOB), [b"M" * 500, b"N" * 500]
    handles = [hashlib.sha256(message).hexdigest() for message in waiting]
    for handle, message in zip(handles, waiting, strict=True):
        store.put(BOB, handle, message)
    assert len(list(bob.pending())) == 2
    assert [bob.receive(handle) for handle in handles] == waiting
    late = hashlib.sha256(b"late").hexdigest()
    store.put(BOB, late, b"late")
    assert late in dict(bob.pending())
    assert bob.head(late, 2) == b"la"
    assert bob.receive(late) == b""
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


@pytest.mark.parametrize("kind", ["local", pytest.param("s3", marks=pytest.mark.deep)])
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


# --- one program of an account -------------------------------------------------------------------------------------


def test_a_second_program_of_an_account_is_refused_and_the_first_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = store.transport(ANN, tmp_path / "first"), store.transport(ANN, tmp_path / "second")
    first.hold("seller in /first, process 1")
    second.hold("seller in /second, process 2")
    list(first.pending())
    with pytest.raises(StoreInUse, match="seller in /first, process 1"):
        list(second.pending())
    # The first one is not disturbed, and when it is killed and comes back, it needs not wait.
    list(first.pending())
    again = store.transport(ANN, tmp_path / "first")
    again.hold("seller in /first, process 3")
    list(again.pending())
    # One that died is waited for, by the store's clock.
    with pytest.raises(StoreInUse):
        list(second.pending())
    monkeypatch.setattr(store_lease, "LEASE_SECONDS", 1.0)
    time.sleep(2.1)
    list(second.pending())
    second.release()
    assert [name for name in store.names(ANN) if "first" not in name] == store.names(ANN)[:1]


def test_a_stranger_that_writes_into_the_store_keeps_nobody_out(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with names of its own, nor with those that the account's programs wrote before, again and again."""
    died = store.transport(ANN, tmp_path / "died")
    died.hold("seller in /died, process 1")
    list(died.pending())
    (name,) = [name for name in store.names(ANN) if name.startswith(".lease-")]
    signed = store.files.cat_file(f"{store.root}/{ANN}/{name}")
    own = store.transport(ANN, tmp_path / "own")
    own.hold("seller in /own, process 2")
    with pytest.raises(StoreInUse, match="/died, process 1"):
        list(own.pending())

    def spoil() -> None:
        for number, data in enumerate((b"", b"[" * 4000, b"{}", signed, signed.replace(b"/died", b"/evil"))):
            store.put(ANN, f".lease-{number:032}", data)

    monkeypatch.setattr(store_lease, "LEASE_SECONDS", 1.5)
    began = time.monotonic()
    while True:
        # Always new, as the store sees it.
        store.put(ANN, name, signed)
        spoil()
        try:
            list(own.pending())
            break
        except StoreInUse:
            assert time.monotonic() - began < 60.0, "the words of a program that died keep the next one out"
            time.sleep(0.3)
    own.release()
    store.files.rm_file(f"{store.root}/{ANN}/{name}")
    third = store.transport(ANN, tmp_path / "third")
    third.hold("seller in /third, process 3")
    spoil()
    list(third.pending())


@pytest.mark.deep
def test_words_of_last_year_keep_nobody_out(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now - 365 * 86400)
        died = store.transport(ANN, tmp_path / "died")
        died.hold("seller of last year")
        list(died.pending())
    (name,) = store.names(ANN)
    store.put(ANN, name, store.files.cat_file(f"{store.root}/{ANN}/{name}"))
    own = store.transport(ANN, tmp_path / "own")
    own.hold("seller of today")
    list(own.pending())
