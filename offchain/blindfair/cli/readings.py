"""How the columns of a table were read, for people and as a document. Not here: the reading (`influence.reading`)."""

import shlex
from collections.abc import Collection, Mapping, Sequence

from blindfair.api.copies import CopiesLeftOut
from blindfair.cli.flags import with_flags
from blindfair.cli.lines import Lines
from blindfair.influence.reading import ColumnReading, warnings
from blindfair.influence.table import Table
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.schema import ColumnKind
from blindfair.protocol.words import counted

_SHOWN = 40
"""Columns that are named on screen; the document has all of them."""

_WORDS = 5
"""Words of a cell that is a text and no code."""


def show_readings(
    lines: Lines,
    readings: Sequence[ColumnReading],
    called: str = "",
    categorical: Collection[str] = (),
    unread: Collection[str] = (),
    as_text: Collection[str] = (),
) -> None:
    """Print which columns are numbers and which are categories, what explains it, and what is probably a mistake.

    `called` names the table where there are two, `categorical` the columns of numbers that are codes, `unread` the
    columns of a listing that no model reads, `as_text` those that hold texts although they
    were named as codes.
    """
    label = f"{called}: " if called else ""
    for kind, plural in ((ColumnKind.NUMBER, "numbers"), (ColumnKind.CATEGORY, "categories")):
        kept = [each for each in readings if each.kind is kind and not each.is_label and each.name not in unread]
        names = [reading.name for reading in kept if reading.name not in categorical]
        if names:
            lines.item("columns", f"{label}read as {plural}: {_some(names)}")
    numbers = [each.name for each in readings if each.kind is ColumnKind.NUMBER and each.name not in unread]
    codes = [name for name in numbers if name in categorical]
    if codes:
        lines.item("columns", f"{label}numbers that are codes, read as categories: {_some(codes)}")
    if sold := [reading.name for reading in readings if reading.name in unread]:
        lines.item("columns", f"{label}read by no model, and sold with the records: {_some(sold)}", style="yellow")
    for name in as_text:
        lines.item(
            "but",
            f"{label}{name} holds texts, and --text only keeps them as they are written: no model reads their words. "
            f"To have them read, use --text-column {shlex.quote(name)} with a --base-model",
            style="yellow",
        )
    for reading in readings:
        if reading.is_label:
            lines.item("columns", f"{label}the label, to be predicted: {reading.name}")
    for reading in readings[:_SHOWN]:
        cell = reading.first_text
        if cell is not None and reading.numbers and reading.warning is None:
            lines.item(
                "",
                f"{reading.name}: {reading.numbers:,} of {reading.filled:,} cells are numbers; the first that is none "
                f"is {cell.text} in line {cell.line}, {cell.called}",
                style="dim",
            )
    for warning in warnings(readings):
        lines.item("but", f"{label}{with_flags(warning)}", style="yellow")


def texts_among(table: Table, names: Collection[str]) -> list[str]:
    """Return which of these columns hold texts: half of their cells or more have five words."""
    found = []
    for name in names:
        place = table.columns.index(name)
        words = [len(str(row[place]).split()) for row in table.rows if row[place] is not None]
        if words and 2 * sum(count >= _WORDS for count in words) >= len(words):
            found.append(name)
    return found


def show_written(lines: Lines, readings: Sequence[ColumnReading], alike: int = 0) -> None:
    """Print which columns a seller lists with the texts of their cells beside the numbers, and how many records differ
    in these texts alone: `alike`."""
    kept = [reading for reading in readings if reading.first_written is not None]
    if not kept:
        return
    cell = kept[0].first_written
    example = "" if cell is None else f", such as {cell.text} in line {cell.line}"
    lines.item(
        "written",
        f"buyers get each cell as it is written{example}: the listing holds the texts beside "
        f"{_some([reading.name for reading in kept])}, and no model reads them",
    )
    if alike:
        lines.item(
            "but",
            f"equal to another one but for these texts: {counted(alike, 'record')}, of which buyers are warned. If the "
            "texts are codes, read their column as text: --text COLUMN",
            style="yellow",
        )


def show_copies(lines: Lines, left_out: CopiesLeftOut) -> None:
    """Print how many of the records that were read are not listed, because each is a copy of an earlier one; and what
    is to be said of copies with other labels."""
    if left_out.count:
        lines.item("copies", f"{left_out.count:,} of {counted(left_out.read, 'record')} left out", style="yellow")
    if left_out.other_labels_note is not None:
        lines.item("but", left_out.other_labels_note, style="yellow")


def show_near_duplicates(lines: Lines, near_duplicates: Sequence[int]) -> None:
    """Print how many listed texts are near-duplicates of an earlier one, with the first by its record number."""
    if not near_duplicates:
        return
    lines.item(
        "but",
        f"{counted(len(near_duplicates), 'text')} nearly the same as an earlier one, such as record "
        f"{near_duplicates[0]}: the listing says so, and buyers leave them out",
        style="yellow",
    )


def readings_document(readings: Sequence[ColumnReading], categorical: Collection[str] = ()) -> list[JsonValue]:
    """The same for `--json`, in the table's order; `categorical` are the columns of numbers that are codes."""
    return [
        {
            **reading.to_document(),
            "kind": (ColumnKind.CATEGORY if reading.name in categorical else reading.kind).value,
            "warning": None if reading.warning is None else with_flags(reading.warning),
        }
        for reading in readings
    ]


def tables_document(readings: Mapping[str, Sequence[ColumnReading]]) -> Document:
    """The same for several tables, by their names."""
    return {name: readings_document(each) for name, each in readings.items()}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
