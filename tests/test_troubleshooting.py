"""The page on troubleshooting names errors and exit codes as the program has them."""

import re
from pathlib import Path

from blindfair.protocol import errors

PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "troubleshooting.md").read_text()
HEADING = re.compile(r"### `(\w+)` \((\d+)\): .+")
"""``### `MalformedTable` (10): Line 3 has another number of cells``."""


def test_every_entry_names_an_error_and_its_exit_code() -> None:
    entries = [line for line in PAGE.splitlines() if line.startswith("### ")]
    for entry in entries:
        found = HEADING.fullmatch(entry)
        assert found, entry
        name, code = found.groups()
        assert getattr(errors, name).exit_code == int(code), entry
