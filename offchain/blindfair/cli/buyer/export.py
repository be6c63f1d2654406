"""The bought records as a CSV file: their numbers in the listing, then its columns."""

from pathlib import Path

from blindfair.agents.buyer import Buyer
from blindfair.cli.csv_text import csv_bytes
from blindfair.cli.targets import write_private_file
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.records import decode_row

BOUGHT = "bought.csv"


def export_bought(buyer: Buyer, path: Path) -> int:
    """Write them, for their owner alone: they were paid for. How many there are.

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
    columns = [column.name for column in buyer.review().listing.manifest.schema.columns]
    write_private_file(path, csv_bytes(["record", *columns], ([number, *decode_row(data)] for number, data in bought)))
    return len(bought)
