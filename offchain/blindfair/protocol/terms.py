"""A seller's terms in its manifest (PROTOCOL 2): money, and how much may be learnt of the data before paying.

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
"""The usual disclosure policy: a score for each record. What others there are is in `disclosure_policy`."""

PRECISION_LIMIT = 32
"""Bits of a score, at most (SCORING requirement 4)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the seller asks and allows. Budgets are listing-wide, over all counterparties.

    Raises `InvalidListing` for values out of the ranges below, or without tokens or disclosure policies.
    """

    tokens: tuple[Address, ...]
    """Tokens that the seller takes, 1 to 16 different ones; `ETHER` is ether."""

    reserve_price: Wei
    """The least price of one record, in the token's smallest unit."""

    precision_bits: int
    """`b`, 1 to 32: the most bits that one score discloses, on average over a block."""

    evaluations: int
    """Evaluations that the listing may answer in all, from 1."""

    disclosed_bits: int
    """Bits that all evaluations together may disclose, from 1."""

    opened_records: int
    """Records that all audits together may open."""

    opened_share: float
    """The largest share of one selection that is opened for nothing, 0 to 1 (PROTOCOL 5.6)."""

    disclosures: tuple[str, ...]
    """Names of the disclosure policies that the seller agrees to, 1 to 16 different ones."""

    def __post_init__(self) -> None:
        _check_names("tokens", self.tokens, TOKEN_LIMIT, 42)
        _check_names("disclosure policies", self.disclosures, DISCLOSURE_LIMIT, DISCLOSURE_NAME_LIMIT)
        _check_range("reserve price", self.reserve_price, 0, UINT256_MAX)
        _check_range("precision in bits", self.precision_bits, 1, PRECISION_LIMIT)
        _check_range("number of evaluations", self.evaluations, 1, SAFE_INTEGER)
        _check_range("number of disclosed bits", self.disclosed_bits, 1, SAFE_INTEGER)
        _check_range("number of opened records", self.opened_records, 0, SAFE_INTEGER)
        if not (math.isfinite(self.opened_share) and 0 <= self.opened_share <= 1):
            raise InvalidListing("The opened share is no share", expected="0 ... 1", found=self.opened_share)

    def to_document(self) -> Document:
        """The terms as a part of the manifest."""
        return {
            "tokens": list(self.tokens),
            "reserve_price": amount_text(self.reserve_price),
            "precision_bits": self.precision_bits,
            "evaluations": self.evaluations,
            "disclosed_bits": self.disclosed_bits,
            "opened_records": self.opened_records,
            "opened_share": self.opened_share,
            "disclosures": list(self.disclosures),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> "Terms":
        """Raises `MalformedMessage`, and `InvalidListing` as above."""
        terms = cls(
            tokens=tuple(fields.addresses("tokens", TOKEN_LIMIT)),
            reserve_price=Wei(fields.amount("reserve_price")),
            precision_bits=fields.integer("precision_bits", 0, SAFE_INTEGER),
            evaluations=fields.integer("evaluations", 0, SAFE_INTEGER),
            disclosed_bits=fields.integer("disclosed_bits", 0, SAFE_INTEGER),
            opened_records=fields.integer("opened_records", 0, SAFE_INTEGER),
            opened_share=fields.number("opened_share"),
            disclosures=tuple(fields.texts("disclosures", DISCLOSURE_NAME_LIMIT, DISCLOSURE_LIMIT)),
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
