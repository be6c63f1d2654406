"""What `seller status` tells people of orders that the chain does not know yet."""

import io

import pytest
from rich.console import Console
from test_listing_options import options

from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal_summary import JournalSummary, OfferEntry, SellerSummary
from blindfair.chain.exchange import OrderView
from blindfair.cli.lines import Lines
from blindfair.cli.seller.report import Standing, show_standing, standing_document
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Digest, KeyCommitment, ListingId, Root, Seconds, Timestamp, Wei

D1, D2 = Digest(b"\x01" * 32), Digest(b"\x02" * 32)
OFFER = Offer(
    ListingId(D1), D2, Root(D1), KeyCommitment(D2), 7, 1024, ETHER, ETHER, ETHER, Wei(10**16), Wei(10**15),
    Seconds(3600), Seconds(7200), Timestamp(1_800_000_000), 9,
)  # fmt: skip


def standing(state: OrderState, ending: Ending | None) -> Standing:
    common = JournalSummary(ETHER, "listing 12", {"commit": 1}, {}, 0)
    entry = OfferEntry(OFFER, ending, is_fee=True)
    summary = SellerSummary(common, 1, 4, 0, 0, (entry,))
    orders = ((entry, OrderView(state, Timestamp(0))),)
    return Standing(ETHER, Wei(0), Wei(0), Wei(0), summary, options(), orders, 0)


@pytest.mark.parametrize(
    ("state", "ending", "told"),
    [
        (OrderState.NONE, None, "Offered, not accepted yet"),
        (OrderState.LOCKED, None, "Locked"),
        (OrderState.NONE, Ending.EXPIRED, "Expired"),
    ],
)
def test_an_offer_that_waits_is_not_said_to_be_nothing(state: OrderState, ending: Ending | None, told: str) -> None:
    said = io.StringIO()
    found = standing(state, ending)
    show_standing(Lines(Console(file=said, width=200)), found)
    assert f"{told}: an evaluation for" in said.getvalue()
    # Programs read the contract's name of the state as before.
    assert f"'state': '{state.name.capitalize()}'" in str(standing_document(found))
