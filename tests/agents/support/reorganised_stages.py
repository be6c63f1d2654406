"""Trades that have just sent one transaction: each stage at which the chain is reorganised, and how the trade ends.

A whole purchase; an evaluation with a fee; a sample and its rest; and what a watcher sends for a party that is gone.
"""

from collections.abc import Callable
from functools import partial

from fees import FEE_BOND, CorruptingReplySeller, fee_is_paid, paying
from reorganised import Unfolding
from sampled import REST_BOND, SAMPLE_BOND, SAMPLE_PRICE, RestCorruptingSeller, buying
from trade import BOND, PRICE
from watched import Watch, package_of

from blindfair.agents.settlement.ending import Ending
from blindfair.agents.watch.watcher import Watcher
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.cli.seller.packing import hand_over

Begin = Callable[..., Unfolding]
"""From a depth, the stage of an honest trade to go on from, and how its parties are made."""

Stage = Callable[[Begin, int], Unfolding]

# --- a purchase in one order ---------------------------------------------------------------------------------------


def at_commit(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new")
    unfolding.parties.seller.step()
    assert "commit" in unfolding.parties.seller.receipts()
    return unfolding


def at_bond(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "deposit"), unfolding.parties.seller)
    return unfolding


def at_accept(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.parties.paid)
    return unfolding


def at_reveal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "reveal"))
    return unfolding


def at_release(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "release"))
    return unfolding


def at_claim(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.parties.paid)
    unfolding.until(unfolding.has(unfolding.parties.seller, "claim"), unfolding.parties.seller)
    return unfolding


def at_withdrawal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "withdraw"))
    return unfolding


def at_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, seller_type=CorruptingSeller)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "dispute"))
    return unfolding


def at_refund(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    unfolding.until(unfolding.parties.paid)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "refund"), unfolding.parties.buyer)
    return unfolding


# --- an evaluation with a fee --------------------------------------------------------------------------------------


def at_fee_bond(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new", parties=paying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "deposit", "evaluation"))
    return unfolding


def at_fee_accept(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new", parties=paying)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "accept", "evaluation"))
    return unfolding


def at_fee_reveal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new", parties=paying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "reveal", "evaluation"))
    return unfolding


def at_fee_release(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new", parties=paying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "release", "evaluation"))
    return unfolding


def at_fee_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new", parties=paying, seller_type=CorruptingReplySeller)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "dispute", "evaluation"))
    return unfolding


def at_fee_refund(begin: Begin, depth: int) -> Unfolding:
    unfolding = at_fee_accept(begin, depth)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "refund", "evaluation"), unfolding.parties.buyer)
    return unfolding


# --- a sample and the rest -----------------------------------------------------------------------------------------


def at_sample_accept(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "accept", "sample"))
    return unfolding


def at_sample_reveal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "reveal", "sample"))
    return unfolding


def at_sample_release(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "release", "sample"))
    return unfolding


def at_sample_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying, seller_type=CorruptingSeller)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "dispute", "sample"))
    return unfolding


def at_sample_refund(begin: Begin, depth: int) -> Unfolding:
    unfolding = at_sample_accept(begin, depth)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "refund", "sample"), unfolding.parties.buyer)
    return unfolding


def at_rest_bond(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "deposit", "rest"))
    return unfolding


def at_rest_accept(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "accept", "rest"))
    return unfolding


def at_rest_reveal(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "reveal", "rest"))
    return unfolding


def at_rest_release(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying)
    unfolding.until(unfolding.has(unfolding.parties.seller, "release", "rest"))
    return unfolding


def at_rest_claim(begin: Begin, depth: int) -> Unfolding:
    unfolding = at_rest_accept(begin, depth)
    unfolding.until(unfolding.has(unfolding.parties.seller, "claim"), unfolding.parties.seller)
    return unfolding


def at_rest_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="replied", parties=buying, seller_type=RestCorruptingSeller)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "dispute", "rest"))
    return unfolding


def at_rest_refund(begin: Begin, depth: int) -> Unfolding:
    unfolding = at_rest_accept(begin, depth)
    unfolding.until(unfolding.has(unfolding.parties.buyer, "refund", "rest"), unfolding.parties.buyer)
    return unfolding


# --- what a watcher sends for a party that is gone -----------------------------------------------------------------


def _watching(unfolding: Unfolding) -> Watcher:
    assert unfolding.watch is not None
    return unfolding.watch.watcher


def _without_buyer(unfolding: Unfolding, paid: Callable[[], bool]) -> Unfolding:
    """The order of a buyer that has paid is a watcher's, and the buyer is gone."""
    unfolding.watch = Watch(unfolding.world, final_depth=unfolding.depth)
    unfolding.until(paid)
    assert unfolding.watch.take(package_of(unfolding.parties.buyer))
    unfolding.parties.buyer.close()
    return unfolding


