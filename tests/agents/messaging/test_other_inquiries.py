"""A refusal of what somebody else asked in this account's name (`buyer find`) is nothing to complain about."""

from collections.abc import Callable

import pytest
from sealed_messages import forged, put_in
from trade import World, make_buyer, make_parties

from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.protocol.messages import Inquiry, Refusal
from blindfair.protocol.quantities import Digest, ListingId

pytestmark = pytest.mark.deep

OLD = ListingId(b"\x07" * 32)


def test_what_a_seller_says_to_an_inquiry_of_its_old_listing_is_put_away(world: World) -> None:
    """As `buyer find` asks: about every listing, and it leaves the answers where they are."""
    parties = make_parties(world)
    put_in(world, parties.seller, forged(parties.buyer, Inquiry(OLD)))
    parties.seller.step()
    assert [refusal["error"] for refusal in parties.seller.refusals()] == ["FieldMismatch"]
    parties.run()
    assert parties.buyer.refusals() == ()
    assert parties.buyer.outcome is not None
    assert parties.buyer.outcome.final == Ending.RELEASED


@pytest.mark.parametrize("stage", ["asked", "requested", "replied"])
def test_it_is_put_away_whenever_and_from_whomever_it_comes(at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(at("listed" if stage == "asked" else stage))
    stranger = make_buyer(parties.world, parties.seller, "stranger")
    for sender in (parties.seller, stranger):
        put_in(parties.world, parties.buyer, forged(sender, Refusal(Digest(b"\x01" * 32), "FieldMismatch", "not mine")))
    parties.run()
    stranger.close()
    assert parties.buyer.refusals() == ()
    assert parties.buyer.outcome is not None
    assert parties.buyer.outcome.final == Ending.RELEASED


def test_a_strangers_refusal_of_ones_own_inquiry_is_complained_of_and_no_answer(world: World) -> None:
    parties = make_parties(world)
    parties.buyer.step()
    stranger = make_buyer(world, parties.seller, "stranger")
    asked = parties.buyer.mail.stored(Step("message:inquiry"))[0].digest
    put_in(world, parties.buyer, forged(stranger, Refusal(asked, "FieldMismatch", "not mine")))
    parties.buyer.step()
    stranger.close()
    assert [refusal["error"] for refusal in parties.buyer.refusals()] == ["UnexpectedMessage"]
    assert parties.buyer.outcome is None
