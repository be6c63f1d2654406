"""What this version cannot disclose is neither offered nor asked for (PROTOCOL 2, 4.1)."""

from dataclasses import replace

import pytest
from trade import HandValuer, World, make_parties, stock

from blindfair.agents.question import ask
from blindfair.protocol.errors import FieldMismatch, InvalidListing
from blindfair.protocol.quantities import Timestamp


@pytest.mark.parametrize("policies", [("total",), ("per-record", "total")])
def test_a_seller_does_not_offer_what_it_cannot_answer(policies: tuple[str, ...]) -> None:
    with pytest.raises(InvalidListing, match="total"):
        stock(disclosures=policies)


def test_a_buyer_does_not_ask_a_listing_of_other_policies(world: World) -> None:
    parties = make_parties(world)
    manifest, question = parties.seller.manifest, HandValuer().question(parties.seller.manifest)
    other = replace(manifest, terms=replace(manifest.terms, disclosures=("per-group", "total")))
    with pytest.raises(FieldMismatch, match="per-record"):
        ask(question, other, buyer=parties.buyer.address, buyer_hpke=bytes(32), expiry=Timestamp(1))


def test_of_several_policies_the_buyer_asks_for_scores_per_record(world: World) -> None:
    parties = make_parties(world)
    manifest, question = parties.seller.manifest, HandValuer().question(parties.seller.manifest)
    other = replace(manifest, terms=replace(manifest.terms, disclosures=("total", "per-record")))
    request, _ = ask(question, other, buyer=parties.buyer.address, buyer_hpke=bytes(32), expiry=Timestamp(1))
    assert request.disclosure == "per-record"
