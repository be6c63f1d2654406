"""What people are told of how their tables were read, and that a buyer needs no columns for cells as written."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from blindfair.api.own_records import OWN, TableOptions
from blindfair.cli.buyer.export import bought_table
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.lines import Lines
from blindfair.cli.readings import (
    readings_document,
    show_near_duplicates,
    show_readings,
    show_written,
    tables_document,
    texts_among,
)
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.table import read_table
from blindfair.protocol.records import decode_row, encode_rows


def table(path: Path, records: int = 300) -> Path:
    """Numbers, of which one has a unit, in a column each; prices in a form of their own; a ward; a label."""
    lines = [f"{n}.5,{n * 7 % 90},{n * n % 53}.50,{'ABC'[n % 3]},{'yes' if n % 2 else 'no'}" for n in range(records)]
    lines[4] = "62.5 y" + lines[4][3:]
    path.write_text("\n".join(["age,dose,price,ward,outcome", *lines, ""]))
    return path


def shown(show: Any, *arguments: Any, encoding: str = "utf-8") -> str:
    """What is printed to a file of this encoding, in one line."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    show(Lines(Console(file=stream)), *arguments)
    stream.flush()
    return " ".join(written.getvalue().decode(encoding).split())


def test_texts_that_were_named_as_codes_are_told_with_the_option_that_has_them_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    words = ["the", "cat", "sat", "on", "a", "mat"]
    rows = [f"{' '.join(words[n % 3 :] + words)} {n},{n:03},{n % 2}" for n in range(30)]
    path.write_text("\n".join(["my review,code,y", *rows, ""]))
    table = read_table(path, "y", text=("my review", "code"))
    texts = texts_among(table, ["code", "my review"])
    assert texts == ["my review"]
    text = shown(show_readings, table.readings, "", [], ["my review"], texts)
    assert "but my review holds texts, and --text only keeps them as they are written" in text
    assert "use --text-column 'my review' with a --base-model" in text
    assert "--text-column" not in shown(show_readings, table.readings, "", [], ["my review"], [])


def test_each_column_is_told_as_it_was_read_and_the_cell_that_explains_it(tmp_path: Path) -> None:
    readings = read_table(table(tmp_path / "t.csv"), "outcome").readings
    text = shown(show_readings, readings)
    assert "read as numbers: dose, price" in text
    assert "read as categories: age, ward" in text
    assert "the label, to be predicted: outcome" in text
    assert "but column 'age' is read as a category" in text
    assert "299 of 300 cells are numbers, but line 6 holds '62.5 y', a number with a unit" in text
    assert "such as '0.50' in line 2" in shown(show_written, readings)
    assert "equal to another one" not in shown(show_written, readings)
    assert "another one but for these texts: 3 records, of which buyers are warned" in shown(show_written, readings, 3)
    assert "validation.csv: read as numbers" in shown(show_readings, readings, "validation.csv")
    as_codes = shown(show_readings, readings, "", ["dose"])
    assert "read as numbers: price" in as_codes
    assert "numbers that are codes, read as categories: dose" in as_codes
    listed = shown(show_readings, readings, "", ["dose"], ["dose", "ward"])
    assert "read as numbers: price" in listed and "that are codes" not in listed
    assert "read as categories: age" in listed and "categories: age, ward" not in listed
    assert "read by no model, and sold with the records: dose, ward" in listed
    document = json.loads(json.dumps(tables_document({OWN: readings})))[OWN]
    assert [(entry["column"], entry["kind"]) for entry in document] == [
        ("age", "category"), ("dose", "number"), ("price", "number"), ("ward", "category"), ("outcome", "category"),
    ]  # fmt: skip
    coded = json.loads(json.dumps(readings_document(readings, ["dose"])))
    assert [entry["kind"] for entry in coded[1:3]] == ["category", "number"], "codes are read as categories"
    assert document[0]["warning"] and document[0]["first_text"]["line"] == 6
    assert [entry["as_written"] > 0 for entry in document] == [False, False, True, False, False]


