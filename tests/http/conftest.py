"""Services for the tests of the HTTP transport."""

from collections.abc import Iterator

import pytest
from served import Served, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all tests of a file that use accounts of their own."""
    home, many = tmp_path_factory.mktemp("service"), 10_000
    with serving(home, address_rate=many, address_burst=many, proof_rate=many, proof_burst=many) as found:
        yield found


@pytest.fixture
def served(shared: Served) -> Iterator[Served]:
    """A service that no test floods, with empty mailboxes."""
    yield shared
    for path in [*shared.mail.glob("*/*"), *shared.mail.glob(".incoming-*/*/*")]:
        if not path.is_dir():
            path.unlink()
