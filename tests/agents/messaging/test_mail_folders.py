"""Mail folders as people have them: copied by other programs, used by two programs of one account, shared by two
users. Nothing is lost, and nobody is answered for by another."""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from moments import reopened
from sealed_messages import forged, pending, put_in, take_out
from trade import PRICE, SELLER_POLICY, Parties, World, make_parties

from blindfair.agents.buyer import answers
from blindfair.agents.messaging import mail, partial_messages
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.seller.checks import check_request
from blindfair.agents.store.journal import read_journal
from blindfair.agents.store.steps import Step
from blindfair.agents.waiting import Turn
from blindfair.cli.buyer import find
from blindfair.protocol.errors import FieldMismatch, InsecureStore, StateError, StoreInUse, Undeliverable
from blindfair.protocol.messages import Inquiry, Refusal, Request, sign
from blindfair.protocol.quantities import Address, ListingId, Seconds, Timestamp
from blindfair.protocol.sealed_message import MAGIC
from deep import deep

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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The running clock of partial messages, in seconds; tests set its only entry."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_file_that_is_touched_again_and_again_is_read_ever_less_and_removed(
    tmp_path: Path, clock: list[float]
) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    path = tmp_path / "mail" / ANN / NAME
    path.write_bytes(b"junk")
    readings = 0
    for second in range(int(partial_messages.GIVEN_UP_AFTER)):
        if not path.exists():
            break
        os.utime(path, ns=(second, second))
        for handle, _ in [*ann.pending(), *ann.pending()]:
            readings += 1
            assert ann.receive(handle) == b""
        clock[0] += 60
    assert not path.exists()
    assert clock[0] - 1000 <= partial_messages.GIVEN_UP_AFTER + 120
    assert readings <= 10 + partial_messages.GIVEN_UP_AFTER / partial_messages.LONGEST_PAUSE


def test_few_bytes_are_read_again_in_one_look(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_messages, "REREAD_LIMIT", 2500)
    ann = FolderTransport(tmp_path / "mail", ANN)
    names = [f"{number:064x}" for number in range(10)]
    for name in names:
        (tmp_path / "mail" / ANN / name).write_bytes(b"x" * 1000)
    assert [ann.receive(handle) for handle, _ in ann.pending()] == [b""] * 10
    clock[0] += partial_messages.SETTLED_AFTER + 1
    read = []
    for _ in range(5):
        handles = [handle for handle, _ in ann.pending()]
        assert len(handles) == 2
        read += [handle for handle in handles if ann.receive(handle) == b""]
    # None is forgotten over the others.
    assert sorted(read) == names
    assert list(ann.pending()) == []


