"""Services for the tests of the HTTP transport."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A service that no test floods."""
    with serving(tmp_path, address_rate=10_000, address_burst=10_000, proof_rate=10_000, proof_burst=10_000) as found:
        yield found
