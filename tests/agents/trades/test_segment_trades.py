"""Deliveries in segments and listings without leaf lists (PROTOCOL 6.7, 6.8), in whole trades with everything real.

Segments are made small here: 4 chunks instead of thousands, so that a small selection has many.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from cheated import ended
from large_records import SELECTED, noted, valuer
from sealed_messages import mailbox
from trade import BUYER_POLICY, OFFERED, PER_RECORD, SELLER_POLICY, Parties, World, make_parties

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.seller.deliveries import SellerDeliveries
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import REFUSED_FOR_NOW, WRITTEN, OfferName, offer_message
from blindfair.agents.watch.making import make_package
from blindfair.agents.watch.package import copy_package, find_fault
from blindfair.bulk import workers
from blindfair.bulk.delivery import PreparedDelivery
from blindfair.bulk.store import CHUNKS, StoredDataset, open_store
from blindfair.protocol import manifest, segments
from blindfair.protocol.errors import NoAnswer, OfferRejected, PathInvalid
from blindfair.protocol.messages import Delivery, DeliverySegment, SegmentRequest
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import Part
from blindfair.protocol.quantities import Address, DeliveryKey, OrderId, Wei
from deep import deep

DISCLOSURE = "per-record"
PRICE = len(SELECTED[DISCLOSURE]) * PER_RECORD
GOODS = noted(DISCLOSURE)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 4096)
    # Beginning processes takes longer than so little work; the first test begins them.
    monkeypatch.setattr(workers, "cores", lambda: 1)


def trading(world: World, seller_type: type[Seller] = Seller, max_in_memory: int = 10_000) -> Parties:
    policy = replace(BUYER_POLICY, budget=Wei(OFFERED * PER_RECORD), audit_rows=5)
    return make_parties(
        world,
        seller_type=seller_type,
        goods=GOODS,
        valuer=valuer(DISCLOSURE),
        buyer_policy=policy,
        seller_policy=replace(SELLER_POLICY, max_in_memory=max_in_memory),
    )


def delivered(parties: Parties) -> Delivery:
    name, _ = next(iter(parties.seller.offers.items()))
    message = parties.seller.mail.stored(WRITTEN.of(offer_message(name)))[1]
    assert isinstance(message, Delivery)
    return message


def assert_bought(parties: Parties) -> None:
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.buyer.bought() == tuple((number, GOODS.records[number]) for number in SELECTED[DISCLOSURE])
    assert parties.buyer.refusals() == parties.seller.refusals() == ()


def test_a_delivery_in_segments_is_fetched_checked_paid_and_opened(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)
    parties = trading(world)
    parties.run(lambda: parties.buyer.has_paid)
    message = delivered(parties)
    assert message.sealed == b""
    assert len(message.segments) > 16, "more than two messages ask for"
    parties.run()
    assert_bought(parties)
    assert isinstance(parties.seller.dataset, StoredDataset)
    assert not list((parties.seller.directory / "deliveries").iterdir()), "segments of ended orders are removed"


@pytest.mark.deep
@pytest.mark.parametrize("max_in_memory", [10_000, *deep(2**26)])
def test_a_listing_of_many_chunks_gives_no_leaf_list_and_its_delivery_proves_the_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch, max_in_memory: int
) -> None:
    monkeypatch.setattr(manifest, "CHUNK_COUNT_LIMIT", OFFERED)
    parties = trading(world, max_in_memory=max_in_memory)
    parties.run()
    assert_bought(parties)
    assert parties.buyer.review().listing.leaf_hashes == ()


def killed_at(parties: Parties, stage: Callable[[Parties], bool]) -> Parties:
    """Both parties begin anew from their directories, in the midst of a trade."""
    parties.run(lambda: stage(parties))
    parties.close()
    return trading(parties.world)


def test_both_go_on_after_a_kill_in_the_midst_of_the_segments(world: World) -> None:
    parties = killed_at(trading(world), lambda parties: bool(list(parties.buyer.directory.rglob("*.sealed"))[3:]))
    whole = killed_at(parties, lambda parties: parties.buyer.has_paid)
    whole.run()
    assert_bought(whole)


class WrongChunk(Seller):
    """Encrypts another data set than it committed to: one byte of one delivered chunk is another."""

    def _prepared(self, name: OfferName, part: Part, key: DeliveryKey, public: bytes) -> PreparedDelivery:
        honest = self.dataset
        assert isinstance(honest, StoredDataset)
        forged = self.directory / "forged"
        shutil.copytree(honest.files.folder, forged)
        start = honest.files.head(part.records[9])[1]
        data = bytearray((forged / CHUNKS).read_bytes())
        data[start + 100] ^= 1
        (forged / CHUNKS).write_bytes(data)
        deliveries = SellerDeliveries(self, self._offers, lambda: open_store(forged), 0)
        return deliveries.prepare(name, part, key, public)


def test_a_wrong_chunk_of_a_segment_is_proven_on_chain_and_the_money_comes_back(world: World) -> None:
    parties = trading(world, WrongChunk)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.REFUNDED
    # The seller's bond goes to the buyer.
    bond = SELLER_POLICY.bond(Wei(PRICE))
    assert parties.deltas() == (bond, -bond)
    assert parties.buyer.bought() == ()


@pytest.mark.deep
def test_a_watcher_finds_the_wrong_chunk_of_a_segment(world: World) -> None:
    parties = trading(world, WrongChunk)
    parties.run(lambda: parties.buyer.has_paid)
    package = make_package(parties.buyer.journal, parties.buyer.sealing_keys().private, parties.buyer.domain)
    package.write(world.directory / "order.watch")
    (world.directory / "watched").mkdir()
    head = copy_package(world.directory / "order.watch", world.directory / "watched", parties.buyer.domain)
    key = parties.seller.secrets.get(f"key.{next(iter(parties.seller.offers))}")
    assert key is not None
    fault = find_fault(world.directory / "watched" / package.name, DeliveryKey(key))
    assert fault is not None
    assert head.offer == delivered(parties).offer


class WrongSegment(Seller):
    """Sends another segment than its delivery says."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        pass_on = self.mail.pass_on

        def altered(to: Address, message: object, key: bytes) -> str:
            assert isinstance(message, DeliverySegment)
            sealed = message.sealed[:-1] + bytes([message.sealed[-1] ^ 1])
            return pass_on(to, replace(message, sealed=sealed), key)

        self.mail.pass_on = altered  # type: ignore[method-assign]


