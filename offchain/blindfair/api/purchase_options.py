"""The options of a purchase, decided before anything is asked, as the settings keep them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from blindfair.agents.policy import BuyerPolicy
from blindfair.api.addresses import parse_address
from blindfair.api.amounts import Money
from blindfair.api.defaults import EXACT_BITS, check_disclosure, check_model, check_score_bits
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import BytesPerSecond, ListingId, Wei

SLOWEST_BANDWIDTH, FASTEST_BANDWIDTH = 0.001, 1e6
"""Mbit/s."""


@dataclass(frozen=True, slots=True)
class PurchaseOptions:
    """The listing (hexadecimal, None for the only one) and the amounts, as text in `prices`.

    `sample_share` is 0 to 1. `disclosure` is the policy that is asked for, `model` what the buyer learns by,
    `score_bits` what is asked of a score, `refund_to` an address, `bandwidth` the speed of the way to the seller in
    Mbit/s, `fee` the most to pay for the evaluation, None to be asked. With `accept_preprocessing` a listing is asked
    whose preprocessing misleads; with `accept_kinds` one whose columns are written otherwise than the buyer's.
    `watch_packages` is the folder that each order's package is written to before it is paid."""

    listing: str | None
    prices: Money
    budget: str
    price_per_record: str | None
    value: str | None
    audit_rows: int
    min_audit_rows: int
    sample_share: float
    disclosure: str
    model: str
    score_bits: int
    release_on_chain: bool
    refund_to: str | None
    bandwidth: float
    fee: str | None
    accept_preprocessing: bool
    accept_kinds: bool = False
    watch_packages: str | None = None

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], *, prices: Money) -> "PurchaseOptions":
        """Make the options of a function's arguments, each of its own name.

        `min_audit_rows` may be None, and is as many as `audit_rows` then. Raises KeyError for an option that the
        function does not have.
        """
        chosen = {each.name: arguments[each.name] for each in fields(cls) if each.name != "prices"}
        if chosen["min_audit_rows"] is None:
            chosen["min_audit_rows"] = chosen["audit_rows"]
        return cls(prices=prices, **chosen)

    def policy(self) -> BuyerPolicy:
        """Return the agent's policy. Raises InvalidOption."""
        return BuyerPolicy(
            budget=self.prices.parse(self.budget, "budget"),
            token=self.prices.token,
            max_evaluation_fee=self.max_fee or Wei(0),
            audit_rows=self.audit_rows,
            min_audit_rows=self.min_audit_rows,
            max_sample_share=self.max_sample_share,
            releases_by_message=not self.release_on_chain,
            refund_to=None if self.refund_to is None else parse_address(self.refund_to, "refund_to"),
            bandwidth=self.bytes_per_second,
            watch_folder=None if self.watch_packages is None else Path(self.watch_packages),
        )

    def check(self) -> None:
        """Check every option. Raises InvalidOption."""
        self.policy()
        check_disclosure(self.disclosure)
        check_model(self.model)
        check_score_bits(self.score_bits)
        _ = self.offered, self.good_record_value, self.listing_id

    @property
    def bits(self) -> tuple[int, int]:
        """Bits of the score and of the class."""
        return self.score_bits, self.score_bits if self.score_bits == EXACT_BITS else 1

    @property
    def bytes_per_second(self) -> BytesPerSecond:
        """The bandwidth to the seller. Raises InvalidOption."""
        # So said that what is no number is refused, too.
        if not SLOWEST_BANDWIDTH <= self.bandwidth <= FASTEST_BANDWIDTH:
            raise InvalidOption(
                "`bandwidth` is out of range",
                expected=f"{SLOWEST_BANDWIDTH:g} to {FASTEST_BANDWIDTH:,.0f} Mbit/s",
                found=self.bandwidth,
                hint="the lower of yours and the seller's, in millions of bits a second",
            )
        return BytesPerSecond(round(self.bandwidth * 1e6 / 8))

    @property
    def max_sample_share(self) -> Fraction:
        """The part of a purchase that may be bought as its sample. Raises InvalidOption."""
        if not 0 <= self.sample_share <= 1:
            raise InvalidOption("`sample_share` is out of range", expected="0 to 1", found=self.sample_share)
        return Fraction(str(self.sample_share))

    @property
    def max_fee(self) -> Wei | None:
        """The most to pay for the evaluation, None to be asked. Raises InvalidOption, also beyond the budget."""
        if self.fee is None:
            return None
        fee, budget = self.prices.parse(self.fee, "fee"), self.prices.parse(self.budget, "budget")
        if fee > budget:
            raise InvalidOption(
                "`fee` is more than `budget`",
                expected=f"at most {self.prices.show(budget)}",
                found=self.prices.show(fee),
                hint="the fee counts towards the budget, and is credited against the purchase",
            )
        return fee

    @property
    def offered(self) -> Wei | None:
        """The price offered for a record. Raises InvalidOption."""
        return None if self.price_per_record is None else self.prices.parse(self.price_per_record, "price_per_record")

    @property
    def good_record_value(self) -> Wei | None:
        """The worth of one more good record to the buyer. Raises InvalidOption."""
        return None if self.value is None else self.prices.parse(self.value, "value")

    @property
    def listing_id(self) -> ListingId | None:
        """The listing on chain. Raises InvalidOption."""
        return None if self.listing is None else parse_listing(self.listing)


def parse_listing(text: str) -> ListingId:
    """A listing's number as a person writes it. Raises InvalidOption."""
    try:
        number = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        number = b""
    if len(number) != 32:
        raise InvalidOption(
            "This is not the number of a listing",
            expected="0x and 64 hexadecimal digits",
            found=repr(text[:80]),
            hint="blindfair buyer find shows them",
        )
    return ListingId(number)