def test_a_look_that_fails_spends_nothing_of_the_next_one_and_forgets_no_file(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_messages, "REREAD_LIMIT", 2500)
    ann = FolderTransport(tmp_path / "mail", ANN)
    names = [f"{number:064x}" for number in range(3)]
    for name in names:
        (tmp_path / "mail" / ANN / name).write_bytes(b"x" * 1000)
    assert [ann.receive(handle) for handle, _ in ann.pending()] == [b""] * 3
    clock[0] += partial_messages.SETTLED_AFTER + 1
    real = os.stat

    def failing(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if path == names[2]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", failing)
        with pytest.raises(StateError, match="cannot be used"):
            list(ann.pending())
    # Two of three are within the limit, as if nothing had been read in the look that failed.
    assert [handle for handle, _ in ann.pending()] == names[:2]
    assert ann.incomplete() == names[0]


def test_open_orders_are_served_between_files_that_are_no_messages(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("accepted"))
    for number in range(12):
        (pending_folder(parties) / f"{number:064x}").write_bytes(MAGIC + b"junk")
    served: list[object] = []
    advance = parties.seller._orders.advance

    def counted(turn: Turn) -> None:
        served.append(turn)
        advance(turn)

    monkeypatch.setattr(parties.seller._orders, "advance", counted)
    parties.seller.step()
    assert len(served) == 13


def pending_folder(parties: Parties) -> Path:
    return parties.world.directory / "mail" / parties.seller.address


def test_what_does_not_become_whole_for_hours_is_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("stage", ["replied", "agreed", *deep("asked", "listed", "requested", "selected", "delivered")])
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


def test_finding_listings_takes_an_answer_that_was_half_copied(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("asked"))
    world, account = parties.world, Account.create()
    whole: list[bytes] = []
    looks = 0

    def meanwhile(_: float) -> None:
        nonlocal looks
        parties.seller.step()
        [path] = (world.directory / "mail" / account.address.lower()).glob("[0-9a-f]*")
        whole.append(path.read_bytes())
        if looks == 0:
            path.write_bytes(whole[0][:100])
        elif looks == 2:
            path.write_bytes(whole[0])
        looks += 1

    monkeypatch.setattr(time, "sleep", meanwhile)
    context = replace(world.context(), account=account)
    listing = find.ChainListing(parties.seller.listing, parties.seller.address, None)
    assert find.ask_sellers(context, [listing], wait=10.0) == {parties.seller.listing: parties.seller.manifest}
    assert looks > 3


# --- messages that were lost -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage", ["requested", "delivered", *deep("asked", "listed", "replied", "selected", "opened", "agreed")]
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


@pytest.mark.deep
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
    assert (caught.value.found, "an account of its own" in caught.value.hint) == ("seller in A", True)
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


def selling_another(parties: Parties, monkeypatch: pytest.MonkeyPatch) -> ListingId:
    """Another listing that the seller's account has committed, by another program."""
    other = ListingId(b"\x07" * 32)
    of_chain = parties.seller.exchange.seller_of
    monkeypatch.setattr(
        parties.seller.exchange,
        "seller_of",
        lambda listing: parties.seller.address if listing == other else of_chain(listing),
    )
    return other


def put_in_inquiry(parties: Parties, listing: ListingId, key: bytes) -> str:
    """The sender of an inquiry about a listing that is put into the seller's mailbox."""
    sender = Address(Account.from_key(key).address.lower())
    inquiry = sign(Inquiry(listing), sender=sender, domain=parties.seller.domain, private_key=key)
    put_in(parties.world, parties.seller, inquiry.to_bytes())
    return sender


def test_one_sender_fills_no_mailbox_with_messages_for_another_program(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(world)
    parties.seller.step()
    monkeypatch.setattr(parties.seller._listing, "is_anothers", lambda *_: True)
    for number in range(mail.MAX_LEFT_OF_ONE + 3):
        put_in_inquiry(parties, ListingId(bytes([number]) * 32), b"\x01" * 32)
    parties.seller.step()
    assert len(pending(world, parties.seller)) == mail.MAX_LEFT_OF_ONE
    # A refusal would end a trade of the other program.
    assert parties.seller.refusals() == ()
    # What that program has taken is not counted any more.
    for path in pending(world, parties.seller):
        path.unlink()
    for number in range(10):
        put_in_inquiry(parties, ListingId(bytes([number]) * 32), b"\x01" * 32)
    parties.seller.step()
    assert len(pending(world, parties.seller)) == mail.MAX_LEFT_OF_ONE


def test_few_messages_are_left_for_another_program_in_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_LEFT", 5)
    parties = make_parties(world)
    parties.seller.step()
    other = selling_another(parties, monkeypatch)
    senders = {put_in_inquiry(parties, other, bytes([number]) * 32) for number in range(1, 9)}
    assert len(senders) == 8
    parties.seller.step()
    assert len(pending(world, parties.seller)) == 5
    assert parties.seller.refusals() == ()


def test_a_lock_that_is_a_hard_link_to_another_file_writes_nothing_over(tmp_path: Path) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    other = tmp_path / "diary"
    other.write_text("dear diary")
    (tmp_path / "mail" / f".{ANN}.lock").hardlink_to(other)
    ann.hold("seller")
    assert list(ann.pending()) == []
    assert other.read_text() == "dear diary"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_lock_that_another_user_made_is_not_taken(tmp_path: Path) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    lock = tmp_path / "mail" / f".{ANN}.lock"
    lock.write_text("of another")
    os.chown(lock, 12345, -1)
    ann.hold("seller")
    assert list(ann.pending()) == []
    assert lock.read_text() == "of another"


def test_what_a_lock_says_is_shown_without_control_characters(tmp_path: Path) -> None:
    first, second = (FolderTransport(tmp_path / "mail", ANN) for _ in range(2))
    first.hold("\x1b[2Jseller\nin A")
    second.hold("seller in B")
    list(first.pending())
    with pytest.raises(StoreInUse) as caught:
        list(second.pending())
    assert caught.value.found == r"\x1b[2Jseller\nin A"


@pytest.mark.deep
def test_messages_about_another_listing_of_the_account_are_left_for_its_program(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(world)
    parties.seller.step()
    other = selling_another(parties, monkeypatch)
    put_in(world, parties.seller, forged(parties.buyer, Inquiry(other)))
    [left] = pending(world, parties.seller)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert pending(world, parties.seller) == [left]
    assert parties.seller.refusals() == ()


@pytest.mark.deep
def test_a_buyer_waits_on_where_another_program_says_it_is_not_its_listing(world: World) -> None:
    parties = make_parties(world)
    parties.buyer.step()
    asked = parties.buyer.mail.stored(Step("message:inquiry"))[0].digest
    put_in(world, parties.buyer, forged(parties.seller, Refusal(asked, "FieldMismatch", "This is not my listing")))
    parties.buyer.step()
    assert parties.buyer.outcome is None
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


@pytest.mark.deep
def test_a_buyer_waits_on_where_another_program_says_the_request_is_for_another_listing(world: World) -> None:
    parties = make_parties(world)
    world.run(*parties.both, until=lambda: "request" in parties.buyer.sizes())
    envelope, request = parties.buyer.mail.stored(Step("message:request"))
    assert isinstance(request, Request)
    with pytest.raises(FieldMismatch) as caught:
        check_request(
            replace(request, listing=ListingId(bytes(32))), parties.seller.manifest, SELLER_POLICY, Timestamp(0)
        )
    put_in(world, parties.buyer, forged(parties.seller, Refusal(envelope.digest, "FieldMismatch", str(caught.value))))
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


@pytest.mark.parametrize("mode", [0o770, 0o750, 0o755, 0o2750, 0o2770, 0o2775, 0o3777, 0o1777])
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
    mail.chmod(0o3770)
    assert list(ann.pending()) == []
    assert stat.S_IMODE((mail / ANN).stat().st_mode) == 0o2770


def test_a_mailbox_in_a_shared_folder_is_not_open_to_everybody(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    FolderTransport(mail, ANN)
    mail.chmod(0o3770)
    (mail / ANN).chmod(0o2777)
    with pytest.raises(Undeliverable):
        FolderTransport(mail, BOB).send(ANN, MESSAGE)
    with pytest.raises(InsecureStore):
        list(FolderTransport(mail, ANN).pending())