def at_accept_of_a_kept_key(begin: Begin, depth: int) -> Unfolding:
    """A watcher has the key of an order that was just accepted, and the seller is gone."""
    unfolding = begin(depth)
    unfolding.watch = Watch(unfolding.world, final_depth=depth)
    unfolding.until(unfolding.parties.paid)
    seller, folder = unfolding.parties.seller, unfolding.world.directory / "handed"
    folder.mkdir()
    (package,) = hand_over(seller.journal, seller.secrets, seller.domain, folder)
    assert unfolding.watch.watcher.take(folder / package.name)
    seller.close()
    return unfolding


def at_watchers_reveal(begin: Begin, depth: int) -> Unfolding:
    unfolding = at_accept_of_a_kept_key(begin, depth)
    unfolding.until(unfolding.has(_watching(unfolding), "reveal"))
    return unfolding


def at_watchers_claim(begin: Begin, depth: int) -> Unfolding:
    unfolding = at_accept_of_a_kept_key(begin, depth)
    unfolding.until(unfolding.has(_watching(unfolding), "claim"))
    return unfolding


def at_watchers_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, seller_type=CorruptingSeller)
    _without_buyer(unfolding, unfolding.parties.paid)
    unfolding.until(unfolding.has(_watching(unfolding), "dispute"))
    return unfolding


def at_watchers_fee_dispute(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth, stage="new", parties=paying, seller_type=CorruptingReplySeller)
    _without_buyer(unfolding, partial(fee_is_paid, unfolding.parties))
    unfolding.until(unfolding.has(_watching(unfolding), "dispute"))
    return unfolding


def at_watchers_refund(begin: Begin, depth: int) -> Unfolding:
    unfolding = begin(depth)
    _without_buyer(unfolding, unfolding.parties.paid)
    unfolding.until(unfolding.has(_watching(unfolding), "refund"), _watching(unfolding))
    return unfolding


PAID = (-PRICE, PRICE)
RETURNED, FEE_RETURNED, SAMPLE_RETURNED = (BOND, -BOND), (FEE_BOND, -FEE_BOND), (SAMPLE_BOND, -SAMPLE_BOND)
REST_RETURNED = (-SAMPLE_PRICE + REST_BOND, SAMPLE_PRICE - REST_BOND)
ENDS: dict[Stage, tuple[Ending, tuple[int, int]]] = {
    at_commit: (Ending.RELEASED, PAID),
    at_bond: (Ending.RELEASED, PAID),
    at_accept: (Ending.RELEASED, PAID),
    at_reveal: (Ending.RELEASED, PAID),
    at_release: (Ending.RELEASED, PAID),
    at_claim: (Ending.RELEASED, PAID),
    at_withdrawal: (Ending.RELEASED, PAID),
    at_dispute: (Ending.REFUNDED, RETURNED),
    at_refund: (Ending.REFUNDED, RETURNED),
    at_fee_bond: (Ending.RELEASED, PAID),
    at_fee_accept: (Ending.RELEASED, PAID),
    at_fee_reveal: (Ending.RELEASED, PAID),
    at_fee_release: (Ending.RELEASED, PAID),
    at_fee_dispute: (Ending.REFUNDED, FEE_RETURNED),
    at_fee_refund: (Ending.REFUNDED, FEE_RETURNED),
    at_sample_accept: (Ending.RELEASED, PAID),
    at_sample_reveal: (Ending.RELEASED, PAID),
    at_sample_release: (Ending.RELEASED, PAID),
    at_sample_dispute: (Ending.REFUNDED, SAMPLE_RETURNED),
    at_sample_refund: (Ending.REFUNDED, SAMPLE_RETURNED),
    at_rest_bond: (Ending.RELEASED, PAID),
    at_rest_accept: (Ending.RELEASED, PAID),
    at_rest_reveal: (Ending.RELEASED, PAID),
    at_rest_release: (Ending.RELEASED, PAID),
    at_rest_claim: (Ending.RELEASED, PAID),
    at_rest_dispute: (Ending.REFUNDED, REST_RETURNED),
    at_rest_refund: (Ending.REFUNDED, REST_RETURNED),
    at_accept_of_a_kept_key: (Ending.RELEASED, PAID),
    at_watchers_reveal: (Ending.RELEASED, PAID),
    at_watchers_claim: (Ending.RELEASED, PAID),
    at_watchers_dispute: (Ending.REFUNDED, RETURNED),
    at_watchers_fee_dispute: (Ending.REFUNDED, FEE_RETURNED),
    at_watchers_refund: (Ending.REFUNDED, RETURNED),
}
"""How each stage ends, and what buyer and seller have more than at the beginning, in wei without fees for gas."""
