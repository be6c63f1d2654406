"""A priced reply that is not what was asked for is refused before the fee is paid (PROTOCOL 4.7, 6.6)."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fees import FEE, FEE_BOND, PAYS, ended, fee_is_paid, has_learnt, paying, until_priced
from sealed_messages import STRANGER_ADDRESS, forged, put_in, take_out
from trade import BUYER_POLICY, PRICE, Parties, World

from blindfair.agents.buyer.fee_checks import check_priced_reply
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.protocol.errors import FieldMismatch
from blindfair.protocol.hashing import sha256
from blindfair.protocol.messages import PricedReply, Request, read
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Digest, KeyCommitment, ListingId, Root, Seconds, Timestamp, Wei


def taken(parties: Parties) -> PricedReply:
    """The priced reply that waits for the buyer, taken out of its mailbox."""
    reply = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(reply, PricedReply)
    return reply


def reoffered(parties: Parties, reply: PricedReply, **changes: Any) -> PricedReply:
    """The reply with another offer, signed by the seller as it should be."""
    offer = replace(reply.offer, **changes)
    signature = sign_offer(offer, parties.seller.domain, parties.seller.private_key)
    return replace(reply, offer=offer, offer_signature=signature)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which the buyer is about to read a priced reply. Nothing is changed on its chain."""
    world = World(tmp_path_factory.mktemp("priced") / "world")
    parties = paying(world)
    until_priced(parties)
    parties.close()
    yield world
    world.close()


@pytest.fixture
def priced(shared: World, tmp_path: Path) -> Iterator[Parties]:
    """The parties in a copy of it."""
    shutil.copytree(shared.directory, tmp_path / "world")
    parties = paying(World(tmp_path / "world", shared))
    yield parties
    parties.close()


def answered(parties: Parties, change: Callable[[PricedReply], PricedReply]) -> str | None:
    """What ends the trade where the priced reply is another; nothing was paid."""
    put_in(parties.world, parties.buyer, forged(parties.seller, change(taken(parties))))
    parties.buyer.step()
    assert ended(parties).final == Ending.NO_ORDER
    assert parties.buyer.transactions() == {}
    assert not has_learnt(parties)
    return ended(parties).error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"price": Wei(FEE + 1)}, "FieldMismatch"),
        ({"price": Wei(FEE - 1)}, "FieldMismatch"),
        ({"token": STRANGER_ADDRESS}, "FieldMismatch"),
        ({"listing": ListingId(b"\x01" * 32)}, "FieldMismatch"),
        ({"evaluation": Digest(b"\x01" * 32)}, "FieldMismatch"),
        ({"delivery_root": Root(b"\x01" * 32)}, "RootMismatch"),
        ({"chunk_count": 1}, "FieldMismatch"),
        ({"chunk_size": 4096}, "FieldMismatch"),
        ({"seller": STRANGER_ADDRESS}, "FieldMismatch"),
        ({"buyer": STRANGER_ADDRESS}, "FieldMismatch"),
        ({"bond": Wei(FEE // 20 - 1)}, "OfferRejected"),
        ({"reveal_window": Seconds(BUYER_POLICY.min_reveal_window - 1)}, "OfferRejected"),
        ({"dispute_window": Seconds(BUYER_POLICY.min_dispute_window - 1)}, "OfferRejected"),
        ({"expiry": Timestamp(1_700_000_000)}, "Expired"),
        ({"expiry": Timestamp(2_700_000_000)}, "OfferRejected"),
    ],
    ids=str,
)
def test_a_fee_offer_that_is_not_the_agreed_one_is_not_paid(
    priced: Parties, changes: dict[str, Any], error: str
) -> None:
    assert answered(priced, lambda reply: reoffered(priced, reply, **changes)) == error


def other_leaves(priced: PricedReply) -> PricedReply:
    return replace(priced, leaf_hashes=(Digest(bytes(32)), *priced.leaf_hashes[1:]))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (other_leaves, "FieldMismatch"),
        (lambda priced: replace(priced, ciphertext=priced.ciphertext[:-1]), "RootMismatch"),
        (lambda priced: replace(priced, ciphertext=b""), "MalformedChunk"),
        (lambda priced: replace(priced, ciphertext=priced.ciphertext[1024:]), "MalformedChunk"),
        (lambda priced: replace(priced, offer_signature=bytes(65)), "BadSignature"),
    ],
    ids=["other leaves", "cut short", "nothing", "a chunk fewer", "not signed"],
)
def test_a_priced_reply_that_is_not_the_offered_one_is_not_paid(
    priced: Parties, change: Callable[[PricedReply], PricedReply], error: str
) -> None:
    assert answered(priced, change) == error


def test_a_fee_that_was_not_agreed_to_is_not_paid(priced: Parties) -> None:
    """A seller asks the listing's fee of a buyer that takes only a free reply."""
    _, request = priced.buyer.mail.stored(Step("message:request"))
    assert isinstance(request, Request)
    manifest, now = priced.seller.manifest, priced.world.exchange.now()
    free, reply = replace(request, fee=Wei(FEE - 1)), taken(priced)
    check_priced_reply(manifest, request, reply, PAYS, now, priced.buyer.domain)
    with pytest.raises(FieldMismatch, match="not agreed to"):
        check_priced_reply(manifest, free, reply, PAYS, now, priced.buyer.domain)


def test_a_key_that_is_not_the_committed_one_gives_the_fee_back(world: World) -> None:
    parties = paying(world)
    until_priced(parties)
    reply = reoffered(parties, taken(parties), key_commitment=KeyCommitment(b"\x07" * 32))
    put_in(world, parties.buyer, forged(parties.seller, reply))
    world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    assert ended(parties).final == Ending.REFUNDED
    assert parties.deltas() == (FEE_BOND, -FEE_BOND)


@pytest.mark.deep
def test_a_second_offer_for_the_same_reply_is_never_paid(world: World) -> None:
    parties = paying(world)
    until_priced(parties)
    first = taken(parties)
    put_in(world, parties.buyer, forged(parties.seller, first))
    parties.buyer.step()
    assert fee_is_paid(parties)
    again = reoffered(parties, first, nonce=1)
    put_in(world, parties.buyer, forged(parties.seller, again))
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert world.exchange.order(again.offer.struct_hash()).state is OrderState.NONE


def test_what_is_seen_before_paying_holds_no_part_of_the_reply(priced: Parties) -> None:
    seen = taken(priced)
    reply = priced.seller._fees.signed_reply(seen.request)
    assert len(seen.ciphertext) == len(reply) + 16 * len(seen.leaf_hashes)
    assert all(reply[i : i + 16] not in seen.ciphertext for i in range(0, len(reply) - 16, 997))
    # Without the salts the leaf hashes do not say what the chunks are.
    assert sha256(b"\x00" + reply[:1008]) not in seen.leaf_hashes
