"""The report of a study: tables as Markdown, pictures, and the same tables as one JSON document. A function of the
ledger alone; nothing is written by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import CannotWrite
from blindfair.studies.few_bits_tables import few_bits_tables
from blindfair.studies.figures import draw_figures
from blindfair.studies.reading import read
from blindfair.studies.statistics import Result
from blindfair.studies.table import TextTable
from blindfair.studies.tables import all_tables

TABLES, FEW_BITS = "queries.md", "few-bits.md"

_QUERIES_HEAD = """\
# Which query and which selection are worth money

This page is for readers who want the evidence behind the default query and the default selection.
It compares queries, selections, buyers and models by the gain of the buyer's model after a purchase.
[Valuation](../explanation/valuation.md) explains the terms, and says what follows from the tables.
"""

_FEW_BITS_HEAD = """\
# How many bits a score needs

This page is for readers who want to know what scores of few bits are worth.
It compares purchases by scores of few bits with purchases by exact scores.
[Valuation](../explanation/valuation.md#few-bits) explains the terms, and says what follows from the tables.
"""


def write_report(
    documents: Sequence[Document], directory: Path, json_path: Path | None, *, quick: bool, only_bits: bool = False
) -> None:
    """Write `queries.md` with its pictures and `few-bits.md` into `directory`, and the document to `json_path`.

    With `only_bits` what else there is in the directory stays as it is. The document has `cells` and `seeds`, numbers,
    and `tables`, by name: `title`, `note` and `rows`, each row an object of texts under the columns' names. Raises
    CannotWrite.
    """
    found = read(documents)
    tables = [] if only_bits else all_tables(found)
    few = few_bits_tables(found)
    bits = [cell.result for cell in found.bits]
    measured = bits if only_bits else found.cells
    summary: Document = {
        "cells": len(measured),
        "seeds": len({cell.seed for cell in measured}),
        "tables": {table.name: table.to_document() for table in (*tables, *few)},
    }
    command = f"scripts/study queries{' --quick' if quick else ''}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not only_bits:
            _write(directory / TABLES, _QUERIES_HEAD, f"{command} --report DIR", found.cells, tables)
            draw_figures(found, directory)
        if few:
            _write(directory / FEW_BITS, _FEW_BITS_HEAD, f"{command} --only-bits --report DIR", bits, few)
        if json_path is not None:
            json_path.write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"The report cannot be written to {directory}", found=error.strerror) from error


def _write(path: Path, head: str, command: str, cells: Sequence[Result], tables: Sequence[TextTable]) -> None:
    made = (
        f"`{command}` wrote this page from {len(cells)} cells of {len({cell.seed for cell in cells})} seeds.\n"
        "Nothing here is written by hand.\n"
    )
    path.write_text("\n".join([head, made, *(table.to_markdown() for table in tables)]), encoding="utf-8")
