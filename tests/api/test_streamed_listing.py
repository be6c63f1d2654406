"""A table that is listed record by record, in Python: traded from its directory, gone on with, refused if changed."""

import random
from pathlib import Path
from typing import Any

import pytest

import blindfair as bf
from blindfair.agents.seller.data import DATA
from blindfair.agents.store.directory import private_directory
from blindfair.api.listing import PreparedListing
from blindfair.api.stream_options import RECORDS, survey
from blindfair.bulk import committing
from blindfair.bulk.store import StoredDataset, read_state
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    FileChanged,
    InvalidListing,
    InvalidOption,
    LabelMissing,
)
from blindfair.protocol.schema import ColumnKind

TERMS = {"price_per_record": "0.001", "licence": "any", "consent": "given", "bits": 4}


def made(path: Path, numbers: range) -> Path:
    rng = random.Random(numbers.start)
    lines = ["size,shade,sick"]
    for _ in numbers:
        size, shade = rng.gauss(10, 3), rng.gauss(50, 9)
        lines.append(f"{size:.2f},{shade:.3f},{'y' if size + rng.gauss(0, 1) > 10 else 'n'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def listed(path: Path, directory: Path, **options: Any) -> PreparedListing:
    return bf.make_listing(path, stream_to=directory, **{"label": "sick", **TERMS, **options})


@pytest.mark.deep
def test_a_streamed_table_is_traded_from_the_directory_that_it_was_written_to(tmp_path: Path) -> None:
    offer, own = made(tmp_path / "offer.csv", range(300)), made(tmp_path / "own.csv", range(1000, 1300))
    wanted = bf.make_purchase(own, label="sick", budget="0.3", fee="0.2", audit_rows=5)
    whole = bf.make_listing(offer, label="sick", **TERMS)  # type: ignore[arg-type]
    with bf.LocalMarket(tmp_path / "market") as market:
        listing = listed(offer, tmp_path / "market" / "seller-1")
        assert listing.spec.preprocessing == whole.spec.preprocessing
        assert (listing.spec.terms, listing.spec.schema) == (whole.spec.terms, whole.spec.schema)
        rows = offer.read_text().splitlines()[1:]
        offer.unlink()
        seller = market.sell(listing)
        assert isinstance(seller.agent.dataset, StoredDataset)
        buyer = market.buyer(seller, wanted)
        buyer.evaluate()
        buyer.buy()
        bought = buyer.records()
    assert len(bought) > 20
    for number, row in bought.iterrows():
        assert f"{row['size']:.2f},{row['shade']:.3f},{row['sick']}" == rows[int(str(number))]


class Broken(Exception):
    """The disk is pulled out."""


def test_what_was_interrupted_goes_on_without_another_survey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer, directory = made(tmp_path / "offer.csv", range(300)), tmp_path / "seller"

    def interrupted(*_: object) -> None:
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr(committing, "write_whole", interrupted)
        with pytest.raises(Broken):
            listed(offer, directory)
    survey = (directory / RECORDS).read_bytes()
    assert read_state(directory / DATA) is None
    monkeypatch.setattr("blindfair.api.stream_options.survey_table", interrupted)
    listing = listed(offer, directory)
    assert len(listing.spec.records) == 300
    assert (directory / RECORDS).read_bytes() == survey
    state = read_state(directory / DATA)
    assert state is not None and state.finished
    with pytest.raises(InvalidOption):
        listed(offer, directory, exclude=["shade"])
    made(offer, range(1, 301))
    with pytest.raises(FileChanged):
        listed(offer, directory)


def test_a_survey_of_which_nothing_was_made_is_made_again_where_columns_are_read_otherwise(tmp_path: Path) -> None:
    offer, directory = made(tmp_path / "offer.csv", range(300)), private_directory(tmp_path / "seller")
    survey(offer, "sick", directory, exclude=(), text=(), is_begun=False, tell=lambda *_: None)
    again = survey(offer, "sick", directory, exclude=(), text=("size",), is_begun=False, tell=lambda *_: None)
    assert {type(row[0]) for row in again.table.rows} == {str}
    assert listed(offer, directory, text=["size"]).spec.schema.columns[0].kind is ColumnKind.CATEGORY


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"without_copies": True}, InvalidOption),
        ({"files": "f"}, LabelMissing),
        ({"text_column": "size"}, InvalidOption),
        ({"label": None}, InvalidOption),
        ({"label": "other"}, LabelMissing),
        ({"exclude": ["other"]}, InvalidOption),
        ({"never_score": ["size", "shade"]}, InvalidOption),
    ],
)
def test_what_needs_all_records_at_once_is_refused(
    tmp_path: Path, options: dict[str, Any], error: type[BlindfairError]
) -> None:
    with pytest.raises(error):
        listed(made(tmp_path / "offer.csv", range(100)), tmp_path / "seller", **options)
    assert not (tmp_path / "seller" / "journal.sqlite").exists()


def test_a_frame_and_copies_are_refused(tmp_path: Path) -> None:
    import pandas as pd

    offer = made(tmp_path / "offer.csv", range(100))
    with pytest.raises(InvalidOption):
        listed(pd.read_csv(offer), tmp_path / "seller")
    offer.write_text(offer.read_text() + offer.read_text().splitlines()[50] + "\n")
    with pytest.raises(InvalidListing):
        listed(offer, tmp_path / "other")
    assert not (tmp_path / "other" / RECORDS).exists()


def test_a_disk_without_space_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from blindfair.api.stream_estimate import estimate_stream

    offer, usage = made(tmp_path / "offer.csv", range(5000)), shutil.disk_usage
    found = estimate_stream(offer, "sick", tmp_path, 1024, exclude=(), text=())
    assert found.records == pytest.approx(5000, rel=0.2)
    assert found.seconds > 0
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=2**28))
    with pytest.raises(CannotWrite):
        estimate_stream(offer, "sick", tmp_path, 1024, exclude=(), text=())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["offer.csv"]
