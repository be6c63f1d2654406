"""Watch packages: bound to their offer, of no use before the reveal, and refused by name where anything is wrong."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fees import paying
from trade import SELECTED, Parties, World, make_parties
from watched import Watch, package_of, written

from blindfair.agents.watch import package
from blindfair.agents.watch.inbox import PackageInbox
from blindfair.agents.watch.making import delivered_parts, make_package
from blindfair.agents.watch.package import MAGIC, WatchPackage, copy_package, sign_order
from blindfair.protocol.cipher import crypt_chunk
from blindfair.protocol.delivery import Fault
from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import (
    BadSignature,
    BlindfairError,
    FileMissing,
    MalformedFile,
    RootMismatch,
    StateError,
    UnknownVersion,
    WrongContract,
)
from blindfair.protocol.hashing import sha256, u32
from blindfair.protocol.merkle import leaf_hash, verify_path
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, OrderId, Signature, Wei
from blindfair.protocol.signing import Domain, address_of


@dataclass
class Made:
    """A package of a real trade as a file, and a watcher that knows nothing yet."""

    parties: Parties
    package: WatchPackage
    path: Path
    watch: Watch

    def with_head(self, **changes: object) -> bytes:
        """The file with other fields in its head."""
        data = self.path.read_bytes()
        end = 8 + int.from_bytes(data[4:8], "big")
        head = canonical({**parse(data[8:end], 4096), **changes})  # type: ignore[dict-item]
        return MAGIC + u32(len(head)) + head + data[end:]


@pytest.fixture
def made(at: Callable[[str], World]) -> Iterator[Made]:
    parties = make_parties(at("accepted"))
    watch = Watch(parties.world)
    yield Made(parties, package_of(parties.buyer), written(package_of(parties.buyer), parties.world.directory), watch)
    watch.close()
    parties.close()


def test_the_file_is_private_and_holds_neither_key_nor_record_number(made: Made) -> None:
    data = made.path.read_bytes()
    assert made.path.stat().st_mode & 0o777 == 0o600
    secrets = made.parties.world.directory / "buyer" / "secrets"
    kept = [path.read_bytes() for path in secrets.iterdir()]
    assert len(kept) > 1
    for secret in (*kept, made.parties.buyer.private_key, made.parties.buyer.sealing_keys().private):
        assert secret not in data
    records = [chunk for number in SELECTED for chunk in (made.parties.seller.dataset.chunks[number][16:],)]
    assert not any(record in data for record in records)
    # All that is in it: the head, 32 bytes for each leaf, and each chunk with its length.
    chunks = list(made.package.ciphertexts)
    head = 8 + int.from_bytes(data[4:8], "big")
    assert len(data) == head + 32 * len(chunks) + sum(4 + len(chunk) for chunk in chunks)


def test_leaves_are_the_committed_ones_in_the_order_of_delivery(made: Made) -> None:
    dataset = made.parties.seller.dataset
    assert made.package.leaf_hashes == tuple(leaf_hash(dataset.chunks[number]) for number in SELECTED)


def test_a_package_is_taken_once(made: Made) -> None:
    assert made.watch.watcher.take(made.path)
    assert not made.watch.watcher.take(made.path)
    made.watch.close()
    made.watch.open()
    assert not made.watch.watcher.take(made.path)
    assert len(made.watch.watcher.open_orders) == 1
    assert (made.watch.watcher.directory / "packages" / made.package.name).read_bytes() == made.path.read_bytes()


def changed(made: Made, name: str) -> bytes:
    data, package = made.path.read_bytes(), made.package
    head = len(package.head.to_bytes())
    leaves = head + 32 * len(package.leaf_hashes)
    match name:
        case "empty":
            return b""
        case "magic":
            return b"PK\x03\x04" + data[4:]
        case "another version":
            return made.with_head(version=1)
        case "head cut off":
            return data[: head - 1]
        case "head of a gigabyte":
            return MAGIC + u32(2**30) + data[8:]
        case "field of its own":
            return made.with_head(key="0x00")
        case "another chain":
            return made.with_head(chain_id=1)
        case "another contract":
            return made.with_head(contract="0x" + "11" * 20)
        case "signature of nobody":
            return made.with_head(offer_signature="0x" + "11" * 64 + "1b")
        case "not the buyer's":
            stranger = sign_order(package.head.order_id, package.head.domain, bytes(31) + b"\x07")
            return made.with_head(buyer_signature="0x" + stranger.hex())
        case "of another order":
            other = sign_order(OrderId(bytes(32)), package.head.domain, made.parties.buyer.private_key)
            return made.with_head(buyer_signature="0x" + other.hex())
        case "a dearer offer":
            offer = replace(package.head.offer, price=Wei(package.head.offer.price + 1))
            return made.with_head(offer=offer.to_document())
        case "without ciphertext":
            return data[:leaves]
        case "leaves cut off":
            return data[: leaves - 1]
        case "cut off":
            return data[:-1]
        case "cut between chunks":
            return data[: -4 - len(list(package.ciphertexts)[-1])]
        case "left over":
            return data + b"\x00"
        case "a chunk of a gigabyte":
            return data[:leaves] + u32(2**30) + data[leaves + 4 :]
        case "another leaf":
            return data[:head] + bytes([data[head] ^ 1]) + data[head + 1 :]
        case "another byte":
            return data[:-1] + bytes([data[-1] ^ 1])
    raise AssertionError(name)


BAD = {
    "empty": MalformedFile,
    "magic": MalformedFile,
    "another version": UnknownVersion,
    "head cut off": MalformedFile,
    "head of a gigabyte": MalformedFile,
    "field of its own": MalformedFile,
    "another chain": WrongContract,
    "another contract": WrongContract,
    "signature of nobody": BadSignature,
    "a dearer offer": BadSignature,
    "not the buyer's": BadSignature,
    "of another order": BadSignature,
    "without ciphertext": MalformedFile,
    "leaves cut off": MalformedFile,
    "cut off": MalformedFile,
    "cut between chunks": MalformedFile,
    "left over": MalformedFile,
    "a chunk of a gigabyte": MalformedFile,
    "another leaf": RootMismatch,
    "another byte": RootMismatch,
}  # fmt: skip


def test_a_bad_package_is_refused_by_name_and_leaves_nothing(made: Made) -> None:
    watcher = made.watch.watcher
    found: dict[str, type[BlindfairError]] = {}
    for name in BAD:
        bad = made.path.with_name("bad.watch")
        bad.write_bytes(changed(made, name))
        with pytest.raises(BlindfairError) as raised:
            watcher.take(bad)
        found[name] = type(raised.value)
        assert [*(watcher.directory / "packages").iterdir()] == [], name
    assert found == BAD
    assert not watcher.open_orders
    # None of them stands in the way of the right one.
    assert watcher.take(made.path)


def test_a_package_without_ciphertext_says_so(made: Made) -> None:
    made.path.write_bytes(changed(made, "without ciphertext"))
    with pytest.raises(MalformedFile, match="no ciphertext"):
        made.watch.watcher.take(made.path)


def test_what_is_no_regular_file_is_refused(made: Made, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(FileMissing):
            made.watch.watcher.take(path)


def test_a_bad_file_in_the_folder_is_told_once_and_holds_up_no_other(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    good = written(made.package, folder)
    (folder / "0.watch").write_bytes(changed(made, "cut off"))
    (folder / "notes.txt").write_text("not a package")
    inbox = PackageInbox((), folder)
    for _ in range(3):
        inbox.collect(made.watch.watcher)
    assert len(made.watch.watcher.open_orders) == 1
    assert [text for text in made.watch.texts() if "does not watch" in text] == [
        text for text in made.watch.texts() if text.startswith("does not watch 0.watch: MalformedFile")
    ]
    assert len([text for text in made.watch.texts() if "does not watch" in text]) == 1
    assert [*inbox.refused] == [folder / "0.watch"]
    # A copy that was not whole yet is tried again when it is.
    (folder / "0.watch").write_bytes(good.read_bytes())
    inbox.collect(made.watch.watcher)
    assert inbox.refused == {}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        PackageInbox((), tmp_path / "none")


@pytest.mark.deep
def test_the_package_is_there_while_the_buyer_works_and_not_before_the_delivery(at: Callable[[str], World]) -> None:
    parties = make_parties(at("opened"))
    with pytest.raises(StateError, match="no order to watch yet"):
        package_of(parties.buyer)
    parties.run(parties.paid)
    assert package_of(parties.buyer).head.offer.buyer == parties.buyer.address
    parties.run()
    assert package_of(parties.buyer).head.offer.buyer == parties.buyer.address
    parties.close()


@pytest.mark.deep
def test_a_paid_evaluation_is_watched_as_well(world: World) -> None:
    parties = paying(world)
    buyer = parties.buyer
    parties.run(lambda: buyer.has_paid)
    assert delivered_parts(buyer.journal, buyer.domain) == (PartName.WHOLE, PartName.EVALUATION)
    key = buyer.sealing_keys().private
    fee, whole = (make_package(buyer.journal, key, buyer.domain, part) for part in (PartName.EVALUATION, None))
    assert fee.head.order_id != whole.head.order_id
    watch = Watch(world)
    assert watch.take(fee) and watch.take(whole)
    parties.run()
    assert {end.ending for end in watch.run()} == {"Good"}
    watch.close()
    parties.close()


def test_a_head_replaced_while_it_is_read_is_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from blindfair.agents.watch import package as module

    other = made.path.with_name("other.watch")
    other.write_bytes(made.with_head(offer=replace(made.package.head.offer, nonce=1).to_document()))
    opened = iter((made.path, other))
    real = module._opened
    monkeypatch.setattr(module, "_opened", lambda _: real(next(opened)))
    with pytest.raises(MalformedFile, match="a moment ago"):
        copy_package(made.path, made.watch.watcher.directory / "packages", made.package.head.domain)
    assert [*(made.watch.watcher.directory / "packages").iterdir()] == []


def test_what_is_found_is_the_first_wrong_chunk_with_its_proof(made: Made, tmp_path: Path) -> None:
    from blindfair.agents.watch.package import find_fault
    from blindfair.protocol.cipher import key_commitment, new_delivery_key
    from blindfair.protocol.delivery import delivery_tree, verify_fault

    key = new_delivery_key()
    chunks = [made.parties.seller.dataset.chunks[number] for number in SELECTED]
    wrong = {4, 9}
    leaves = tuple(Digest(bytes(32)) if number in wrong else leaf_hash(chunk) for number, chunk in enumerate(chunks))
    ciphertexts = tuple(crypt_chunk(key, ChunkIndex(i), chunk) for i, chunk in enumerate(chunks))
    root = delivery_tree(ciphertexts, leaves).root
    offer = replace(made.package.head.offer, delivery_root=root, key_commitment=key_commitment(key))
    head = replace(made.package.head, offer=offer, signature=Signature(bytes(65)))
    path = written(WatchPackage(head, leaves, ciphertexts), tmp_path)
    fault = find_fault(path, key)
    assert isinstance(fault, Fault) and fault.index == 4
    assert find_fault(path, key, ChunkIndex(4)) == fault
    verify_fault(fault, key, offer.key_commitment, root, offer.chunk_count, offer.chunk_size)
    assert head.domain == Domain(made.watch.world.exchange.chain_id, made.watch.world.exchange.address)


def test_the_proof_of_a_wrong_chunk_is_the_same_over_many_subtrees(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_BLOCK", 2)
    copy_package(made.path, tmp_path, made.package.head.domain)
    copied, offer = tmp_path / made.package.name, made.package.head.offer
    key = DeliveryKey(made.parties.seller.secrets.get(f"key.{next(iter(made.parties.seller.offers))}") or b"")
    assert package.find_fault(copied, key) is None
    for index in range(offer.chunk_count):
        fault = package.find_fault(copied, key, ChunkIndex(index))
        assert fault is not None and fault.index == index
        leaf = leaf_hash(sha256(fault.ciphertext) + fault.leaf)
        verify_path(leaf, index, offer.chunk_count, fault.path, offer.delivery_root)


def test_a_package_that_promises_a_million_chunks_takes_no_memory(made: Made, tmp_path: Path) -> None:
    """A buyer and its seller can sign such an offer, and a file without content takes no space: a watcher that died of
    it would leave all others' orders alone."""
    count, private_key = 2**20, bytes(31) + b"\x07"
    honest = made.package.head
    offer = replace(honest.offer, seller=address_of(private_key), chunk_count=count)
    handed = sign_order(offer.struct_hash(), honest.domain, made.parties.buyer.private_key)
    signature = sign_offer(offer, honest.domain, private_key)
    head = replace(honest, offer=offer, signature=signature, buyer_signature=handed)
    forged = tmp_path / "forged.watch"
    with forged.open("wb") as file:
        file.write(head.to_bytes())
        file.truncate(file.tell() + 60 * count)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedFile, match="not a watch package"):
            made.watch.watcher.take(forged)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert len(list((made.watch.watcher.directory / "packages").iterdir())) == 0
