"""Cells as they were written: what is bought comes back as the seller's table had it, `250.00` as `250.00`.

A record holds 250.00 as the number 250, which a model can read. Where that number alone would be written otherwise, the
listing has a second column beside it, a companion that no model reads, with the texts (PROTOCOL 2).

    texts, cells --written_cells--> the companion's cells
    schema, rows --as_written-->    the table as its seller had it

Not here: the bytes of the file (`cli.csv_text`).
"""

from collections.abc import Callable, Iterable, Sequence

from blindfair.influence.columns import reads_as
from blindfair.protocol.errors import MalformedTable
from blindfair.protocol.records import Cell, Row
from blindfair.protocol.schema import NAME_LIMIT, ColumnKind, Schema

SUFFIX = " (as written)"
"""The end of a companion column's name."""


def cell_text(cell: Cell) -> str:
    """The text of a cell in a file: empty where it is missing, else the shortest that reads as the same number."""
    return "" if cell is None else repr(cell) if isinstance(cell, float) else str(cell)


def written_cells(texts: Sequence[str], cells: Sequence[Cell]) -> tuple[Cell, ...] | None:
    """The companion's cells, `n` texts, missing where `cell_text` gives the text; None where it gives all of them."""
    found = tuple(None if cell_text(cell) == text else text for text, cell in zip(texts, cells, strict=True))
    return found if any(cell is not None for cell in found) else None


def companion_name(column: str) -> str:
    """The name of a column's companion. Raises MalformedTable where it would be too long."""
    name = column + SUFFIX
    if len(name) > NAME_LIMIT:
        raise MalformedTable(
            "The name of a column with cells that are kept as written is too long",
            expected=f"at most {NAME_LIMIT - len(SUFFIX)} characters",
            found=f"{column[:40]!r}..., {len(column)} characters",
            hint="shorten the name in the first line of the file",
        )
    return name


def companions(schema: Schema) -> dict[int, int]:
    """The places of columns that have a companion, each with its companion's."""
    texts = {
        column.name: place
        for place, column in enumerate(schema.columns)
        if column.kind is ColumnKind.TEXT and not column.scored
    }
    return {
        place: texts[column.name + SUFFIX]
        for place, column in enumerate(schema.columns)
        if column.kind is not ColumnKind.TEXT and column.name + SUFFIX in texts
    }


def companion_names(schema: Schema) -> tuple[str, ...]:
    """The names of the columns that are companions."""
    return tuple(schema.columns[place].name for place in companions(schema).values())


def unread_columns(schema: Schema) -> tuple[str, ...]:
    """The columns that no scoring model reads, but for companions, whose numbers it reads."""
    return tuple(name for name in schema.unscored if name not in companion_names(schema))


def alike_but_texts(schema: Schema, rows: Sequence[Row]) -> int:
    """How many of `n` rows of a listing differ from an earlier row in companions alone: to a model they are copies.

    `250.0` and `250.00` may be two codes, so such records are sold as two. Equal rows count once.
    """
    texts = set(companions(schema).values())
    kept = [place for place in range(len(schema.columns)) if place not in texts]
    different = set(rows)
    return len(different) - len({tuple(row[place] for place in kept) for row in different})


def as_written(schema: Schema, rows: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and texts of `n` rows of a listing, each companion put into the place of the numbers beside it.

    A companion whose texts do not read as these cells is its seller's lie or mistake, and stays a column of its own.
    """
    names, cells = cells_as_written(schema, rows)
    return names, [tuple(map(cell_text, row)) for row in cells]


def cells_as_written(schema: Schema, rows: Sequence[Row]) -> tuple[tuple[str, ...], list[Row]]:
    """The same as cells: a number is a number where its seller wrote it as this program does, and else a text."""
    names, written = writing_of(schema, rows)
    return names, list(map(written, rows))


def writing_of(schema: Schema, rows: Iterable[Row]) -> tuple[tuple[str, ...], Callable[[Row], Row]]:
    """Column names as written, and what makes the cells of a row so; all rows are looked at once."""
    pairs = _honest_companions(schema, rows)
    kept = [place for place in range(len(schema.columns)) if place not in pairs.values()]
    names = tuple(schema.columns[place].name for place in kept)
    return names, lambda row: tuple(_written(row, place, pairs.get(place)) for place in kept)


def _honest_companions(schema: Schema, rows: Iterable[Row]) -> dict[int, int]:
    honest = companions(schema)
    for row in rows if honest else ():
        for place, companion in tuple(honest.items()):
            if row[companion] is not None and not reads_as(str(row[companion]), row[place]):
                del honest[place]
    return honest


def _written(row: Row, place: int, companion: int | None) -> Cell:
    return row[place] if companion is None or row[companion] is None else row[companion]
