"""A watcher and strangers that write into its folder: they get nothing done, and cost it next to nothing."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cheating_orders import BOND, Party, cheat
from trade import Parties, World, make_parties
from watched import Watch, package_of, written

from blindfair.agents.watch import clients, inbox, watcher
from blindfair.agents.watch.clients import WatchLimits
from blindfair.agents.watch.inbox import PackageInbox
from blindfair.agents.watch.package import WatchHead, WatchPackage, read_head, sign_order
from blindfair.agents.watch.reveal_package import RevealPackage, reveal_packages
from blindfair.protocol.chunks import SALT_SIZE
from blindfair.protocol.errors import BadSignature, CannotWrite, FileMissing, GasCeilingReached, NotServed
from blindfair.protocol.hashing import sha256
from blindfair.protocol.merkle import leaf_hash, root_of
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Digest, Root, Wei
from blindfair.protocol.signing import address_of

pytestmark = pytest.mark.deep

STRANGER = bytes(31) + b"\x07"


@dataclass
class Served:
    """A trade, and the packages of its buyer and of a stranger that trades with itself."""

    parties: Parties
    folder: Path

    @property
    def own(self) -> WatchPackage:
        return package_of(self.parties.buyer)

    def another(self, nonce: int, buyer: bytes | None = None, seller: bytes | None = None) -> WatchPackage:
        """Another order over the same ciphertext, signed by all who have to."""
        buyer, seller = buyer or self.parties.buyer.private_key, seller or self.parties.seller.private_key
        head = self.own.head
        offer = replace(head.offer, nonce=nonce, buyer=address_of(buyer), seller=address_of(seller))
        signed = replace(
            head,
            offer=offer,
            signature=sign_offer(offer, head.domain, seller),
            buyer_signature=sign_order(offer.struct_hash(), head.domain, buyer),
        )
        return replace(self.own, head=signed)

    def watch(self, **limits: object) -> Watch:
        return Watch(self.parties.world, limits=WatchLimits(**limits))  # type: ignore[arg-type]


@pytest.fixture
def served(at: Callable[[str], World], tmp_path: Path) -> Iterator[Served]:
    parties = make_parties(at("accepted"))
    yield Served(parties, tmp_path / "folder")
    parties.close()


def kept(watch: Watch) -> set[str]:
    return {path.name for path in (watch.watcher.directory / "packages").iterdir()}


def test_a_stranger_gets_none_of_its_orders_watched(served: Served) -> None:
    parties = served.parties
    watch = served.watch(served=frozenset({parties.buyer.address, parties.seller.address}))
    strangers = served.another(1, STRANGER, STRANGER)
    forged = replace(strangers, head=replace(strangers.head, buyer_signature=served.own.head.buyer_signature))
    # A hostile seller may sign any offer to the buyer, and any ciphertext with it.
    unasked = served.another(2, seller=STRANGER)
    unasked = replace(unasked, head=replace(unasked.head, buyer_signature=strangers.head.buyer_signature))
    (key,) = reveal_packages(parties.seller.journal, parties.seller.secrets, parties.seller.domain).values()
    strangers_key = RevealPackage(strangers.head, key.key)
    handed = written(strangers, served.folder), written(forged, served.folder), written(unasked, served.folder)
    strangers_key.write(served.folder / strangers_key.name)
    key.write(served.folder / key.name)
    incoming = PackageInbox((), served.folder)
    incoming.collect(watch.watcher)
    assert kept(watch) == {key.name}
    found = {path: type(refused.error) for path, refused in incoming.refused.items()}
    assert found == {
        handed[1]: NotServed,
        handed[2]: BadSignature,
        served.folder / strangers_key.name: NotServed,
    }
    written(served.own, served.folder)
    incoming.collect(watch.watcher)
    assert kept(watch) == {key.name, served.own.name}
    # What its owner names itself is taken from anybody who has signed it.
    assert watch.watcher.take(written(strangers, served.folder), is_named=True)
    watch.close()


def test_one_account_fills_neither_disk_nor_list(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    size = clients.CHUNK_BYTES * served.own.head.offer.chunk_count
    assert written(served.own, tmp_path / "size").stat().st_size < size
    watch = served.watch(bytes_each=size + 100)
    served.folder.mkdir()
    incoming = PackageInbox((), served.folder)
    own, second, third = served.own, served.another(1), served.another(2)
    assert watch.take(own)
    for package in (second, third, served.another(3, STRANGER)):
        written(package, served.folder)
    incoming.collect(watch.watcher)
    assert kept(watch) == {own.name, served.another(3, STRANGER).name}
    assert {type(each.error) for each in incoming.refused.values()} == {NotServed}
    # It counts what is on the disk, in this life and in the next.
    watch.close()
    watch.open()
    with pytest.raises(NotServed, match="more of the disk"):
        watch.take(second)
    incoming.collect(watch.watcher)
    # Once an order has ended there is space for another one, which nobody hands over again.
    parties = served.parties
    parties.run()
    while own.name in kept(watch):
        watch.watcher.step()
        parties.world.chain.mine(1)
    incoming.collect(watch.watcher)
    assert len({second.name, third.name} & kept(watch)) == 1
    monkeypatch.setattr(clients, "ORDERS_EACH", 1)
    with pytest.raises(NotServed, match="too many open orders"):
        watch.take(served.another(4, STRANGER))
    watch.close()


def test_chunks_that_are_nearly_empty_count_as_full_ones(served: Served, tmp_path: Path) -> None:
    """Each chunk takes time, however short it is, and others' keys and disputes wait meanwhile."""
    count, own = 64, served.another(1, STRANGER)
    head = own.head
    chunk, leaf = bytes(SALT_SIZE), Digest(bytes(32))
    root = root_of(leaf_hash(sha256(chunk) + leaf) * count)
    offer = replace(head.offer, chunk_count=count, delivery_root=root)
    signature = sign_offer(offer, head.domain, served.parties.seller.private_key)
    for_watcher = sign_order(offer.struct_hash(), head.domain, STRANGER)
    signed = replace(head, offer=offer, signature=signature, buyer_signature=for_watcher)
    package = WatchPackage(signed, (leaf,) * count, (chunk,) * count)
    most = clients.CHUNK_BYTES * count
    assert written(package, tmp_path / "size").stat().st_size < most // 8
    watch = served.watch(bytes_each=most - 1)
    with pytest.raises(NotServed, match="more of the disk"):
        watch.take(package)
    watch.close()
    watch = served.watch(bytes_each=most)
    assert watch.take(package)
    for _ in range(2):
        with pytest.raises(NotServed, match="more of the disk"):
            watch.take(served.another(2, STRANGER))
        watch.close()
        watch.open()
    watch.close()


