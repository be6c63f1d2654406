"""The clinical trial that comes with the package, as a table."""

from pathlib import Path

import pytest

import blindfair
from blindfair.influence.table import Table, read_table


@pytest.fixture(scope="session")
def trial() -> Table:
    path = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "ACTG175.csv"
    return read_table(path, "cens", exclude=("pidnum", "days", "cd496", "offtrt", "r"))
