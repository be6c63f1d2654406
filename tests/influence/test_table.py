"""A person's CSV: typed cells for a good one, a named error for each kind of bad one."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence import csv_file
from blindfair.influence.table import Table, read_table
from blindfair.protocol import errors
from blindfair.protocol.records import Cell, RecordLimits, decode_row, encode_row
from blindfair.protocol.schema import ColumnKind


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_each_column_has_one_type_and_every_spelling_of_missing_is_understood(tmp_path: Path) -> None:
    text = "age,dose,site,zip,y\n41,1.5,north,007,yes\nNA,2,?,010,no\n-3,nan, South ,null,no\n,-1e-3,,999,yes\n"
    read = read_table(write(tmp_path, text), "y")
    assert read.columns == ("age", "dose", "site", "zip", "y")
    assert read.rows == (
        (41, 1.5, "north", "007", "yes"),
        (None, 2.0, None, "010", "no"),
        (-3, None, " South ", None, "no"),
        (None, -0.001, None, "999", "yes"),
    )
    assert [type(cell) for cell in read.rows[1]] == [type(None), float, type(None), str, str]
    kinds = {column.name: column.kind for column in read.schema().columns}
    assert kinds["dose"] is ColumnKind.NUMBER and kinds["zip"] is ColumnKind.CATEGORY and read.schema().label == "y"


def test_a_table_survives_a_byte_order_mark_windows_lines_quotes_and_blank_lines(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf"a, b",y\r\n"say ""hi"",\nthen go",1\r\n\r\nplain,0\r\n'
    read = read_table(write(tmp_path, text), "y")
    assert read.columns == ("a, b", "y")
    assert read.rows == (('say "hi",\nthen go', 1), ("plain", 0))


def test_an_unnamed_first_column_is_a_row_number_and_is_left_out_with_the_columns_named(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, ",a,b,y\n1,5,6,0\n2,7,8,1\n"), "y", exclude=["b"])
    assert read == Table(("a", "y"), ((5, 0), (7, 1)), "y")


def test_integers_that_a_double_would_change_stay_texts_and_every_cell_can_be_committed(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "id,x,y\n9007199254740993,1e308,0\n1,2,1\n" + "9" * 5000 + ",3,1\n"), "y")
    assert read.rows[0][0] == "9007199254740993"
    for row in read.rows:
        assert decode_row(encode_row(row), RecordLimits(cells=3, size=10_000)) == row


def test_the_trial_is_read_whole(trial: Table) -> None:
    assert len(trial.rows) == 2139
    assert len(trial.columns) == 22 and "" not in trial.columns and "days" not in trial.columns
    assert sum(label == 1 for label in trial.labels()) == 521


LONG = "a" * 300
BAD = [
    ("empty file", b"", errors.NoRecords),
    ("header only", b"a,y\n", errors.NoRecords),
    ("blank lines only", b"a,y\n\n\n", errors.NoRecords),
    ("no label column", b"a,b\n1,0\n2,1\n", errors.LabelMissing),
    ("label in other case", b"a,Y\n1,0\n2,1\n", errors.LabelMissing),
    ("semicolons", b"a;y\n1;0\n2;1\n", errors.MalformedTable),
    ("semicolons and decimal commas", b"a;y\n1,5;0\n2,5;1\n", errors.MalformedTable),
    ("tabs", b"a\ty\n1\t0\n2\t1\n", errors.MalformedTable),
    ("another single column", b"a b\n1\n2\n", errors.LabelMissing),
    ("a record without label", b"a,y\n1,0\n2,\n3,1\n", errors.LabelMissing),
    ("one class", b"a,y\n1,0\n2,0\n", errors.LabelUnusable),
    ("latin-1", b"a,y\ncaf\xe9,0\nx,1\n", errors.UndecodableBytes),
    ("an image", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", errors.UndecodableBytes),
    ("UTF-16", "a,y\n1,0\n2,1\n".encode("utf-16"), errors.UndecodableBytes),
    ("zero bytes", b"a,y\n1,0\n\x00,1\n", errors.MalformedTable),
    ("a short line", b"a,b,y\n1,2,0\n1,1\n", errors.MalformedTable),
    ("a long line", b"a,y\n1,0\n1,1,1\n", errors.MalformedTable),
    ("an open quote", b'a,y\n"1,0\n2,1\n', errors.MalformedTable),
    ("text after a quote", b'a,y\n"1"x,0\n2,1\n', errors.MalformedTable),
    ("a repeated name", b"a,a,y\n1,2,0\n3,4,1\n", errors.MalformedTable),
    ("a name equal but for blanks", b"a, a,y\n1,2,0\n3,4,1\n", errors.MalformedTable),
    ("an unnamed later column", b"a,,y\n1,2,0\n3,4,1\n", errors.MalformedTable),
    ("a name with an escape", b"a\x1b[2J,y\n1,0\n2,1\n", errors.MalformedTable),
    ("an endless name", f"{LONG},y\n1,0\n2,1\n".encode(), errors.MalformedTable),
    ("an infinite number", b"a,y\n1.5,0\ninf,1\n", errors.MalformedTable),
    ("a number out of range", b"a,y\n1.5,0\n1e999,1\n", errors.MalformedTable),
    ("nothing but the label", b"y\n0\n1\n", errors.MalformedTable),
    ("a huge cell", b"a,y\n" + b"x" * 200_000 + b",0\nx,1\n", errors.MalformedTable),
    ("5,000 columns", ",".join(f"c{i}" for i in range(5000)).encode() + b",y\n", errors.TooLarge),
    ("a million columns", ",".join(f"c{i}" for i in range(1_000_000)).encode() + b",y\n", errors.TooLarge),
    ("a million unnamed columns", b"," * 1_000_000 + b"\n", errors.TooLarge),
]


@pytest.mark.parametrize(("content", "error"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_table_is_refused_by_name(tmp_path: Path, content: bytes, error: type[errors.InputError]) -> None:
    with pytest.raises(errors.InputError) as caught:
        read_table(write(tmp_path, content), "y")
    assert type(caught.value) is error
    assert caught.value.what and (caught.value.expected is not None or caught.value.hint or caught.value.found)
    assert len(str(caught.value)) < 600 and str(caught.value).isprintable()


def test_paths_that_are_no_readable_files(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path, tmp_path / "absent" / "deep.csv", tmp_path / ("x" * 400)):
        with pytest.raises(errors.FileMissing):
            read_table(path, "y")


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.FileMissing):
        read_table(tmp_path / "pipe", "y")


def test_a_file_of_gigabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = write(tmp_path, "a,y\n")
    os.truncate(path, 2**40)
    with pytest.raises(errors.TooLarge):
        read_table(path, "y")


def test_too_many_cells_are_refused_before_they_are_all_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CELL_LIMIT", 20)
    path = write(tmp_path, "a,y\n" + "1,0\n2,1\n" * 5)
    assert len(read_table(path, "y").rows) == 10
    # The line after the limit is not even a line of the table: it is never looked at.
    with pytest.raises(errors.TooLarge, match="cells"):
        read_table(write(tmp_path, "a,y\n" + "1,0\n2,1\n" * 5 + "3,1\n4\n"), "y")


@pytest.mark.parametrize("exclude", [["nope"], ["y"], ["a", "nope"]])
def test_columns_that_cannot_be_left_out(tmp_path: Path, exclude: list[str]) -> None:
    with pytest.raises(errors.InvalidOption):
        read_table(write(tmp_path, "a,b,y\n1,2,0\n3,4,1\n"), "y", exclude=exclude)


def test_a_misspelt_column_to_leave_out_is_named_with_one_that_is_spelt_like_it(tmp_path: Path) -> None:
    for name, hint in (("sorce", "is it 'source'?"), ("zzz", "the first line of the file")):
        with pytest.raises(errors.InvalidOption, match=f"There is no column '{name}'") as told:
            read_table(write(tmp_path, "a,source,y\n1,2,0\n3,4,1\n"), "y", exclude=[name])
        assert (told.value.expected, told.value.found) == ("one of the columns a, source, y", f"'{name}'")
        assert hint in told.value.hint


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a,y\n" + "1,0\n2,1\n" * 100_000)
    stop = threading.Event()

    def append() -> None:
        while not stop.wait(0.001):
            with path.open("a") as stream:
                stream.write("3,1\n")

    writer = threading.Thread(target=append)
    writer.start()
    try:
        with pytest.raises(errors.FileChanged):
            read_table(path, "y")
    finally:
        stop.set()
        writer.join()


@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_named_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"a,y\n" + content)
    try:
        read = read_table(path, "y")
    except errors.InputError:
        return
    assert len(set(read.labels())) == 2


@given(st.lists(st.tuples(st.text("0123456789.eE+-_ ", max_size=8), st.sampled_from("01")), min_size=1, max_size=6))
def test_what_looks_like_numbers_is_read_as_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    path.write_text("a,y\n" + "".join(f'"{text}",{label}\n' for text, label in lines))
    try:
        read = read_table(path, "y")
    except errors.InputError:
        return
    for (text, _), (cell, _) in zip(lines, read.rows, strict=True):
        if cell is None:
            assert not text.strip()
        elif isinstance(cell, int | float):
            assert cell == float(text) and "_" not in text
        else:
            assert cell == text


@pytest.mark.parametrize(
    ("cells", "identifies"),
    [
        (["a1", "a2", "a3", "a4"], True),
        ([7, 9, 8, 3], True),
        (["a1", None, "a3", None], True),
        (["a1", None, None, None], False),
        ([None, None, None, None], False),
        (["a1", "a2", "a3", "a1"], False),
        # Measurements differ in every record, too, and are what models learn from.
        ([1.5, 2.5, 3.5, 4.5], False),
        ([1, 2, 3, 4.5], False),
        ([True, False, None, None], False),
    ],
    ids=str,
)
def test_texts_and_integers_that_all_differ_look_like_identifiers(cells: list[Cell], identifies: bool) -> None:
    rows = tuple((cell, label, 0.5) for cell, label in zip(cells, (0, 1, 2, 3), strict=True))
    made = Table(("number", "y", "x"), rows, "y")
    assert made.identifiers() == (("number",) if identifies else ())


def test_columns_that_are_not_scored_stay_in_the_schema(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "id,x,y\na,1,0\nb,2,1\n"), "y")
    assert [(column.name, column.scored) for column in read.schema(["id"]).columns] == [
        ("id", False), ("x", True), ("y", True),
    ]  # fmt: skip
    assert read.scored_rows(["id"]) == [(1, 0), (2, 1)]
    with pytest.raises(errors.InvalidListing, match="label"):
        read.schema(["y"])
