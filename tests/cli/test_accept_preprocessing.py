"""What `--accept-preprocessing` makes of a listing under which scores tell nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from real_tables import LABEL, tumours
from test_disclosure_option import PURCHASE, manifest

from blindfair.api.listing_valuer import ListingValuer
from blindfair.api.own_records import OwnRecords, TableOptions
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.table import read_table
from blindfair.protocol.documents import JsonValue
from blindfair.protocol.errors import PreprocessingMisleads
from blindfair.protocol.manifest import Manifest


@pytest.mark.parametrize("disclosure", ["per-record", "per-group-10"])
def test_only_who_accepts_misleading_preprocessing_asks(tmp_path: Path, disclosure: str) -> None:
    path = tumours(tmp_path / "table.csv")
    table, honest = read_table(path, LABEL), manifest(path, "per-record", "per-group-10")
    document: Any = honest.preprocessing
    useless: list[JsonValue] = [{**feature, "scale": 1e9} for feature in document["features"]]
    misled = replace(honest, preprocessing={**document, "features": useless})
    own = OwnRecords(table.columns, table.label, train=table.rows[:60], validation=table.rows[60:180])

    def notes(listing: Manifest, purchase: PurchaseOptions) -> list[str]:
        valuer = ListingValuer(own, TableOptions(LABEL, [], 0), purchase, lambda _: None)
        return [note for note in valuer.question(listing).notes if "hides what your records tell" in note]

    asking = replace(PURCHASE, disclosure=disclosure)
    with pytest.raises(PreprocessingMisleads):
        notes(misled, asking)
    accepting = replace(asking, accept_preprocessing=True)
    assert len(notes(misled, accepting)) == 1
    assert notes(honest, asking) == notes(honest, accepting) == []
