"""The mail folder may be broken by strangers, by its owner or by its disk: nobody hangs, no reveal, claim, refund or
dispute waits for it, the trouble is told, and no message is lost by it."""

import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from broken_mail import (
    NOT_MESSAGES,
    SPOILT_FOLDERS,
    Spoil,
    WatchedFolder,
    fifo,
    folder,
    in_time,
    link_to_endless_zeros,
    opened_to_others,
    removed,
    replaced_by_a_dangling_link,
    replaced_by_a_fifo,
    replaced_by_a_file,
    without_privileges,
)
from moments import advance_to, deadline, order_state, reopened
from sealed_messages import forged, mailbox, pending, put_in, sealed_messages_to, take_out
from trade import BOND, BUYER_POLICY, FINAL_DEPTH, PRICE, Parties, World, make_buyer, make_parties

from blindfair.agents.agent import Agent
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.errors import InsecureStore, StateError, Undeliverable
from blindfair.protocol.messages import Inquiry
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, Seconds

pytestmark = pytest.mark.deep

ANN, BOB = Address("0x" + "a" * 40), Address("0x" + "b" * 40)


def mail_folder(world: World) -> Path:
    return world.directory / "mail"


def told(world: World, agent: Agent) -> list[str]:
    """What an agent told about its mail."""
    return [event.text for event in world.told if (event.who, event.step) == (agent.role, "mail")]


# --- entries that are not messages -------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", NOT_MESSAGES)
def test_what_is_not_a_message_is_left_alone_and_told_once(at: Callable[[str], World], spoil: Spoil) -> None:
    parties = make_parties(at("requested"))
    for agent in parties.both:
        for name in ("0" * 64, "f" * 64, "note.txt"):
            spoil(mailbox(parties.world, agent) / name)
    with in_time():
        parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    for agent in parties.both:
        assert agent.refusals() == ()
        [text] = told(parties.world, agent)
        assert "not a message" in text
        assert {path.name for path in pending(parties.world, agent)} == {"0" * 64, "f" * 64, "note.txt"}


@pytest.mark.parametrize("spoil", NOT_MESSAGES)
def test_a_message_that_is_replaced_while_it_is_read_holds_up_no_reveal(
    at: Callable[[str], World], spoil: Spoil
) -> None:
    world = at("accepted")

    def replaced(path: Path) -> None:
        path.unlink()
        spoil(path)
        # The accept becomes final only now, after the orders were looked at.
        world.chain.mine(FINAL_DEPTH)

    world.wrap = lambda _, own: WatchedFolder(mail_folder(world), own, replaced)
    parties = make_parties(world)
    put_in(world, parties.seller, b"a message of a stranger")
    with in_time():
        parties.seller.step()
        parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED
    assert parties.seller.refusals() == ()


def test_a_reveal_does_not_wait_until_all_that_strangers_sent_is_refused(at: Callable[[str], World]) -> None:
    world, states = at("accepted"), []

    def looked_at(_: Path) -> None:
        states.append(order_state(parties))
        world.chain.mine(1)

    world.wrap = lambda _, own: WatchedFolder(mail_folder(world), own, looked_at)
    parties = make_parties(world)
    for number in range(FINAL_DEPTH + 2):
        put_in(world, parties.seller, b"no message %d" % number)
    parties.seller.step()
    assert states[0] is OrderState.LOCKED
    assert states[-1] is OrderState.REVEALED
    assert len(parties.seller.refusals()) == FINAL_DEPTH + 2


def test_a_message_that_grows_is_read_no_further_than_it_was_allowed_to(tmp_path: Path) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    ann.send(ANN, b"short")
    [(handle, size)] = ann.pending()
    with (tmp_path / "mail" / ANN / handle).open("ab") as file:
        file.truncate(2**40)
    assert (size, ann.receive(handle)) == (5, b"short")


def test_a_fifo_in_place_of_an_answer_that_is_being_written_stops_nobody(at: Callable[[str], World]) -> None:
    """A listing has the same bytes, and so the same name, for everybody who asks."""
    world = at("listed")
    parties = make_parties(world)
    [listing] = pending(world, parties.buyer)
    listing.unlink()
    os.mkfifo(listing.with_name(f".{listing.name}.{os.getpid()}"))
    os.mkfifo(listing)
    put_in(world, parties.seller, forged(parties.buyer, Inquiry(parties.seller.listing)))
    with in_time():
        parties.seller.step()
        parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


# --- mailboxes and mail folders that are broken ------------------------------------------------------------------


@pytest.fixture(params=["running", "restarted"])
def started(request: pytest.FixtureRequest) -> Callable[[Parties], Parties]:
    """The parties as they are, or started anew."""
    return reopened if request.param == "restarted" else lambda parties: parties


