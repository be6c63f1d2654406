"""What `--report DIR` holds: pictures, the bought records and all scores as CSV, the schema, and a receipt."""

import json
from collections.abc import Mapping

import numpy as np

from blindfair.cli.csv_text import csv_bytes, number_name
from blindfair.cli.demo.cases import Parties, TradeResult
from blindfair.cli.demo.goods import AnyValuer
from blindfair.cli.demo.honest import HonestTrade
from blindfair.cli.demo.pictures import draw_gas, draw_scores, draw_utility
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.table import Table
from blindfair.pricing.gain_forecast import LOSS_UNITS, NATS
from blindfair.pricing.utility import Utility
from blindfair.protocol.parts import PartName
from blindfair.protocol.records import decode_row

_WHY_NOT_THE_HIGHEST = (
    "Why not the highest scores: a record is wanted if its label is probably right and the buyer's model is unsure of "
    "it.\n"
    "A low score is probably a wrong label. A very high one is a record of which the model is sure already: it teaches "
    "little."
)
"""How `pricing.trust.weights` chooses, under the picture of the scores."""


def make_report(
    table: Table,
    schema: FeatureSchema,
    trades: Mapping[str, TradeResult],
    honest: HonestTrade,
    utility: Utility,
    parties: Parties[AnyValuer],
) -> dict[str, bytes]:
    """All files by name, to be written together. Scores are in the unit of the label's loss, positive = helpful."""
    unit = LOSS_UNITS[schema.label_kind]
    texts = table.texts([decode_row(data) for _, data in honest.bought])
    bought = np.zeros(honest.records, dtype=np.bool_)
    bought[[record for record, _ in honest.bought]] = True
    return {
        "scores.png": draw_scores(honest.scores, bought, f"score in {unit}", _WHY_NOT_THE_HIGHEST),
        "utility.png": draw_utility(utility),
        "gas.png": draw_gas(trades),
        "bought.csv": csv_bytes(
            [number_name(table.columns), *table.columns],
            ([record, *row] for (record, _), row in zip(honest.bought, texts, strict=True)),
        ),
        "scores.csv": csv_bytes(
            ["record", f"score{'_nats' if unit == NATS else ''}_positive_is_helpful", "bought"],
            ([record, repr(float(score)), int(bought[record])] for record, score in enumerate(honest.scores)),
        ),
        "schema.json": json_bytes(schema.to_document()),
        "receipt.json": json_bytes(make_receipt(trades["honest"], honest, parties)),
    }


SAID_OPENLY = (
    "The scoring model was disclosed to the seller, and the selection lets it estimate the query's direction.",
    "The bound is on the bits of the listing: a buyer that knows the other records of a block could aim them at one.",
    "Records opened in the audit were seen before payment; a disputed chunk is public.",
    "No escrow protects against a record that is what was committed and disappoints, nor near-copies sold as new.",
)
"""What PROTOCOL 0 wants every report to say."""


def make_receipt(trade: TradeResult, honest: HonestTrade, parties: Parties[AnyValuer]) -> dict[str, object]:
    """What both parties may keep: numbers on chain, digests of what was said, and what was disclosed."""
    seller, buyer = parties.seller, parties.buyer
    offers = list(seller.offers.values())
    offer = offers[-1] if offers else None
    of_part = {name.rpartition("-")[2]: "0x" + each.struct_hash().hex() for name, each in seller.offers.items()}
    return {
        "chain_id": buyer.exchange.chain_id,
        "contract": buyer.exchange.address,
        "seller": seller.address,
        "buyer": buyer.address,
        "listing": "0x" + seller.listing.hex(),
        "order": None if offer is None else "0x" + offer.struct_hash().hex(),
        "evaluation_order": of_part.get(PartName.EVALUATION),
        "sample_order": of_part.get(PartName.SAMPLE),
        "final": trade.final,
        "price_wei": str(trade.price),
        "bond_wei": str(trade.bond),
        "transactions": trade.transactions,
        "digests": {
            "listing_root": "0x" + seller.manifest.listing_root.hex(),
            "manifest": "0x" + seller.manifest.digest().hex(),
            **({} if offer is None else {
                "evaluation": "0x" + offer.evaluation.hex(),
                "delivery_root": "0x" + offer.delivery_root.hex(),
                "key_commitment": "0x" + offer.key_commitment.hex(),
            }),
        },
        "disclosed": {
            "record_bits": honest.information["record_bits"],
            "fee_wei": str(honest.fee),
            "bits_per_record": float(honest.disclosure.bits_per_record),
            "exponent_bits": honest.disclosure.exponent_bits,
            "total_bits": honest.disclosure.total_bits,
            "flooding_bits": float(honest.disclosure.flooding_bits),
            "records_opened_in_the_audit": honest.audit_rows if honest.sample_price is None else 0,
            "records_delivered": len(honest.bought),
        },
        "said_openly": list(SAID_OPENLY),
    }  # fmt: skip


def json_bytes(document: Mapping[str, object]) -> bytes:
    """A document as a file of JSON."""
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()
