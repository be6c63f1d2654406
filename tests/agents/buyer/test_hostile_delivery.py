"""A seller that cheats with the delivery, the offer or after the payment: whatever can be seen is refused before paying
(PROTOCOL 6.6), and what cannot is disputed, refunded or left to the clock as PROTOCOL 7 says."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cheated import answered, ended, reoffered, told
from eth_account import Account
from sealed_messages import STRANGER, STRANGER_ADDRESS, forged, put_in, take_out, the_sealed_message
from trade import (
    AUDITED,
    BOND,
    BUYER_POLICY,
    PRICE,
    SELECTED,
    HandValuer,
    Parties,
    World,
    any_listing_spec,
    make_parties,
    offered_records,
)

from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.chain.calls import Call
from blindfair.chain.sender import Sender
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.cipher import key_commitment, new_delivery_key
from blindfair.protocol.delivery import encrypt_delivery
from blindfair.protocol.messages import Delivery, Request, read
from blindfair.protocol.offer import sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.packing import pack_delivery, unpack_delivery
from blindfair.protocol.quantities import (
    ETHER,
    DeliveryKey,
    Digest,
    KeyCommitment,
    ListingId,
    RecordIndex,
    Root,
    Seconds,
    Signature,
    Timestamp,
    Wei,
)
from blindfair.protocol.sealing import delivery_info, new_sealing_keypair, seal, unseal
from blindfair.protocol.signing import Domain


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"listing": ListingId(b"\x01" * 32)}, "FieldMismatch"),
        ({"evaluation": Digest(b"\x01" * 32)}, "FieldMismatch"),
        ({"delivery_root": Root(b"\x01" * 32)}, "SealBroken"),
        ({"chunk_count": len(SELECTED) - 1}, "FieldMismatch"),
        ({"chunk_count": len(SELECTED) + 1}, "FieldMismatch"),
        ({"chunk_size": 4096}, "FieldMismatch"),
        ({"seller": STRANGER_ADDRESS}, "FieldMismatch"),
        ({"buyer": STRANGER_ADDRESS}, "FieldMismatch"),
        ({"token": STRANGER_ADDRESS}, "FieldMismatch"),
        ({"price": Wei(PRICE + 1)}, "FieldMismatch"),
        ({"price": Wei(PRICE - 1)}, "FieldMismatch"),
        ({"bond": Wei(PRICE // 20 - 1)}, "OfferRejected"),
        ({"reveal_window": Seconds(BUYER_POLICY.min_reveal_window - 1)}, "OfferRejected"),
        ({"reveal_window": Seconds(BUYER_POLICY.max_reveal_window + 1)}, "OfferRejected"),
        ({"dispute_window": Seconds(BUYER_POLICY.min_dispute_window - 1)}, "OfferRejected"),
        ({"expiry": Timestamp(1_700_000_000)}, "Expired"),
        ({"expiry": Timestamp(2_700_000_000)}, "OfferRejected"),
    ],
)
def test_an_offer_that_is_not_the_agreed_one_is_not_paid(
    beside: Callable[[str], World], changes: dict[str, Any], error: str
) -> None:
    parties = make_parties(beside("delivered"))
    assert answered(parties, reoffered(**changes)).error == error
    assert told(parties) == [(error, "the buyer goes no further")]


def signed_by_another(delivery: Delivery, parties: Parties) -> Delivery:
    signature = sign_offer(delivery.offer, parties.seller.domain, bytes(STRANGER.key))
    return replace(delivery, offer_signature=signature)


def signed_for_another_contract(delivery: Delivery, parties: Parties) -> Delivery:
    domain = Domain(parties.seller.domain.chain_id, STRANGER_ADDRESS)
    return replace(delivery, offer_signature=sign_offer(delivery.offer, domain, parties.seller.private_key))


def not_signed(delivery: Delivery, parties: Parties) -> Delivery:
    return replace(delivery, offer_signature=Signature(bytes(65)))


def sealed_anew(
    change: Callable[[tuple[RecordIndex, ...], tuple[bytes, ...]], bytes], *, to_another: bool = False
) -> Callable[[Delivery, Parties], Delivery]:
    """The delivery with other content, sealed to the buyer (or not) under the offer's own root."""

    def changed(delivery: Delivery, parties: Parties) -> Delivery:
        keys, offer = parties.buyer.sealing_keys(), delivery.offer
        info = delivery_info(offer.evaluation, offer.delivery_root)
        content = change(*unpack_delivery(unseal(keys.private, info, delivery.sealed, 2**20)))
        public = new_sealing_keypair().public if to_another else keys.public
        return replace(delivery, sealed=seal(public, info, content))

    return changed


