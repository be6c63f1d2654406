"""Files as spreadsheets and other programs write them: read, or refused with what is wrong and what to type."""

import csv
import re
import subprocess
from pathlib import Path

import pytest

from blindfair.influence.csv_file import read_csv
from blindfair.influence.table import read_table
from blindfair.protocol import errors


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("blank", ["\n", "\n\n", "  \n", "\r\n", '""\n'], ids=repr)
def test_blank_lines_are_passed_over(tmp_path: Path, blank: str) -> None:
    found = read_csv(write(tmp_path, f"{blank}a,y\n{blank}1,0\n2,1\n{blank}"))
    assert (found.columns, found.rows) == (("a", "y"), [["1", "0"], ["2", "1"]])
    skipped = blank.count("\n")
    assert list(found.lines) == [2 + 2 * skipped, 3 + 2 * skipped]


CASES = [
    ("a separator line", "sep=,\nage,y\n30,a\n41,b\n", errors.MalformedTable, "Line 1 tells a", "tail -n +2"),
    ("another separator line", "sep=;\nage;y\n30;a\n", errors.MalformedTable, "Line 1 tells a", "tail -n +2"),
    ("a title", "Export 2024\nage,y\n30,a\n", errors.MalformedTable, "one name, and line 2 has 2 cells", "tail -n +2"),
    ("commas in rows", "age,y\n30,a,\n41,b,\n", errors.MalformedTable, "Line 2 ends with a comma", "sed 's/,"),
    ("commas everywhere", "age,y,\n30,a,\n", errors.MalformedTable, "Column 3 has no name", "at the end of each line"),
    ("a nameless column", "age,,y\n30,1,a\n", errors.MalformedTable, "Column 2 has no name", "give every column"),
    ("UTF-16, marked", "age,y\n30,a\n".encode("utf-16"), errors.UndecodableBytes, "UTF-16", "iconv -f utf-16 -t utf-8"),
    ("UTF-16, big end", b"\xfe\xff" + "age,y\n".encode("utf-16-be"), errors.UndecodableBytes, "UTF-16", "utf-16 "),
    ("UTF-16, unmarked", "age,y\n30,a\n".encode("utf-16-le"), errors.MalformedTable, "zero byte", "iconv -f utf-16le"),
    ("UTF-32", "age,y\n30,a\n".encode("utf-32"), errors.UndecodableBytes, "UTF-32", "iconv -f utf-32 -t utf-8"),
    ("latin-1", b"caf\xe9,y\n30,a\n", errors.UndecodableBytes, "not UTF-8", "iconv -f latin1 -t utf-8"),
    ("class NA", "age,y\n30,EU\n41,NA\n", errors.LabelMissing, "'NA' in line 3", "`text=['y']`"),
    ("no class", "age,y\n30,EU\n41,\n", errors.LabelMissing, "none in line 3", "remove the records"),
    ("a label in capitals", "age,Y\n30,a\n", errors.LabelMissing, "expected 'y'", "is it 'Y'?"),
    ("another label", "age,sick\n30,a\n", errors.LabelMissing, "found age, sick", "separated by commas"),
    ("a long cell", "a,y\n1,0\n" + "w" * 131_073 + ",1\n", errors.MalformedTable, "line 3 has a cell", "131,072"),
    ("codes beyond doubles", "sha 1,y\n50e747,a\n12e345,b\n", errors.MalformedTable, "line 2", "`text=['sha 1']`"),
    ("an infinite number", "a,y\n1,0\n-inf,1\n", errors.MalformedTable, "-inf in line 3", "empty cells"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "error", "wrong", "hint"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_file_is_refused_with_what_is_wrong_and_what_to_type(
    tmp_path: Path, content: str | bytes, error: type[errors.InputError], wrong: str, hint: str
) -> None:
    with pytest.raises(errors.InputError) as caught:
        read_table(write(tmp_path, content), "y")
    assert type(caught.value) is error
    assert wrong in str(caught.value) and hint in str(caught.value)
    assert caught.value.expected and caught.value.found and caught.value.hint


@pytest.mark.parametrize("blank", [",,\n", " , ,\r\n", ",\n", "\n,,,,\n"], ids=repr)
def test_a_row_of_commas_alone_above_the_names_is_a_blank_line(tmp_path: Path, blank: str) -> None:
    found = read_csv(write(tmp_path, f"{blank}a,b,y\n1,,0\n"))
    assert (found.columns, found.rows) == (("a", "b", "y"), [["1", "", "0"]])
    assert list(found.lines) == [2 + blank.count("\n")]


@pytest.mark.parametrize(
    ("above", "line"),
    [("Export 2024,,\n", 2), ("Export 2024,,\n,,\n", 3), (",,\nExport,,\nWard 7,,\n\n,,\n", 6)],
    ids=repr,
)
def test_a_title_row_as_spreadsheets_write_it_names_what_to_delete(tmp_path: Path, above: str, line: int) -> None:
    """What is deleted must not be the empty last cells of records."""
    table = "a,b,y\n1,0,\n2,1,\n"
    with pytest.raises(errors.MalformedTable, match="holds one cell alone, as a title does") as caught:
        read_csv(write(tmp_path, above + table))
    assert f"tail -n +{line} OLD.csv" in caught.value.hint
    assert "".join((above + table).splitlines(keepends=True)[line - 1 :]) == table


@pytest.mark.parametrize("content", ["a,,\n1,2,3\n", "a,y,\n1,0,x\n", "a,,\n1,2,\n\n", 'a,,\n1,"2\n'], ids=repr)
def test_commas_at_the_end_are_deleted_only_where_nothing_stands_below(tmp_path: Path, content: str) -> None:
    with pytest.raises(errors.MalformedTable, match="has no name") as caught:
        read_csv(write(tmp_path, content))
    stands_below = content.splitlines()[1].count(",") == 2 or content.startswith("a,y")
    assert ("delete the commas" in caught.value.hint) is not stands_below


def test_a_footer_is_not_told_to_quote_its_commas(tmp_path: Path) -> None:
    with pytest.raises(errors.MalformedTable, match="Line 3 has another number of cells") as caught:
        read_csv(write(tmp_path, "a,b,y\n1,2,0\nTotal,500\n"))
    assert "a footer such as a total" in caught.value.hint and "quotes" not in caught.value.hint
    with pytest.raises(errors.MalformedTable, match="another number of cells") as caught:
        read_csv(write(tmp_path, "a,b,y\n1,2,0\n1,234,5,0\n"))
    assert "double quotes" in caught.value.hint


def test_what_the_hints_say_helps(tmp_path: Path) -> None:
    """`--text` reads a class that looks missing, and codes that look like numbers beyond doubles."""
    labels = read_table(write(tmp_path, "age,y\n30,EU\n41,NA\n"), "y", text=("y",))
    assert labels.labels() == ["EU", "NA"]
    codes = read_table(write(tmp_path, "sha,y\n50e747,a\nnull,b\n,b\n"), "y", text=("sha",))
    assert [row[0] for row in codes.rows] == ["50e747", "null", None]


def run_hint(folder: Path, content: str) -> Path | None:
    """Run the shell command of the hint on a refused file; None where there is none."""
    path = folder / "OLD.csv"
    path.write_bytes(content.encode())
    with pytest.raises(errors.MalformedTable) as caught:
        read_csv(path)
    command = re.search(r"(?:sed|tail) .* OLD\.csv > NEW\.csv", caught.value.hint)
    if command is None:
        return None
    subprocess.run(["sh", "-c", command.group()], cwd=folder, check=True)
    return folder / "NEW.csv"


@pytest.mark.parametrize(
    "content",
    [
        "a,y\n1,0,\n2,1,\n",
        "a,y\r\n1,0,\r\n\r\n2,1,\r\n",
        '\n\na,y\n1,0,\n\n"",1,',
        '\ufeffa,y\n"x, z",0,\n"""",1,\n',
    ],
)
def test_commas_at_the_end_of_all_lines_are_deleted_by_the_command_and_nothing_else(
    tmp_path: Path, content: str
) -> None:
    mended = run_hint(tmp_path, content)
    assert mended is not None
    header, *records = [row for row in csv.reader(content.lstrip("\ufeff").splitlines()) if row]
    assert read_csv(mended).columns == tuple(header)
    assert read_csv(mended).rows == [row[:-1] for row in records]


@pytest.mark.parametrize(
    "content",
    [
        '"a","y"\n"x,\ny",0,\n',
        'a,y\n1,0,\n"x,\nz",1,\n',
        "a,b,y\n1,0,\n2,1,0,\n",
        "a,y\n1,\n2,1,\n",
        "a,y\n1,0,\n2,\n",
        "a,y\n1,0,\n2,1\n",
        'a,y\n1,0,""\n2,1,\n',
        "a,y\n1,0, \n",
        "a,y\r1,0,\r2,,\r",
        'a,y\n1,0,\n"x',
        "a,y\n1,0,\n2,\0",
    ],
    ids=repr,
)
def test_no_command_is_named_where_it_would_delete_more(tmp_path: Path, content: str) -> None:
    assert run_hint(tmp_path, content) is None


@pytest.mark.parametrize("above", ["Export\n", "\n\nExport\n", "Export\n\n", "Export\n2024\n  \n"])
def test_the_command_deletes_what_stands_above_the_names(tmp_path: Path, above: str) -> None:
    mended = run_hint(tmp_path, f"{above}a,y\n1,0\n2,1\n")
    assert mended is not None
    assert (read_csv(mended).columns, read_csv(mended).rows) == (("a", "y"), [["1", "0"], ["2", "1"]])


@pytest.mark.parametrize("text", [("nope",), ("a",)])
def test_columns_that_cannot_be_read_as_text(tmp_path: Path, text: tuple[str, ...]) -> None:
    with pytest.raises(errors.InvalidOption, match="`text`"):
        read_table(write(tmp_path, "a,b,y\n1,2,0\n3,4,1\n"), "y", exclude=("a",), text=text)
