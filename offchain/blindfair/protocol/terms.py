"""A seller's terms in its manifest (PROTOCOL 2): money, and how many bits of the data buyers may learn, free or paid.

Not here: keeping count of what was used up, which is the seller's agent's task.
"""

import math
from dataclasses import dataclass

from blindfair.protocol.documents import SAFE_INTEGER, Document
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.fields import UINT256_MAX, Fields, amount_text
from blindfair.protocol.quantities import Address, Wei

TOKEN_LIMIT = 16
DISCLOSURE_LIMIT = 16
DISCLOSURE_NAME_LIMIT = 64
PER_RECORD = "per-record"
"""The default disclosure policy: a score for each record. What others there are is in `disclosure_policy`."""

EVALUATION_LIMIT = 512
"""Bits that one evaluation tells of a record, at most: 16 queries of 32 bits."""

FEE_LIMIT = 2**128 - 1
"""An evaluation fee is the price of an order, and the contract's prices have 128 bits."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The seller's prices and limits. Budgets are listing-wide, over all counterparties.

    Raises `InvalidListing` for values out of the ranges below, or without tokens or disclosure policies.
    """

    tokens: tuple[Address, ...]
    """Tokens that the seller takes, 1 to 16 different ones; `ETHER` is ether."""

    reserve_price: Wei
    """The least price of one record, in the token's smallest unit."""

    record_bits: int
    """Bits that one record holds in the columns that models may read, as the seller measured, rounded down; from 1."""

    bits_per_record: int
    """The most bits that one evaluation tells of a record, 1 to 512: all its queries and the row's exponent together.
    Where records are scored in groups, of a group."""

    free_bits: int
    """Bits, in the whole listing, that all unnamed buyers together may learn free of charge, from 0."""

    evaluation_fee: Wei
    """The fee of an evaluation that is not free and tells `bits_per_record` bits of every record, in the token's
    smallest unit, 0 to 2^128 - 1. One of fewer bits costs in proportion: see `fee`."""

    disclosed_bits: int
    """Bits, in the whole listing, that all evaluations together may disclose, free and paid, from 1."""

    opened_records: int
    """Records that all audits together may open."""

    opened_share: float
    """The largest share of one selection that is opened free, 0 to 1 (PROTOCOL 5.6)."""

    disclosures: tuple[str, ...]
    """Names of the disclosure policies that the seller agrees to, 1 to 16 different ones."""

    own_models: bool
    """Whether unnamed buyers may bring a scoring model, a projection or a scale of rows of their own. With these a
    buyer aims all bits of an evaluation at few chosen people, and reads their records whole."""

    def __post_init__(self) -> None:
        _check_names("tokens", self.tokens, TOKEN_LIMIT, 42)
        _check_names("disclosure policies", self.disclosures, DISCLOSURE_LIMIT, DISCLOSURE_NAME_LIMIT)
        _check_range("reserve price", self.reserve_price, 0, UINT256_MAX)
        _check_range("number of bits that a record holds", self.record_bits, 1, SAFE_INTEGER)
        _check_range("number of bits per record", self.bits_per_record, 1, EVALUATION_LIMIT)
        _check_range("number of free bits", self.free_bits, 0, SAFE_INTEGER)
        _check_range("evaluation fee", self.evaluation_fee, 0, FEE_LIMIT)
        _check_range("number of disclosed bits", self.disclosed_bits, 1, SAFE_INTEGER)
        _check_range("number of opened records", self.opened_records, 0, SAFE_INTEGER)
        if not (math.isfinite(self.opened_share) and 0 <= self.opened_share <= 1):
            raise InvalidListing("The opened share is no share", expected="0 ... 1", found=self.opened_share)

    def fee(self, score_bits: int, records: int) -> Wei:
        """Return what an evaluation costs whose scores and exponents have `score_bits` bits in all.

        `ceil(evaluation_fee * score_bits / (bits_per_record * records))`, in the token's smallest unit; `records` are
        those of the listing. An evaluation is free as a whole or paid as a whole: what is left of the free bits never
        lowers a fee, because it would tell one buyer what others have asked.

            >>> terms.bits_per_record, terms.evaluation_fee
            (4, 1000)
            >>> terms.fee(score_bits=2 * 100, records=100)
            500
        """
        return Wei(-(-self.evaluation_fee * score_bits // (self.bits_per_record * records)))

    def to_document(self) -> Document:
        """The terms as a part of the manifest."""
        return {
            "tokens": list(self.tokens),
            "reserve_price": amount_text(self.reserve_price),
            "record_bits": self.record_bits,
            "bits_per_record": self.bits_per_record,
            "free_bits": self.free_bits,
            "evaluation_fee": amount_text(self.evaluation_fee),
            "disclosed_bits": self.disclosed_bits,
            "opened_records": self.opened_records,
            "opened_share": self.opened_share,
            "disclosures": list(self.disclosures),
            "own_models": self.own_models,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> "Terms":
        """Raises `MalformedMessage`, and `InvalidListing` as above."""
        terms = cls(
            tokens=tuple(fields.addresses("tokens", TOKEN_LIMIT)),
            reserve_price=Wei(fields.amount("reserve_price")),
            record_bits=fields.integer("record_bits", 0, SAFE_INTEGER),
            bits_per_record=fields.integer("bits_per_record", 0, SAFE_INTEGER),
            free_bits=fields.integer("free_bits", 0, SAFE_INTEGER),
            evaluation_fee=Wei(fields.amount("evaluation_fee")),
            disclosed_bits=fields.integer("disclosed_bits", 0, SAFE_INTEGER),
            opened_records=fields.integer("opened_records", 0, SAFE_INTEGER),
            opened_share=fields.number("opened_share"),
            disclosures=tuple(fields.texts("disclosures", DISCLOSURE_NAME_LIMIT, DISCLOSURE_LIMIT)),
            own_models=fields.flag("own_models"),
        )
        fields.done()
        return terms


def _check_names(what: str, names: tuple[str, ...], limit: int, length: int) -> None:
    if not 1 <= len(names) <= limit or len(set(names)) != len(names):
        raise InvalidListing(f"The {what} are not as they must be", expected=f"1 ... {limit} different", found=names)
    if not all(1 <= len(name) <= length for name in names):
        raise InvalidListing(f"The {what} are not as they must be", expected=f"1 ... {length} characters", found=names)


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidListing(f"The {what} is out of range", expected=f"{low} ... {high}", found=value)
