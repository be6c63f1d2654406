"""Files beside a table: the page's program runs as it stands, files come out as they were, and odd ones are refused."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import blindfair as bf
from blindfair.api.file_options import KeptFiles
from blindfair.api.stream_options import RECORDS
from blindfair.cli.buyer.export import export_bought, export_files
from blindfair.influence.files import CONTENT_COLUMN, Files
from blindfair.influence.folder import is_inside
from blindfair.influence.table import read_table
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    FileChanged,
    FileMissing,
    InvalidListing,
    InvalidOption,
    LabelMissing,
    MalformedTable,
    TooLarge,
)
from blindfair.protocol.files import encode_file_row
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.schema import Column, ColumnKind, Schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "sell-files.md").read_text(encoding="utf-8")
TERMS: dict[str, Any] = {"label": "sick", "price_per_record": "0.001", "licence": "any", "consent": "given", "bits": 3}


@pytest.mark.deep
def test_the_page_s_program_trades_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    # What it holds in memory, so that the records are exported while the market is open.
    names: dict[str, Any] = {}
    exported = program + "    number = export(buyer.agent, Path('bought'))\n"
    names["export"] = export_bought
    exec(compile(exported, "sell-files.md", "exec"), names)  # noqa: S102
    bought = names["bought"]
    assert len(bought) == names["number"] > 10
    for _, row in bought.iterrows():
        as_it_was = Path("scans", row["file"]).read_bytes()
        assert row["content"] == as_it_was == Path("bought", row["file"]).read_bytes()
    lines = Path("bought", "bought.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "record,file,size,shade,sick"
    listed = Path("offer.csv").read_text(encoding="utf-8").splitlines()
    assert all(line.partition(",")[2] in listed for line in lines[1:])
    spec = names["listing"].spec
    assert spec.encoding is RecordEncoding.BYTES
    assert spec.schema.columns[0].name == CONTENT_COLUMN


@pytest.fixture
def offer(tmp_path: Path) -> Path:
    (tmp_path / "scans" / "b").mkdir(parents=True)
    rows = []
    for number in range(40):
        name = f"b/{number}.wav" if number % 2 else f"{number}.wav"
        (tmp_path / "scans" / name).write_bytes(bytes([number]) * (2000 + number))
        rows.append(f"{name},{number * 37 % 101}.5,{number * 53 % 97}.25,{number * 29 % 89}.5,{'yn'[number % 2]}")
    (tmp_path / "offer.csv").write_text("name,a,b,c,sick\n" + "\n".join(rows) + "\n")
    return tmp_path / "offer.csv"


def listed(offer: Path, **changes: Any) -> Any:
    options = {"files": offer.parent / "scans", "file_column": "name", **TERMS, **changes}
    return bf.make_listing(offer, **options)


def test_records_hold_their_files_and_are_read_one_at_a_time(offer: Path) -> None:
    listing = listed(offer)
    files, records = listing.table, listing.spec.records
    assert isinstance(files, Files)
    assert (len(records), files.size) == (40, sum(range(2000, 2040)))
    assert repr(files) == "Files(40 of 80,780 bytes in all, label 'sick')"
    for number in (0, 17, 39):
        row = listing.spec.schema.decode(RecordEncoding.BYTES, records[number])
        assert row[0] == bytes([number]) * (2000 + number)
        assert len(records[number]) % 1008 == 0, "lengths tell of whole chunks alone"
    assert records[-1] == records[39]
    assert [len(record) for record in records[3:5]] == [len(records[3]), len(records[4])]
    kinds = [(column.kind, column.scored) for column in listing.spec.schema.columns[:2]]
    assert kinds == [(ColumnKind.FILE, False), (ColumnKind.TEXT, False)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda path: (path.parent / "scans" / "4.wav").unlink(), FileMissing),
        (lambda path: path.write_text(path.read_text().replace("4.wav", "b", 1)), FileMissing),
        (lambda path: path.write_text(path.read_text().replace("4.wav", "../offer.csv", 1)), MalformedTable),
        (lambda path: path.write_text(path.read_text().replace("4.wav", "/etc/passwd", 1)), MalformedTable),
        (lambda path: path.write_text(path.read_text().replace("name,a", "other,a")), LabelMissing),
        (lambda path: path.write_text(path.read_text().replace("name,a", "name,content")), MalformedTable),
        (lambda path: (path.parent / "scans" / "4.wav").open("wb").truncate(2**26), TooLarge),
    ],
    ids=range(7),
)  # fmt: skip
def test_files_that_are_not_there_or_not_in_the_folder_are_refused(
    offer: Path, change: Any, error: type[BlindfairError]
) -> None:
    change(offer)
    with pytest.raises(error):
        listed(offer)


def test_copies_and_options_that_do_not_fit_are_refused(offer: Path) -> None:
    with pytest.raises(InvalidOption):
        listed(offer, without_copies=True)
    lines = offer.read_text().splitlines()
    offer.write_text("\n".join([*lines, lines[1]]) + "\n")
    with pytest.raises(InvalidListing, match="copies"):
        listed(offer)


def test_a_file_that_changes_meanwhile_is_told(offer: Path) -> None:
    listing = listed(offer)
    (offer.parent / "scans" / "0.wav").write_bytes(b"shorter")
    with pytest.raises(FileChanged):
        listing.spec.records[0]
    (offer.parent / "scans" / "0.wav").unlink()
    with pytest.raises(FileMissing):
        listing.spec.records[0]


def test_a_listing_that_is_kept_needs_its_folder_no_more(offer: Path, tmp_path: Path) -> None:
    from blindfair.agents.seller.data import commit_stream

    listing = listed(offer)
    home = tmp_path / "seller"
    spec = listing.spec
    commit_stream(home, spec.source, lambda start: (spec.records[n] for n in range(start, 40)), 1024, lambda *_: None)
    (home / RECORDS).write_bytes(offer.read_bytes())
    (offer.parent / "scans").rename(tmp_path / "gone")
    options = replace(_options(offer), record_count=40, record_bits=spec.terms.record_bits)
    kept = options.table(home / RECORDS)
    assert isinstance(kept, KeptFiles)
    again = options.listing_spec(kept)
    assert again.source == spec.source
    assert again.are_distinct
    assert list(again.records) == [
        spec.schema.decode(RecordEncoding.BYTES, record) and record for record in again.records
    ]
    assert again.schema == spec.schema
    assert again.preprocessing == spec.preprocessing


def _options(offer: Path) -> Any:
    from blindfair.api import listing as module

    kept: list[Any] = []
    original = module.prepared

    def catch(options: Any, table: Any) -> Any:
        kept.append(options)
        return original(options, table)

    module.prepared = catch
    try:
        (offer.parent / "gone").rename(offer.parent / "scans")
        listed(offer)
        (offer.parent / "scans").rename(offer.parent / "gone")
    finally:
        module.prepared = original
    return kept[0]


@pytest.mark.parametrize(
    ("name", "fits"),
    [("a.png", True), ("a/b.png", True), ("", False), (".", False), ("..", False), ("a/../../b", False), ("/a", False),
     ("a\0", False), ("a\\b", False), ("c:\\a", False)],
)  # fmt: skip
def test_names_lie_in_the_folder(name: str, fits: bool) -> None:
    assert is_inside(name) == fits


def test_a_hostile_seller_s_names_write_nothing_outside(tmp_path: Path) -> None:
    columns = (Column("content", ColumnKind.FILE, scored=False), Column("file", ColumnKind.TEXT, scored=False),
               Column("label", ColumnKind.NUMBER))  # fmt: skip
    names = ["../evil", str(tmp_path / "evil"), "good/1", "good/1", "bought.csv", "x/y", "good"]
    bought = [(n, encode_file_row(bytes([n]), (name, n))) for n, name in enumerate(names)]
    to = tmp_path / "to"
    to.mkdir()
    (to / "x").symlink_to(tmp_path)
    with pytest.raises(CannotWrite):
        export_files(Schema(columns, "label"), bought[5:6], to)
    rest = [*bought[:5], *bought[6:]]
    assert export_files(Schema(columns, "label"), rest, to) == 6
    found = {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()}
    assert found == {"0.bin", "1.bin", "good/1", "3.bin", "4.bin", "6.bin", "bought.csv"}
    assert not (tmp_path / "evil").exists() and not (tmp_path / "y").exists()
    assert (to / "good" / "1").stat().st_mode & 0o777 == 0o600
    assert read_table(to / "bought.csv", "label").columns == ("record", "file", "label")
