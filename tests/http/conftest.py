"""Services for the tests of the HTTP transport."""

from collections.abc import Iterator

import pytest
from served import Served, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all tests of a file that use accounts of their own."""
    limits = {"address_rate": 10_000, "address_burst": 10_000, "proof_rate": 10_000, "proof_burst": 10_000}
    with serving(tmp_path_factory.mktemp("service"), **limits) as found:
        yield found


@pytest.fixture
def served(shared: Served) -> Iterator[Served]:
    """A service that no test floods, with empty mailboxes."""
    yield shared
    for path in [*shared.mail.glob("*/*"), *shared.mail.glob(".incoming/*/*")]:
        if not path.is_dir():
            path.unlink()
