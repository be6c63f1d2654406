"""Pricing functions: from the efficacy of a record to its price in the token's smallest unit.

The *efficacy* of a record is what the buyer's way of choosing goes by: its real score, or its trust weight. Nothing is
paid for efficacy below zero, and no record costs less than the seller's reserve price. Prices are exact integers: the
same document and efficacy give the same price everywhere. Not here: which records are bought (`selection`).
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import ClassVar, Protocol

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption, MalformedMessage
from blindfair.protocol.fields import Fields, amount_text
from blindfair.protocol.quantities import Wei

PRICE_LIMIT = 2**128 - 1
"""The largest price that an offer can state (PROTOCOL 6.5)."""


class PricingFunction(Protocol):
    """The interface of a pricing function."""

    @property
    def reserve(self) -> Wei:
        """The seller's least price of one record."""
        ...

    @property
    def min_price(self) -> Wei:
        """The least price of a record of efficacy above zero: no other is bought."""
        ...

    def price(self, efficacy: float) -> Wei:
        """The price of one record. Raises InvalidOption for efficacy that is not finite."""
        ...

    def to_document(self) -> Document:
        """The function as a field of the request."""
        ...


@dataclass(frozen=True, slots=True)
class UniformPricing:
    """`per_record` for every record of positive efficacy, the reserve for any other.

    The seller can check such a price from the number of records alone. Raises InvalidOption where `per_record` is under
    the reserve or an amount is out of range.
    """

    KIND: ClassVar[str] = "uniform"

    per_record: Wei
    reserve: Wei

    def __post_init__(self) -> None:
        _check_amounts(self.per_record, self.reserve)
        if self.per_record < self.reserve:
            raise InvalidOption(
                "The price of a record is under the reserve", expected=f">= {self.reserve}", found=self.per_record
            )

    @property
    def min_price(self) -> Wei:
        """See `PricingFunction.min_price`."""
        return self.per_record

    def price(self, efficacy: float) -> Wei:
        """See `PricingFunction.price`."""
        return self.per_record if _checked(efficacy) > 0 else self.reserve

    def to_document(self) -> Document:
        """The function as a field of the request."""
        return {"kind": self.KIND, "per_record": amount_text(self.per_record), "reserve": amount_text(self.reserve)}


@dataclass(frozen=True, slots=True)
class LinearPricing:
    """`rate` for every 1.0 of efficacy above zero, rounded down to the unit, and never less than the reserve.

    Raises InvalidOption where an amount is out of range.
    """

    KIND: ClassVar[str] = "linear"

    rate: Wei
    reserve: Wei

    def __post_init__(self) -> None:
        _check_amounts(self.rate, self.reserve)

    @property
    def min_price(self) -> Wei:
        """See `PricingFunction.min_price`."""
        return self.reserve

    def price(self, efficacy: float) -> Wei:
        """See `PricingFunction.price`. Raises InvalidOption also for a price over `PRICE_LIMIT`."""
        # A double is a fraction, so the product is exact and the rounding the same on every machine.
        amount = max(self.reserve, int(Fraction(max(0.0, _checked(efficacy))) * self.rate))
        if amount > PRICE_LIMIT:
            raise InvalidOption("The price of a record is out of range", expected=f"<= {PRICE_LIMIT}", found=amount)
        return Wei(amount)

    def to_document(self) -> Document:
        """The function as a field of the request."""
        return {"kind": self.KIND, "rate": amount_text(self.rate), "reserve": amount_text(self.reserve)}


def pricing_from_document(document: Document) -> PricingFunction:
    """A counterparty's pricing function, checked in full. Raises MalformedMessage."""
    fields = Fields(document, "pricing")
    kind = fields.choice("kind", (UniformPricing.KIND, LinearPricing.KIND))
    reserve = Wei(fields.amount("reserve"))
    amount = Wei(fields.amount("per_record" if kind == UniformPricing.KIND else "rate"))
    fields.done()
    try:
        return UniformPricing(amount, reserve) if kind == UniformPricing.KIND else LinearPricing(amount, reserve)
    except InvalidOption as error:
        raise MalformedMessage(error.what, expected=error.expected, found=error.found) from error


def _check_amounts(*amounts: Wei) -> None:
    for amount in amounts:
        if not 0 <= amount <= PRICE_LIMIT:
            raise InvalidOption(
                "An amount of a pricing function is out of range", expected=f"0 ... {PRICE_LIMIT}", found=amount
            )


def _checked(efficacy: float) -> float:
    if not isfinite(efficacy):
        raise InvalidOption("An efficacy is not finite", expected="a finite number", found=efficacy)
    return efficacy
