"""What `without_copies` leaves out is told to who lists in Python: how many records, and which had another label."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tiny_bases
from tiny_bases import build, write

from blindfair.api.listing import make_listing

TERMS: dict[str, Any] = {"price_per_record": "0.0001", "licence": "any", "consent": "made up", "without_copies": True}
TEXTS = tiny_bases.texts(60, 1, longest=40)


def test_texts_that_are_left_out_are_counted_and_other_labels_are_named(tmp_path: Path) -> None:
    base = write(build("bert"), tmp_path / "base")
    given: dict[str, Any] = {"text_column": "text", "label": "y", "base_models": [base], "own_models": True, "bits": 4}
    frame = pd.DataFrame({"text": TEXTS, "y": ["a", "b"] * 30})
    listing = make_listing(frame, **given, **TERMS)
    assert (listing.copies_left_out, listing.notes) == (0, ())
    copies = pd.DataFrame({"text": [TEXTS[4].upper(), TEXTS[6].upper(), TEXTS[7].upper()], "y": ["b", "a", "a"]})
    listing = make_listing(pd.concat([frame, copies], ignore_index=True), **given, **TERMS)
    assert (len(listing.spec.records), listing.copies_left_out) == (60, 3)
    assert listing.notes == (
        "3 of 63 records are left out: each is a copy of an earlier one",
        "2 copies have another label than the first text that is the same: record 60 and record 4, for example. "
        "The first text's label is listed; correct it if it is wrong",
    )


def test_rows_of_a_table_with_other_labels_are_no_copies_and_are_listed() -> None:
    cells = np.random.default_rng(1).normal(size=(40, 3))
    frame = pd.DataFrame(cells, columns=["a", "b", "c"]).assign(sick=["y", "n"] * 20)
    more = pd.concat([frame, frame[:2], frame[2:3].assign(sick="n")], ignore_index=True)
    listing = make_listing(more, label="sick", **TERMS)
    assert (len(listing.spec.records), listing.copies_left_out) == (41, 2)
    assert listing.notes == ("2 of 43 records are left out: each is a copy of an earlier one",)
