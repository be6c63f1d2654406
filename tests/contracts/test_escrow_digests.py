"""What is signed, as the contract computes it at the addresses and on the chains of the vectors (PROTOCOL 6.5, 7).

The contract is put there by its own constructor; its separator and digests are compared with the vectors', and it takes
their signatures.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contract_elsewhere import ContractElsewhere, refused_digest
from escrow_storage import raw
from escrow_world import World

from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain

VECTORS = Path(__file__).parents[1] / "vectors" / "offers"


def cases(name: str) -> list[dict[str, Any]]:
    found = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return [case for case in found if case.get("expect", "ok") == "ok"]


OFFERS, RELEASES = cases("offers"), cases("releases")
ORDINARY = [case for case in OFFERS if case["name"].startswith("ordinary")]
TAKEN = {
    Offer.from_document(case["offer"] | {"nonce": str(nonce)}).struct_hash().hex(): nonce
    for case in ORDINARY
    for nonce in (0, 1, 2**256 - 1)
}
"""Order of a release to the nonce that makes it of the ordinary offer."""


def domain_of(case: dict[str, Any]) -> Domain:
    return Domain(case["domain"]["chain_id"], Address(case["domain"]["contract"]))


@pytest.fixture
def elsewhere(ether_world: World, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ContractElsewhere:
    """The contract in the domain of the case."""
    return ContractElsewhere(ether_world, domain_of(request.param), monkeypatch)


def each(found: list[dict[str, Any]]) -> pytest.MarkDecorator:
    pairs = [(case, case) for case in found]
    return pytest.mark.parametrize(
        ("elsewhere", "case"), pairs, indirect=["elsewhere"], ids=[case["name"] for case in found]
    )


def test_the_vectors_are_of_three_domains_and_three_orders() -> None:
    assert len(ORDINARY) == 3 and len(OFFERS) == 9
    assert len(RELEASES) == 9 and {case["order"] for case in RELEASES} == set(TAKEN)


@each(OFFERS)
def test_the_digests_of_offers_are_the_vectors(elsewhere: ContractElsewhere, case: dict[str, Any]) -> None:
    offer = Offer.from_document(case["offer"])
    assert elsewhere.read("domainSeparator") == domain_of(case).typed({"Nothing": []}, {}).header
    assert elsewhere.digest(offer).hex() == case["digest"]


@each(ORDINARY)
def test_the_signatures_of_offers_are_taken(elsewhere: ContractElsewhere, case: dict[str, Any]) -> None:
    """And what another signature is held against is the digest of the vector."""
    offer, signature = Offer.from_document(case["offer"]), bytes.fromhex(case["signature"])
    elsewhere.write("sellerOf", int(offer.seller, 16), offer.listing)
    elsewhere.write("freeBalance", offer.bond, raw(offer.seller), raw(offer.token))
    refused = elsewhere.send(offer.buyer, "accept", offer, signature[::-1], value=offer.price)
    assert refused_digest(refused) == (case["signer"], case["digest"])
    assert elsewhere.send(offer.buyer, "accept", offer, signature, value=offer.price) == offer.struct_hash()
    assert elsewhere.state(offer) is OrderState.LOCKED


@each(RELEASES)
def test_the_signatures_of_releases_are_taken(elsewhere: ContractElsewhere, case: dict[str, Any]) -> None:
    offer = replace(Offer.from_document(ORDINARY[0]["offer"]), nonce=TAKEN[case["order"]])
    signature = bytes.fromhex(case["signature"])
    elsewhere.write("_orders", OrderState.REVEALED.value, bytes.fromhex(case["order"]))
    refused = elsewhere.send(offer.seller, "releaseBySig", offer, signature[::-1])
    assert refused_digest(refused) == (case["signer"], case["digest"])
    assert elsewhere.send(offer.seller, "releaseBySig", offer, signature) == b""
    assert elsewhere.state(offer) is OrderState.RELEASED
