"""The report of a study: tables as Markdown, pictures, and the same tables as one JSON document. A function of the
ledger alone; nothing is written by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import CannotWrite
from blindfair.studies.figures import draw_figures
from blindfair.studies.reading import read
from blindfair.studies.tables import all_tables

TABLES = "queries.md"


def write_report(documents: Sequence[Document], directory: Path, json_path: Path | None, *, quick: bool) -> None:
    """Write `queries.md` and the pictures into `directory`, and the document to `json_path`. Raises CannotWrite.

    The document has `cells` and `seeds`, numbers, and `tables`, by name: `title`, `note` and `rows`, each row an object
    of texts under the columns' names.
    """
    found = read(documents)
    tables = all_tables(found)
    seeds = len({cell.seed for cell in found.cells})
    command = f"scripts/study queries{' --quick' if quick else ''} --report DIR"
    head = (
        "# Which query and which selection are worth money\n\n"
        f"Made by `{command}` from {len(found.cells)} cells of {seeds} seeds; what they are is said in "
        "[valuation](../valuation.md). Nothing here is written by hand.\n"
    )
    summary: Document = {
        "cells": len(found.cells),
        "seeds": seeds,
        "tables": {table.name: table.to_document() for table in tables},
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        text = "\n".join([head, *(table.to_markdown() for table in tables)])
        (directory / TABLES).write_text(text, encoding="utf-8")
        draw_figures(found, directory)
        if json_path is not None:
            json_path.write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"The report cannot be written to {directory}", found=error.strerror) from error