class NoSegments(Seller):
    """Sends a delivery, and none of its segments."""

    def _answer(self, envelope: object, message: object) -> None:
        if not isinstance(message, SegmentRequest):
            super()._answer(envelope, message)  # type: ignore[arg-type]


class Unhelpful(Seller):
    """Sends segments until it is paid, and damaged ones from then on."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        pass_on = self.mail.pass_on

        def altered(to: Address, message: object, key: bytes) -> str:
            assert isinstance(message, DeliverySegment)
            if self.exchange.order(message.order).state is not OrderState.NONE:
                message = replace(message, sealed=message.sealed[:-1] + bytes([message.sealed[-1] ^ 1]))
            return pass_on(to, message, key)

        self.mail.pass_on = altered  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("seller_type", "error"),
    [(WrongSegment, OfferRejected), pytest.param(NoSegments, NoAnswer, marks=pytest.mark.deep)],
)
def test_what_is_not_whole_is_not_paid(world: World, seller_type: type[Seller], error: type[Exception]) -> None:
    parties = trading(world, seller_type)
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, error.__name__)
    assert parties.delta(parties.buyer) == 0


def test_leaves_that_are_not_the_listings_are_not_paid(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "CHUNK_COUNT_LIMIT", OFFERED)
    honest = SellerDeliveries._proven

    def forged(self: SellerDeliveries, records: tuple[int, ...]) -> tuple[bytes, bytes]:
        leaves, proof = honest(self, records)  # type: ignore[arg-type]
        return bytes([leaves[0] ^ 1]) + leaves[1:], proof

    monkeypatch.setattr(SellerDeliveries, "_proven", forged)
    parties = trading(world)
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = ended(parties)
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, PathInvalid.__name__)


def test_a_buyer_that_asks_again_and_again_fills_no_disk(world: World) -> None:
    """With an order that is paid for, a full disk would keep the seller from revealing in time, and cost its bond."""
    parties = trading(world)
    parties.run(lambda: parties.buyer.has_paid)
    order = OrderId(delivered(parties).offer.struct_hash())
    sizes = []
    for _ in range(3):
        parties.seller._deliveries.send_segments(parties.buyer.address, SegmentRequest(order, (0, 1, 2)))
        sizes.append(sum(path.stat().st_size for path in mailbox(world, parties.buyer).iterdir()))
    assert sizes[0] > 0 and sizes == [sizes[0]] * 3


@pytest.mark.deep
def test_a_delivery_that_the_disk_has_no_space_for_is_refused_for_now(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buyer that pays nothing could else fill the disk, and the keys of others' orders would come too late."""
    free, usage = 2**28, shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=free))
    parties = trading(world)
    parties.run(lambda: bool(list(parties.buyer.journal.done(REFUSED_FOR_NOW))))
    assert not (parties.seller.directory / "deliveries").exists()
    assert [refusal["error"] for refusal in parties.seller.refusals()] == ["BudgetExhausted"]
    free = 2**40
    parties.run()
    assert parties.buyer.outcome is not None and parties.buyer.outcome.final == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)


