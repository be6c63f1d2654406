"""What is traded of a table: its listing, its buyer's valuer, and the records that a cheat inflates.

Not here: the trades (`cases`), and the goods of texts (`texts.goods`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from blindfair.agents.buyer.tabular_valuer import TabularValuer
from blindfair.agents.buyer.valuer import Valuer
from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.api.defaults import BITS, DISCLOSED_SHARE, MODELS
from blindfair.api.information import default_fee, free_bits_of
from blindfair.cli.demo.options import PRICE_PER_RECORD, DemoOptions
from blindfair.cli.demo.prepared import Prepared
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.information import check_record_bits, measure_rows
from blindfair.pricing.learners import LEARNERS
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.manifest import Terms
from blindfair.protocol.quantities import ETHER, Wei
from blindfair.protocol.records import RecordEncoding, encode_rows

AnyValuer = TypeVar("AnyValuer", bound=Valuer)

RESERVE = Wei(PRICE_PER_RECORD // 10)
"""The least that the demo's sellers take for a record."""


@dataclass(frozen=True, slots=True)
class Goods(Generic[AnyValuer]):
    """What the parties of one trade begin with.

    `spec` is the seller's listing, `valuer` makes the buyer's valuer, `worthless` are records that a cheating seller
    knows to be bad. `base_models` are those that scoring models of texts are built on, and `products` are the
    multiplications that the seller lets one evaluation take.
    """

    options: DemoOptions
    spec: ListingSpec
    valuer: Callable[[], AnyValuer]
    worthless: tuple[int, ...]
    base_models: BaseModels = field(default_factory=lambda: NO_BASE_MODELS)
    products: int = SellerPolicy().max_products


def pricing() -> UniformPricing:
    """The demo's prices: the same for each record."""
    return UniformPricing(PRICE_PER_RECORD, RESERVE)


def demo_terms(held: int, records: int, bits: int, *, own_models: bool) -> Terms:
    """The terms of a listing of so many records that hold `held` bits each, and tell `bits` in an evaluation.

    Raises InvalidListing where one evaluation would tell more than all may.
    """
    check_record_bits(held)
    disclosed = int(DISCLOSED_SHARE * held * records)
    if bits * records > disclosed:
        raise InvalidListing(
            "The records hold too little to be scored one by one: one evaluation would tell more than all may",
            expected=f"{bits} bits within {float(DISCLOSED_SHARE):.0%} of what a record holds",
            found=f"{held} bits a record",
            hint="use a table of more columns; `seller list` can list it in groups, or with fewer bits an evaluation",
        )
    return Terms(
        tokens=(ETHER,),
        reserve_price=RESERVE,
        record_bits=held,
        bits_per_record=bits,
        free_bits=free_bits_of(held, records),
        evaluation_fee=default_fee(bits, held, Wei(RESERVE * records)),
        disclosed_bits=disclosed,
        opened_records=0,
        opened_share=0.0,
        disclosures=("per-record",),
        own_models=own_models,
    )


def listing_spec_of(job: Prepared) -> ListingSpec:
    """The seller's listing: the troubled offer, as it would describe it itself. Raises InvalidListing."""
    records = encode_rows(job.scenario.offer)
    held = measure_rows(job.scored_offer).bits
    return ListingSpec(
        name="demo",
        description="the offered part of the demo's table",
        licence="demonstration only",
        consent="public data",
        encoding=RecordEncoding.CBOR_ROW,
        schema=job.table.schema(job.unscored),
        preprocessing=job.schema.to_document(),
        records=records,
        terms=demo_terms(held, len(records), BITS, own_models=job.options.model != MODELS[0]),
    )


def goods_of(job: Prepared) -> Goods[TabularValuer]:
    """The goods of a table. Raises what `listing_spec_of` raises."""
    scenario, options = job.scenario, job.options

    def valuer() -> TabularValuer:
        return TabularValuer(
            scenario.train,
            scenario.validation,
            scenario.columns,
            scenario.label,
            pricing=pricing(),
            seed=options.seed,
            good_record_value=options.good_record_value,
            learner=LEARNERS[options.model](),
            # Both parts are of one table, so nothing is written otherwise than in the listing.
            accept_kinds=True,
        )

    flipped = np.flatnonzero(scenario.truth.flipped)
    # Where no label is wrong a cheat inflates what it likes.
    worthless = flipped if flipped.size else np.arange(0, len(scenario.offer), 3)
    return Goods(options, listing_spec_of(job), valuer, tuple(int(record) for record in worthless))
