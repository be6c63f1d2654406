"""Offers and messages are signed as EIP-712 says and as the contract hashes them (PROTOCOL 4, 6.5)."""

from dataclasses import fields, replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.documents import canonical, parse
from blindfair.protocol.errors import BadSignature, InvalidOption, MalformedMessage
from blindfair.protocol.offer import Offer, recover_offer_signer, sign_offer
from blindfair.protocol.quantities import Address, Digest, OrderId, Signature
from blindfair.protocol.release import recover_release_signer, release_digest, sign_release
from blindfair.protocol.signing import (
    CURVE_ORDER,
    Domain,
    address_of,
    message_digest,
    recover_message_signer,
    sign_message,
)
from protocol.vector_files import Case, each, load, outcome
from vectors.topics_data import SELLER_KEY
from vectors.topics_trade import BUYER_KEY, DOMAINS, OFFER, ORDER

GOOD = Offer.from_document(dict(OFFER))
DOMAIN = Domain(31337, Address("0x" + "c0" * 20))


def domain_of(described: dict[str, Any]) -> Domain:
    return Domain(described["chain_id"], Address(described["contract"]))


@each("offers/offers.json")
def test_offers_are_hashed_and_signed_as_on_chain(case: Case) -> None:
    offer = outcome(case, lambda: Offer.from_document(case["offer"]))
    if offer is not None:
        domain = domain_of(case["domain"])
        assert offer.to_document() == case["offer"]
        assert offer.struct_hash().hex() == case["struct_hash"]
        assert offer.signing_digest(domain).hex() == case["digest"]
        assert sign_offer(offer, domain, SELLER_KEY).hex() == case["signature"]
        assert recover_offer_signer(offer, domain, Signature(bytes.fromhex(case["signature"]))) == case["signer"]


@each("offers/signatures.json")
def test_only_a_signature_of_one_form_is_one(case: Case) -> None:
    offer = Offer.from_document(load("offers/signatures.json")["offer"])
    signature = Signature(bytes.fromhex(case["signature"]))
    signer = outcome(case, lambda: recover_offer_signer(offer, DOMAIN, signature))
    assert signer == case.get("signer")


@each("offers/messages.json")
def test_messages_are_signed_as_typed_data(case: Case) -> None:
    domain, kind, body = domain_of(case["domain"]), bytes.fromhex(case["kind"]), bytes.fromhex(case["body"])
    assert message_digest(domain, Digest(kind), Digest(body)).hex() == case["digest"]
    signature = sign_message(domain, Digest(kind), Digest(body), SELLER_KEY)
    assert signature.hex() == case["signature"]
    assert recover_message_signer(domain, Digest(kind), Digest(body), signature) == case["signer"]
    # Another type, body or domain: another message.
    assert recover_message_signer(domain, Digest(body), Digest(kind), signature) != case["signer"]
    for other in map(domain_of, DOMAINS):
        signer = recover_message_signer(other, Digest(kind), Digest(body), signature)
        assert (signer == case["signer"]) == (other == domain)


@each("offers/releases.json")
def test_releases_are_signed_as_typed_data(case: Case) -> None:
    domain, order = domain_of(case["domain"]), OrderId(bytes.fromhex(case["order"]))
    assert release_digest(order, domain).hex() == case["digest"]
    signature = sign_release(order, domain, BUYER_KEY)
    assert signature.hex() == case["signature"]
    assert recover_release_signer(order, domain, signature) == case["signer"]
    for other in map(domain_of, DOMAINS):
        assert (recover_release_signer(order, other, signature) == case["signer"]) == (other == domain)
    # A word for one order is none for another, nor is the order's number signed as a message.
    other_order = OrderId(bytes.fromhex(case["digest"]))
    assert recover_release_signer(other_order, domain, signature) != case["signer"]
    as_message = sign_message(domain, Digest(order), Digest(order), BUYER_KEY)
    assert recover_release_signer(order, domain, as_message) != case["signer"]


def test_the_order_number_is_the_same_on_every_chain_and_the_signature_is_not() -> None:
    signatures = {sign_offer(GOOD, domain_of(domain), SELLER_KEY) for domain in DOMAINS}
    assert len(signatures) == 3
    assert GOOD.struct_hash() == replace(GOOD).struct_hash()