@pytest.mark.parametrize("what", ["own mailbox", "mail folder"])
@pytest.mark.parametrize("spoil", SPOILT_FOLDERS)
def test_a_seller_whose_mail_is_broken_reveals_and_claims_in_time(
    at: Callable[[str], World], spoil: Spoil, what: str, started: Callable[[Parties], Parties]
) -> None:
    parties = make_parties(at("accepted"))
    world = parties.world
    world.chain.mine(FINAL_DEPTH)
    with without_privileges(), in_time():
        spoil(mailbox(world, parties.seller) if what == "own mailbox" else mail_folder(world))
        parties = started(parties)
        parties.seller.step()
        assert order_state(parties) is OrderState.REVEALED
        world.run(parties.seller, until=lambda: parties.seller.idle)
    assert parties.delta(parties.seller) == PRICE
    if spoil is not removed:
        # Named, where an order's clock hides it, too; and once, however many steps were taken.
        [text] = told(world, parties.seller)
        assert str(mail_folder(world)) in text
        assert parties.seller.waiting is not None
        assert parties.seller.waiting.reason == text


@pytest.mark.deep
@pytest.mark.parametrize("what", ["own mailbox", "mail folder"])
@pytest.mark.parametrize("spoil", [replaced_by_a_file, replaced_by_a_fifo, replaced_by_a_dangling_link])
def test_a_buyer_that_starts_with_broken_mail_takes_its_money_back_by_the_clock(
    at: Callable[[str], World], spoil: Spoil, what: str
) -> None:
    parties = make_parties(at("accepted"))
    world = parties.world
    with in_time():
        spoil(mailbox(world, parties.buyer) if what == "own mailbox" else mail_folder(world))
        parties = reopened(parties)
        world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert parties.buyer.outcome is not None
    assert parties.buyer.outcome.final == Ending.REFUNDED
    assert parties.delta(parties.buyer) == BOND


