"""What is bought comes back as the seller's table had it, cell by cell, and models still read numbers."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import NumberFeature
from blindfair.influence.table import Table, read_table
from blindfair.influence.written import alike_but_texts, as_written, companions
from blindfair.protocol.errors import MalformedTable
from blindfair.protocol.records import Row, decode_row, encode_rows
from blindfair.protocol.schema import Column, ColumnKind, Schema

NUMBERS = ["250.00", "250.0", "1.10", "+5", "-0", "1E3", "1000000e45", "0.1234567890123456789", " 5", "5 ", "-0.0",
           ".5", "5.", "1e-400", "NA", "nan", "?", "null", "", " ", "7"]  # fmt: skip
TEXTS = ["007", "9007199254740993", "a,b", 'say "hi"', "one\rtwo", "one\r\ntwo", "one\ntwo", " both ", "\ufeffmark",
         "=1+1", "NA", "", "N/A", "é\u2028x", "'", "None", "\t"]  # fmt: skip


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def read(folder: Path, columns: dict[str, list[str]], text: tuple[str, ...] = ()) -> Table:
    """The columns and a label of two classes, read from a file in which every cell is quoted."""
    height = len(next(iter(columns.values())))
    named = {**columns, "y": [str(number % 2) for number in range(height)]}
    lines = [",".join(map(quoted, cells)) for cells in zip(*named.values(), strict=True)]
    path = folder / "table.csv"
    path.write_bytes("\n".join([",".join(map(quoted, named)), *lines, ""]).encode())
    return read_table(path, "y", text=text)


def bought(table: Table) -> dict[str, list[str]]:
    """The columns of all records after a trade: as they were encoded, delivered, decoded and exported."""
    schema = table.listed_schema()
    rows = [decode_row(record) for record in encode_rows(table.listed_rows())]
    for row in rows:
        schema.check_row(row)
    names, texts = as_written(schema, rows)
    return {name: [row[place] for row in texts] for place, name in enumerate(names)}


@pytest.mark.parametrize("cells", [NUMBERS, TEXTS, [*NUMBERS, *TEXTS]], ids=["numbers", "texts", "both"])
@pytest.mark.parametrize("text", [(), ("c",)], ids=["as read", "as text"])
def test_every_cell_comes_back_as_it_was_written(tmp_path: Path, cells: list[str], text: tuple[str, ...]) -> None:
    assert bought(read(tmp_path, {"c": cells}, text))["c"] == cells


CELLS = st.one_of(
    st.sampled_from([*NUMBERS, *TEXTS]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6).map(str),
    st.text("0123456789.eE+- ", max_size=8),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS), min_size=2, max_size=12), st.sampled_from([(), ("a",)]))
def test_any_table_comes_back_cell_by_cell(tmp_path: Path, rows: list[tuple[str, str]], text: tuple[str, ...]) -> None:
    columns = {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
    try:
        table = read(tmp_path, columns, text)
    except MalformedTable as error:
        # Numbers beyond doubles are refused where a whole column would be numbers.
        assert "holds a number" in str(error)
        return
    found = bought(table)
    assert {name: found[name] for name in columns} == columns


def test_a_column_of_numbers_in_any_form_is_read_as_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, {"c": [f"{number}.50" for number in range(40)], "d": ["+5", "7", "NA", "-3"] * 10})
    assert [column.kind for column in table.listed_schema().columns[:2]] == [ColumnKind.NUMBER, ColumnKind.NUMBER]
    made = FeatureSchema.infer(table.rows, table.columns, "y")
    assert all(isinstance(feature, NumberFeature) for feature in made.features)
    assert table.rows[0] == (0.5, 5, 0)
    assert table.listed_columns == ("c", "d", "y", "c (as written)", "d (as written)")
    assert [column.name for column in table.listed_schema().columns if not column.scored] == [
        "c (as written)", "d (as written)",
    ]  # fmt: skip


def test_a_column_that_comes_back_by_itself_has_no_companion(tmp_path: Path) -> None:
    table = read(tmp_path, {"a": ["1", "2", ""], "b": ["1.5", "2.0", "1e+51"], "c": ["x", "007", ""]})
    assert table.companions == ()
    assert table.listed_rows() is table.rows


def test_a_sellers_text_that_does_not_read_as_its_number_stays_beside_it() -> None:
    schema = Schema(
        (
            Column("a", ColumnKind.NUMBER),
            Column("y", ColumnKind.NUMBER),
            Column("a (as written)", ColumnKind.TEXT, False),
        ),
        "y",
    )
    honest: list[Row] = [(1.5, 0, "1.50"), (2.5, 1, None)]
    assert as_written(schema, honest) == (("a", "y"), [("1.50", "0"), ("2.5", "1")])
    lying: list[Row] = [*honest, (3.5, 1, "35")]
    assert as_written(schema, lying)[0] == ("a", "y", "a (as written)")
    assert as_written(schema, lying)[1][2] == ("3.5", "1", "35")


def test_only_a_column_of_text_that_no_model_reads_is_a_companion() -> None:
    scored = Schema((Column("a", ColumnKind.NUMBER), Column("a (as written)", ColumnKind.CATEGORY)), None)
    assert companions(scored) == {}


def test_a_column_of_the_companions_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedTable, match="kept as they were written"):
        read(tmp_path, {"a": ["1.50", "2.50"], "a (as written)": ["x", "z"]})


@pytest.mark.parametrize(
    ("texts", "alike"),
    [
        (["1", "1.", "1.0", "1.00", "1e0"], 4),
        (["1", "1", "2"], 0),
        (["1.0", "1.0", "1.00", "2.0"], 1),
        (["1", "2", "3"], 0),
        (["007", "7", "7.0", "x"], 0),
    ],
)
def test_records_that_differ_in_their_texts_alone_are_counted(tmp_path: Path, texts: list[str], alike: int) -> None:
    """To a model they are copies; a column of codes is one of texts, whose values differ."""
    doubled = [text for text in texts for _ in range(2)]
    table = read(tmp_path, {"c": doubled})
    # Each text is there once with either label.
    assert table.alike_but_texts() == 2 * alike
    assert alike_but_texts(table.listed_schema(), table.listed_rows()) == 2 * alike
