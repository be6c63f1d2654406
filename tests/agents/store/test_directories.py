"""An agent's directory: one program at a time, one listing or purchase, nothing in it for others to read."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from trade import BUYER_POLICY, SELLER_POLICY, HandValuer, World, listing_spec, make_parties, offered_records

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.policy import BuyerPolicy, SellerPolicy
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.directory import DirectoryLock
from blindfair.agents.store.journal import VERSION
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    InsecureStore,
    InvalidOption,
    JournalDamaged,
    JournalVersion,
    SecretDamaged,
    StoreInUse,
)
from blindfair.protocol.quantities import ETHER, Address, ListingId, Seconds, Wei


def new_seller(world: World) -> Seller:
    return Seller(world.directory / "seller", world.context(), listing_spec(), SELLER_POLICY)


def test_two_agents_never_work_in_one_directory(beside: Callable[[str], World]) -> None:
    world = beside("asked")
    seller = new_seller(world)
    with pytest.raises(StoreInUse):
        new_seller(world)
    seller.close()
    new_seller(world).close()


def test_a_lock_that_is_something_else_is_named_and_left_alone(tmp_path: Path) -> None:
    precious, home = tmp_path / "precious", tmp_path / "home"
    precious.write_text("of somebody")
    for spoil in (lambda lock: lock.symlink_to(precious), os.mkfifo, os.mkdir):
        lock = home / "lock"
        home.mkdir(mode=0o700)
        spoil(lock)
        with pytest.raises(CannotWrite, match="lock"):
            DirectoryLock(home)
        lock.rmdir() if lock.is_dir() else lock.unlink()
        home.rmdir()
    home.mkdir(mode=0o700)
    (home / "lock").write_text("of somebody")
    DirectoryLock(home).release()
    assert precious.read_text() == (home / "lock").read_text() == "of somebody"


def test_a_journal_of_another_version_is_refused_and_nothing_is_held(beside: Callable[[str], World]) -> None:
    world = beside("asked")
    path = world.directory / "seller" / "journal.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    for _ in range(2):
        with pytest.raises(JournalVersion):
            new_seller(world)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION}")
    new_seller(world).close()


@pytest.mark.parametrize("name", ["account", "hpke", "question"])
def test_a_secret_that_others_may_read_stops_the_agent(beside: Callable[[str], World], name: str) -> None:
    world = beside("requested")
    parties = make_parties(world)
    (world.directory / "buyer" / "secrets" / name).chmod(0o644)
    parties.seller.step()
    with pytest.raises(InsecureStore):
        reopened_and_stepped(parties.seller, parties.buyer, world)


def reopened_and_stepped(seller: Seller, buyer: Buyer, world: World) -> None:
    buyer.close()
    again = Buyer(
        buyer.directory, world.context(), HandValuer(), BUYER_POLICY, seller=seller.address, listing=seller.listing
    )
    try:
        again.step()
        again.sealing_keys()
    finally:
        again.close()


@pytest.mark.parametrize("content", [b"", b"\x00" * 9, b"\xa0"])
def test_a_damaged_secret_of_a_question_has_a_name(beside: Callable[[str], World], content: bytes) -> None:
    parties = make_parties(beside("replied"))
    (parties.buyer.directory / "secrets" / "question").write_bytes(content)
    with pytest.raises(SecretDamaged):
        parties.buyer.step()


def test_rows_that_were_committed_are_never_made_anew(at: Callable[[str], World]) -> None:
    parties = make_parties(at("selected"))
    [rows] = (parties.seller.directory / "rows").iterdir()
    good = rows.read_bytes()
    for damage in (good[:-40], good[:200] + bytes(9) + good[209:], b""):
        rows.write_bytes(damage)
        with pytest.raises(JournalDamaged):
            parties.seller.step()
    rows.write_bytes(good)
    parties.run()
    assert parties.buyer.audited_rows > 0


def test_nobody_else_can_read_what_an_agent_keeps(at: Callable[[str], World]) -> None:
    world = at("opened")
    before = os.umask(0)
    try:
        parties = make_parties(world)
        parties.run()
        kept = [path for path in world.directory.rglob("*") if "chain" not in path.name]
        assert {"journal.sqlite-wal", "journal.sqlite-shm", "account", "choice", "listing"} <= {p.name for p in kept}
        assert any(path.parent.name == "rows" for path in kept)
        modes = {path: path.stat().st_mode & 0o777 for path in kept}
    finally:
        os.umask(before)
    # The folders around are closed, so that a lock or an address inside them is nobody's business either.
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file() and path.name != "contract"} == {0o600}


def test_no_secret_stands_in_a_journal_or_a_message(beside: Callable[[str], World]) -> None:
    world = beside("released")
    for agent in ("seller", "buyer"):
        directory = world.directory / agent
        journal = b"".join(path.read_bytes() for path in directory.glob("journal.sqlite*"))
        mail = b"".join(path.read_bytes() for path in (world.directory / "mail").rglob("*") if path.is_file())
        for name in ("account", "hpke", "listing"):
            path = directory / "secrets" / name
            if path.exists():
                assert path.read_bytes()[:32] not in journal + mail, name


def test_a_directory_is_of_one_listing(beside: Callable[[str], World]) -> None:
    world = beside("asked")
    other = Seller(world.directory / "seller", world.context(), listing_spec(offered_records()[:-1]), SELLER_POLICY)
    with pytest.raises(JournalDamaged) as caught:
        other.step()
    assert "directory of its own" in caught.value.hint
    other.close()


def test_a_directory_is_of_one_purchase(beside: Callable[[str], World]) -> None:
    world = beside("asked")
    for seller, listing in (("0x" + "11" * 20, b"\x01" * 32), (ETHER, b"\x00" * 32)):
        for _ in range(2):
            with pytest.raises(JournalDamaged):
                Buyer(
                    world.directory / "buyer",
                    world.context(),
                    HandValuer(),
                    BUYER_POLICY,
                    seller=Address(seller),
                    listing=ListingId(listing),
                )
    make_parties(world).close()


def test_a_key_of_an_accepted_offer_that_is_gone_is_told_to_the_owner(at: Callable[[str], World]) -> None:
    parties = make_parties(at("accepted"))
    [key] = (parties.seller.directory / "secrets").glob("key.*")
    key.rename(key.with_name("elsewhere"))
    parties.world.chain.mine(3)
    with pytest.raises(JournalDamaged):
        parties.seller.step()
    key.with_name("elsewhere").rename(key)
    parties.run()
    assert parties.seller.ending == Ending.RELEASED


@pytest.mark.parametrize(
    "make",
    [
        lambda: SellerPolicy(bond_share=SELLER_POLICY.bond_share + 1),
        lambda: SellerPolicy(bond_share=-SELLER_POLICY.bond_share),
        lambda: SellerPolicy(reveal_window=Seconds(0)),
        lambda: SellerPolicy(dispute_window=Seconds(-1)),
        lambda: SellerPolicy(offer_validity=Seconds(0)),
        lambda: BuyerPolicy(budget=Wei(-1)),
        lambda: BuyerPolicy(budget=Wei(1), audit_rows=0),
        lambda: BuyerPolicy(budget=Wei(1), patience=Seconds(0)),
        lambda: BuyerPolicy(budget=Wei(1), min_reveal_window=Seconds(9), max_reveal_window=Seconds(8)),
        lambda: BuyerPolicy(budget=Wei(1), min_bond_share=SELLER_POLICY.bond_share * 11),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidOption):
        make()


def test_errors_of_an_agent_hold_no_secret(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("replied"))
    secret = (parties.buyer.directory / "secrets" / "account").read_bytes()
    (parties.buyer.directory / "secrets" / "question").write_bytes(b"")
    with pytest.raises(BlindfairError) as caught:
        parties.buyer.step()
    assert secret.hex() not in repr(caught.value) + str(caught.value)