def altered_seal(delivery: Delivery, parties: Parties) -> Delivery:
    return replace(delivery, sealed=delivery.sealed[:-1] + bytes([delivery.sealed[-1] ^ 1]))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (signed_by_another, "BadSignature"),
        (signed_for_another_contract, "BadSignature"),
        (not_signed, "BadSignature"),
        (altered_seal, "SealBroken"),
        (lambda delivery, _: replace(delivery, sealed=b""), "SealBroken"),
        (lambda delivery, _: replace(delivery, sealed=delivery.sealed + bytes(2**16)), "MessageTooLarge"),
        (sealed_anew(pack_delivery, to_another=True), "SealBroken"),
        (sealed_anew(lambda records, chunks: pack_delivery(records[1:], chunks)), "OfferRejected"),
        (sealed_anew(lambda records, chunks: pack_delivery(records, chunks[1:])), "OfferRejected"),
        (sealed_anew(lambda records, chunks: pack_delivery(records, chunks[::-1])), "RootMismatch"),
        (sealed_anew(lambda records, chunks: pack_delivery(records, (bytes(1025), *chunks[1:]))), "MalformedChunk"),
        (sealed_anew(lambda records, chunks: pack_delivery(records, chunks)[:-1]), "MalformedMessage"),
        (sealed_anew(lambda records, chunks: b""), "MalformedMessage"),
    ],
)
def test_a_delivery_that_is_not_the_agreed_one_is_not_paid(
    beside: Callable[[str], World], change: Callable[[Delivery, Parties], Delivery], error: str
) -> None:
    parties = make_parties(beside("delivered"))
    assert answered(parties, change).error == error


def test_other_records_under_the_selected_numbers_are_not_paid(beside: Callable[[str], World]) -> None:
    def change(delivery: Delivery, parties: Parties) -> Delivery:
        seller, others = parties.seller, tuple(RecordIndex(record + 1) for record in SELECTED)
        encrypted = encrypt_delivery(seller.dataset, others, new_delivery_key())
        info = delivery_info(delivery.offer.evaluation, encrypted.root)
        content = pack_delivery(SELECTED, encrypted.ciphertexts)
        made = replace(delivery, sealed=seal(parties.buyer.sealing_keys().public, info, content))
        return reoffered(delivery_root=encrypted.root)(made, parties)

    parties = make_parties(beside("delivered"))
    assert answered(parties, change).error == "RootMismatch"


