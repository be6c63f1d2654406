"""What `--report DIR` holds: pictures, the bought records and all scores as CSV, and a receipt."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from blindfair.agents.store import write_atomically
from blindfair.cli.demo.cases import Parties, TradeResult
from blindfair.cli.demo.pictures import draw_gas, draw_scores, draw_utility
from blindfair.cli.demo.summary import HonestTrade
from blindfair.pricing.utility import Utility
from blindfair.protocol.errors import CannotWrite
from blindfair.protocol.records import decode_row

READABLE = 0o644


def prepare_directory(path: Path) -> None:
    """Make the directory, before hours of work end in a file that cannot be written. Raises CannotWrite."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / ".writable", b"", READABLE)
        (path / ".writable").unlink()
    except OSError as error:
        raise CannotWrite(f"No report can be written to {path}", found=error.strerror) from error


def write_report(
    directory: Path,
    columns: Sequence[str],
    trades: Mapping[str, TradeResult],
    honest: HonestTrade,
    utility: Utility,
    parties: Parties,
) -> None:
    """Write everything; each file whole or not at all. Raises CannotWrite."""
    bought = np.zeros(honest.records, dtype=np.bool_)
    bought[[record for record, _ in honest.bought]] = True
    draw_scores(directory / "scores.png", honest.scores, bought)
    draw_utility(directory / "utility.png", utility)
    draw_gas(directory / "gas.png", trades)
    rows = [[record, *decode_row(data)] for record, data in honest.bought]
    _write_csv(directory / "bought.csv", ["record", *columns], rows)
    _write_csv(
        directory / "scores.csv",
        ["record", "score_nats_positive_is_helpful", "bought"],
        [[record, repr(float(score)), int(bought[record])] for record, score in enumerate(honest.scores)],
    )
    receipt = json.dumps(make_receipt(trades["honest"], honest, parties), indent=2) + "\n"
    write_atomically(directory / "receipt.json", receipt.encode(), READABLE)


def make_receipt(trade: TradeResult, honest: HonestTrade, parties: Parties) -> dict[str, object]:
    """What both parties may keep: numbers on chain, digests of what was said, and what was disclosed."""
    seller, buyer = parties.seller, parties.buyer
    offers = list(seller.offers.values())
    offer = offers[-1] if offers else None
    return {
        "chain_id": buyer.exchange.chain_id,
        "contract": buyer.exchange.address,
        "seller": seller.address,
        "buyer": buyer.address,
        "listing": "0x" + seller.listing.hex(),
        "order": None if offer is None else "0x" + offer.struct_hash().hex(),
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
            "bits_per_record": float(honest.disclosure.bits_per_record),
            "total_bits": honest.disclosure.total_bits,
            "hiding_bits": float(honest.disclosure.hiding_bits),
            "records_opened_in_the_audit": honest.audit_rows,
            "records_delivered": len(honest.bought),
        },
    }  # fmt: skip


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    write_atomically(path, text.getvalue().encode(), READABLE)