@pytest.mark.parametrize("name", [field.name for field in fields(Offer)])
def test_every_field_is_signed(name: str) -> None:
    signature = sign_offer(GOOD, DOMAIN, SELLER_KEY)
    value = getattr(GOOD, name)
    other: Any
    match value:
        case int():
            other = value + 1
        case bytes():
            other = bytes([value[0] ^ 1]) + value[1:]
        case _:
            other = "0x" + "12" * 20
    changed = replace(GOOD, **{name: other})
    assert changed.struct_hash() != GOOD.struct_hash()
    assert recover_offer_signer(changed, DOMAIN, signature) != GOOD.seller


words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
offers = st.builds(
    Offer,
    *[words] * 4,
    *[st.integers(0, 2**32 - 1)] * 2,
    *[addresses] * 3,
    *[st.integers(0, 2**128 - 1)] * 2,
    *[st.integers(0, 2**32 - 1)] * 2,
    st.integers(0, 2**53 - 1),
    st.integers(0, 2**256 - 1),
)


@given(offers)
def test_offers_survive_their_document(offer: Offer) -> None:
    assert Offer.from_document(parse(canonical(offer.to_document()), 4096)) == offer


@given(words, st.binary(min_size=32, max_size=32))
def test_whoever_signs_is_recovered(body: bytes, key: bytes) -> None:
    if 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        signature = sign_message(DOMAIN, Digest(bytes(32)), Digest(body), key)
        assert recover_message_signer(DOMAIN, Digest(bytes(32)), Digest(body), signature) == address_of(key)


@given(st.binary(min_size=60, max_size=70))
def test_any_bytes_are_refused_or_another_signer(data: bytes) -> None:
    try:
        signer = recover_offer_signer(GOOD, DOMAIN, Signature(data))
    except BadSignature:
        return
    assert signer != GOOD.seller


@pytest.mark.parametrize(
    "key",
    [b"", bytes(31), bytes(33), bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\xff" * 32, b"my secret key".ljust(31)],
    ids=range(7),
)
def test_bytes_that_are_no_key_are_refused_and_not_shown(key: bytes) -> None:
    attempts = (
        lambda: sign_offer(GOOD, DOMAIN, key),
        lambda: sign_message(DOMAIN, Digest(bytes(32)), Digest(bytes(32)), key),
        lambda: address_of(key),
    )
    for attempt in attempts:
        with pytest.raises(InvalidOption) as caught:
            attempt()
        assert "secret" not in str(caught.value)


def test_the_first_and_the_last_key_are_keys() -> None:
    # 115792...494337 is the order that SEC 2 section 2.4.1 gives.
    assert CURVE_ORDER == ORDER
    assert address_of((1).to_bytes(32, "big")) == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    assert address_of((ORDER - 1).to_bytes(32, "big")) == "0x80c0dbf239224071c59dd8970ab9d542e3414ab2"


def test_an_offer_made_here_keeps_the_types_of_the_chain() -> None:
    beyond: dict[str, Any] = {"price": 2**128, "bond": 2**128, "expiry": 2**53, "nonce": 2**256}
    beyond |= dict.fromkeys(("chunk_count", "chunk_size", "reveal_window", "dispute_window"), 2**32)
    below = dict.fromkeys(beyond, -1)
    words = dict.fromkeys(("listing", "evaluation", "delivery_root", "key_commitment"), bytes(31))
    for name, value in [*beyond.items(), *below.items(), *words.items()]:
        with pytest.raises(MalformedMessage, match=name):
            replace(GOOD, **{name: value})


def test_an_ordinary_wallet_signs_the_same_typed_data() -> None:
    # A person may sign with any wallet: it gets the standard description of typed data, spelled out here.
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Message": [{"name": "kind", "type": "bytes32"}, {"name": "body", "type": "bytes32"}],
        },
        "primaryType": "Message",
        "domain": {
            "name": "Blindfair",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": "0x" + "c0" * 20,
        },
        "message": {"kind": b"\x01" * 32, "body": b"\x02" * 32},
    }
    signed = Account.sign_message(encode_typed_data(full_message=message), SELLER_KEY)
    ours = sign_message(DOMAIN, Digest(b"\x01" * 32), Digest(b"\x02" * 32), SELLER_KEY)
    assert bytes(signed.signature) == ours