def test_a_second_offer_for_the_same_selection_is_never_paid(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    delivery = read(the_sealed_message(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(delivery, Delivery)
    parties.buyer.step()
    assert parties.paid()
    again = reoffered(nonce=1)(delivery, parties)
    put_in(parties.world, parties.buyer, forged(parties.seller, again))
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.world.exchange.order(again.offer.struct_hash()).state is OrderState.NONE


# --- on chain ---


def send_as_seller(parties: Parties, call: Call) -> None:
    """A transaction of the seller's account behind its agent's back."""
    sender = Sender(parties.world.chain.web3, Account.from_key(parties.seller.private_key))
    sender.broadcast(sender.prepare(call).raw)


def test_a_cancelled_offer_ends_the_trade(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    [offer] = parties.seller.offers.values()
    send_as_seller(parties, parties.world.exchange.cancel(offer))
    parties.run()
    outcome = ended(parties)
    assert (outcome.error, outcome.reason) == ("Cancelled", "the seller cancelled the offer")
    assert parties.seller.ending == Ending.CANCELLED


def test_a_bond_that_was_withdrawn_stops_the_payment(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    exchange = parties.world.exchange
    send_as_seller(parties, exchange.withdraw(ETHER, BOND, parties.seller.address))
    parties.run()
    outcome = ended(parties)
    assert outcome.error == "Expired"
    assert "FreeBalanceTooLow" in outcome.reason


def test_a_key_that_is_not_the_committed_one_gives_the_money_back(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    delivery = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(delivery, Delivery)
    change = reoffered(key_commitment=KeyCommitment(b"\x07" * 32))
    put_in(parties.world, parties.buyer, forged(parties.seller, change(delivery, parties)))
    parties.world.run(parties.buyer, until=lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.REFUNDED
    assert parties.deltas() == (BOND, -BOND)


# --- what no contract can judge ---


class PretendingSeller(Seller):
    """Has committed to other records than it computes rows and scores of."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        self._store.compute(digest, request, offered_records())
        return self._store.load(digest)


WRONG = {SELECTED[4]: b"\xff" * 30, SELECTED[7]: offered_records()[0]}
"""Bytes that are no record, and a record that is another."""


def pretended(world: World, audit_rows: int = AUDITED) -> Parties:
    """Every score whole: of few bits, a record that is another may have the same."""
    records = tuple(WRONG.get(RecordIndex(number), record) for number, record in enumerate(offered_records()))
    policy = replace(BUYER_POLICY, audit_rows=audit_rows)
    goods = any_listing_spec(records, opened_share=1.0, disclosed_bits=10**6)
    valuer = HandValuer(changes={"bits": (32,)})
    return make_parties(world, seller_type=PretendingSeller, goods=goods, valuer=valuer, buyer_policy=policy)


def test_bytes_that_are_no_record_fail_the_audit_when_they_are_drawn(world: World) -> None:
    parties = pretended(world, audit_rows=len(SELECTED))
    parties.run()
    assert ended(parties).error == "MalformedRecord"


def test_what_is_committed_and_yet_wrong_is_left_to_the_clock_with_evidence(world: World) -> None:
    parties = pretended(world)
    while "openings" not in {step.partition(":")[0] for step in parties.seller.sizes()}:
        parties.buyer.step()
        parties.seller.step()
    # An audit is a sample: here it has missed both.
    parties.buyer.journal.note(Step("audited"), json.dumps({"rows": AUDITED}))
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, "ScoresDisagree")
    assert outcome.reason.startswith("paid for, and not good")
    assert parties.deltas() == (-PRICE, PRICE)
    assert "release" not in parties.buyer.sizes()
    assert dict(parties.buyer.bought())[SELECTED[4]] == WRONG[SELECTED[4]]

    evidence = parties.buyer.directory / "evidence"
    finding = json.loads((evidence / "finding.json").read_text())
    assert finding["mismatched_records"] == list(WRONG)
    [offer] = parties.seller.offers.values()
    assert key_commitment(DeliveryKey(bytes.fromhex(finding["key"]))) == offer.key_commitment
    kinds = {}
    for path in evidence.glob("*.message"):
        envelope, _ = read(path.read_bytes(), domain=parties.buyer.domain)
        kinds[envelope.type] = envelope.sender
    seller, buyer = parties.seller.address, parties.buyer.address
    assert kinds == {"listing": seller, "request": buyer, "reply": seller, "selection": buyer, "openings": seller,
                     "agreement": buyer, "delivery": seller}  # fmt: skip
    assert (evidence.stat().st_mode & 0o777, (evidence / "finding.json").stat().st_mode & 0o777) == (0o700, 0o600)
