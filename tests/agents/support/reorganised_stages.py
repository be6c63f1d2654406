"""Trades that have just sent one transaction: each stage at which the chain is reorganised, and how the trade ends.

A whole purchase; an evaluation with a fee; a sample and its rest; and what a watcher sends for a party that is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fees import FEE_BOND, CorruptingReplySeller, fee_is_paid, paying
from reorganised import Unfolding
from sampled import REST_BOND, SAMPLE_BOND, SAMPLE_PRICE, RestCorruptingSeller, buying
from trade import BOND, PRICE, Parties, make_parties
from watched import Watch, package_of

from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.watch.watcher import Watcher
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.cli.seller.packing import hand_over

Begin = Callable[..., Unfolding]
"""From a depth, the stage of an honest trade to go on from, and how its parties are made."""

Stage = Callable[[Begin, int], Unfolding]


@dataclass(frozen=True)
class Sent:
    """The stage at which a transaction of the seller or the buyer is in a block."""

    stage: str
    """Of the honest trade to go on from."""

    by: str
    call: str
    part: str = ""
    parties: Callable[..., Parties] = make_parties
    seller: type[Seller] = Seller
    paid: str | None = None
    """Once the order of this part is accepted, nobody else does anything."""

    alone: bool = False
    """Nobody else does anything from the beginning."""

    def __call__(self, begin: Begin, depth: int) -> Unfolding:
        """Go on until it is there."""
        unfolding = begin(depth, stage=self.stage, parties=self.parties, seller_type=self.seller)
        party = getattr(unfolding.parties, self.by)
        if self.paid is not None:
            unfolding.until(unfolding.has(unfolding.parties.buyer, "accept", self.paid))
        only = (party,) if self.alone or self.paid is not None else ()
        unfolding.until(unfolding.has(party, self.call, self.part), *only)
        return unfolding


ORDER = partial(Sent, "agreed")
FEE = partial(Sent, "new", parties=paying)
SAMPLED = partial(Sent, "replied", parties=buying)

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

GOOD: dict[str, Stage] = {
    "commit": Sent("new", "seller", "commit", alone=True),
    "bond": ORDER("seller", "deposit", alone=True),
    "accept": ORDER("buyer", "accept"),
    "reveal": ORDER("seller", "reveal"),
    "release": ORDER("seller", "release"),
    "claim": ORDER("seller", "claim", paid=""),
    "withdrawal": ORDER("seller", "withdraw"),
    "fee-bond": FEE("seller", "deposit", "evaluation"),
    "fee-accept": FEE("buyer", "accept", "evaluation"),
    "fee-reveal": FEE("seller", "reveal", "evaluation"),
    "fee-release": FEE("seller", "release", "evaluation"),
    "sample-accept": SAMPLED("buyer", "accept", "sample"),
    "sample-reveal": SAMPLED("seller", "reveal", "sample"),
    "sample-release": SAMPLED("seller", "release", "sample"),
    "rest-bond": SAMPLED("seller", "deposit", "rest"),
    "rest-accept": SAMPLED("buyer", "accept", "rest"),
    "rest-reveal": SAMPLED("seller", "reveal", "rest"),
    "rest-release": SAMPLED("seller", "release", "rest"),
    "rest-claim": SAMPLED("seller", "claim", paid="rest"),
    "accept-of-a-kept-key": at_accept_of_a_kept_key,
    "watchers-reveal": at_watchers_reveal,
    "watchers-claim": at_watchers_claim,
}
"""Stages of trades in which the price is paid."""

BAD: dict[str, tuple[Stage, tuple[int, int]]] = {
    "dispute": (ORDER("buyer", "dispute", seller=CorruptingSeller), RETURNED),
    "refund": (ORDER("buyer", "refund", paid=""), RETURNED),
    "fee-dispute": (FEE("buyer", "dispute", "evaluation", seller=CorruptingReplySeller), FEE_RETURNED),
    "fee-refund": (FEE("buyer", "refund", "evaluation", paid="evaluation"), FEE_RETURNED),
    "sample-dispute": (SAMPLED("buyer", "dispute", "sample", seller=CorruptingSeller), SAMPLE_RETURNED),
    "sample-refund": (SAMPLED("buyer", "refund", "sample", paid="sample"), SAMPLE_RETURNED),
    "rest-dispute": (SAMPLED("buyer", "dispute", "rest", seller=RestCorruptingSeller), REST_RETURNED),
    "rest-refund": (SAMPLED("buyer", "refund", "rest", paid="rest"), REST_RETURNED),
    "watchers-dispute": (at_watchers_dispute, RETURNED),
    "watchers-fee-dispute": (at_watchers_fee_dispute, FEE_RETURNED),
    "watchers-refund": (at_watchers_refund, RETURNED),
}
"""Stages of trades in which money comes back, and what buyer and seller have more then, in wei without fees for gas."""

STAGES: dict[str, tuple[Stage, Ending, tuple[int, int]]] = {
    **{name: (stage, Ending.RELEASED, PAID) for name, stage in GOOD.items()},
    **{name: (stage, Ending.REFUNDED, returned) for name, (stage, returned) in BAD.items()},
}
"""Every stage, how its trade ends, and what buyer and seller have more then than at the beginning."""