def over(parties: Parties) -> Outcome:
    outcome = parties.buyer.outcome
    assert outcome is not None
    return outcome


def lost(parties: Parties, names: str = "*") -> Parties:
    """The buyer begins anew on a disk that has lost its delivery, or a part of it."""
    parties.close()
    for path in (parties.buyer.directory / "deliveries").rglob(names):
        if path.is_file():
            path.unlink()
    return trading(parties.world, type(parties.seller))


@pytest.mark.deep
def test_a_refund_waits_for_no_segment_that_the_disk_has_lost(world: World) -> None:
    parties = trading(world)
    parties.run(lambda: parties.buyer.has_paid)
    again = lost(parties)
    # The seller is gone for good: nothing that was lost can come again.
    world.run(again.buyer, until=lambda: again.buyer.outcome is not None)
    assert over(again).final is Ending.REFUNDED
    bond = SELLER_POLICY.bond(Wei(PRICE))
    assert again.delta(again.buyer) == bond


@pytest.mark.deep
@pytest.mark.parametrize("names", ["*", "*.content", "checked.jsonl", "kinds"])
def test_what_was_lost_after_paying_is_fetched_again_and_opened(world: World, names: str) -> None:
    parties = trading(world)
    parties.run(lambda: parties.buyer.has_paid)
    again = lost(parties, names)
    again.run()
    assert_bought(again)


@pytest.mark.deep
def test_a_wrong_chunk_is_proven_although_the_disk_had_lost_it(world: World) -> None:
    parties = trading(world, WrongChunk)
    parties.run(lambda: parties.buyer.has_paid)
    again = lost(parties)
    again.run()
    assert over(again).final is Ending.REFUNDED
    assert again.delta(again.buyer) == SELLER_POLICY.bond(Wei(PRICE))


@pytest.mark.deep
def test_an_altered_segment_is_no_fault_of_the_seller_and_is_fetched_again(world: World) -> None:
    parties = trading(world)
    parties.run(lambda: parties.buyer.has_paid)
    contents = sorted((parties.buyer.directory / "deliveries").rglob("*.content"))
    data = bytearray(contents[2].read_bytes())
    data[-1] ^= 1
    contents[2].write_bytes(data)
    contents[4].write_bytes(contents[4].read_bytes()[:-7])
    parties.run()
    assert_bought(parties)


@pytest.mark.deep
def test_a_delivery_that_is_lost_for_good_ends_by_the_clock_and_says_so(world: World) -> None:
    parties = trading(world, Unhelpful)
    parties.run(lambda: parties.buyer.has_paid)
    again = lost(parties)
    again.run()
    outcome = over(again)
    assert (outcome.final, outcome.error) == (Ending.RELEASED, NoAnswer.__name__)
    assert again.deltas() == (-PRICE, PRICE)


def test_segments_that_nobody_fetches_go_with_their_order(world: World) -> None:
    """A buyer that pays nothing could else leave them there for ever, one delivery after the other."""
    parties = trading(world)
    parties.run(lambda: bool(parties.seller.offers))
    order = OrderId(delivered(parties).offer.struct_hash())
    box = mailbox(world, parties.buyer)
    before = set(box.iterdir())
    parties.seller._deliveries.send_segments(parties.buyer.address, SegmentRequest(order, (0, 1, 2)))
    assert len(set(box.iterdir()) - before) == 3
    # Another life, which never sent them.
    parties.close()
    again = trading(world)
    world.run(again.seller, until=lambda: again.seller.idle)
    assert set(box.iterdir()) <= before
    again.close()


def test_segments_are_for_their_buyer_alone(world: World) -> None:
    parties = trading(world)
    parties.run(lambda: parties.buyer.has_paid)
    message = delivered(parties)
    stranger = Address("0x" + "11" * 20)
    deliveries = parties.seller._deliveries
    for sender, order in ((stranger, message.offer.struct_hash()), (parties.buyer.address, bytes(32))):
        with pytest.raises(Exception, match=r"another buyer's|No open offer"):
            deliveries.send_segments(sender, SegmentRequest(order, (0,)))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="no such segment"):
        deliveries.send_segments(
            parties.buyer.address, SegmentRequest(message.offer.struct_hash(), (len(message.segments),))
        )
    assert world.exchange.order(message.offer.struct_hash()).state in (OrderState.LOCKED, OrderState.REVEALED)
