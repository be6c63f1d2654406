"""A buyer that looks and leaves, with one account after another, learns what the free bits are worth and no more: no
record is opened for it, and nothing is paid (PROTOCOL 2, 5.6)."""

from dataclasses import replace

import pytest
from trade import BUYER_POLICY, GRANT, OFFERED, World, listing_spec, make_buyer, make_parties

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.seller.budget_ledger import spent_budget, spent_free_bits
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.protocol.messages import Openings

ACCOUNTS = 5
BITS = 3 * OFFERED
"""Of one evaluation."""

LISTING = listing_spec(opened_share=0.0, opened_records=0, free_bits=2 * BITS, disclosed_bits=10 * BITS)
"""Nothing is opened free, as `seller list` has it by default; two evaluations are free of charge."""


def looks_and_leaves(world: World, seller: object, buyer: Buyer) -> bool:
    """Take a trade as far as it costs nothing: scores, selection, and what the seller opens for it."""
    world.run(
        seller,  # type: ignore[arg-type]
        buyer,
        until=lambda: buyer.outcome is not None or buyer.journal.get(Step("received:openings")) is not None,
    )
    if buyer.outcome is not None:
        assert (buyer.outcome.final, buyer.outcome.error) == (Ending.NO_ORDER, "Refused")
        assert "FeeRequired" in buyer.outcome.reason
        return False
    _, openings = buyer.mail.stored(Step("received:openings"))
    assert isinstance(openings, Openings)
    assert openings.opened == ()
    assert buyer.sampled_for is not None or not buyer.has_paid
    return True


@pytest.mark.deep
def test_looking_and_leaving_with_many_accounts_earns_the_free_bits_and_no_record(world: World) -> None:
    parties = make_parties(world, goods=LISTING, buyer_policy=replace(BUYER_POLICY, audit_rows=10))
    thieves = [parties.buyer, *(make_buyer(world, parties.seller, f"thief-{number}") for number in range(1, ACCOUNTS))]
    looked = [looks_and_leaves(world, parties.seller, thief) for thief in thieves]
    assert looked == [True, True, False, False, False]
    evaluations, bits, opened = spent_budget(parties.seller.journal)
    assert (evaluations, bits, opened) == (2, 2 * BITS, 0)
    assert spent_free_bits(parties.seller.journal) <= LISTING.terms.free_bits
    for thief in thieves:
        assert (tuple(thief.bought()), thief.has_paid) == ((), False)
        assert parties.world.exchange_balance(thief.address) == GRANT, "nothing was spent, not even gas"
    assert parties.delta(parties.seller) == 0
