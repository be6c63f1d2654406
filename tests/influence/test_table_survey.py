"""A table that is read record by record has the records, types and errors of one that is read at once."""

import json
import random
import resource
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from blindfair.influence import sample, table_stream
from blindfair.influence.distinct import SIZE, Digests
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.table import read_table
from blindfair.influence.table_stream import open_table
from blindfair.influence.table_survey import TableSurvey, survey_table, typed_records
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    FileChanged,
    FileMissing,
    InvalidListing,
    InvalidOption,
    JournalDamaged,
    LabelMissing,
    LabelUnusable,
    MalformedTable,
    NoRecords,
    UndecodableBytes,
)
from blindfair.protocol.records import decode_row, encode_row

HEADER = "id,age,weight,code,note,late,mixed,sick"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what one batch says of a column is contradicted by another."""
    monkeypatch.setattr(table_stream, "BATCH", 7)


def rows(count: int = 200) -> list[list[str]]:
    rng = random.Random(3)
    found = []
    for number in range(count):
        late = "see note" if number == 150 else f"{rng.gauss(0, 1):.2f}"
        mixed = str(number) if number < 100 else f"{number}.5"
        age = rng.choice(["", "NA", " 7 ", str(rng.randrange(90))])
        note = rng.choice(["é", 'quoted ""x""', "", "a, b"]) + "y" * rng.randrange(40)
        code = f"{number:03}" if number > 50 else "12345678901234567890"
        cells = [str(number), age, f"{rng.gauss(50, 9):.2f}", code, f'"{note}"', late, mixed, rng.choice("yn")]
        found.append(cells)
    return found


def made(path: Path, lines: list[list[str]] | None = None, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *(",".join(cells) for cells in lines or rows())]) + "\n")
    return path


def surveyed(path: Path, label: str = "sick", exclude: tuple[str, ...] = (), text: tuple[str, ...] = ()) -> TableSurvey:
    return survey_table(open_table(path), label, path.parent, exclude=exclude, text=text)


@pytest.mark.parametrize(("exclude", "text"), [((), ()), (("note",), ("age", "id"))])
def test_records_and_types_are_those_of_a_table_that_is_read_at_once(
    tmp_path: Path, exclude: tuple[str, ...], text: tuple[str, ...]
) -> None:
    path = made(tmp_path / "t.csv")
    found = surveyed(path, exclude=exclude, text=text)
    whole = read_table(path, "sick", exclude=exclude, text=text)
    records = list(typed_records(open_table(path), found, 1024, 0))
    assert [decode_row(record) for record in records] == list(whole.listed_rows())
    assert {len(record) for record in records} == {found.record_bytes}
    assert max(len(encode_row(row)) for row in whole.listed_rows()) <= found.record_bytes
    for start in (1, 6, 7, 8, 199, 200):
        assert list(typed_records(open_table(path), found, 1024, start)) == records[start:]
    table = found.table()
    assert table == whole
    assert table.listed_columns == whole.listed_columns
    assert table.readings == whole.readings
    assert TableSurvey.from_bytes(found.to_bytes()) == found


def test_longer_records_fill_whole_chunks(tmp_path: Path) -> None:
    path = made(
        tmp_path / "t.csv", [[str(n), "x" * (5 if n % 9 else 1500), "yn"[n % 2]] for n in range(40)], "n,t,sick"
    )
    lengths = {len(record) for record in typed_records(open_table(path), surveyed(path), 1024, 0)}
    assert lengths == {1008, 2016}


def test_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    values = [{"a": n / 8, "b": None if n % 5 else "é,\n", "sick": n % 2 == 0} for n in range(50)]
    lines = tmp_path / "t.jsonl"
    lines.write_text("".join(json.dumps(value) + "\n" for value in values))
    write_table(pa.Table.from_pylist(values), tmp_path / "t.parquet", row_group_size=11)
    for path in (lines, tmp_path / "t.parquet"):
        found = [decode_row(record) for record in typed_records(open_table(path), surveyed(path), 1024, 0)]
        assert found == list(read_table(path, "sick").listed_rows())


def test_a_sample_misses_no_class_and_no_text_among_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE_RECORDS", 30)
    lines = [[str(n / 3), "odd" if n == 777 else str(n), "rare" if n % 200 == 3 else "yn"[n % 2]] for n in range(1000)]
    found = surveyed(made(tmp_path / "t.csv", lines, "a,b,sick"))
    assert found.record_count == 1000
    assert len(found.sample) < 60
    table = found.table()
    schema = FeatureSchema.infer(table.listed_rows(), table.columns, "sick")
    assert schema.classes == ("n", "rare", "y")
    (reading,) = (reading for reading in table.readings if reading.name == "b")
    assert reading.first_text is not None and reading.first_text.line == 779


@pytest.mark.parametrize(("odd", "kind"), [("-1", LabelKind.COUNT), ("0.5", LabelKind.COUNT)])
def test_a_sample_misses_no_label_that_is_no_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str, kind: LabelKind
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_RECORDS", 30)
    lines = [[str(n / 3), odd if n == 777 else str(n)] for n in range(1000)]
    table = surveyed(made(tmp_path / "t.csv", lines, "a,n"), "n").table()
    with pytest.raises(LabelUnusable):
        FeatureSchema.infer(table.listed_rows(), table.columns, "n", label_kind=kind)


def test_copies_are_found_wherever_they_are(tmp_path: Path) -> None:
    lines = rows()
    lines[190] = lines[3]
    with pytest.raises(InvalidListing) as caught:
        surveyed(made(tmp_path / "t.csv", lines))
    assert "190 of 3" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_copies_of_many_digests(tmp_path: Path) -> None:
    rng = random.Random(5)
    digests = [rng.randbytes(SIZE) for _ in range(3000)]
    digests[2000], digests[2500], digests[40] = digests[7], digests[7], digests[39]
    with Digests(tmp_path) as kept:
        kept.add(digests[:1000])
        kept.add(digests[1000:])
        assert kept.copies(5) == [(40, 39), (2000, 7), (2500, 7)]
        assert kept.copies(1) == [(40, 39)]


def test_digests_that_a_full_disk_does_not_take_are_told(tmp_path: Path) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(CannotWrite, match="digests of the records"), Digests(tmp_path) as kept:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most[1]))
        try:
            kept.add([bytes(SIZE)] * 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, most)


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        ("", NoRecords, ""),
        (HEADER + "\n", NoRecords, "no records"),
        ("a,sick\n1,y\n2,\n", LabelMissing, "line 3"),
        ("a,sick\n1,y\n2,y\n", LabelUnusable, "same value"),
        ("a,sick\n1.5,y\ninf,n\n", MalformedTable, "not finite"),
        ("a,sick\n1.5,y\n2,n,3\n", MalformedTable, "Line 3"),
        ("a,b\n1.5,y\n2,n\n", LabelMissing, "sick"),
        ("a,sick\n1.5,y\n1.5,y\n", InvalidListing, "1 of 0"),
        ("a,sick\n1.5,y\n", InvalidListing, "different"),
        ('{"a": 1, "sick": 2}\n{"a": 1, "b": 3}\n', MalformedTable, "Line 2"),
        ('{"a": 1, "sick": 2}\n[]\n', MalformedTable, "Line 2"),
        ("PAR1 and no more", MalformedTable, "Parquet"),
        ("ARROW1 and no more", MalformedTable, "Feather"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: str, error: type[BlindfairError], said: str) -> None:
    path = tmp_path / "t"
    path.write_text(content)
    with pytest.raises(error) as caught:
        surveyed(path).table()
    assert said in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["t"]


def test_what_is_not_there_or_not_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        open_table(tmp_path / "none")
    with pytest.raises(FileMissing):
        open_table(tmp_path)
    (tmp_path / "t.gz").write_bytes(b"\x1f\x8b12")
    with pytest.raises(MalformedTable):
        open_table(tmp_path / "t.gz")
    (tmp_path / "t.csv").write_bytes(b"a,sick\n\xff,y\n")
    with pytest.raises(UndecodableBytes):
        surveyed(tmp_path / "t.csv")
    with pytest.raises(InvalidOption):
        surveyed(made(tmp_path / "u.csv"), exclude=("none",))


def grown(path: Path) -> None:
    path.write_text(path.read_text() + "1000,1,1,1,x,1,1,y\n")


def other(path: Path) -> None:
    path.write_text(path.read_text().replace("\n3,", "\nx,"))


@pytest.mark.parametrize("change", [grown, other])
def test_a_table_that_changes_meanwhile_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = made(tmp_path / "t.csv")
    found = surveyed(path)
    change(path)
    with pytest.raises(FileChanged):
        list(typed_records(open_table(path), found, 1024, 0))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]\n", b'{"version": 2}\n'])
def test_a_survey_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(JournalDamaged):
        TableSurvey.from_bytes(data)