@pytest.mark.deep
def test_a_buyer_that_starts_with_broken_mail_disputes_in_time(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"), seller_type=CorruptingSeller)
    parties.run(parties.paid)
    parties.world.chain.mine(FINAL_DEPTH)
    parties.seller.step()
    assert order_state(parties) is OrderState.REVEALED
    replaced_by_a_file(mail_folder(parties.world))
    parties = reopened(parties)
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert order_state(parties) is OrderState.REFUNDED
    assert parties.delta(parties.buyer) == BOND


@pytest.mark.deep
@pytest.mark.parametrize("spoil", SPOILT_FOLDERS)
@pytest.mark.parametrize("what", ["mail folder", "seller's mailbox"])
def test_a_release_that_cannot_be_sent_is_paid_by_the_clock(
    at: Callable[[str], World], spoil: Spoil, what: str
) -> None:
    parties = make_parties(at("revealed"))
    world, end = parties.world, deadline(parties)
    with without_privileges(), in_time():
        spoil(mailbox(world, parties.seller) if what == "seller's mailbox" else mail_folder(world))
        parties.buyer.step()
        if (spoil, what) != (removed, "seller's mailbox"):
            assert parties.buyer.waiting is not None
            assert parties.buyer.waiting.until == end + 1
            assert "cannot be sent" in parties.buyer.waiting.reason
            advance_to(world, end + 1)
        world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
        assert parties.buyer.outcome is not None
        assert (parties.buyer.outcome.final, parties.buyer.outcome.error) == (Ending.RELEASED, None)
        assert len(parties.buyer.bought()) > 0


@pytest.mark.deep
def test_mail_that_comes_back_goes_on(at: Callable[[str], World]) -> None:
    """As a disk that is unmounted for a while: nothing is written in its place meanwhile."""
    parties = make_parties(at("requested"))
    folder, away = mail_folder(parties.world), parties.world.directory / "away"
    for stage in range(6):
        folder.rename(away)
        for agent in parties.both:
            agent.step()
            if not parties.buyer.has_paid:
                assert agent.waiting is not None and "mail folder" in agent.waiting.reason, stage
        assert not folder.exists()
        away.rename(folder)
        for agent in parties.both:
            agent.step()
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.seller.refusals() == parties.buyer.refusals() == ()


def test_patience_ends_although_the_mail_is_broken(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"))
    replaced_by_a_file(mailbox(parties.world, parties.buyer))
    parties.buyer.step()
    assert parties.buyer.waiting is not None
    assert "mailbox" in parties.buyer.waiting.reason
    parties.world.chain.advance(Seconds(BUYER_POLICY.patience + 2))
    parties.buyer.step()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, "NoAnswer")
    assert "the mail does not work" in outcome.reason


def test_a_trade_ends_although_the_seller_cannot_be_told(at: Callable[[str], World]) -> None:
    parties = make_parties(at("listed"), buyer_policy=replace(BUYER_POLICY, token=ANN))
    replaced_by_a_file(mailbox(parties.world, parties.seller))
    parties.buyer.step()
    assert parties.buyer.outcome is not None
    assert parties.buyer.outcome.error == "FieldMismatch"


# --- answers that cannot be sent, and messages that cannot be removed --------------------------------------------


@pytest.mark.parametrize("stage", ["asked", "requested", "selected", "agreed"])
def test_an_answer_waits_until_the_mail_folder_takes_it(at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(at(stage))
    world = parties.world
    mailbox(world, parties.buyer).rmdir()
    with without_privileges():
        mail_folder(world).chmod(0o500)
        for _ in range(3):
            parties.seller.step()
        # The offer of a delivery that waits has its own clock, which hides the mail's trouble: it is told as well.
        [text] = told(world, parties.seller)
        assert "takes no mailbox" in text
        assert len(pending(world, parties.seller)) == 1
        mail_folder(world).chmod(0o700)
        parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.seller.refusals() == ()


def test_listings_that_could_not_be_sent_do_not_count_as_given(at: Callable[[str], World]) -> None:
    parties = make_parties(at("asked"))
    parties.close()
    parties = make_parties(parties.world, seller_policy=replace(parties.seller._policy, max_listings=1))
    world = parties.world
    mailbox(world, parties.buyer).rmdir()
    with without_privileges():
        mail_folder(world).chmod(0o500)
        parties.seller.step()
        parties.seller.step()
        mail_folder(world).chmod(0o700)
    parties.seller.step()
    assert [envelope.type for envelope, _ in sealed_messages_to(world, parties.buyer)] == ["listing"]


def test_a_message_that_cannot_be_removed_is_answered_once(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"))
    world, box = parties.world, mailbox(parties.world, parties.seller)
    put_in(world, parties.seller, b"no message")
    with without_privileges():
        box.chmod(0o500)
        parties.seller.step()
        assert take_out(world, parties.buyer)
        for _ in range(3):
            parties.seller.step()
        assert pending(world, parties.buyer) == []
        assert len(pending(world, parties.seller)) == 2
        assert len(told(world, parties.seller)) == 1
        box.chmod(0o700)
        parties.seller.step()
    assert pending(world, parties.seller) == []
    assert [refusal["error"] for refusal in parties.seller.refusals()] == ["UnknownVersion"]


@pytest.mark.deep
def test_a_folder_in_place_of_a_message_that_was_answered_is_left_alone(at: Callable[[str], World]) -> None:
    world = at("requested")

    class Swapped(FolderTransport):
        def done(self, handle: str) -> None:
            path = mail_folder(world) / self._own / handle
            path.unlink()
            path.mkdir()
            super().done(handle)

    world.wrap = lambda _, own: Swapped(mail_folder(world), own)
    parties = make_parties(world)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


# --- the folder alone --------------------------------------------------------------------------------------------


def test_a_full_disk_is_not_the_receivers_fault_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StateError) as caught:
            ann.send(BOB, bytes(1001))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(caught.value, Undeliverable)
    assert "it is tried again" in str(caught.value.hint)
    assert list((tmp_path / "mail" / BOB).iterdir()) == []
    ann.send(BOB, bytes(1001))
    assert [size for _, size in FolderTransport(tmp_path / "mail", BOB).pending()] == [1001]


@pytest.mark.parametrize("spoil", NOT_MESSAGES)
def test_a_mailbox_that_is_not_a_folder_is_its_owners_fault(tmp_path: Path, spoil: Spoil) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    spoil(tmp_path / "mail" / BOB)
    if spoil is folder:
        opened_to_others(tmp_path / "mail" / BOB)
    with in_time(), pytest.raises(Undeliverable):
        ann.send(BOB, b"hello")


def test_a_mailbox_is_never_read_where_a_link_leads(tmp_path: Path) -> None:
    """Or strangers could have files of the same form of name deleted: those of stored rows, for example."""
    ann = FolderTransport(tmp_path / "mail", ANN)
    (tmp_path / "rows").mkdir(mode=0o700)
    (tmp_path / "rows" / ("0" * 64)).write_bytes(b"rows")
    shutil.rmtree(tmp_path / "mail" / ANN)
    (tmp_path / "mail" / ANN).symlink_to(tmp_path / "rows")
    for look in (lambda: list(ann.pending()), lambda: ann.receive("0" * 64), lambda: ann.done("0" * 64)):
        with pytest.raises(StateError, match="cannot be used"):
            look()
    assert (tmp_path / "rows" / ("0" * 64)).exists()


@pytest.mark.parametrize("entry", [fifo, folder, link_to_endless_zeros])
def test_an_entry_that_became_something_else_reads_as_nothing(tmp_path: Path, entry: Spoil) -> None:
    ann = FolderTransport(tmp_path / "mail", ANN)
    ann.send(ANN, b"hello")
    [(handle, _)] = ann.pending()
    (tmp_path / "mail" / ANN / handle).unlink()
    entry(tmp_path / "mail" / ANN / handle)
    with in_time():
        assert (ann.head(handle, 3), ann.receive(handle), ann.aside()) == (b"", b"", handle)


def test_a_new_directory_is_not_begun_with_mail_that_does_not_work(world: World) -> None:
    parties = make_parties(world)
    mail_folder(world).chmod(0o755)
    with pytest.raises(InsecureStore, match="chmod 700"):
        make_buyer(world, parties.seller, "second")
    mail_folder(world).chmod(0o700)
    make_buyer(world, parties.seller, "second").close()