def test_a_package_leaves_the_journal_its_space(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, usage = served.watch(), shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=clients.SPACE_LEFT))
    with pytest.raises(CannotWrite, match="too little space"):
        watch.take(served.own)
    monkeypatch.undo()
    assert watch.take(served.own)
    watch.close()


def test_many_files_hold_up_no_order(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(inbox, "TOLD", 3)
    watch = served.watch()
    written(served.own, served.folder)
    for number in range(9):
        (served.folder / f"0{number}.watch").write_bytes(b"junk")
    incoming = PackageInbox((), served.folder)
    for turn in range(10):
        # They change at every turn, and would be looked at again each time.
        for number in range(9):
            os.utime(served.folder / f"0{number}.watch", ns=(turn, turn))
        incoming.collect(watch.watcher)
    assert kept(watch) == {served.own.name}
    assert len(incoming.refused) == len([text for text in watch.texts() if "does not watch" in text]) == 3
    watch.close()


def test_orders_of_one_account_use_up_no_gas_of_anothers(world: World) -> None:
    exchange, rng = world.exchange, random.Random(3)
    seller, greedy, modest = Party(world), Party(world), Party(world)
    seller.send(exchange.commit(Root(bytes(32)), Digest(bytes(32))))
    listing = exchange.listings()[-1].listing
    seller.send(exchange.deposit(ETHER, Wei(7 * BOND)))
    orders = [cheat(rng, seller, buyer, listing, number) for number, buyer in enumerate([greedy] * 6 + [modest])]
    watch = Watch(world)
    for each in orders:
        head = each.package.head
        greedy_or_modest = greedy if head.offer.buyer == greedy.address else modest
        greedy_or_modest.send(exchange.accept(head.offer, head.signature))
        watch.take(each.package)
        seller.send(exchange.reveal(head.offer, each.key))
    most = watch.watcher.largest_dispute()
    watch.limits = WatchLimits(gas_each=most)
    for _ in range(2):
        # Another life, which counts what the one before has paid.
        watch.close()
        watch.open()
        with pytest.raises(GasCeilingReached, match=greedy.address):
            watch.watcher.step()
    states = [exchange.order(each.package.head.order_id).state for each in orders]
    assert states[:6].count(OrderState.REVEALED) >= 1
    assert states[6] is OrderState.REFUNDED
    spent = {Address(greedy.address): Wei(0), Address(modest.address): Wei(0)}
    for step, receipt in watch.watcher.wallet.receipts().items():
        (owner,) = [each.package.head.offer.buyer for each in orders if each.package.head.order_id.hex() in step]
        spent[owner] = Wei(spent[owner] + receipt["fee"])
    assert 0 < spent[greedy.address] <= most
    watch.close()


def test_a_file_that_goes_away_while_it_is_looked_at_ends_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(served.own, served.folder)
    watch = served.watch()

    def gone(found: Path) -> WatchHead:
        head = read_head(found)
        found.unlink()
        return head

    monkeypatch.setattr(watcher, "read_head", gone)
    incoming = PackageInbox((), served.folder)
    incoming.collect(watch.watcher)
    assert [type(each.error) for each in incoming.refused.values()] == [FileMissing]
    monkeypatch.undo()
    incoming.collect(watch.watcher)
    assert (incoming.refused, kept(watch)) == ({}, set())
    written(served.own, served.folder)
    incoming.collect(watch.watcher)
    assert kept(watch) == {path.name}
    watch.close()


def test_a_pipe_that_is_called_a_package_holds_up_nothing(served: Served) -> None:
    served.folder.mkdir()
    for name in ("0.watch", "0.reveal"):
        os.mkfifo(served.folder / name)
    (served.folder / "1.reveal").symlink_to(served.folder / "0.watch")
    written(served.own, served.folder)
    watch = served.watch()
    incoming = PackageInbox((), served.folder)
    incoming.collect(watch.watcher)
    assert kept(watch) == {served.own.name}
    assert {type(each.error) for each in incoming.refused.values()} == {FileMissing}
    watch.close()


def test_folders_that_are_called_packages_use_up_no_descriptors(served: Served) -> None:
    """Each turn looks at them again. A process without descriptors opens no journal and asks no node: it disputes
    nothing."""
    for number in range(20):
        (served.folder / f"{number}.watch").mkdir(parents=True)
        (served.folder / f"{number}.reveal").mkdir()
    written(served.own, served.folder)
    watch = served.watch()
    incoming = PackageInbox((), served.folder)
    incoming.collect(watch.watcher)
    before = len([*Path("/dev/fd").iterdir()])
    for _ in range(3):
        incoming.collect(watch.watcher)
    assert len([*Path("/dev/fd").iterdir()]) == before
    assert kept(watch) == {served.own.name}
    assert {type(each.error) for each in incoming.refused.values()} == {FileMissing}
    watch.close()
