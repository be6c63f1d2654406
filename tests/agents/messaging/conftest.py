"""One S3 server for all tests of messages."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that has the bucket `buckets.BUCKET`."""
    from buckets import s3_server

    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found