def test_a_label_that_fills_its_column_keeps_a_space_before_the_text() -> None:
    def forecast(lines: Lines) -> None:
        lines.item("forecast", "buying")

    assert shown(forecast) == "forecast buying"


def test_hundreds_of_columns_do_not_fill_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = ",".join(f"c{n}" for n in range(200))
    path.write_text(f"{names},y\n" + "1," * 200 + "0\n" + "2," * 200 + "1\n")
    assert "and 160 more" in shown(show_readings, read_table(path, "y").readings)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_that_no_console_can_print_are_escaped(encoding: str) -> None:
    text = shown(lambda lines: lines.item("records", "in bad\udcff.csv, größe"), encoding=encoding)
    assert "bad\\udcff.csv" in text
    assert ("größe" in text) is (encoding == "utf-8")


def test_the_demo_tells_it_too(tmp_path: Path) -> None:
    job = prepare(DemoOptions(records=table(tmp_path / "t.csv"), label="outcome"))
    written = io.StringIO()
    DemoScreen(Console(file=written)).scenario(job)
    assert "line 6 holds '62.5 y'" in " ".join(written.getvalue().split())
    named = prepare(DemoOptions(records=tmp_path / "t.csv", label="outcome", text=("price",)))
    assert {feature.column for feature in named.schema.features} >= {"dose", "ward"}
    assert all(isinstance(row[2], str) for row in named.table.rows)


def test_the_demos_bought_rows_are_as_in_the_file_also_with_another_label(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("price,y\n1.50,1.0\n2.5,0.0\n3.00,1.00\n")
    read = read_table(path, "y")
    assert read.texts(read.rows) == [("1.50", "1.0"), ("2.5", "0.0"), ("3.00", "1.00")]
    assert read.texts([(3.0, 0.0), (9.5, 1.0)]) == [("3.00", "0.0"), ("9.5", "1.0")]


def test_a_buyers_rows_fit_a_listing_with_cells_as_written(tmp_path: Path) -> None:
    listed = read_table(table(tmp_path / "t.csv"), "outcome")
    own = TableOptions("outcome", [], 0, ["price"]).read({OWN: table(tmp_path / "own.csv", 30)})
    beside = own.beside(listed.listed_schema())
    assert beside.columns == listed.listed_columns
    assert [row[:5] for row in beside.train] == list(own.train)
    assert {row[5:] for row in beside.validation} == {(None,)}
    assert beside.beside(listed.listed_schema()) == beside


def test_bought_records_are_numbered_and_as_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("record,price,y\n7,1.50,a\n8,NA,b\n")
    listed = read_table(path, "y")
    records = encode_rows(listed.listed_rows())
    header, rows = bought_table(listed.listed_schema(), [11, 4], [decode_row(records[1]), decode_row(records[0])])
    assert header == ("record number", "record", "price", "y")
    assert list(rows) == [("11", "8", "NA", "b"), ("4", "7", "1.50", "a")]


@pytest.mark.parametrize("more", [{}, {"source": ["a", "b"]}], ids=["texts alone", "with a column beside"])
def test_bought_texts_are_written_as_they_were_listed(more: dict[str, list[str]]) -> None:
    columns = {"text": ["One text.", "=Another, of two\nlines."], **more}
    corpus = Corpus(tuple(columns), tuple(zip(*columns.values(), strict=True)), "text")
    records = corpus.encoded(1024)
    schema = corpus.schema()
    header, rows = bought_table(schema, [7], [schema.decode(corpus.encoding, records[1])])
    assert header == ("record", *columns)
    assert list(rows) == [("7", *(cells[1] for cells in columns.values()))]


def test_texts_that_are_nearly_the_same_are_told() -> None:
    text = shown(show_near_duplicates, [17, 18])
    assert "2 texts nearly the same" in text and "record 17" in text
    assert shown(show_near_duplicates, []) == ""
