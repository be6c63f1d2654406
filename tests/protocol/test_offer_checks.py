"""Before paying, a buyer checks every field of the offer (PROTOCOL 6.6)."""

from dataclasses import fields, replace
from typing import Any

import pytest

from blindfair.protocol.errors import BadSignature, BlindfairError, Expired, FieldMismatch, OfferRejected
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.offer_checks import AgreedPurchase, OfferLimits, check_offer
from blindfair.protocol.quantities import ETHER, Address, Seconds, Signature, Timestamp, Wei
from blindfair.protocol.signing import Domain
from vectors.topics_data import SELLER_KEY
from vectors.topics_trade import BUYER_KEY, OFFER

DOMAIN = Domain(31337, Address("0x" + "c0" * 20))
GOOD = Offer.from_document(dict(OFFER))
PURCHASE = AgreedPurchase(**{field.name: getattr(GOOD, field.name) for field in fields(AgreedPurchase)})
POLICY = OfferLimits(
    tokens=frozenset({ETHER}),
    min_bond=GOOD.bond,
    min_reveal_window=GOOD.reveal_window,
    max_reveal_window=GOOD.reveal_window,
    min_dispute_window=GOOD.dispute_window,
)


def check(offer: Offer = GOOD, purchase: AgreedPurchase = PURCHASE, policy: OfferLimits = POLICY, **more: Any) -> None:
    signature = more.get("signature") or sign_offer(offer, DOMAIN, SELLER_KEY)
    check_offer(offer, signature, more.get("domain", DOMAIN), purchase, policy, more.get("now", GOOD.expiry))


def test_an_offer_as_agreed_is_taken_to_its_last_second() -> None:
    check()


def test_an_offer_is_refused_a_second_later() -> None:
    with pytest.raises(Expired):
        check(now=Timestamp(GOOD.expiry + 1))


@pytest.mark.parametrize("name", [field.name for field in fields(AgreedPurchase) if field.name != "seller"])
def test_a_field_that_was_not_agreed_is_refused_and_named(name: str) -> None:
    value = getattr(GOOD, name)
    other: Any
    match value:
        case int():
            other = value + 1
        case bytes():
            other = bytes(32)
        case _:
            other = "0x" + "12" * 20
    with pytest.raises(FieldMismatch, match=rf"offer\.{name}"):
        check(replace(GOOD, **{name: other}))


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], type[BlindfairError]]] = [
    ("the bond a unit less", {"bond": Wei(GOOD.bond - 1)}, {}, OfferRejected),
    ("no bond", {"bond": Wei(0)}, {}, OfferRejected),
    ("reveal window a second less", {"reveal_window": Seconds(GOOD.reveal_window - 1)}, {}, OfferRejected),
    ("reveal window a second more", {"reveal_window": Seconds(GOOD.reveal_window + 1)}, {}, OfferRejected),
    ("dispute window a second less", {"dispute_window": Seconds(GOOD.dispute_window - 1)}, {}, OfferRejected),
    ("no dispute window", {"dispute_window": Seconds(0)}, {}, OfferRejected),
    (
        "a token that was agreed and is not trusted",
        {},
        {"tokens": frozenset({Address("0x" + "70" * 20)})},
        OfferRejected,
    ),
    ("no trusted token", {}, {"tokens": frozenset()}, OfferRejected),
]


@pytest.mark.parametrize(
    ("change", "policy", "error"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_the_policy_does_not_take_is_refused(
    change: dict[str, Any], policy: dict[str, Any], error: type[BlindfairError]
) -> None:
    with pytest.raises(error):
        check(replace(GOOD, **change), policy=replace(POLICY, **policy))


def test_a_longer_dispute_window_and_a_larger_bond_are_welcome() -> None:
    check(replace(GOOD, dispute_window=Seconds(GOOD.dispute_window + 1), bond=Wei(GOOD.bond + 1)))


@pytest.mark.parametrize(
    "more",
    [
        {"signature": sign_offer(GOOD, DOMAIN, BUYER_KEY)},
        {"signature": sign_offer(replace(GOOD, nonce=1), DOMAIN, SELLER_KEY)},
        {"signature": Signature(bytes(65))},
        {"domain": Domain(1, DOMAIN.contract)},
        {"domain": Domain(31337, Address("0x" + "c1" * 20))},
    ],
    ids=["the buyer's", "of another offer", "empty", "another chain", "another contract"],
)
def test_an_offer_that_the_seller_did_not_sign_here_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        check(**more)


def test_an_offer_of_another_seller_is_refused() -> None:
    other = replace(GOOD, seller=GOOD.buyer)
    with pytest.raises(BadSignature):
        check(other, signature=sign_offer(other, DOMAIN, BUYER_KEY))
    # Signed by the right seller, and paid to another.
    with pytest.raises(FieldMismatch, match=r"offer\.seller"):
        check(other)


def test_every_field_of_an_offer_is_checked_but_the_nonce() -> None:
    checked = {field.name for field in fields(AgreedPurchase)} | {"bond", "reveal_window", "dispute_window", "expiry"}
    assert {field.name for field in fields(Offer)} - checked == {"key_commitment", "nonce"}
