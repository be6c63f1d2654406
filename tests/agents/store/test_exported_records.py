"""What was bought is worth money: the file is its owner's alone, whatever the umask, and wherever it is put."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

from trade import SELECTED, World, make_parties

from blindfair.cli.buyer.export import export_bought


def test_bought_records_are_written_for_their_owner_alone(at: Callable[[str], World], tmp_path: Path) -> None:
    parties = make_parties(at("replied"))
    parties.run()
    there = tmp_path / "there.csv"
    there.write_text("old")
    there.chmod(0o644)
    before = os.umask(0o022)
    try:
        for path in (tmp_path / "bought.csv", there):
            assert export_bought(parties.buyer, path) == len(SELECTED)
            assert path.stat().st_mode & 0o777 == 0o600
            with path.open(newline="") as file:
                assert [int(row["record"]) for row in csv.DictReader(file)] == list(SELECTED)
    finally:
        os.umask(before)
