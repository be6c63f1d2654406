"""Mail folders as people have them: copied by other programs, used by two programs of one account, shared by two
users. Nothing is lost, and nobody is answered for by another."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from moments import reopened
from sealed_messages import forged, pending, put_in, take_out
from trade import PRICE, World, make_parties

from blindfair.agents.buyer import answers
from blindfair.agents.messaging import partial_messages
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.store.journal import read_journal
from blindfair.protocol.errors import InsecureStore, StoreInUse, Undeliverable
from blindfair.protocol.messages import Inquiry, Refusal
from blindfair.protocol.quantities import Address, ListingId, Seconds

ANN, BOB = Address("0x" + "a" * 40), Address("0x" + "b" * 40)
MESSAGE = b"a message of some length"
NAME = hashlib.sha256(MESSAGE).hexdigest()


# --- messages that are being copied ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [b"", MESSAGE[:1], MESSAGE[:-1], bytes(len(MESSAGE)), MESSAGE[:5] + bytes(19)])
def test_a_message_is_not_there_before_all_of_it_is(tmp_path: Path, part: bytes) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    path = tmp_path / "mail" / ANN / NAME
    path.write_bytes(part)
    [(handle, _)] = ann.pending()
    assert ann.receive(handle) == b""
    assert ann.incomplete() == NAME
    # Nothing has changed: it is not even read.
    assert list(ann.pending()) == []
    path.write_bytes(MESSAGE)
    # It has changed just now, and may still do so.
    assert list(ann.pending()) == []
    [(handle, _)] = ann.pending()
    assert ann.receive(handle) == MESSAGE
    assert path.exists()


def test_a_copy_that_grows_at_every_look_is_not_read(tmp_path: Path) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    path = tmp_path / "mail" / ANN / NAME
    path.write_bytes(b"x")
    [(handle, _)] = ann.pending()
    ann.receive(handle)
    for _ in range(10):
        with path.open("ab") as file:
            file.write(b"x")
        assert list(ann.pending()) == []


def test_what_does_not_change_for_hours_is_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    path = tmp_path / "mail" / ANN / NAME
    path.write_bytes(b"junk")
    [(handle, _)] = ann.pending()
    ann.receive(handle)
    list(ann.pending())
    assert path.exists()
    monkeypatch.setattr(partial_messages, "GIVEN_UP_AFTER", -1.0)
    list(ann.pending())
    assert not path.exists()


@pytest.mark.parametrize("stage", ["asked", "listed", "requested", "replied", "selected", "agreed", "delivered"])
def test_a_trade_goes_on_when_a_half_copied_message_is_whole(at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(at(stage))
    receiver = parties.buyer if stage in ("listed", "replied", "delivered") else parties.seller
    [path] = pending(parties.world, receiver)
    data = path.read_bytes()
    for part in (b"", data[:3], data[: len(data) // 2], bytes(len(data))):
        path.write_bytes(part)
        receiver.step()
        assert receiver.refusals() == ()
        assert path.exists()
    path.write_bytes(data)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.seller.refusals() == parties.buyer.refusals() == ()


# --- messages that were lost -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage", ["asked", "listed", "requested", "replied", "selected", "opened", "agreed", "delivered"]
)
def test_a_lost_message_is_sent_again_by_a_buyer_that_is_started_again(at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(at(stage))
    take_out(parties.world, parties.buyer if stage in ("listed", "replied", "opened", "delivered") else parties.seller)
    parties = reopened(parties)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    journal = read_journal(parties.world.directory / "seller" / "journal.sqlite")
    assert journal is not None
    assert spent_budget(journal)[0] == 1
    journal.close()


def test_a_question_without_an_answer_is_sent_again_after_some_time_only(world: World) -> None:
    parties = make_parties(world)
    parties.buyer.step()
    take_out(world, parties.seller)
    for _ in range(5):
        parties.buyer.step()
    assert pending(world, parties.seller) == []
    world.chain.advance(Seconds(answers.ASK_AGAIN_AFTER))
    for _ in range(2):
        parties.buyer.step()
        assert len(pending(world, parties.seller)) == 1
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


# --- two programs of one account ---------------------------------------------------------------------------------


def test_two_programs_of_an_account_do_not_share_a_mail_folder(tmp_path: Path) -> None:
    first, second = (FolderTransport(tmp_path / "mail", ANN) for _ in range(2))
    first.hold("seller in A")
    second.hold("seller in B")
    first.send(ANN, MESSAGE)
    assert len(list(first.pending())) == 1
    with pytest.raises(StoreInUse) as caught:
        list(second.pending())
    assert (caught.value.found, "--mail" in caught.value.hint) == ("seller in A", True)
    # Another account, another folder, a look without holding, and sending are free.
    bob = FolderTransport(tmp_path / "mail", BOB)
    bob.hold("buyer")
    assert list(bob.pending()) == []
    elsewhere = FolderTransport(tmp_path / "elsewhere", ANN)
    elsewhere.hold("seller in B")
    assert list(elsewhere.pending()) == []
    assert len(list(FolderTransport(tmp_path / "mail", ANN).pending())) == 1
    second.send(BOB, MESSAGE)
    first.release()
    assert len(list(second.pending())) == 1


@pytest.mark.parametrize("spoil", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_spoilt_lock_stops_nobody(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    spoil(tmp_path / "mail" / f".{ANN}.lock")
    ann.hold("seller")
    ann.send(ANN, MESSAGE)
    assert len(list(ann.pending())) == 1


def test_messages_about_another_listing_of_the_account_are_left_for_its_program(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(world)
    parties.seller.step()
    other = ListingId(b"\x07" * 32)
    of_chain = parties.seller.exchange.seller_of
    monkeypatch.setattr(
        parties.seller.exchange,
        "seller_of",
        lambda listing: parties.seller.address if listing == other else of_chain(listing),
    )
    put_in(world, parties.seller, forged(parties.buyer, Inquiry(other)))
    [left] = pending(world, parties.seller)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert pending(world, parties.seller) == [left]
    assert parties.seller.refusals() == ()


def test_a_buyer_waits_on_where_another_program_says_it_is_not_its_listing(world: World) -> None:
    parties = make_parties(world)
    parties.buyer.step()
    asked = parties.buyer.mail.stored("message:inquiry")[0].digest
    put_in(world, parties.buyer, forged(parties.seller, Refusal(asked, "FieldMismatch", "This is not my listing")))
    parties.buyer.step()
    assert parties.buyer.outcome is None
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


# --- two users of one machine ------------------------------------------------------------------------------------


def test_a_folder_that_its_owner_gives_to_a_group_is_accepted(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.mkdir()
    mail.chmod(0o3770)
    before = os.umask(0o077)
    try:
        ann, bob = FolderTransport(mail, ANN), FolderTransport(mail, BOB)
        bob.send(ANN, MESSAGE)
    finally:
        os.umask(before)
    for owner in (ANN, BOB):
        assert stat.S_IMODE((mail / owner).stat().st_mode) == 0o2770
    assert stat.S_IMODE((mail / ANN / NAME).stat().st_mode) == 0o640
    [(handle, _)] = ann.pending()
    assert ann.receive(handle) == MESSAGE
    ann.done(handle)
    assert list(ann.pending()) == []


@pytest.mark.parametrize("mode", [0o770, 0o750, 0o755, 0o2750, 0o2775, 0o3777, 0o1777])
def test_a_folder_that_is_open_by_accident_is_refused(tmp_path: Path, mode: int) -> None:
    mail = tmp_path / "mail"
    mail.mkdir()
    mail.chmod(mode)
    with pytest.raises(InsecureStore) as caught:
        list(FolderTransport(mail, ANN).pending())
    assert "chmod 700" in caught.value.hint
    assert "chmod 3770" in caught.value.hint


def test_a_mailbox_that_was_private_is_shared_with_its_folder(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    ann = FolderTransport(mail, ANN)
    mail.chmod(0o2770)
    assert list(ann.pending()) == []
    assert stat.S_IMODE((mail / ANN).stat().st_mode) == 0o2770


def test_a_mailbox_in_a_shared_folder_is_not_open_to_everybody(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    FolderTransport(mail, ANN)
    mail.chmod(0o2770)
    (mail / ANN).chmod(0o2777)
    with pytest.raises(Undeliverable):
        FolderTransport(mail, BOB).send(ANN, MESSAGE)
    with pytest.raises(InsecureStore):
        list(FolderTransport(mail, ANN).pending())
