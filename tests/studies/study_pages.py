"""The pages of docs/studies, which the studies write."""

from collections.abc import Sequence
from pathlib import Path

from blindfair.studies.table import TextTable

PAGES = Path(__file__).parents[2] / "docs" / "studies"


def missing_lines(page: str, tables: Sequence[TextTable]) -> list[str]:
    """The lines of titles and notes that a page does not have. A line that begins with a number is another run's."""
    there = set((PAGES / page).read_text(encoding="utf-8").splitlines())
    heads = [line for table in tables for line in table.to_markdown().splitlines() if not line.startswith("|")]
    return [line for line in heads if line not in there and not line[:1].isdigit()]
