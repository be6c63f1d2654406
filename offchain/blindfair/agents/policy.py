"""What each party has decided beforehand: amounts, windows, how much to open. Agents decide by nothing else."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, Address, BytesPerSecond, Seconds, Wei

AUDIT_ROWS = 59
"""Rows of a default audit: 95 % sure to meet one where 5 % of a large selection are fake (PROTOCOL 5.5)."""

SAMPLE_SHARE = 0.5
"""Part of a selection that may be bought as its sample, if not told otherwise (PROTOCOL 5.6)."""

SLOW_BANDWIDTH = BytesPerSecond(1_250_000)
"""A bandwidth at which a delivery of any size arrives before its offer runs out: 10 Mbit/s, what a slow uplink has.
The largest delivery, of 256 GiB, takes 61 hours so. With a lower one, a buyer that orders so much and never pays would
hold the seller's bond and disk for weeks."""


def delivery_time(size: int) -> Seconds:
    """How long a delivery of so many bytes takes at `SLOW_BANDWIDTH`; 0 below a second.

    Both parties add it to the validity of an offer, so that what one of them grants the other one takes.
    """
    return Seconds(size // SLOW_BANDWIDTH)


_TENTH, _TWENTIETH = Fraction(1, 10), Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class SellerPolicy:
    """The seller's part of an offer, and what one request may cost. Raises InvalidOption for values out of range."""

    bond_share: Fraction = _TENTH
    """Part of the price that is locked as bond, rounded down to the unit; 0 to 1."""

    reveal_window: Seconds = Seconds(3600)
    """From accept to the last moment of reveal. Only the first half is used, and must exceed finality (PROTOCOL 7)."""

    dispute_window: Seconds = Seconds(24 * 3600)
    """From reveal to the last moment of dispute."""

    offer_validity: Seconds = Seconds(6 * 3600)
    """From the making of an offer to the last moment of accept, and the `delivery_time` more: the buyer accepts when it
    has all of the delivery. The bond is promised so long, and the delivery kept on the disk."""

    fee_offer_validity: Seconds = Seconds(1800)
    """The same for the offer of a reply against a fee: until then its bits are kept for whoever asked."""

    max_priced_replies: int = 30
    """Replies against a fee that are computed in an hour of chain time, paid or not: asking costs nothing."""

    agreement_validity: Seconds = Seconds(6 * 3600)
    """From the opening of a selection to the last agreement about it; and from the end of a bought sample's order to
    the last agreement about the rest, for whose bond space is kept so long (PROTOCOL 5.6)."""

    pay_to: Address | None = None
    """Where prices that the clock brings, and free balances, are paid; the seller's own account if None. A price that
    the buyer releases always goes to the account."""

    max_bonds: Wei = Wei(10**18)
    """The most that the bonds of all open offers in one token may come to, in its smallest unit. A buyer names the
    price, and so the bond: without a bound one that never accepts could tie up all that the seller has."""

    gas_reserve: Wei = Wei(10**16)
    """Ether kept out of bonds for every open offer, so that its reveal, claim and withdrawal can be paid for."""

    buyers: frozenset[Address] | None = None
    """Accounts whose requests are answered; all if None. Whoever makes accounts can use up the evaluations of a listing
    that answers everybody."""

    max_sealed_message: int = 2**28
    """Bytes of a message that is unsealed and read at all: a request holds a scoring model and an encrypted query."""

    max_listings: int = 2**30
    """Bytes of listings, manifests included, that are given to strangers in an hour of chain time, and one listing at
    least: whoever makes accounts could fill the disk that the mailboxes are on. Buyers that are named do not count, and
    are answered when strangers have used the hour up."""

    max_memory: int = 2**32
    """Bytes that one request may take at once: rows, features and projection, or blocks of encoded rows."""

    max_products: int = 2**40
    """Multiplications that one request may take."""

    max_in_memory: int = 2**26
    """Bytes of records that are kept in memory, and of a delivery that travels in one message. More is kept on disk, in
    the seller's directory, and delivered in segments."""

    max_disk: int = 2**35
    """Bytes of rows, rounded and encoded, that one request may take on the disk."""

    def __post_init__(self) -> None:
        _check_share("bond", self.bond_share)
        _check_positive("reveal window", self.reveal_window)
        _check_positive("dispute window", self.dispute_window)
        _check_positive("validity of an offer", self.offer_validity)
        _check_positive("validity of a fee's offer", self.fee_offer_validity)
        _check_positive("validity of an agreement", self.agreement_validity)

    def validity(self, part: PartName, size: int) -> Seconds:
        """How long the offer of a part whose delivery has `size` bytes may be accepted."""
        least = self.fee_offer_validity if part is PartName.EVALUATION else self.offer_validity
        return Seconds(least + delivery_time(size))

    def answers(self, buyer: Address) -> bool:
        """Whether requests of this account are answered."""
        return self.buyers is None or buyer in self.buyers

    def bond(self, price: Wei) -> Wei:
        """The bond for a price."""
        return Wei(int(price * self.bond_share))


@dataclass(frozen=True, slots=True)
class BuyerPolicy:
    """What the buyer spends at most and insists on before it pays (PROTOCOL 6.6).

    Raises InvalidOption for values out of range.
    """

    budget: Wei
    """The most that it pays, in the token's smallest unit; gas comes on top."""

    token: Address = ETHER
    """What it pays in, and all that it pays in: an offer in anything else is refused."""

    max_evaluation_fee: Wei = Wei(0)
    """The most that it pays for an evaluation, in the token's smallest unit, within the budget; 0: only free ones."""

    audit_rows: int = AUDIT_ROWS
    """`t` of PROTOCOL 5, from 1."""

    min_audit_rows: int | None = None
    """Where the listing opens fewer free of charge, so many will do, from 1; as many as `audit_rows` if None."""

    buys_sample: bool = True
    """Whether it buys the drawn records first, as an order of their own, where the listing opens too few of them for
    nothing (PROTOCOL 5.6). If not, it does not buy then."""

    max_sample_share: Fraction = Fraction(SAMPLE_SHARE)
    """Part of a selection that a bought sample may be at most, 0 to 1: so much of the price goes to a seller that faked
    its scores. Where fewer records than `fewest_audit_rows` are left by it, the buyer does not buy."""

    gas_reserve: Wei = Wei(10**16)
    """Ether besides the price that must be there before paying, for the accept and for a refund, the release or a
    dispute; more is asked for where gas is dear or chunks are large."""

    min_bond_share: Fraction = _TWENTIETH
    """Part of the price that a seller must lock, 0 to 1."""

    min_reveal_window: Seconds = Seconds(1800)
    """Shorter, and an honest seller cannot wait for finality."""

    max_reveal_window: Seconds = Seconds(6 * 3600)
    """Longer, and the price lies locked in vain."""

    min_dispute_window: Seconds = Seconds(12 * 3600)
    """Shorter, and a dispute might not get on chain."""

    max_offer_validity: Seconds = Seconds(24 * 3600)
    """An offer that the contract refuses is given up when it has run out; so it must run out. The `delivery_time` comes
    on top, as the seller adds it."""

    patience: Seconds = Seconds(2 * 3600)
    """How long the buyer waits for an answer of the seller, in chain time."""

    bandwidth: BytesPerSecond | None = None
    """The bandwidth to the seller, as the blind package assumes if None: whether the query is worth making small
    depends on it."""

    releases_by_message: bool = True
    """Whether the seller is sent a signed release, which it brings to the chain; else the buyer releases itself."""

    release_patience: Seconds = Seconds(600)
    """How long, in chain time, the buyer waits to see its signed release on chain before it is done all the same: the
    seller has it, and the clock besides."""

    refund_to: Address | None = None
    """Where price and bond go when the buyer takes them back itself; its own account if None. If somebody else is
    quicker they go to the account."""

    watch_folder: Path | None = None
    """Where the package of each order is written before it is paid, for a watcher (`agents.watch`); none if None."""

    def __post_init__(self) -> None:
        _check_share("least bond", self.min_bond_share)
        _check_share("sample", self.max_sample_share)
        _check_positive("patience", self.patience)
        if self.bandwidth is not None and self.bandwidth < 1:
            raise InvalidOption("The bandwidth is too low", expected=">= 1 byte a second", found=self.bandwidth)
        _check_positive("patience with a release", self.release_patience)
        if self.budget < 0:
            raise InvalidOption("The budget is negative", expected=">= 0", found=self.budget)
        if not 0 <= self.max_evaluation_fee <= self.budget:
            raise InvalidOption(
                "The most for an evaluation is not within the budget",
                expected=f"0 ... {self.budget}",
                found=self.max_evaluation_fee,
            )
        if self.audit_rows < 1:
            raise InvalidOption("An audit opens at least one row", expected=">= 1", found=self.audit_rows)
        if not 1 <= self.fewest_audit_rows <= self.audit_rows:
            raise InvalidOption(
                "The fewest rows of an audit are out of range",
                expected=f"1 ... {self.audit_rows}",
                found=self.min_audit_rows,
            )
        if self.min_reveal_window > self.max_reveal_window:
            raise InvalidOption(
                "No reveal window is acceptable",
                expected=f">= {self.min_reveal_window} s at most",
                found=self.max_reveal_window,
            )

    @property
    def fewest_audit_rows(self) -> int:
        """With fewer opened free it buys a sample, or does not buy."""
        return self.audit_rows if self.min_audit_rows is None else self.min_audit_rows

    def max_validity(self, size: int) -> Seconds:
        """How long the offer of a delivery of `size` bytes may run at most."""
        return Seconds(self.max_offer_validity + delivery_time(size))

    def min_bond(self, price: Wei) -> Wei:
        """The least bond that it takes for a price."""
        return Wei(int(price * self.min_bond_share))


def _check_share(what: str, share: Fraction) -> None:
    if not 0 <= share <= 1:
        raise InvalidOption(f"The share of the {what} is no share", expected="0 ... 1", found=share)


def _check_positive(what: str, duration: Seconds) -> None:
    if duration < 1:
        raise InvalidOption(f"The {what} is no time", expected=">= 1 s", found=duration)
