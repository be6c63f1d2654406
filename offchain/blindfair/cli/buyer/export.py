"""The bought records as a CSV file: their numbers in the listing, then its columns, as their seller wrote them."""

from collections.abc import Sequence
from pathlib import Path

from blindfair.agents.buyer.buyer import Buyer
from blindfair.cli.csv_text import csv_bytes, formulas, number_name
from blindfair.cli.lines import Lines
from blindfair.cli.targets import write_private_file
from blindfair.influence.written import as_written
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.schema import Schema

BOUGHT = "bought.csv"


def export_bought(buyer: Buyer, path: Path, lines: Lines | None = None) -> int:
    """Write them, for their owner alone: they were paid for. How many there are; `lines` are told of formulas.

    Raises NoRecords where nothing was bought and verified, CannotWrite.
    """
    bought = buyer.bought()
    if not bought:
        raise NoRecords(
            "There is nothing to export",
            expected="records that were paid for and verified",
            found="none",
            hint="blindfair buyer status tells how far the purchase is",
        )
    manifest = buyer.review().listing.manifest
    header, rows = bought_table(manifest.schema, bought, manifest.encoding)
    write_private_file(path, csv_bytes(header, rows))
    if lines is not None and (count := formulas(header, rows)):
        lines.item("but", formula_warning(count), style="yellow")
    return len(bought)


def bought_table(
    schema: Schema, bought: Sequence[tuple[int, bytes]], encoding: RecordEncoding = RecordEncoding.CBOR_ROW
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and texts of bought records, each with its number in the listing before it."""
    names, texts = as_written(schema, [schema.decode(encoding, data) for _, data in bought])
    rows = [(str(number), *row) for (number, _), row in zip(bought, texts, strict=True)]
    return (number_name(names), *names), rows


def formula_warning(count: int) -> str:
    """What to do about cells that a spreadsheet may run."""
    return (
        f"{count:,} cells begin with = + - or @ and are no numbers. They are written as the seller had them, and a "
        "spreadsheet may run them as formulas: import the file with all columns as text"
    )
