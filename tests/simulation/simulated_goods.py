"""What is traded in simulations: two dozen records of a real table, and buyers that know beforehand what they want."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from trade import COLUMNS, LABEL, TERMS, HandValuer, table

from blindfair.agents.policy import BuyerPolicy, SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.influence.encoding import FeatureSchema
from blindfair.pricing.functions import UniformPricing
from blindfair.protocol.manifest import Column, ColumnKind, Schema
from blindfair.protocol.quantities import ETHER, Address, RecordIndex, Seconds, Wei
from blindfair.protocol.records import RecordEncoding, encode_row

OFFERED = 24
PER_RECORD = Wei(10**15 + 7)
RESERVE = Wei(10**14)
GRANT = 10**18
AUDITED = 3
SCORE_BITS = 3
EVALUATION_BITS = SCORE_BITS * OFFERED
FEE = Wei(1_920_000_000_000_007)
"""Of an evaluation that is not free."""

PRICING = UniformPricing(PER_RECORD, RESERVE)
HOUR = 3600

SELLING = SellerPolicy(
    reveal_window=Seconds(HOUR),
    dispute_window=Seconds(HOUR),
    offer_validity=Seconds(HOUR),
    fee_offer_validity=Seconds(HOUR // 2),
    agreement_validity=Seconds(2 * HOUR),
    max_bonds=Wei(12 * PER_RECORD // 10),
)


@cache
def records() -> tuple[bytes, ...]:
    return tuple(encode_row(row) for row in table()[:OFFERED])


@cache
def schema() -> dict[str, Any]:
    return FeatureSchema.infer(table()[:120], (*COLUMNS, LABEL), LABEL).to_document()


def goods(name: str, *, evaluations: int, audits: int, charges: bool, token: Address = ETHER) -> ListingSpec:
    """A listing that has bits for so many evaluations and opens records for so many audits; if it `charges`, no
    evaluation is free."""
    columns = (*(Column(each, ColumnKind.NUMBER) for each in COLUMNS), Column(LABEL, ColumnKind.CATEGORY))
    record_bits = 30 if charges else 200
    free = 0 if charges else AUDITED * audits * record_bits + evaluations * EVALUATION_BITS
    terms = replace(
        TERMS,
        tokens=(token,),
        record_bits=record_bits,
        bits_per_record=36,
        free_bits=free,
        evaluation_fee=Wei(36 // SCORE_BITS * FEE),
        disclosed_bits=evaluations * EVALUATION_BITS,
        opened_records=AUDITED * audits,
        reserve_price=RESERVE,
    )
    return ListingSpec(
        name=name,
        description="cell nuclei",
        licence="BSD-3-Clause",
        consent="public data",
        encoding=RecordEncoding.CBOR_ROW,
        schema=Schema(columns, LABEL),
        preprocessing=schema(),
        records=records(),
        terms=terms,
    )


@dataclass(frozen=True)
class Wish:
    """What a buyer wants: records, and how it buys them."""

    records: tuple[int, ...]
    samples: bool
    """Whether it audits more than is opened free, so that it buys a sample first."""

    pays_fee: bool
    by_message: bool
    """Whether it releases by a signed message, else by a transaction."""

    token: Address = ETHER
    """What the listing is paid in."""

    @property
    def price(self) -> Wei:
        return Wei(len(self.records) * PER_RECORD)

    def valuer(self) -> HandValuer:
        return HandValuer(tuple(RecordIndex(each) for each in self.records), self.price, PRICING)

    def policy(self) -> BuyerPolicy:
        return BuyerPolicy(
            budget=Wei(self.price + (FEE if self.pays_fee else 0)),
            max_evaluation_fee=FEE if self.pays_fee else Wei(0),
            audit_rows=len(self.records) // 2 + 1 if self.samples else AUDITED,
            min_audit_rows=None if self.samples else 2,
            max_sample_share=Fraction(1) if self.samples else Fraction(1, 2),
            min_dispute_window=Seconds(HOUR // 2),
            min_reveal_window=Seconds(HOUR // 2),
            max_offer_validity=Seconds(2 * HOUR),
            patience=Seconds(2 * HOUR),
            releases_by_message=self.by_message,
            token=self.token,
        )
